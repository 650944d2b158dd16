# Brings the lines of one route into the form that its backend gets.
require 'fluent/plugin/filter'
require_relative 'kubeops_routes'

module Fluent
  module Plugin
    class KubeOpsRouteFilter < Filter
      Fluent::Plugin.register_filter('kubeops_route', self)

      config_param :file, :string
      config_param :route, :string

      def configure(conf)
        super
        @program = ::KubeOps::Route.new(JSON.parse(File.read(@file)).fetch(@route))
        @losses = ::KubeOps::Losses.new(log, 'some lines cannot be brought into the form of their backend; they are dropped')
      end

      # Without an event, Fluentd drops the line. If this raised, Fluentd would write the line into its own log.
      def filter(_tag, time, record)
        @program.call(record, time.respond_to?(:nsec) ? Time.at(time.to_i, time.nsec, :nsec) : Time.at(time.to_i))
      rescue StandardError => e
        @losses.add(e, route: @route)
        nil
      end
    end
  end
end
