# What a route makes of a line, with nothing of Fluentd in it. The same as the programs that Vector runs: see vrl.go.
require 'json'

module KubeOps
  # Targets by type of backend. Each has a file kubeops_TYPE.rb, which adds a subclass of Target.
  # Fluentd loads files by two paths, so this line may run twice.
  TARGETS ||= {}

  def self.target(spec)
    type = spec.fetch('type')
    require_relative "kubeops_#{type}" unless TARGETS.key?(type)
    TARGETS.fetch(type).new(spec)
  end
  REDACTED = '[redacted]'.freeze
  # A label of Loki must have few values.
  LEVELS = %w[trace debug info notice warn warning error err critical alert fatal panic emergency].freeze
  IDENTITY = %w[pod_namespace pod_name container_name pod_node_name].freeze
  # How long one expression may look at one text, in seconds: Ruby's engine backtracks. Ruby before 3.2 knows no limit.
  PATIENCE = 1.0

  # A route of routes.json.
  class Route
    def initialize(spec)
      @target = KubeOps.target(spec)
      @whole_json = spec['wholeJSON']
      @include = spec.fetch('include')
      @exclude = spec.fetch('exclude')
      @parse_json = spec.fetch('parseJSON')
      @drop = spec.fetch('dropFields')
      limit = Regexp.respond_to?(:timeout) ? { timeout: PATIENCE } : {}
      @redact = spec.fetch('redact').map { |text| limit.empty? ? Regexp.new(text) : Regexp.new(text, **limit) }
    end

    # The event for the backend, or nil when the line is not selected. The record is changed: it must be the route's own copy.
    def call(record, time)
      event = normal(record, time)
      meta = event['kubernetes']
      return nil unless @include.any? { |s| match?(s, meta) } && @exclude.none? { |s| match?(s, meta) }

      parse(event) if @parse_json
      redact_event(event) # what JSON's escapes hid is text by now, and a replacement cannot break the JSON
      @drop.each { |path| drop(event, path) }
      text(event) if @parse_json
      @target.finish(event)
    end

    private

    # The names that Vector gives, so that a spec means the same with every collector.
    def normal(record, time)
      given = record['kubernetes'].is_a?(Hash) ? record['kubernetes'] : {}
      meta = {
        'pod_namespace' => given['namespace_name'], 'pod_name' => given['pod_name'], 'container_name' => given['container_name'],
        'pod_node_name' => given['host'], 'pod_labels' => given['labels'], 'pod_annotations' => given['annotations'],
        'container_image' => given['container_image'], 'pod_uid' => given['pod_id']
      }.compact
      event = { 'message' => utf8(record['message'].to_s), 'timestamp' => time.getutc.strftime('%Y-%m-%dT%H:%M:%S.%NZ'), 'kubernetes' => meta }
      event['stream'] = record['stream'] if record['stream']
      event
    end

    # What is no UTF-8 can neither be matched nor sent.
    def utf8(text)
      text = text.dup.force_encoding(Encoding::UTF_8) unless text.encoding == Encoding::UTF_8
      text.valid_encoding? ? text : text.scrub("\u{FFFD}")
    end

    def match?(selector, meta)
      holds = ->(names, value) { names.empty? || names.include?(value) }
      labels = meta['pod_labels'].is_a?(Hash) ? meta['pod_labels'] : {}
      holds.call(selector['namespaces'], meta['pod_namespace']) && holds.call(selector['containers'], meta['container_name']) &&
        selector['labels'].all? { |key, value| labels[key] == value }
    end

    def redact_event(event)
      return if @redact.empty?

      identity = event['kubernetes'].slice(*IDENTITY)
      event.each { |key, value| event[key] = redacted(value) unless key == 'timestamp' }
      event['kubernetes'].merge!(identity)
    end

    def redacted(value)
      case value
      when String then redacted_text(utf8(value))
      when Hash then value.transform_values { |inner| redacted(inner) }
      when Array then value.map { |inner| redacted(inner) }
      else value
      end
    end

    def redacted_text(text)
      @redact.reduce(text) { |left, expression| left.gsub(expression, REDACTED) }
    rescue StandardError
      REDACTED # an expression that takes too long must not let the text through
    end

    def parse(event)
      parsed = JSON.parse(event['message'])
      return unless parsed.is_a?(Hash)

      event['json'] = parsed
      level = [parsed['level'], parsed['severity']].find { |value| value.is_a?(String) }.to_s.downcase
      event['level'] = level if LEVELS.include?(level)
    rescue JSON::ParserError
      nil # a line of text stays one
    end

    def drop(event, path)
      *above, last = path
      holder = above.reduce(event) { |at, name| at.is_a?(Hash) ? at[name] : nil }
      holder.delete(last) if holder.is_a?(Hash)
    end

    # A field that was dropped must not live on in the message.
    def text(event)
      return unless event['json'].is_a?(Hash)

      said = @whole_json ? nil : [event['json']['message'], event['json']['msg']].find { |value| value.is_a?(String) }
      event['message'] = said || JSON.generate(sorted(event['json']))
    end

    def sorted(value)
      case value
      when Hash then value.sort.to_h { |key, inner| [key, sorted(inner)] }
      when Array then value.map { |inner| sorted(inner) }
      else value
      end
    end
  end

  # How lines are sent to one type of backend: path, headers and body of a request, and how its answer is read.
  class Target
    def initialize(spec)
      @settings = spec['settings'] || {}
      @parse_json = spec.fetch('parseJSON')
      @headers = spec.fetch('headers')
    end

    # The final form of an event.
    def finish(event)
      event
    end

    def headers
      @headers.merge('Content-Type' => content_type, 'Content-Encoding' => 'gzip', 'User-Agent' => 'kubeops-collector')
    end

    # How many lines an answer of 2xx says were rejected: for good, and for now.
    def refused(_answer)
      [0, 0]
    end
  end

  # Bulk requests of Elasticsearch, which other backends take, too.
  class BulkTarget < Target
    def content_type
      'application/x-ndjson'
    end

    def body(events)
      events.map do |event|
        action, content = document(event)
        "#{JSON.generate('create' => action)}\n#{JSON.generate(content)}\n"
      end.join
    end

    # One that exists was sent before.
    def refused(answer)
      parsed = JSON.parse(answer)
      return [0, 0] unless parsed.is_a?(Hash) && parsed['errors']

      statuses = Array(parsed['items']).map { |item| item.is_a?(Hash) ? item.values.first : nil }.map { |item| item.is_a?(Hash) ? item['status'].to_i : 0 }
      later = statuses.count { |status| status == 429 || status >= 500 }
      [statuses.count { |status| status >= 400 && status != 409 && status != 429 && status < 500 }, later]
    rescue JSON::ParserError
      [0, 0]
    end

    private

    # Action and document of an event.
    def document(event)
      [{}, event]
    end
  end
end
