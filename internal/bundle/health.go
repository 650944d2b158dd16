package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// health of an object as kstatus computes it.
type health int

const (
	healthy health = iota
	inProgress
	failed
)

// healthOf an object. A custom resource without conditions is healthy: nothing is known about it.
func healthOf(live *unstructured.Unstructured) health {
	if live == nil {
		return inProgress
	}
	result, err := status.Compute(live)
	switch {
	case err != nil:
		return inProgress
	case result.Status == status.CurrentStatus:
		return healthy
	case result.Status == status.FailedStatus:
		return failed
	}
	return inProgress
}

// healthMessage is what kstatus says about an object that is not healthy.
func healthMessage(live *unstructured.Unstructured) string {
	const maxRunes = 200
	result, err := status.Compute(live)
	if err != nil {
		return "its status cannot be read"
	}
	return text.Clip(result.Message, maxRunes)
}

// unhealthyBackend is a workload of the bundle that serves the requests of a webhook or API and is not healthy yet; empty if there is none.
func unhealthyBackend(o *Object, results []Result) string {
	if stageOf(o.Content.GetKind()) != stageWebhooks {
		return ""
	}
	namespaces := servedFrom(o.Content)
	for _, result := range results {
		workload := slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, result.Key.Kind)
		if workload && slices.Contains(namespaces, result.Key.Namespace) && (!result.Applied || healthOf(result.live) != healthy) {
			return result.Key.String()
		}
	}
	return ""
}

// conflictMessage names the first fields and their managers.
func conflictMessage(fields []Field) string {
	var conflicting []string
	for _, f := range fields {
		if f.State == Conflicting {
			conflicting = append(conflicting, fmt.Sprintf("%s is owned by %s", f.Path, managerName(f.Manager)))
		}
	}
	slices.Sort(conflicting)
	return text.List(slices.Compact(conflicting), maxNamed) +
		"; remove the fields here or there, or set spec.conflicts"
}

// managerName is a field manager in a message. That of a bundle is named as the bundle.
func managerName(manager string) string {
	if bundle, ok := strings.CutPrefix(manager, managerPrefix); ok {
		return "ResourceBundle " + bundle
	}
	return fmt.Sprintf("%q", manager)
}

func driftMessage(d *decision) string {
	if d.deleted {
		return "the object was deleted by someone else; set spec.drift to Correct to create it again"
	}
	var drifted []string
	for _, f := range d.fields {
		switch {
		case f.State != Drifting:
		case f.Manager == "":
			drifted = append(drifted, f.Path+" was changed or removed")
		default:
			drifted = append(drifted, f.Path+" was changed by "+managerName(f.Manager))
		}
	}
	slices.Sort(drifted)
	return text.List(slices.Compact(drifted), maxNamed) + "; set spec.drift to Correct to apply it again"
}

func yieldMessage(fields []Field) string {
	var yielded []string
	for _, f := range fields {
		yielded = append(yielded, f.Path+" is left to "+managerName(f.Manager))
	}
	return text.List(yielded, maxNamed)
}

// FieldsOf are the paths of fields, at most as many as a status has.
func (r Result) FieldsOf() (paths []string) {
	const maxFields, maxPath = 10, 300
	for _, f := range r.Fields {
		paths = append(paths, f.Path)
	}
	paths = append(paths, pathsOf(r.Changed)...)
	for i := range paths {
		paths[i] = text.Clip(printable.Line(paths[i]), maxPath)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	return paths[:min(len(paths), maxFields)]
}

// CoOwners are the field managers of the shared fields.
func (r Result) CoOwners() (managers []string) {
	for _, f := range r.Shared {
		managers = append(managers, f.Manager)
	}
	slices.Sort(managers)
	return slices.Compact(managers)
}

// InPlan reports whether a state is one of a plan.
func InPlan(state v1alpha1.BundleObjectState) bool {
	switch state {
	case v1alpha1.ObjectCreate, v1alpha1.ObjectChange, v1alpha1.ObjectDelete, v1alpha1.ObjectRelease:
		return true
	}
	return false
}
