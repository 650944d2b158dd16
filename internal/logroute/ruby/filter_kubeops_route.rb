# Lets the lines of one route through, in the form that its backend gets.
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
      end

      def filter(_tag, time, record)
        @program.call(record, time.respond_to?(:nsec) ? Time.at(time.to_i, time.nsec, :nsec) : Time.at(time.to_i))
      end
    end
  end
end
