# Gives the lines of a Pod to the routes that select them. A route costs nothing for the lines of others: they are neither copied nor
# looked at again. A record belongs to all its routes, and none changes it.
require 'fluent/plugin/output'
require_relative 'kubeops_routes'

module Fluent
  module Plugin
    class KubeOpsSelectOutput < Output
      Fluent::Plugin.register_output('kubeops_select', self)
      helpers :event_emitter

      config_param :file, :string

      def configure(conf)
        super
        @dispatch = ::KubeOps::Dispatch.new(JSON.parse(File.read(@file)))
        @losses = ::KubeOps::Losses.new(log, 'the lines of some Pods cannot be given to a route; they are dropped')
      end

      def multi_workers_ready?
        true
      end

      def process(_tag, stream)
        routed = Hash.new { |all, route| all[route] = MultiEventStream.new }
        stream.each do |time, record|
          @dispatch.call(record).each { |route| routed[route].add(time, record) }
        end
        routed.each { |route, events| hand_over(route, events) }
      end

      private

      # What one route does with its lines must not keep them from the others.
      def hand_over(route, events)
        event_emitter_router("@#{route}").emit_stream(route, events)
      rescue StandardError => e
        @losses.add(e, route: route, lines: events.size)
      end
    end
  end
end
