// Package networkpolicy writes the rules of Egress as NetworkPolicies, which deny on the network what the manager and the
// collectors never call.
package networkpolicy

import (
	"slices"

	"kubeops.io/kubeops/internal/provider"
)

type manifest = map[string]any

// Egress is the egress of a NetworkPolicy: name servers anywhere, and the TCP ports of all Pods and of the addresses that the rules
// allow. Without ports, all of them are open.
func Egress(rules provider.Egress, ports ...int64) []any {
	to := []any{manifest{"namespaceSelector": manifest{}}}
	for _, block := range rules.PolicyBlocks() {
		ipBlock := manifest{"cidr": block.CIDR.String()}
		var except []any
		for _, prefix := range block.Except {
			except = append(except, prefix.String())
		}
		if len(except) > 0 {
			ipBlock["except"] = except
		}
		to = append(to, manifest{"ipBlock": ipBlock})
	}
	targets := manifest{"to": to}
	slices.Sort(ports)
	var tcp []any
	for _, port := range slices.Compact(ports) {
		tcp = append(tcp, manifest{"protocol": "TCP", "port": port})
	}
	if len(tcp) > 0 {
		targets["ports"] = tcp
	}
	return []any{
		manifest{"ports": []any{manifest{"protocol": "UDP", "port": int64(53)}, manifest{"protocol": "TCP", "port": int64(53)}}},
		targets,
	}
}

// Manager is the NetworkPolicy for the egress of the manager, its workers and the dashboard. URLs of the manager come from tenants, so
// every port is open.
func Manager(rules provider.Egress) map[string]any {
	return manifest{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
		"metadata": manifest{"name": "kubeops-manager", "namespace": "kubeops-system"},
		"spec": manifest{
			"podSelector": manifest{"matchExpressions": []any{manifest{
				"key": "app.kubernetes.io/name", "operator": "In",
				"values": []any{"kubeops-manager", "kubeops-worker", "kubeops-dashboard"},
			}}},
			"policyTypes": []any{"Egress"}, "egress": Egress(rules),
		},
	}
}
