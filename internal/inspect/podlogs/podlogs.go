// Package podlogs reads the newest log lines of a few running Pods through the API server, and finds the errors that repeat in them. It
// needs no log backend. docs/log-analysis.md describes which Pods are read.
//
// The cost does not grow with the cluster: at most 50 requests of at most 64 KiB each, within a deadline, and only where a selected check
// needs the result.
package podlogs

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/evidence"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/inspect/scope"
)

const (
	// Window before now whose lines are read.
	Window = 10 * time.Minute
	// maxTime of the stage, or a quarter of what is left of the run.
	maxTime = 20 * time.Second
)

// Input of Collect.
type Input struct {
	// Source is the cluster and the identity that reads it.
	Source collect.Source
	// Graph of the cluster. Collect sets its RunningLogs and marks the source as provided.
	Graph *facts.Graph
	// Scope of the run. Exclude reports whether a namespace is excluded; nil for none.
	Scope   *scope.Filter
	Exclude func(namespace string) bool
	Params  check.Params
	// Wanting lists the checks that need the result. Without checks, nothing is read.
	Wanting []string
	// Asked says that such a check was selected by its id: what cannot be read for lack of permission is then a gap.
	Asked bool
	// Redact removes secrets from templates and examples; nil for none.
	Redact func(string) string
}

// Collect reads logs and adds the lines that repeat to the graph. Failed reads are gaps, not errors.
func Collect(ctx context.Context, in Input) []facts.Gap {
	if len(in.Wanting) == 0 {
		return nil
	}
	targets := choose(in)
	limit := maxTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/4)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	refs := make([]check.LogRef, len(targets))
	for i, t := range targets {
		refs[i] = check.LogRef{Namespace: t.pod.Namespace, Pod: t.pod.Name, Container: t.container}
	}
	read, err := evidence.ReadRunning(ctx, in.Source, refs, Window)
	logs := &facts.RunningLogs{Window: Window, At: in.Graph.Now}
	var forbidden, failed []string
	for i, t := range targets {
		switch readErr := read[i].Err; {
		case err != nil:
			failed = append(failed, t.pod.Namespace)
		case readErr == nil:
			if log := mine(read[i].Text, in.Redact); log.Events > 0 {
				log.Pod = t.pod.Ref
				log.Container = t.container
				log.Workload = t.workload
				logs.Containers = append(logs.Containers, log)
			}
		case apierrors.IsForbidden(readErr):
			forbidden = append(forbidden, t.pod.Namespace)
		case !apierrors.IsNotFound(readErr) && !apierrors.IsBadRequest(readErr): // the container is gone, or has not started
			failed = append(failed, t.pod.Namespace)
		}
	}
	slices.SortFunc(logs.Containers, compareLogs)
	in.Graph.SetRunningLogs(logs)
	return in.gaps(forbidden, failed, len(targets))
}

func compareLogs(a, b facts.ContainerLog) int {
	if c := a.Workload.Compare(b.Workload); c != 0 {
		return c
	}
	if c := a.Pod.Compare(b.Pod); c != 0 {
		return c
	}
	if a.Container < b.Container {
		return -1
	}
	return 1
}

// gaps are at most one for missing permissions, where the logs were asked for, and one for kubelets that do not answer.
func (in Input) gaps(forbidden, failed []string, asked int) []facts.Gap {
	var gaps []facts.Gap
	if in.Asked && len(forbidden) > 0 {
		gaps = append(gaps, facts.Gap{
			Source: "pods/log", Reason: v1alpha1.GapForbidden, Checks: in.Wanting,
			Message: fmt.Sprintf("Cannot get pods/log in %s: errors that running Pods log there are not seen.", namespaces(forbidden)),
			Remediation: "Grant get on pods/log (apiGroups [\"\"], resources [pods/log], verbs [get]); ClusterRole kubeops-inspector " +
				"includes it.",
		})
	}
	if len(failed) > 0 {
		gaps = append(gaps, facts.Gap{
			Source: "pods/log", Reason: v1alpha1.GapUnavailable, Checks: in.Wanting, Optional: !in.Asked,
			Message: fmt.Sprintf("Cannot read the logs of %d of %d running Pods: errors that they log are not "+
				"seen.", len(failed), asked),
			Remediation: "Check that the API server can reach the kubelets (port 10250); `kubectl logs` shows the error.",
		})
	}
	return gaps
}

func namespaces(names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	return phrase.Plural(len(names), "namespace ", "namespaces ") + phrase.List(names)
}
