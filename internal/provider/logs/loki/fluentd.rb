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

    # The block gets the error of an event that cannot be written. Without any other, there is no body.
    def body(events)
      streams = Hash.new { |all, stream| all[stream] = [] }
      events.each do |event|
        at = nanoseconds(event['timestamp'])
        line = JSON.generate([at.to_s, event['message'].to_str])
        streams[JSON.generate(labels(event))] << [at, line]
      rescue *UNSENDABLE => e
        yield e
      end
      return nil if streams.empty?

      %({"streams":[#{streams.map { |stream, lines| %({"stream":#{stream},"values":[#{sorted(lines)}]}) }.join(',')}]})
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
      (at.to_i * 1_000_000_000) + text[/\.(\d+)Z/, 1].to_i
    end

    # By time; lines of the same time in the order in which they came.
    def sorted(lines)
      lines.sort_by.with_index { |(at, _), index| [at, index] }.map(&:last).join(',')
    end
  end

  TARGETS['loki'] = LokiTarget
end
