# Measures routes of Fluentd: {"routes", "record", "lines"} is answered by {"event": {"seconds", "events"}}, the CPU time for the record as
# often as lines says, and how many events were made of it.
require 'json'
require File.join(ARGV.fetch(0), 'kubeops_routes')

at = Time.utc(2026, 1, 2, 3, 4, 5)
$stdin.each_line do |line|
  job = JSON.parse(line)
  dispatch = KubeOps::Dispatch.new(job.fetch('routes'))
  routes = job.fetch('routes').transform_values { |spec| KubeOps::Route.new(spec) }
  events = 0
  began = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
  job.fetch('lines').times do
    dispatch.call(job.fetch('record')).each { |id| events += 1 if routes.fetch(id).call(job.fetch('record'), at) }
  end
  seconds = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - began
  puts JSON.generate('event' => { 'seconds' => seconds, 'events' => events })
  $stdout.flush
end
