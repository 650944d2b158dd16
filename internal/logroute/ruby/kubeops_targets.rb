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

    # How many lines an answer of 2xx says were rejected: for good, by reason, and for now.
    def refused(_answer)
      [{}, 0]
    end
  end

  # Bulk requests of Elasticsearch, which other backends take, too.
  class BulkTarget < Target
    REASON = /\A[a-z][a-z0-9_]{0,47}\z/.freeze

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
      return [{}, 0] unless parsed.is_a?(Hash) && parsed['errors'] && parsed['items'].is_a?(Array)

      errors = parsed['items'].filter_map { |item| item.values.first if item.is_a?(Hash) }.select do |result|
        result.is_a?(Hash) && result['status'].is_a?(Integer) && result['status'] >= 400 && result['status'] != 409
      end
      later, never = errors.partition { |result| result['status'] == 429 || result['status'] >= 500 }
      [never.map { |result| reason(result['error']) }.tally, later.size]
    rescue JSON::ParserError
      [{}, 0]
    end

    private

    # The type of an error, such as mapper_parsing_exception. Its text may quote the line.
    def reason(error)
      type = error.is_a?(Hash) ? error['type'] : nil
      type.is_a?(String) && type.valid_encoding? && type.match?(REASON) ? type : 'response'
    end

    # Action and document of an event.
    def document(event)
      [{}, event]
    end
  end
end
