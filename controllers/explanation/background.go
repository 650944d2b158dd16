package explanation

import (
	"context"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/background"
)

const (
	// maxBackgrounds are read for one report. Further root causes are explained from their findings.
	maxBackgrounds = 15
	// parallelReads is how many of them are read at the same time.
	parallelReads = 2
)

// cluster is the cluster of the manager, read as the ServiceAccount of the Inspection and in its scope. It is nil for an Inspection of
// several clusters, and if reads cannot be prepared: explanations have less to go by then.
func (l *logic) cluster(ctx context.Context, inspection *v1alpha1.Inspection) background.Cluster {
	if inspection.Spec.Clusters != nil {
		return nil
	}
	config, err := l.accounts.As(inspection.Namespace, inspection.ServiceAccountName())
	if err != nil {
		return nil
	}
	cluster, err := background.Open(config)
	if err != nil {
		log.FromContext(ctx).Error(err, "No background of the root causes was read")
		return nil
	}
	scope := background.Scope{Namespaces: inspection.Spec.Namespaces, Excluded: inspection.Spec.ExcludeNamespaces}
	return background.Within(scope, cluster)
}

// background reads what surrounds the problems that are explained. It never fails.
func (l *logic) background(
	ctx context.Context, inspection *v1alpha1.Inspection, report *v1alpha1.InspectionReport, cluster background.Cluster,
) map[string]background.Facts {
	gathered := map[string]background.Facts{}
	explained := map[string]bool{}
	for _, e := range report.Explanations {
		explained[e.ID] = true
	}
	var mutex sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	started := 0
	for _, cause := range explain.Causes(report, inspection.Spec.AI.Explanations()) {
		if explained[cause.ID] || cause.ClassOrDefault() != v1alpha1.ClassProblem || started == maxBackgrounds {
			continue
		}
		started++
		group.Go(func() error {
			facts := background.Gather(ctx, cluster, cause.Finding, cause.Effects, l.Clock.Now())
			mutex.Lock()
			defer mutex.Unlock()
			gathered[cause.ID] = facts
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return gathered
}

// namesIn are the names of all objects in backgrounds.
func namesIn(all map[string]background.Facts) []string {
	var names []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		names = append(names, all[id].Names...)
	}
	return names
}
