# Sends lines to Elasticsearch 6.8 to 9 and OpenSearch: the official client rejects some of them.
require_relative 'kubeops_routes'
require 'securerandom'

module KubeOps
  class ElasticsearchTarget < BulkTarget
    def finish(event, time)
      # A label app and a label app.kubernetes.io/name cannot both be fields: one would have to hold the other.
      event = plain(event)
      event['@timestamp'] = event.delete('timestamp')
      # A date has milliseconds. What the runtime wrote within one is sorted by nanoseconds.
      nanoseconds = (time.to_i * 1_000_000_000) + time.nsec
      event['kubeops_ns'] = nanoseconds if PlainJSON::INT64.cover?(nanoseconds)
      # With an id of its own, a line is created once however often it is sent.
      event['kubeops_id'] = SecureRandom.uuid
      event
    end

    def path
      '/_bulk'
    end

    private

    def document(event)
      event = event.dup
      action = { '_index' => @settings.fetch('index'), '_id' => event.delete('kubeops_id') }
      action['_type'] = '_doc' if @settings['typed']
      [action, event]
    end

    # In the order of names, as Vector: of two that become the same, the last stays.
    def plain(value)
      case value
      when Hash then value.sort.to_h { |key, inner| [key.tr('.', '_'), plain(inner)] }
      when Array then value.map { |inner| plain(inner) }
      else value
      end
    end
  end

  TARGETS['elasticsearch'] = ElasticsearchTarget
end
