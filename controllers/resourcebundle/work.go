package resourcebundle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/problem"
)

// work is one reconcile of a bundle.
type work struct {
	*logic
	bundle  *v1alpha1.ResourceBundle
	sources *sources
	// labels of the ManagedClusters of the namespace, by name.
	labels map[string]labels.Set
	now    time.Time
}

// clusterOutcome is what was done in one cluster.
type clusterOutcome struct {
	cluster string
	// deselected says that objects were only removed.
	deselected bool
	// problem of the whole cluster; nil if it could be read.
	problem *problem.Problem
	results []bundle.Result
	// digest of the manifests with the overrides of the cluster.
	digest string
	// waits is the wave that the cluster waits for; empty if it was reconciled.
	waits string
	// emptied says that nothing is left in the inventory.
	emptied bool
}

// all clusters, several at the same time. A problem of one does not affect the others; any other error ends the reconcile.
func (w *work) all(ctx context.Context, s selection) ([]clusterOutcome, error) {
	rollout, err := w.advance(s, w.bundle.Status.Clusters)
	if err != nil {
		return nil, err
	}
	outcomes := make([]clusterOutcome, len(s.selected)+len(s.deselected))
	failures := make([]error, len(outcomes))
	slots := make(chan struct{}, parallelClusters)
	var wait sync.WaitGroup
	run := func(i int, cluster string, call func(context.Context, string) (clusterOutcome, error)) {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			limited, cancel := context.WithTimeout(ctx, w.bundle.Spec.HealthTimeout())
			defer cancel()
			outcomes[i], failures[i] = call(limited, cluster)
			outcomes[i].cluster = cluster
			if p := w.problemOf(limited, failures[i]); p != nil && ctx.Err() == nil {
				outcomes[i].problem = p
				failures[i] = nil
			}
		})
	}
	for i, cluster := range s.selected {
		if rollout != nil && !rollout.Begun[cluster] {
			outcomes[i] = clusterOutcome{cluster: cluster, waits: fmt.Sprintf("waits for wave %d of %d", rollout.Wave, rollout.Waves)}
			continue
		}
		run(i, cluster, w.apply)
	}
	for i, cluster := range s.deselected {
		run(len(s.selected)+i, cluster, w.leave)
	}
	wait.Wait()
	return outcomes, errors.Join(failures...)
}

// problemOf a cluster; nil if the error is none of it. A cluster that took all its time is one that others do not wait for: a request that
// the end of that time cut off says nothing about the API server.
func (w *work) problemOf(limited context.Context, err error) *problem.Problem {
	if errors.Is(limited.Err(), context.DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded) {
		return problem.Retrying(v1alpha1.ReasonTimeout, err, "the cluster was not reconciled within spec.timeout (%s); it is tried again. "+
			"If that repeats, check the load of its API server, or raise spec.timeout", w.bundle.Spec.HealthTimeout())
	}
	return problem.As(err)
}

// apply the manifests to a cluster.
func (w *work) apply(ctx context.Context, cluster string) (clusterOutcome, error) {
	target, err := w.connect(ctx, w.bundle, cluster, true)
	if err != nil {
		return clusterOutcome{}, err
	}
	spec := &w.bundle.Spec
	store, inventory, err := bundle.OpenStore(ctx, w.Client, w.Reader, w.bundle, cluster)
	if err != nil {
		return clusterOutcome{}, err
	}
	if w.sources.complete() {
		store.From(w.sources.folders)
	}
	desired, err := w.sources.For(bundle.Cluster{Name: cluster, Labels: w.labels[cluster]}, w.bundle.Namespace, spec.Overrides)
	if err != nil {
		return clusterOutcome{}, err
	}
	digest := bundle.DigestOf(desired.Objects)
	run := &bundle.Run{
		Target: target.Target, Namespace: w.bundle.Namespace, Account: w.bundle.ServiceAccountName(), Desired: desired,
		Self: w.bundle.UID, Inventory: inventory, Confirm: target.confirm,
		Policy: bundle.Policy{Conflicts: spec.Conflicts, Drift: spec.Drift, Adopt: spec.AdoptedManagers()}, Prune: w.prune(cluster),
		Overdue: w.overdue(cluster, digest), Health: spec.HealthExprs,
		Expressions: w.expressions,
	}
	if spec.Mode != v1alpha1.BundlePlan {
		run.Save = store.Save
	}
	results, err := run.Do(ctx)
	return clusterOutcome{results: results, digest: digest}, err
}

// prune is what may be deleted in a selected cluster.
func (w *work) prune(cluster string) bundle.Prune {
	digest := bundle.DigestOf(w.sources.Objects)
	p := bundle.Prune{Digest: digest, Claims: w.claims(cluster)}
	if policy := w.bundle.Spec.Prune; policy != nil && policy.Enabled {
		p.Policy = v1alpha1.RemovalDelete
		p.Guarded = policy.GuardedKinds
		p.Confirmed = policy.Confirm == digest
	}
	switch {
	case w.sources.unread != nil:
		p.Held = "a source could not be read: " + w.sources.unread.Message
	case bundle.Apart(w.sources.folders, &w.bundle.Spec):
		p.Held = "the folders of a Git repository have different commits until they are looked at again, and the object may have moved"
	}
	return p
}

// overdue reports whether objects that were applied had the time to become healthy.
func (w *work) overdue(cluster, digest string) bool {
	row := rowOf(w.bundle, cluster)
	return row != nil && row.Digest == digest && row.AppliedTime != nil && w.now.Sub(row.AppliedTime.Time) > w.bundle.Spec.HealthTimeout()
}

// leave a cluster that is no longer selected.
func (w *work) leave(ctx context.Context, cluster string) (clusterOutcome, error) {
	return w.remove(ctx, cluster, w.bundle.Spec.WhenDeselected, w.bundle.Spec.Mode == v1alpha1.BundlePlan)
}

// remove everything that the bundle applied to a cluster.
func (w *work) remove(ctx context.Context, cluster string, policy v1alpha1.RemovalPolicy, plan bool) (clusterOutcome, error) {
	done := clusterOutcome{deselected: true}
	target, err := w.connect(ctx, w.bundle, cluster, false)
	if err != nil {
		return done, err
	}
	store, inventory, err := bundle.OpenStore(ctx, w.Client, w.Reader, w.bundle, cluster)
	if err != nil {
		return done, err
	}
	run := &bundle.Run{
		Target: target.Target, Namespace: w.bundle.Namespace, Account: w.bundle.ServiceAccountName(), Desired: &bundle.Desired{},
		Inventory: inventory, Confirm: target.confirm,
		Prune: bundle.Prune{Policy: policy, Final: true, Claims: w.claims(cluster)},
	}
	if p := w.bundle.Spec.Prune; p != nil {
		run.Prune.Guarded = p.GuardedKinds
	}
	if !plan {
		run.Save = store.Save
	}
	if done.results, err = run.Do(ctx); err != nil {
		return done, err
	}
	if len(inventory) == 0 && !plan {
		done.emptied = true
		return done, store.Drop(ctx)
	}
	return done, nil
}

// claims of the other bundles of the namespace that select a cluster.
func (w *work) claims(cluster string) func(context.Context) (bundle.Claims, error) {
	return func(ctx context.Context) (bundle.Claims, error) {
		known, err := w.managedClusters(ctx, w.bundle.Namespace)
		if err != nil {
			return bundle.Claims{}, err
		}
		return bundle.ReadClaims(ctx, w.Reader, w.bundle, cluster, known)
	}
}
