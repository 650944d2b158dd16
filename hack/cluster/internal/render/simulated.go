package render

import (
	"encoding/json"
	"strings"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

// KwokStages is what simulated nodes and Pods go through: kwok's own stages by which nodes are Ready and Pods Running
// at once, a Job's Pods succeed, and deleted Pods vanish.
func KwokStages() string {
	return strings.Join([]string{
		nodefast.DefaultNodeInit, nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady, podfast.DefaultPodComplete, podfast.DefaultPodDelete,
	}, "\n---\n")
}

// SimulatedNode is the Node object of a simulated node, with the size of a usual machine. It claims to run the version
// of the control plane, so that whoever compares the two finds what a real node would show.
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
