# Serves the counts of lines, and nothing else.
require 'fluent/plugin/input'
require 'socket'
require_relative 'kubeops_counts'

module Fluent
  module Plugin
    class KubeOpsMetricsInput < Input
      Fluent::Plugin.register_input('kubeops_metrics', self)

      helpers :thread

      # Bytes of a request, and seconds that it may take: one after the other is served.
      MOST = 8192
      PATIENCE = 2

      config_param :bind, :string, default: '0.0.0.0'
      config_param :port, :integer

      def multi_workers_ready?
        false
      end

      def start
        super
        @server = TCPServer.new(@bind, @port)
        thread_create(:kubeops_metrics) { serve while thread_current_running? }
      end

      private

      def serve
        return unless @server.wait_readable(0.5)

        client = @server.accept_nonblock(exception: false)
        return if client == :wait_readable

        answer(client)
      rescue StandardError => e
        log.debug 'a request for metrics failed', error_class: e.class
      ensure
        client.close if client.respond_to?(:close)
      end

      def answer(client)
        until_time = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE
        request = +''
        until request.include?("\r\n\r\n")
          left = until_time - Process.clock_gettime(Process::CLOCK_MONOTONIC)
          return if left <= 0 || request.bytesize > MOST || !client.wait_readable(left)

          part = client.read_nonblock(MOST, exception: false)
          return if part.nil?

          request << part if part.is_a?(String)
        end
        found = request.start_with?('GET /metrics ')
        body = found ? ::KubeOps::Counts.text : ''
        client.write("HTTP/1.1 #{found ? '200 OK' : '404 Not Found'}\r\nContent-Type: text/plain; version=0.0.4\r\n" \
                     "Content-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}")
      end
    end
  end
end
