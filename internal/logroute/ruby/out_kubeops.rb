# Sends the lines of one route to its backend, as the target of its type says. It needs only Ruby's own library.
require 'fluent/plugin/output'
require 'net/http'
require 'openssl'
require 'uri'
require 'zlib'
require_relative 'kubeops_routes'
require_relative 'kubeops_counts'

module Fluent
  module Plugin
    class KubeOpsOutput < Output
      Fluent::Plugin.register_output('kubeops', self)
      helpers :timer

      # What the server says that may be over soon: the chunk is kept and sent again.
      class Refused < StandardError; end

      # Lines that find no room, and no older ones that could make some.
      class NoRoom < StandardError; end

      MOST = 8 << 20

      config_param :file, :string
      config_param :route, :string
      config_param :secrets, :string

      def configure(conf)
        super
        @spec = JSON.parse(File.read(@file)).fetch(@route)
        @target = ::KubeOps.target(@spec)
        @losses = ::KubeOps::Losses.new(log, 'some lines cannot be sent; they are dropped')
        @uri = URI.parse(@spec.fetch('url') + @target.path)
      end

      def start
        super
        @ahead = ahead
        timer_execute(:kubeops_clock, 1) { follow_clock }
      end

      def multi_workers_ready?
        true
      end

      def write(chunk)
        events = []
        chunk.each { |_time, event| events << event }
        return if events.empty?

        # A chunk may be sent several times. Its lines are counted when it is done.
        unsendable = []
        body = @target.body(events) { |error| unsendable << error }
        deliver(body, events.size - unsendable.size) if body
        unsendable.each { |error| @losses.add(error, route: @route) }
      end

      # The oldest chunk makes room in a full buffer: its lines are lost.
      def write_guard(&block)
        super do
          block.call
        rescue Fluent::Plugin::Buffer::BufferOverflowError => e
          oldest = @buffer.queue.first
          # A disk that takes no file is an overflow, too: Fluentd would try without end, and stop the lines of all other routes.
          raise NoRoom, e.message unless oldest

          count('dropped', 'buffer_full', oldest.size)
          raise
        end
      end

      private

      # Seconds by which the clock is ahead of one that never jumps.
      def ahead
        Process.clock_gettime(Process::CLOCK_REALTIME) - Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end

      # Fluentd sends a chunk when the clock says that it is old enough: when the clock went back, not until it is there again.
      def follow_clock
        now = ahead
        if now <= @ahead - 1
          @retry_mutex.synchronize { @retry = nil }
          @buffer.enqueue_all(true)
          @output_flush_threads.size.times { submit_flush_once }
        end
        @ahead = now
      rescue StandardError => e # Fluentd would end the timer; the next second tries again
        log.error 'the chunks of before a clock went back cannot be sent yet', route: @route, error_class: e.class
      end

      def deliver(body, lines)
        status, answer = post(body)
        case status
        when 200..299 then judge(answer, lines)
        when 400, 405, 406, 410..428, 430..499 # it will not take these lines later either
          log.error 'the backend refuses a chunk of lines; they are dropped', route: @route, status: status, lines: lines
          count('refused', "http_#{status}", lines)
        else raise Refused, "the backend answers #{status}"
        end
      end

      def judge(answer, size)
        never, later = @target.refused(answer)
        # The chunk is sent again as a whole, and what is refused is refused again: it is counted once.
        raise Refused, 'the backend is too busy for some lines' if later.positive?

        refused = never.values.sum
        # One message, whatever the number of reasons: the server of a tenant makes them up.
        if refused.positive?
          log.error 'the backend refuses some lines; they are dropped', route: @route, reason: never.key(never.values.max), lines: refused
        end
        never.each { |reason, lines| count('refused', reason, lines) }
        count('sent', nil, [size - refused, 0].max) # a counter never falls, whatever a server says
      end

      def count(result, reason, lines)
        ::KubeOps::Counts.add(@route, result, reason, lines)
      end

      def post(body)
        request = Net::HTTP::Post.new(@uri.request_uri, @target.headers)
        request['Host'] = @uri.port == @uri.default_port ? @uri.host : "#{@uri.host}:#{@uri.port}"
        request['Authorization'] = File.read(secret('authorization')) if @spec['authorization']
        request.body = Zlib.gzip(body)
        connection.start do |http|
          answer = +''
          response = http.request(request) do |r|
            r.read_body do |part|
              answer << part
              raise Refused, 'the backend answers more than is read' if answer.bytesize > MOST
            end
          end
          return [response.code.to_i, answer]
        end
      end

      def connection
        tls = @spec.fetch('tls')
        # nil: no proxy from the environment.
        http = Net::HTTP.new(tls['serverName'] || @uri.hostname, @uri.port, nil)
        http.ipaddr = @uri.hostname if tls['serverName'] # another name is expected there
        http.open_timeout = 10
        http.read_timeout = 30
        http.write_timeout = 30
        return http unless @uri.scheme == 'https'

        http.use_ssl = true
        http.verify_mode = tls['insecure'] ? OpenSSL::SSL::VERIFY_NONE : OpenSSL::SSL::VERIFY_PEER
        http.ca_file = secret('ca.crt') if tls['ca']
        if tls['certificate']
          http.cert = OpenSSL::X509::Certificate.new(File.read(secret('tls.crt')))
          http.key = OpenSSL::PKey.read(File.read(secret('tls.key')))
        end
        http
      end

      def secret(name)
        File.join(@secrets, "#{@route}.#{name}")
      end
    end
  end
end
