# Bounds the lines that the container runtime cut into parts. Before the parts are joined, those beyond the limit are left out, so that
# no line takes more memory than the limit and one part; after it, a line that is longer than the limit is dropped, as Vector drops it.
require 'fluent/plugin/filter'
require_relative 'kubeops_counts'

module Fluent
  module Plugin
    class KubeOpsPartsFilter < Filter
      Fluent::Plugin.register_filter('kubeops_parts', self)

      # How many unfinished lines are known. A file has two streams; beyond this, the oldest lines count as finished.
      MOST_OPEN = 10_000

      config_param :limit, :size
      # Whether the parts are joined.
      config_param :joined, :bool, default: false

      def configure(conf)
        super
        @sizes = {}
      end

      # Parts of one file come one after the other, in one thread.
      def filter(tag, _time, record)
        text = record['message'].to_s
        return whole(text, record) if @joined

        part("#{tag} #{record['stream']}", text, record)
      end

      private

      def whole(text, record)
        return record if text.bytesize <= @limit

        ::KubeOps::Counts.add('', 'dropped', 'too_long', 1)
        nil
      end

      # What is passed on of a line that is too long is at least one byte too long, by which the joined line is known.
      def part(key, text, record)
        before = @sizes.delete(key) || 0
        if record['logtag'] == 'P'
          @sizes.delete(@sizes.first[0]) if @sizes.size >= MOST_OPEN
          @sizes[key] = before + text.bytesize
          return before > @limit ? nil : record
        end
        record['message'] = '' if before > @limit
        record
      end
    end
  end
end
