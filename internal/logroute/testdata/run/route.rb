# Runs routes of Fluentd: one JSON object a line, {"route", "record", "base64"}, is answered by one line: the event, null when the line is
# not selected, or {"error"}.
require 'json'
require File.join(ARGV.fetch(0), 'kubeops_routes')

at = Time.utc(2026, 1, 2, 3, 4, Rational(5_000_000_006, 1_000_000_000))
routes = Hash.new { |all, spec| all[spec] = [KubeOps::Dispatch.new('x' => spec), KubeOps::Route.new(spec)] }
$stdin.each_line do |line|
  job = JSON.parse(line)
  answer =
    begin
      dispatch, route = routes[job.fetch('route')]
      record = job.fetch('record')
      record['message'] = record['message'].unpack1('m') if job['base64']
      dispatch.call(record).empty? ? nil : { 'event' => route.call(record, at) }
    rescue StandardError => e
      { 'error' => "#{e.class}: #{e.message}" }
    end
  puts JSON.generate(answer)
  $stdout.flush
end
