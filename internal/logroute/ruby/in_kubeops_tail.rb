# The plug-in tail, which reads one file until its end: a file that grows faster than it is read would keep all others from being read.
# Here a file has a part of each second, and then it is the turn of the others.
require 'fluent/plugin/in_tail'

module Fluent
  module Plugin
    class KubeOpsTailInput < TailInput
      Fluent::Plugin.register_input('kubeops_tail', self)

      # Seconds in which a file may take the slice.
      WINDOW = 1.0
      SLICE = 0.5
      # How many files are remembered.
      MOST_FILES = 10_000

      def configure(conf)
        @turns = {}
        super
      end

      # False keeps the lines until the next change of the file, or for a second.
      def receive_lines(lines, tail_watcher)
        began = monotonic
        window, used = @turns[tail_watcher.path]
        window, used = began, 0.0 if window.nil? || began - window >= WINDOW
        return false if used >= SLICE

        begin
          super
        ensure
          @turns.clear if @turns.size >= MOST_FILES
          @turns[tail_watcher.path] = [window, used + monotonic - began]
        end
      end

      private

      # A clock that never goes back.
      def monotonic
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
end
