# Writes the bodies of requests: {"route", "events"} is answered by {"event": {"body", "errors"}}. What JSON cannot hold is a text: "INFINITE",
# "DEEP", "BYTES" and "OBJECT".
require 'json'
require File.join(ARGV.fetch(0), 'kubeops_routes')

ODD = {
  'INFINITE' => Float::INFINITY,
  'DEEP' => (1..200).reduce([]) { |inner, _| [inner] },
  'BYTES' => (+"\xff").force_encoding(Encoding::BINARY),
  'OBJECT' => BasicObject.new
}.freeze

def odd(value)
  case value
  when Hash then value.transform_values { |inner| odd(inner) }
  when String then ODD.fetch(value, value)
  else value
  end
end

$stdin.each_line do |line|
  job = JSON.parse(line)
  errors = 0
  body = KubeOps.target(job.fetch('route')).body(job.fetch('events').map { |event| odd(event) }) { errors += 1 }
  puts JSON.generate('event' => { 'body' => body, 'errors' => errors })
  $stdout.flush
end
