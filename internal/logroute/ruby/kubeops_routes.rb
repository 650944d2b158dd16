# What a route makes of a line, with nothing of Fluentd in it. The same as the programs that Vector runs: see vrl.go.
require 'json'
require 'securerandom'

module KubeOps
  REDACTED = '[redacted]'.freeze
  # A label of Loki must have few values.
  LEVELS = %w[trace debug info notice warn warning error err critical alert fatal panic emergency].freeze
  IDENTITY = %w[pod_namespace pod_name container_name pod_node_name].freeze
  # How long one expression may look at one text, in seconds: Ruby's engine backtracks. Ruby before 3.2 knows no limit.
  PATIENCE = 1.0

  # A route of routes.json.
  class Route
    def initialize(spec)
      @type = spec.fetch('type')
      @include = spec.fetch('include')
      @exclude = spec.fetch('exclude')
      @parse_json = spec.fetch('parseJSON')
      @drop = spec.fetch('dropFields')
      limit = Regexp.respond_to?(:timeout) ? { timeout: PATIENCE } : {}
      @redact = spec.fetch('redact').map { |text| limit.empty? ? Regexp.new(text) : Regexp.new(text, **limit) }
    end

    # The event for the back end, or nil when the line is not selected. The record is changed: it must be the route's own copy.
    def call(record, time)
      event = normal(record, time)
      meta = event['kubernetes']
      return nil unless @include.any? { |s| match?(s, meta) } && @exclude.none? { |s| match?(s, meta) }

      parse(event) if @parse_json
      redact_event(event) # what JSON's escapes hid is text by now, and a replacement cannot break the JSON
      @drop.each { |path| drop(event, path) }
      text(event) if @parse_json
      finish(event)
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

      said = @type == 'loki' ? nil : [event['json']['message'], event['json']['msg']].find { |value| value.is_a?(String) }
      event['message'] = said || JSON.generate(sorted(event['json']))
    end

    def sorted(value)
      case value
      when Hash then value.sort.to_h { |key, inner| [key, sorted(inner)] }
      when Array then value.map { |inner| sorted(inner) }
      else value
      end
    end

    def finish(event)
      case @type
      when 'elasticsearch'
        # A label app and a label app.kubernetes.io/name cannot both be fields: one would have to hold the other.
        event = plain(event)
        event['@timestamp'] = event.delete('timestamp')
        # With an id of its own, a line is created once however often it is sent.
        event['kubeops_id'] = SecureRandom.uuid
      when 'loki'
        event['level'] ||= 'unknown' if @parse_json
      end
      event
    end

    def plain(value)
      case value
      when Hash then value.to_h { |key, inner| [key.tr('.', '_'), plain(inner)] }
      when Array then value.map { |inner| plain(inner) }
      else value
      end
    end
  end

  # What a back end is sent for a list of events: path, headers and body.
  class Request
    STREAM = { 'namespace' => 'pod_namespace', 'pod' => 'pod_name', 'container' => 'container_name', 'node' => 'pod_node_name' }.freeze

    def initialize(spec)
      @spec = spec
    end

    def path
      case @spec.fetch('type')
      when 'elasticsearch' then '/_bulk'
      when 'loki' then '/loki/api/v1/push'
      when 'victorialogs'
        '/insert/elasticsearch/_bulk?_msg_field=message&_time_field=timestamp&_stream_fields=' \
          'kubernetes.pod_namespace,kubernetes.pod_name,kubernetes.container_name,kubernetes.pod_node_name,stream'
      end
    end

    def headers
      type = @spec.fetch('type') == 'loki' ? 'application/json' : 'application/x-ndjson'
      @spec.fetch('headers').merge('Content-Type' => type, 'Content-Encoding' => 'gzip', 'User-Agent' => 'kubeops-collector')
    end

    def body(events)
      @spec.fetch('type') == 'loki' ? push(events) : bulk(events)
    end

    # How many items of a bulk answer were turned down: for good, and for a while. One that exists was sent before.
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

    def bulk(events)
      events.map do |event|
        action = {}
        if @spec.fetch('type') == 'elasticsearch'
          event = event.dup
          action = { '_index' => @spec.fetch('index'), '_id' => event.delete('kubeops_id') }
          action['_type'] = '_doc' if @spec['typed']
        end
        "#{JSON.generate('create' => action)}\n#{JSON.generate(event)}\n"
      end.join
    end

    def push(events)
      streams = events.group_by { |event| labels(event) }.map do |stream, lines|
        { 'stream' => stream, 'values' => lines.map { |event| [nanoseconds(event['timestamp']), event['message']] }.sort_by { |at, _| at.to_i } }
      end
      JSON.generate('streams' => streams)
    end

    def labels(event)
      labels = STREAM.to_h { |name, field| [name, event['kubernetes'][field]] }
      labels['stream'] = event['stream']
      labels['level'] = event['level']
      labels.compact
    end

    def nanoseconds(text)
      at = Time.utc(*text.scan(/\d+/).first(6).map(&:to_i))
      ((at.to_i * 1_000_000_000) + text[/\.(\d+)Z/, 1].to_i).to_s
    end
  end
end
