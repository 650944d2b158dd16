# Counts of lines in this process, by route, result and reason. in_kubeops_metrics.rb serves them.
module KubeOps
  # A route has few results and reasons: what would be more than the limit is counted as the reason other.
  module Counts
    MOST = 64
    LOCK ||= Mutex.new
    ALL ||= Hash.new { |all, route| all[route] = Hash.new(0) }

    # Adds lines. A result is sent, refused or dropped; a reason is a word such as http_400, or nil. route is '' for lines before routing.
    def self.add(route, result, reason, lines)
      LOCK.synchronize do
        of_route = ALL[route]
        key = [result, reason.to_s]
        key = [result, 'other'] if of_route.size >= MOST && !of_route.key?(key)
        of_route[key] += lines
      end
    end

    # The text format of Prometheus.
    def self.text
      lines = ['# TYPE kubeops_collector_lines counter']
      LOCK.synchronize do
        ALL.each do |route, counts|
          counts.each do |(result, reason), count|
            lines << %(kubeops_collector_lines_total{route="#{route}",result="#{result}",reason="#{reason}"} #{count})
          end
        end
      end
      "#{lines.join("\n")}\n"
    end
  end
end
