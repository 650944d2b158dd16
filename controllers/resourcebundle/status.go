package resourcebundle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxRows, maxObjects of a row and of all rows, and maxConflicts of a status.
	maxRows       = 256
	maxObjects    = 20
	maxAllObjects = 400
	maxConflicts  = 50
	// maxMessage of a row or object, in runes.
	maxMessage = 300
	// maxNamed in messages.
	maxNamed = 3
)

// conclude records the outcomes of all clusters in the status.
func (w *work) conclude(
	ctx context.Context, scope *kind.Scope[*v1alpha1.ResourceBundle], s selection, outcomes []clusterOutcome,
) (kind.Result, error) {
	status := &scope.Object.Status
	before := scope.Stored.Status
	status.FieldManager = bundle.FieldManager(w.bundle.Namespace, w.bundle.Name)
	w.sources.keepRevisions(scope.Stored)
	status.Sources = w.sources.git
	status.Digest = bundle.DigestOf(w.sources.Objects)
	status.Objects = int32(min(len(w.sources.Objects), bundle.MaxObjects)) //nolint:gosec // at most MaxObjects
	var rows []v1alpha1.BundleCluster
	for _, o := range outcomes {
		if !o.deselected {
			rows = append(rows, w.row(o, before))
		}
	}
	for _, name := range s.missing {
		rows = append(rows, v1alpha1.BundleCluster{
			Name: name, Reason: v1alpha1.ReasonClusterNotFound,
			Message: "ManagedCluster " + name + " does not exist; create it, or remove it from spec.clusters.names",
		})
	}
	ready := 0
	for _, row := range rows {
		if row.Ready {
			ready++
		}
	}
	status.ReadyClusters = fmt.Sprintf("%d/%d", ready, len(rows))
	status.Conflicts = conflicts(outcomes, before.Conflicts, w.now, w.sources.unread != nil)
	status.Clusters = bounded(rows)
	w.conditions(scope, outcomes)
	rollout, err := w.advance(s, rows)
	if err != nil {
		return kind.Result{}, err
	}
	return w.result(ctx, scope, rows, outcomes, rollout, w.recordRollout(status, s, rollout))
}

// row is the state of one selected cluster. That of a cluster that could not be read keeps what was known.
func (w *work) row(o clusterOutcome, before v1alpha1.ResourceBundleStatus) v1alpha1.BundleCluster {
	row := v1alpha1.BundleCluster{Name: o.cluster}
	for _, known := range before.Clusters {
		if known.Name == o.cluster {
			row = *known.DeepCopy()
		}
	}
	row.Ready = false
	if o.waits != "" {
		row.Reason = v1alpha1.ReasonWaitingForWave
		row.Message = o.waits
		return row
	}
	if o.problem != nil {
		row.ReadyTime = nil
		row.Reason = o.problem.Reason
		row.Message = text.Clip(printable.Line(o.problem.Message), maxMessage)
		return row
	}
	row.Counts = count(o.results)
	row.Objects = attention(o.results)
	row.Reason, row.Message = verdict(o.results)
	row.Ready = row.Reason == ""
	if row.Digest != o.digest && w.bundle.Spec.Mode != v1alpha1.BundlePlan {
		now := metav1.NewTime(w.now.Truncate(time.Second))
		row.Digest = o.digest
		row.AppliedTime = &now
	}
	w.revise(&row)
	return row
}

// revise records the revision of a cluster, and since when it is ready with it.
func (w *work) revise(row *v1alpha1.BundleCluster) {
	switch {
	case w.bundle.Spec.Rollout == nil:
		row.Revision = ""
		row.ReadyTime = nil
		return
	case w.bundle.Spec.Mode == v1alpha1.BundlePlan, w.sources.unread != nil:
		return
	}
	if revision := w.revision(); row.Revision != revision || !row.Ready {
		row.Revision = revision
		row.ReadyTime = nil
	}
	if row.Ready && row.ReadyTime == nil {
		now := metav1.NewTime(w.now.Truncate(time.Second))
		row.ReadyTime = &now
	}
}

// count the objects of a cluster.
func count(results []bundle.Result) (counts v1alpha1.BundleCounts) {
	for _, r := range results {
		if r.Obsolete {
			counts.Obsolete++
		}
		if r.Applied {
			counts.Applied++
			if r.State == "" || r.State == v1alpha1.ObjectYielded {
				counts.Healthy++
			}
		}
		switch r.State {
		case v1alpha1.ObjectFailed, v1alpha1.ObjectInvalid:
			counts.Failed++
		case v1alpha1.ObjectConflict:
			counts.Conflicts++
		case v1alpha1.ObjectDrifted:
			counts.Drifted++
		case v1alpha1.ObjectCreate:
			counts.Create++
		case v1alpha1.ObjectChange:
			counts.Change++
		case v1alpha1.ObjectDelete:
			counts.Delete++
		}
	}
	return counts
}

// stateOrder is a state with the reason of a cluster, and how more objects in it are counted.
type stateOrder struct {
	state  v1alpha1.BundleObjectState
	reason string
	says   string
}

// states in the order in which they need attention, with the reason of a cluster; states without a reason do not keep it from being ready.
func states() []stateOrder {
	return []stateOrder{
		{v1alpha1.ObjectInvalid, v1alpha1.ReasonInvalidManifest, "invalid"},
		{v1alpha1.ObjectFailed, v1alpha1.ReasonApplyFailed, "not applied"},
		{v1alpha1.ObjectConflict, v1alpha1.ReasonConflict, "in conflict"},
		{v1alpha1.ObjectDrifted, v1alpha1.ReasonDrifted, "drifted"},
		{v1alpha1.ObjectUnhealthy, v1alpha1.ReasonUnhealthy, "unhealthy"},
		{v1alpha1.ObjectPending, v1alpha1.ReasonProgressing, "pending"},
		{v1alpha1.ObjectInProgress, v1alpha1.ReasonProgressing, "not healthy yet"},
		{v1alpha1.ObjectHeld, "", "held"}, {v1alpha1.ObjectDeleting, "", "being deleted"}, {v1alpha1.ObjectYielded, "", "applied in part"},
		{v1alpha1.ObjectDelete, "", ""}, {v1alpha1.ObjectRelease, "", ""}, {v1alpha1.ObjectChange, "", ""}, {v1alpha1.ObjectCreate, "", ""},
	}
}

// verdict is why a cluster is not ready; both are empty if it is.
func verdict(results []bundle.Result) (reason, message string) {
	for _, s := range states() {
		var first *bundle.Result
		n := 0
		for i := range results {
			if results[i].State == s.state {
				if n++; first == nil {
					first = &results[i]
				}
			}
		}
		if first == nil || s.reason == "" {
			continue
		}
		message := fmt.Sprintf("%s: %s", named(*first), first.Message)
		if n > 1 {
			message += fmt.Sprintf(" (and %d more %s)", n-1, s.says)
		}
		return s.reason, text.Clip(printable.Line(message), maxMessage)
	}
	return "", ""
}

// named is an object, or where its manifest is.
func named(r bundle.Result) string {
	if r.Key.Name == "" {
		return r.Source
	}
	return r.Key.String()
}

// attention are the objects of a status: those that need it most, in a fixed order.
func attention(results []bundle.Result) (objects []v1alpha1.BundleObject) {
	for _, s := range states() {
		for _, r := range results {
			if r.State != s.state {
				continue
			}
			if len(objects) == maxObjects {
				return objects
			}
			objects = append(objects, v1alpha1.BundleObject{
				APIVersion: r.APIVersion, Kind: r.Key.Kind, Namespace: r.Key.Namespace, Name: cmp.Or(r.Key.Name, r.Source), State: r.State,
				Message: text.Clip(printable.Line(message(r)), maxMessage), Fields: r.FieldsOf(),
			})
		}
	}
	return objects
}

// message of an object. A plan warns of other owners.
func message(r bundle.Result) string {
	if bundle.InPlan(r.State) && len(r.Shared) > 0 {
		shared := "fields are shared with " + text.List(r.CoOwners(), maxNamed)
		if r.Message == "" {
			return shared
		}
		return r.Message + "; " + shared
	}
	return r.Message
}

// bounded rows, those that are not ready first if there are too many.
func bounded(rows []v1alpha1.BundleCluster) []v1alpha1.BundleCluster {
	if len(rows) > maxRows {
		slices.SortStableFunc(rows, func(a, b v1alpha1.BundleCluster) int {
			if a.Ready == b.Ready {
				return 0
			} else if b.Ready {
				return -1
			}
			return 1
		})
		rows = rows[:maxRows]
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b v1alpha1.BundleCluster) int { return cmp.Compare(a.Name, b.Name) })
	if perRow := maxAllObjects / max(len(rows), 1); perRow < maxObjects {
		for i := range rows {
			rows[i].Objects = rows[i].Objects[:min(len(rows[i].Objects), max(perRow, 1))]
		}
	}
	return rows
}

// result sets Ready and decides when to reconcile next.
func (w *work) result(
	ctx context.Context, scope *kind.Scope[*v1alpha1.ResourceBundle], rows []v1alpha1.BundleCluster, outcomes []clusterOutcome,
	rollout *bundle.Rollout, wave string,
) (kind.Result, error) {
	after := w.nextIn(outcomes, rollout)
	switch {
	case w.sources.unread != nil:
		p := *w.sources.unread
		p.Action = problem.Wait
		p.After = after
		return kind.Result{}, &p
	case len(rows) == 0:
		return kind.Result{}, problem.Waiting(v1alpha1.ReasonNoClusters, after,
			"spec.clusters selects no ManagedCluster; label one, or correct the selector")
	}
	if reason, message := unready(rows, rollout, wave); reason != "" {
		return kind.Result{}, problem.Waiting(reason, after, "%s", message)
	}
	if w.bundle.Spec.Mode == v1alpha1.BundlePlan {
		scope.Conditions().Ready(v1alpha1.ReasonPlanned, planned(rows))
	} else {
		scope.Conditions().Succeeded(fmt.Sprintf("%s applied and healthy in %s", text.Count(len(w.sources.Objects), "object"),
			text.Count(len(rows), "cluster")))
	}
	return kind.Result{RequeueAfter: after, Told: w.tell(ctx, scope, outcomes)}, nil
}

// unready is why the bundle is not ready; both are empty if it is. A rollout is described by the clusters whose wave has begun.
func unready(rows []v1alpha1.BundleCluster, rollout *bundle.Rollout, wave string) (reason, message string) {
	var first *v1alpha1.BundleCluster
	more := 0
	for i := range rows {
		row := &rows[i]
		switch paused := rollout != nil && rollout.Paused == row.Name; {
		case row.Ready:
		case first == nil, paused, first.Reason == v1alpha1.ReasonWaitingForWave && row.Reason != v1alpha1.ReasonWaitingForWave:
			if first != nil {
				more++
			}
			first = row
		default:
			more++
		}
	}
	if first == nil {
		return "", ""
	}
	message = fmt.Sprintf("cluster %s: %s", first.Name, first.Message)
	if wave != "" {
		message = wave + ": " + message
	}
	if more > 0 {
		message += fmt.Sprintf("; %s not ready, too", text.CountOf(more, "other cluster is", "other clusters are"))
	}
	return first.Reason, message
}

// planned sums up a plan.
func planned(rows []v1alpha1.BundleCluster) string {
	var sum v1alpha1.BundleCounts
	for _, row := range rows {
		sum.Create += row.Counts.Create
		sum.Change += row.Counts.Change
		sum.Delete += row.Counts.Delete
	}
	return fmt.Sprintf("planned: %d to create, %d to change, %d to delete in %s", sum.Create, sum.Change, sum.Delete,
		text.Count(len(rows), "cluster"))
}

// tell records an event about what was applied once the status is written. It is false if nothing was.
func (w *work) tell(ctx context.Context, scope *kind.Scope[*v1alpha1.ResourceBundle], outcomes []clusterOutcome) bool {
	written := 0
	for _, o := range outcomes {
		for _, r := range o.results {
			if r.Written {
				written++
			}
		}
	}
	if written == 0 {
		return false
	}
	scope.AfterWrite(func() {
		kind.Event(ctx, w.Events, scope.Object, corev1.EventTypeNormal, "Applied", action,
			fmt.Sprintf("Applied %s in %s", text.Count(written, "object"), text.Count(len(outcomes), "cluster")))
	})
	return true
}

// rowOf is the state of a cluster in the status; nil if it has none.
func rowOf(b *v1alpha1.ResourceBundle, cluster string) *v1alpha1.BundleCluster {
	for i := range b.Status.Clusters {
		if b.Status.Clusters[i].Name == cluster {
			return &b.Status.Clusters[i]
		}
	}
	return nil
}
