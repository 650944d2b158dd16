# Redacts an object with many long names: {"bytes", "count"} is answered by {"event": {"kept", "names"}}, the bytes that are remembered.
require 'json'
require File.join(ARGV.fetch(0), 'kubeops_routes')

$stdin.each_line do |line|
  job = JSON.parse(line)
  redactor = KubeOps::Redactor.new(['secret'])
  names = (0...job.fetch('count')).map { |i| redactor.name(i.to_s.ljust(job.fetch('bytes'), 'x')) }
  known = redactor.instance_variable_get(:@names)
  puts JSON.generate('event' => { 'kept' => known.sum { |key, name| key.bytesize + name.bytesize }, 'names' => names.uniq.size })
  $stdout.flush
end
