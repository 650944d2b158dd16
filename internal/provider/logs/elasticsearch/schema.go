package elasticsearch

import (
	"slices"

	"kubeops.io/kubeops/internal/provider/logs"
)

// Roles of fields besides the labels of the contract.
const (
	roleTime    = "time"
	roleMessage = "message"
)

// Schemas of documents.
const (
	schemaAuto       = "auto"
	schemaECS        = "ecs"
	schemaKubernetes = "kubernetes"
	schemaFlat       = "flat"
)

// schemas that can be found out, those first that collectors write; what KubeOps routes itself is of the first one.
func schemas() []string { return []string{schemaKubernetes, schemaECS, schemaFlat} }

// roles that a schema has fields for.
func roles() []string {
	return []string{roleTime, roleMessage, logs.LabelNamespace, logs.LabelPod, logs.LabelContainer, logs.LabelNode, logs.LabelLevel}
}

// names of the fields of a role in a schema, the most usual first. Sources: the Elastic Common Schema with Filebeat's
// add_kubernetes_metadata; Vector's kubernetes_logs source; the kubernetes filters of Fluentd and Fluent Bit.
func names(schema, role string) []string {
	switch schema {
	case schemaECS:
		return map[string][]string{
			roleTime: {"@timestamp"}, roleMessage: {"message"}, logs.LabelNamespace: {"kubernetes.namespace"},
			logs.LabelPod: {"kubernetes.pod.name"}, logs.LabelContainer: {"kubernetes.container.name"},
			logs.LabelNode: {"kubernetes.node.name"}, logs.LabelLevel: {"log.level"},
		}[role]
	case schemaKubernetes:
		return map[string][]string{
			roleTime: {"@timestamp", "timestamp", "time"}, roleMessage: {"message", "log"},
			logs.LabelNamespace: {"kubernetes.pod_namespace", "kubernetes.namespace_name"}, logs.LabelPod: {"kubernetes.pod_name"},
			logs.LabelContainer: {"kubernetes.container_name"}, logs.LabelNode: {"kubernetes.pod_node_name", "kubernetes.host"},
			logs.LabelLevel: {"level", "severity"},
		}[role]
	case schemaFlat:
		return map[string][]string{
			roleTime: {"@timestamp", "timestamp", "time"}, roleMessage: {"message", "log", "msg"},
			logs.LabelNamespace: {"namespace"}, logs.LabelPod: {"pod"}, logs.LabelContainer: {"container"},
			logs.LabelNode: {"node"}, logs.LabelLevel: {"level", "severity"},
		}[role]
	default: // auto: all of them
		var all []string
		for _, schema := range schemas() {
			for _, name := range names(schema, role) {
				if !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
		return all
	}
}

// explicit is the field that the settings name for a role, or "".
func explicit(f logs.Fields, role string) string {
	return map[string]string{
		roleTime: f.Time, roleMessage: f.Message, logs.LabelNamespace: f.Namespace, logs.LabelPod: f.Pod,
		logs.LabelContainer: f.Container, logs.LabelNode: f.Node, logs.LabelLevel: f.Level,
	}[role]
}

// candidates for a role: the field of the settings alone, or those of the schema.
func candidates(f logs.Fields, role string) []string {
	if name := explicit(f, role); name != "" {
		return []string{name}
	}
	return names(f.Schema, role)
}

// foreign are the fields that a label outside of the contract may be in: one of its name, or, as the Elastic Common Schema has
// it for labels of one's own, below labels. Nil for a name that cannot be a field's.
func foreign(label string) []string {
	if label == "" || len(label) > 128 {
		return nil
	}
	for _, r := range label {
		if r < '!' || r == ',' || r == '*' || r == '?' || r == '"' || r == '\\' {
			return nil
		}
	}
	return []string{label, ownLabels + "." + label}
}

// ownLabels is the object that labels outside of the contract are written to.
const ownLabels = "labels"

// isRole reports that a label has fields in the schemas.
func isRole(label string) bool { return slices.Contains(roles()[2:], label) }
