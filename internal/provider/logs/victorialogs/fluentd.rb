# Sends lines to VictoriaLogs, by its endpoint for bulk requests.
require_relative 'kubeops_routes'

module KubeOps
  class VictoriaLogsTarget < BulkTarget
    def path
      '/insert/elasticsearch/_bulk?_msg_field=message&_time_field=timestamp&_stream_fields=' \
        'kubernetes.pod_namespace,kubernetes.pod_name,kubernetes.container_name,kubernetes.pod_node_name,stream'
    end
  end

  TARGETS['victorialogs'] = VictoriaLogsTarget
end
