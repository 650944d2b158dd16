# The plug-in kubernetes_metadata, which asks the API server for each line of a Pod that is gone. Here it asks rarely for what it did not
# find, so that such lines do not hold up those of others. And it ends Fluentd when it cannot reach the API server, at the start or for some
# minutes: lines are collected without it.
require 'fluent/plugin/filter_kubernetes_metadata'

module Fluent
  module Plugin
    class KubeOpsMetadataFilter < KubernetesMetadataFilter
      Fluent::Plugin.register_filter('kubeops_metadata', self)

      # Seconds until a Pod that was not found is looked up again: the first time, doubled each time, and at most.
      FIRST_RETRY = 1
      LAST_RETRY = 300
      # Seconds until the API server is watched again, when the plug-in gave up.
      WATCH_AGAIN = 15
      # How many Pods are remembered.
      MOST_MISSES = 2_000

      def configure(conf)
        @misses = {}
        super
      end

      # Fluentd looks for this method in the class itself.
      def filter(tag, time, record)
        super
      end

      def fetch_pod_metadata(namespace_name, pod_name)
        key = "#{namespace_name}/#{pod_name}"
        wait, again_at = @misses[key]
        return {} if again_at && now < again_at

        found = super
        @misses.delete(key)
        missed(key, wait) if found.empty?
        found
      end

      # The plug-in asks the API server for its version, and Fluentd does not start without an answer.
      def create_client
        super
        @client.define_singleton_method(:api_valid?) { true }
      end

      def set_up_pod_thread
        keep_trying { super }
      end

      def set_up_namespace_thread
        keep_trying { super }
      end

      private

      def keep_trying
        yield
      rescue StandardError => e
        log.warn 'the API server cannot be watched; it is tried again', error_class: e.class
        sleep WATCH_AGAIN
        retry
      end

      def missed(key, wait)
        wait = wait ? [wait * 2, LAST_RETRY].min : FIRST_RETRY
        @misses.delete(@misses.first[0]) if @misses.size >= MOST_MISSES
        @misses[key] = [wait, now + wait]
      end

      # A clock that never goes back.
      def now
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
end
