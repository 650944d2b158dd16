# Sends one chunk until the output keeps it no longer: {"route", "events", "answers": [[STATUS, BODY]...]} is answered by {"event": {"counts",
# "attempts", "logged"}}. Only what Fluentd itself provides is replaced here. An event "OBJECT" cannot be written as JSON, and "BYTE" in an
# answer is a byte that is no UTF-8. {"route", "clock": [CHANGE of its seconds...]} is answered by {"event": {"flushes", "logged"}}: the disk of
# the buffer fails for the first change that is followed.
require 'json'
$LOADED_FEATURES << 'fluent/plugin/output.rb'

module Fluent
  module Plugin
    def self.register_output(*); end

    class Output
      def self.config_param(*); end

      def self.helpers(*); end
    end
  end
end

require File.join(ARGV.fetch(0), 'out_kubeops')

# Counts the messages.
class Logged
  attr_reader :count

  def error(*)
    @count = @count.to_i + 1
  end
end

# The output of a route, and a server that gives one answer after the other.
class Scripted < Fluent::Plugin::KubeOpsOutput
  attr_reader :log, :attempts

  def initialize(spec, answers)
    @route = 'b_shop_logs_0123456789'
    @log = Logged.new
    @target = KubeOps.target(spec)
    @losses = KubeOps::Losses.new(@log, 'dropped')
    @answers = answers
    @attempts = 0
  end

  def post(_body)
    @attempts += 1
    status, answer = @answers.fetch(@attempts - 1)
    raise Errno::ECONNREFUSED if status.zero?

    [status, answer.b.sub('BYTE', "\xFF".b)]
  end
end

# An output whose clock is that of the test.
class Shifted < Scripted
  attr_reader :flushes

  def initialize(spec)
    super(spec, [])
    @retry_mutex = Mutex.new
    @output_flush_threads = [nil]
    @buffer = self
    @ahead = @seconds = @tries = @flushes = 0
  end

  def change(seconds)
    @seconds += seconds
    follow_clock
  end

  def enqueue_all(_force)
    @tries += 1
    raise Errno::EIO if @tries == 1
  end

  def submit_flush_once
    @flushes += 1
  end

  private

  def ahead
    @seconds
  end
end

$stdin.each_line do |line|
  job = JSON.parse(line)
  if job.key?('clock')
    output = Shifted.new(job.fetch('route'))
    job.fetch('clock').each { |seconds| output.change(seconds) }
    puts JSON.generate('event' => { 'flushes' => output.flushes, 'logged' => output.log.count.to_i })
    $stdout.flush
    next
  end
  KubeOps::Counts::ALL.clear
  output = Scripted.new(job.fetch('route'), job.fetch('answers'))
  events = job.fetch('events').map { |event| [0, event == 'OBJECT' ? { 'message' => BasicObject.new } : event] }
  begin
    output.write(events)
  rescue Fluent::Plugin::KubeOpsOutput::Refused, Errno::ECONNREFUSED
    retry
  end
  puts JSON.generate('event' => { 'counts' => KubeOps::Counts.text.lines.drop(1).map(&:chomp), 'attempts' => output.attempts, 'logged' => output.log.count.to_i })
  $stdout.flush
end
