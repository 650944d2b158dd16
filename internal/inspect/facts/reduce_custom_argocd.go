package facts

import (
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// trackedResource is one line of the list of resources in the status of an Application.
type trackedResource struct {
	Group     loose[string] `json:"group"`
	Kind      loose[string] `json:"kind"`
	Namespace loose[string] `json:"namespace"`
	Name      loose[string] `json:"name"`
	Sync      loose[string] `json:"status"`
	Health    loose[struct {
		Status loose[string] `json:"status"`
	}] `json:"health"`
}

type applicationSpec struct {
	Project     loose[string] `json:"project"`
	Destination loose[struct {
		Server loose[string] `json:"server"`
		Name   loose[string] `json:"name"`
	}] `json:"destination"`
	SyncPolicy loose[struct {
		Automated json.RawMessage `json:"automated"`
	}] `json:"syncPolicy"`
}

type applicationStatus struct {
	Sync loose[struct {
		Status loose[string] `json:"status"`
	}] `json:"sync"`
	Health loose[struct {
		Message    loose[string]      `json:"message"`
		Transition loose[metav1.Time] `json:"lastTransitionTime"`
	}] `json:"health"`
	Operation loose[struct {
		Phase    loose[string]      `json:"phase"`
		Message  loose[string]      `json:"message"`
		Started  loose[metav1.Time] `json:"startedAt"`
		Finished loose[metav1.Time] `json:"finishedAt"`
	}] `json:"operationState"`
	History looseList[struct {
		Deployed loose[metav1.Time] `json:"deployedAt"`
	}] `json:"history"`
	Resources looseList[trackedResource] `json:"resources"`
}

func reduceApplication(node *CustomNode, o *CustomObject, _ *customMeta) {
	spec := read[applicationSpec](o.Spec)
	status := read[applicationStatus](o.Status)
	operation := status.Operation.V
	facts := &ApplicationFacts{
		Project: firstOf(spec.Project.V, "default"), Sync: clip(status.Sync.V.Status.V),
		HealthMessage: clip(status.Health.V.Message.V), HealthSince: status.Health.V.Transition.V.Time,
		Automated: automated(spec.SyncPolicy.V.Automated),
		Phase:     clip(operation.Phase.V), Message: clip(operation.Message.V), Ended: operation.Finished.V.Time,
	}
	for _, deployed := range status.History {
		facts.Deployed = latest(facts.Deployed, deployed.Deployed.V.Time)
	}
	node.Application = facts
	node.Refs = append(node.Refs, Edge{Refers, Ref{AppProject, node.Namespace, facts.Project}})
	here := spec.Destination.V.Server.V == "https://kubernetes.default.svc" || spec.Destination.V.Name.V == "in-cluster"
	for _, resource := range status.Resources {
		reduceTracked(node, resource, here)
	}
}

// automated reports whether the policy is set and not disabled.
func automated(policy json.RawMessage) bool {
	if len(policy) == 0 || string(policy) == "null" {
		return false
	}
	enabled := read[struct {
		Enabled loose[*bool] `json:"enabled"`
	}](policy).Enabled.V
	return value(enabled, true)
}

// reduceTracked records a resource of an Application that is unhealthy or out of sync; others cannot cause anything. Newer releases of
// Argo CD do not write the health here: then any resource may be unhealthy. Resources in another cluster are only listed.
func reduceTracked(node *CustomNode, r trackedResource, here bool) {
	const maxTroubled = 10
	health, kind := r.Health.V.Status.V, r.Kind.V
	if r.Name.V == "" || kind == "" {
		return
	}
	unhealthy := health != "" && health != "Healthy" && health != "Suspended"
	if facts := node.Application; (unhealthy || (r.Sync.V != "" && r.Sync.V != "Synced")) && len(facts.Troubled) < maxTroubled {
		name := r.Name.V
		if r.Namespace.V != "" {
			name = r.Namespace.V + "/" + name
		}
		facts.Troubled = append(facts.Troubled, clip(kind+" "+name+" "+firstOf(health, r.Sync.V)))
	}
	withoutHealth := []Kind{ConfigMap, Secret, ServiceAccount, Role, RoleBinding, ClusterRole, ClusterRoleBinding, NetworkPolicy}
	inert := slices.Contains(withoutHealth, Kind(kind))
	if !here || inert || (health != "" && !unhealthy) || len(node.Refs) >= maxCustomRefs {
		return
	}
	version := "v1"
	if r.Group.V != "" {
		version = r.Group.V + "/v1"
	}
	node.Refs = append(node.Refs, Edge{Owns, Ref{KindOf(version, kind), r.Namespace.V, r.Name.V}})
}
