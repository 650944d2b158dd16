# Lines that were dropped, in the log of Fluentd and as a count. No text of a line may stand there: not even the message of an error,
# which may quote the line.
require_relative 'kubeops_counts'

module KubeOps
  class Losses
    # Seconds between two messages.
    PERIOD = 60

    # Lines dropped since the start.
    attr_reader :count

    def initialize(log, message, clock = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) })
      @log = log
      @message = message
      @clock = clock
      @count = 0
      @unsaid = 0
      @mutex = Mutex.new
    end

    # Lines are lost to an error or, as a symbol, for a reason.
    def add(reason, lines: 1, **fields)
      Counts.add(fields.fetch(:route, ''), 'dropped', reason.is_a?(Symbol) ? reason : :invalid, lines)
      @mutex.synchronize do
        @count += lines
        @unsaid += lines
        now = @clock.call
        return if @said && now - @said < PERIOD

        @log.error(@message, fields.merge(reason: reason.is_a?(Symbol) ? reason.to_s : reason.class.name, lines: @unsaid))
        @said = now
        @unsaid = 0
      end
    end
  end
end
