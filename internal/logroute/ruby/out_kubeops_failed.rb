# Counts the lines that a plug-in failed for, such as those that a full disk does not take. They are gone.
require 'fluent/plugin/output'
require_relative 'kubeops_routes'

module Fluent
  module Plugin
    class KubeOpsFailedOutput < Output
      Fluent::Plugin.register_output('kubeops_failed', self)

      config_param :file, :string

      def configure(conf)
        super
        @routes = JSON.parse(File.read(@file))
        @losses = ::KubeOps::Losses.new(log, 'a plug-in failed for some lines; they are dropped')
      end

      def multi_workers_ready?
        true
      end

      # Behind the selection, the tag of a line is its route.
      def process(tag, stream)
        @losses.add(:failed, lines: stream.size, route: @routes.key?(tag) ? tag : '')
      end
    end
  end
end
