# Sends lines to Loki, whose plug-in is not in the image of Fluentd.
require_relative 'kubeops_routes'

module KubeOps
  class LokiTarget < Target
    STREAM = { 'namespace' => 'pod_namespace', 'pod' => 'pod_name', 'container' => 'container_name', 'node' => 'pod_node_name' }.freeze

    def finish(event, _time)
      event['level'] ||= 'unknown' if @parse_json
      event
    end

    def path
      '/loki/api/v1/push'
    end

    def content_type
      'application/json'
    end

    def body(events)
      streams = events.group_by { |event| labels(event) }.map do |stream, lines|
        { 'stream' => stream, 'values' => lines.map { |event| [nanoseconds(event['timestamp']), event['message']] }.sort_by { |at, _| at.to_i } }
      end
      JSON.generate('streams' => streams)
    end

    private

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

  TARGETS['loki'] = LokiTarget
end
