package render

import (
	"encoding/json"
	"strings"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

// KwokStages returns the stages of simulated nodes and Pods: kwok's own, in which nodes are Ready and Pods Running at once,
// Pods of Jobs succeed, and deleted Pods disappear.
func KwokStages() string {
	return strings.Join([]string{
		nodefast.DefaultNodeInit, nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady, podfast.DefaultPodComplete, podfast.DefaultPodDelete,
	}, "\n---\n")
}

// SimulatedNode returns the Node object of a simulated node with the size of a usual machine. It reports the version of the
// control plane, as a real node would.
func SimulatedNode(name, version string) ([]byte, error) {
	type object map[string]any
	size := object{"cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti"}
	return json.Marshal(object{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": object{
			"name":        name,
			"annotations": object{"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
			"labels": object{
				"type":                   "kwok",
				"kubernetes.io/hostname": name,
				"kubernetes.io/os":       "linux",
				"kubernetes.io/arch":     "amd64",
			},
		},
		"status": object{
			"allocatable": size, "capacity": size, "phase": "Running",
			"nodeInfo": object{"kubeletVersion": version, "kubeProxyVersion": version},
		},
	})
}
