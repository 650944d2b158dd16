# Makes lines of what a container runtime wrote: a list of steps in one line of JSON, [FILE, TEXT in base64] or ["restart"], is answered by
# the lines, [SECONDS, NANOSECONDS, STREAM, TEXT in base64], and why others were dropped.
require 'json'
require File.join(ARGV.fetch(0), 'kubeops_lines')

$stdin.each_line do |steps|
  whole = []
  dropped = []
  lines = KubeOps::Lines.new { |reason| dropped << reason }
  JSON.parse(steps).each do |file, text|
    if text.nil?
      open = JSON.parse(JSON.generate(lines.dump))
      lines = KubeOps::Lines.new { |reason| dropped << reason }
      lines.load(open)
    elsif (line = lines.call(file, text.unpack1('m')))
      whole << [line.seconds, line.nanoseconds, line.stream, [line.text].pack('m0')]
    end
  end
  puts JSON.generate('event' => { 'lines' => whole, 'dropped' => dropped })
  $stdout.flush
end
