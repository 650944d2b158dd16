# Runs routes of Fluentd: one JSON object a line, {"route", "record"}, is answered by one line: the event, null when the line is
# not selected, or {"error"}.
require 'json'
require File.join(ARGV.fetch(0), 'kubeops_routes')

at = Time.utc(2026, 1, 2, 3, 4, Rational(5_000_000_006, 1_000_000_000))
$stdin.each_line do |line|
  job = JSON.parse(line)
  answer =
    begin
      route = job.fetch('route')
      selected = KubeOps::Dispatch.new('x' => route).call(job.fetch('record')).any?
      event = selected ? KubeOps::Route.new(route).call(job.fetch('record'), at) : nil
      event && { 'event' => event }
    rescue StandardError => e
      { 'error' => "#{e.class}: #{e.message}" }
    end
  puts JSON.generate(answer)
  $stdout.flush
end
