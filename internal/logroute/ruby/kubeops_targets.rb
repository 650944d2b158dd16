# How lines are sent to a type of backend.
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

  # Path, headers and body of a request, and how its answer is read.
  class Target
    # What keeps an event from being written as JSON. It costs this event: a chunk with it could never be sent.
    UNSENDABLE = [JSON::JSONError, EncodingError, TypeError, NoMethodError].freeze

    def initialize(spec)
      @settings = spec['settings'] || {}
      @parse_json = spec.fetch('parseJSON')
      @headers = spec.fetch('headers')
    end

    # The final form of an event of a time.
    def finish(event, _time)
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

    # The block gets the error of an event that cannot be written. Without any other, there is no body.
    def body(events)
      lines = events.filter_map do |event|
        action, content = document(event)
        "#{JSON.generate('create' => action)}\n#{JSON.generate(content)}\n"
      rescue *UNSENDABLE => e
        yield e
        nil
      end
      lines.empty? ? nil : lines.join
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
