package resourcebundle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// conditions besides Ready.
func (w *work) conditions(scope *kind.Scope[*v1alpha1.ResourceBundle], outcomes []clusterOutcome) {
	conditions := scope.Conditions()
	state := func(condition string, of v1alpha1.BundleConflictType, objects v1alpha1.BundleObjectState, reason, none string) {
		var found []string
		for _, c := range scope.Object.Status.Conflicts {
			if c.Type == of {
				found = append(found, describeConflict(c))
			}
		}
		for _, o := range outcomes {
			for _, r := range o.results {
				if r.State == objects && len(r.Fields) == 0 {
					found = append(found, "cluster "+o.cluster+": "+r.Key.String()+": "+r.Message)
				}
			}
		}
		if len(found) == 0 {
			conditions.SetAuxiliary(condition, outcome.False(v1alpha1.ReasonSucceeded, none))
			return
		}
		conditions.SetAuxiliary(condition, outcome.True(reason, text.List(found, maxNamed)))
	}
	state(v1alpha1.ConditionConflicts, v1alpha1.FieldConflict, v1alpha1.ObjectConflict, v1alpha1.ReasonConflict,
		"no other field manager owns fields of the manifests with another value")
	state(v1alpha1.ConditionDrifted, v1alpha1.FieldDrift, v1alpha1.ObjectDrifted, v1alpha1.ReasonDrifted,
		"all applied fields have the value that was applied, as far as the clusters could be read")
	conditions.SetAuxiliary(v1alpha1.ConditionPruneHeld, held(outcomes))
}

// held is the state of PruneHeld.
func held(outcomes []clusterOutcome) outcome.Auxiliary {
	var found []string
	for _, o := range outcomes {
		if o.deselected && o.problem != nil {
			found = append(found, "cluster "+o.cluster+" is no longer selected, and its objects stay: "+o.problem.Message)
		}
		for _, r := range o.results {
			if r.State == v1alpha1.ObjectHeld || r.Obsolete && r.State == v1alpha1.ObjectFailed {
				found = append(found, "cluster "+o.cluster+": "+r.Key.String()+": "+r.Message)
			}
		}
	}
	if len(found) == 0 {
		return outcome.False(v1alpha1.ReasonSucceeded, "no obsolete object is kept against spec.prune")
	}
	return outcome.True(v1alpha1.ReasonConfirmationRequired, text.List(found, maxNamed))
}

// describeConflict names a field, its manager, and since when.
func describeConflict(c v1alpha1.BundleConflict) string {
	object := c.Kind + " " + c.Name
	if c.Namespace != "" {
		object = c.Kind + " " + c.Namespace + "/" + c.Name
	}
	owner := "was changed or removed"
	if c.Manager != "" {
		owner = fmt.Sprintf("is owned by %q", c.Manager)
	}
	if c.LastWriteTime != nil {
		owner += ", which wrote last at " + c.LastWriteTime.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("cluster %s: %s: %s %s, first seen at %s", c.Cluster, object, c.Field, owner,
		c.FirstSeenTime.UTC().Format(time.RFC3339))
}

// looked reports whether the object of a conflict is among the results.
func (o *clusterOutcome) looked(c v1alpha1.BundleConflict) bool {
	return slices.ContainsFunc(o.results, func(r bundle.Result) bool {
		return r.Key.Kind == c.Kind && r.Key.Namespace == c.Namespace && r.Key.Name == c.Name
	})
}

// conflicts are the fields with another value, with the time when each was seen first. With unread, a source could not be read: those of
// objects that were not looked at remain.
func conflicts(
	outcomes []clusterOutcome, before []v1alpha1.BundleConflict, now time.Time, unread bool,
) (list []v1alpha1.BundleConflict) {
	for _, o := range outcomes {
		for _, known := range before {
			unknown := o.problem != nil || o.waits != "" || unread && !o.looked(known)
			if known.Cluster == o.cluster && unknown { // it is not known whether it persists
				list = append(list, known)
			}
		}
		for _, r := range o.results {
			for _, f := range r.Fields {
				c := v1alpha1.BundleConflict{
					Cluster: o.cluster, APIVersion: r.APIVersion, Kind: r.Key.Kind, Namespace: r.Key.Namespace, Name: r.Key.Name,
					Field: text.Clip(printable.Line(f.Path), maxMessage), Type: v1alpha1.BundleConflictType(f.State),
					Manager: printable.Line(f.Manager), LastWriteTime: f.LastWrite,
					FirstSeenTime: metav1.NewTime(now.Truncate(time.Second)),
				}
				for _, known := range before {
					same := known.Cluster == c.Cluster && known.Kind == c.Kind && known.Namespace == c.Namespace && known.Name == c.Name
					if same && known.Field == c.Field {
						c.FirstSeenTime = known.FirstSeenTime
					}
				}
				list = append(list, c)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b v1alpha1.BundleConflict) int { return cmp.Compare(a.Type, b.Type) })
	return list[:min(len(list), maxConflicts)]
}
