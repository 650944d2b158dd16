# What a route makes of a line, with nothing of Fluentd in it. The same as the programs that Vector runs: see vrl.go.
require 'json'
require_relative 'kubeops_json'
require_relative 'kubeops_losses'
require_relative 'kubeops_redact'
require_relative 'kubeops_targets'

module KubeOps
  # A label of Loki must have few values.
  LEVELS = %w[trace debug info notice warn warning error err critical alert fatal panic emergency].freeze
  IDENTITY = %w[pod_namespace pod_name container_name pod_node_name].freeze
  # Characters of a message that are sent. A line has at most 64 KiB, but redaction may lengthen it.
  MAX_MESSAGE = 65_536
  CUT = '[cut]'.freeze

  # Which lines a route takes. It looks at the Pod only, so that its answer is worth keeping.
  class Selection
    def initialize(spec)
      @include = spec.fetch('include')
      @exclude = spec.fetch('exclude')
    end

    def match?(namespace, container, labels)
      selected = ->(selector) { selects?(selector, namespace, container, labels) }
      @include.any?(&selected) && @exclude.none?(&selected)
    end

    private

    def selects?(selector, namespace, container, labels)
      holds = ->(names, value) { names.empty? || names.include?(value) }
      holds.call(selector['namespaces'], namespace) && holds.call(selector['containers'], container) &&
        selector['labels'].all? { |key, value| labels[key] == value }
    end
  end

  # Which of many routes take the lines of a Pod's container.
  class Dispatch
    # Pods' containers that are remembered. A node has 110 Pods by default.
    MAX_KNOWN = 1_000

    # The routes of routes.json by id.
    def initialize(routes)
      @selections = routes.transform_values { |spec| Selection.new(spec) }
      @known = {}
    end

    # Ids of the routes that take a record.
    def call(record)
      given = record['kubernetes'].is_a?(Hash) ? record['kubernetes'] : {}
      labels = given['labels'].is_a?(Hash) ? given['labels'] : {}
      key = [given['namespace_name'], given['container_name'], labels]
      @known.clear if @known.size >= MAX_KNOWN && !@known.key?(key)
      @known[key] ||= @selections.select { |_, selection| selection.match?(*key) }.keys.freeze
    end
  end

  # A route of routes.json.
  class Route
    def initialize(spec)
      @target = KubeOps.target(spec)
      @whole_json = spec['wholeJSON']
      @parse_json = spec.fetch('parseJSON')
      @drop = spec.fetch('dropFields')
      @redactor = Redactor.new(spec.fetch('redact'))
    end

    # The event for the backend. The record belongs to other routes as well, and is not changed.
    def call(record, time)
      event = normal(record, time)
      parse(event) if @parse_json
      @drop.each { |path| drop(event, path) }
      redact(event) # what JSON's escapes hid is text by now, and a replacement cannot break the JSON
      text(event)
      @target.finish(event, time)
    end

    private

    # The names that Vector gives, so that a spec means the same with every collector.
    def normal(record, time)
      given = record['kubernetes'].is_a?(Hash) ? record['kubernetes'] : {}
      meta = {
        'pod_namespace' => given['namespace_name'], 'pod_name' => given['pod_name'], 'container_name' => given['container_name'],
        'pod_node_name' => given['host'], 'pod_labels' => given['labels'].dup, 'pod_annotations' => given['annotations'].dup,
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

    def parse(event)
      parsed = PlainJSON.object(event['message'])
      return unless parsed

      event['json'] = parsed
      level = [parsed['level'], parsed['severity']].find { |value| value.is_a?(String) }.to_s.downcase
      event['level'] = level if LEVELS.include?(level)
    end

    # Everything but the time and the names by which lines are found.
    def redact(event)
      json = event.delete('json')
      unless @redactor.empty?
        identity = event['kubernetes'].slice(*IDENTITY)
        event.each { |key, value| event[key] = @redactor.values(value) unless %w[timestamp stream].include?(key) }
        event['kubernetes'].merge!(identity)
      end
      return unless json

      event['json'] = PlainJSON.bounded(PlainJSON.rewrite(json, @redactor))
    end

    def drop(event, path)
      *above, last = path
      holder = above.reduce(event) { |at, name| at.is_a?(Hash) ? at[name] : nil }
      holder.delete(last) if holder.is_a?(Hash)
    end

    # A field that was dropped must not live on in the message.
    def text(event)
      json = event['json']
      if json
        said = @whole_json ? nil : [json['message'], json['msg']].find { |value| value.is_a?(String) }
        event['message'] = said || PlainJSON.generate(json)
      end
      message = event['message']
      event['message'] = message[0, MAX_MESSAGE] + CUT if message && message.length > MAX_MESSAGE
    end
  end
end
