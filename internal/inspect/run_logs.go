package inspect

import (
	"context"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/lastline"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/podlogs"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/text"
)

// readLogs adds the errors that workloads log to the graph, if log analysis is enabled.
func readLogs(ctx context.Context, in Input, timer *timer, filter *scope.Filter, gate *redact.Redactor) []facts.Gap {
	if in.Logs == nil || in.LogAnalysis == nil {
		return nil
	}
	timer.begin(StageLogs)
	gaps := loganalysis.Collect(ctx, loganalysis.Input{
		Provider: in.Logs, Graph: filter.Graph(), Scope: filter, Options: *in.LogAnalysis,
		Wanting: check.Requiring(in.Checks, facts.SourceLogTemplates), Redact: gate.Text,
		Exclude: func(namespace string) bool {
			return text.MatchAny(in.ExcludeNamespaces, namespace)
		},
	})
	timer.done(StageLogs)
	return gaps
}

// readRunning adds what running Pods log now to the graph. A judgement without evidence uses what was read last, while it is fresh, and
// reads again after that: neither a finding nor a gap may outlive the error or vanish before it.
func (j *Judge) readRunning(ctx context.Context, in Input, timer *timer, filter *scope.Filter, read bool) []facts.Gap {
	const fresh = 2 * podlogs.Window
	g := filter.Graph()
	if !read && j.runningAt.IsZero() {
		return nil
	}
	if !read && g.Now.Sub(j.runningAt) < fresh {
		if j.running != nil {
			g.SetRunningLogs(j.running)
		}
		return j.runningGaps
	}
	timer.begin(StageRunning)
	gaps := podlogs.Collect(ctx, podlogs.Input{
		Source: in.Source, Graph: g, Scope: filter, Params: in.Params, Redact: j.gate.Text,
		Wanting: check.Requiring(in.Checks, facts.SourceRunningLogs), Asked: slices.Contains(in.AskedSources, facts.SourceRunningLogs),
		Exclude: func(namespace string) bool { return text.MatchAny(in.ExcludeNamespaces, namespace) },
	})
	j.running = g.RunningLogs()
	j.runningGaps = gaps
	j.runningAt = g.Now
	timer.done(StageRunning)
	return gaps
}

// explained puts what the last log lines of a container mean into the headline of its finding, if the facts prove it. Memory that ran out
// is proven by the end of the container already.
func explained(reader *lastline.Reader, g *facts.Graph, f check.Finding, log string) check.Finding {
	pod, ok := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: f.Logs.Namespace, Name: f.Logs.Pod})
	if !ok || f.Check == "pod-oom-killed" {
		return f
	}
	for _, containers := range [][]facts.Container{pod.Containers, pod.InitContainers} {
		for _, c := range containers {
			if c.Name != f.Logs.Container {
				continue
			}
			if s, known := reader.Read(pod, c, log); known {
				return lastline.Lift(f, s)
			}
		}
	}
	return f
}
