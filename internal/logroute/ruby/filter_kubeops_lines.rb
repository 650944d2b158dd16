# Makes lines of what the container runtime wrote. The concat plug-in would send the parts of a line whose end comes late separately, so
# that a secret across them is not recognized, has no limit for a line that suits Vector's, and the parser of the tail plug-in writes a
# line that has another format into Fluentd's own log.
require 'fluent/plugin/filter'
require 'fileutils'
require 'json'
require_relative 'kubeops_lines'
require_relative 'kubeops_losses'

module Fluent
  module Plugin
    class KubeOpsLinesFilter < Filter
      Fluent::Plugin.register_filter('kubeops_lines', self)

      desc 'File of lines whose end has not come when Fluentd stops'
      config_param :open_file, :string

      def configure(conf)
        super
        @losses = ::KubeOps::Losses.new(log, 'some lines are too long, or not in the format of a container runtime; they are dropped')
        @lines = ::KubeOps::Lines.new { |reason| @losses.add(reason) }
      end

      def start
        super
        return unless File.exist?(@open_file)

        @lines.load(JSON.parse(read_open_file))
      rescue StandardError => e # the beginnings of some lines are lost
        @losses.add(e)
      end

      # Inputs are stopped by now.
      def shutdown
        open = @lines.dump
        File.write(@open_file, JSON.generate(open), perm: 0o600) unless open.empty?
      rescue StandardError => e # a full disk must not keep Fluentd from stopping
        @losses.add(e)
      ensure
        super
      end

      # A file that cannot be used is not kept either: its lines would be joined with those of a later time.
      def read_open_file
        raise IOError, 'the file of open lines is too large' if File.size(@open_file) > 2 * ::KubeOps::Lines::MAX_OPEN

        File.read(@open_file)
      ensure
        FileUtils.rm_rf(@open_file)
      end

      def filter_stream(tag, stream)
        whole = MultiEventStream.new
        stream.each do |_time, record|
          line = @lines.call(tag, record['message'].to_s)
          whole.add(Fluent::EventTime.new(line.seconds, line.nanoseconds), 'stream' => line.stream, 'message' => line.text) if line
        rescue StandardError => e
          @losses.add(e)
        end
        whole
      end
    end
  end
end
