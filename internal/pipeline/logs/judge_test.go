package logs

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/pipeline"
)

func start() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// attempt of a stage at a time after its start.
func attempt(after time.Duration, noData v1alpha1.NoDataPolicy) pipeline.Attempt {
	return pipeline.Attempt{
		Namespace: "shop", Started: start(), Deployed: start().Add(-time.Minute), RunStarted: start().Add(-time.Hour),
		Now:   start().Add(after),
		Stage: &v1alpha1.PipelineStage{Name: "gate", Type: v1alpha1.StageLogs, Logs: &v1alpha1.LogsStage{NoData: noData}},
	}
}

func result(change func(*loganalysis.NewErrors)) *loganalysis.NewErrors {
	found := &loganalysis.NewErrors{Lines: 10, Current: 5, BaselineLines: 100, Covered: 1, BaselineCovered: 1}
	if change != nil {
		change(found)
	}
	return found
}

func broken(found *loganalysis.NewErrors) {
	found.Workloads = []facts.WorkloadLogs{{
		Workload: facts.Ref{Namespace: "shop", Name: "cart"}, MoreNew: 2,
		New: []facts.LogTemplate{{Text: "cannot write order <num>", Count: 7, Examples: []string{"cannot write order 4\n\tat main.go:1"}}},
	}}
}

func TestLogsAreJudgedByTheirNewErrors(t *testing.T) {
	const end = v1alpha1.DefaultLogWindow + v1alpha1.LogDelay
	for name, tc := range map[string]struct {
		after  time.Duration
		noData v1alpha1.NoDataPolicy
		change func(*loganalysis.NewErrors)
		state  pipeline.State
		reason string
		says   string
	}{
		"a new error, at once":     {after: time.Minute, change: broken, state: pipeline.Failed, reason: "NewErrors", says: "3 new errors in 1 workload"},
		"none so far":              {after: time.Minute, reason: "WatchingLogs", says: "watches until 2026-05-01T12:10:00Z"},
		"none, and lines may come": {after: end - time.Second, reason: "WatchingLogs"},
		"none at the end":          {after: end, state: pipeline.Succeeded, says: "no new errors"},
		"a part at the end": {
			after: end, change: func(n *loganalysis.NewErrors) { n.Covered = 0.5 }, state: pipeline.Succeeded, says: "50 % were read",
		},
		"no lines of the new Pods so far": {
			after: time.Minute, change: func(n *loganalysis.NewErrors) { n.Current = 0 }, reason: "WatchingLogs",
		},
		"no lines of the new Pods": {
			after: end, change: func(n *loganalysis.NewErrors) { n.Current = 0 }, state: pipeline.Failed, reason: "NoData",
			says: "no lines since the stage started at 2026-05-01T12:00:00Z, and those since 2026-05-01T11:59:00Z are of Pods",
		},
		"no lines of the new Pods, waiting": {
			after: end, noData: "Wait", change: func(n *loganalysis.NewErrors) { n.Current = 0 }, reason: "NoData",
		},
		"a new error of an old Pod": {
			after: time.Minute, change: func(n *loganalysis.NewErrors) { broken(n); n.Current = 0 }, state: pipeline.Failed, reason: "NewErrors",
		},
		"no lines so far":   {after: time.Minute, change: func(n *loganalysis.NewErrors) { n.Lines = 0 }, reason: "WatchingLogs"},
		"no lines":          {after: end, change: func(n *loganalysis.NewErrors) { n.Lines = 0 }, state: pipeline.Failed, reason: "NoData", says: "no lines of the stage since 2026-05-01T11:59:00Z"},
		"no lines, waiting": {after: end, noData: "Wait", change: func(n *loganalysis.NewErrors) { n.Lines = 0 }, reason: "NoData"},
		"no baseline": {
			after: end, change: func(n *loganalysis.NewErrors) { broken(n); n.BaselineLines = 0 }, state: pipeline.Failed, reason: "NoData",
			says: "to compare with",
		},
		"too little of many lines": {
			after: end, change: func(n *loganalysis.NewErrors) { n.Covered = 0.01 }, state: pipeline.Failed, reason: "NoData", says: "logs.maxLines",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := judge(attempt(tc.after, tc.noData), result(tc.change))
			if o.State != tc.state || o.Reason != tc.reason || !strings.Contains(o.Message, tc.says) {
				t.Errorf("got %+v", o)
			}
			if o.State == pipeline.Running && (o.After <= 0 || o.Handle == "") {
				t.Errorf("nothing follows: %+v", o)
			}
			if _, ok := o.Outputs[v1alpha1.OutputNewErrors]; ok != (o.State == pipeline.Succeeded) {
				t.Errorf("outputs %v", o.Outputs)
			}
		})
	}
}

func TestADiagnosisHasTheTemplatesAndIsBounded(t *testing.T) {
	lines := describe(result(broken))
	want := []string{"shop/cart: 7x cannot write order <num>", "  example: cannot write order 4 at main.go:1", "and 2 more"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", lines)
	}
	many := result(func(found *loganalysis.NewErrors) {
		for range 20 {
			one := result(broken)
			found.Workloads = append(found.Workloads, one.Workloads...)
		}
	})
	if lines := describe(many); len(lines) != 2*maxShown+1 || lines[len(lines)-1] != "and 51 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestWorkloadsSelectTheirPods(t *testing.T) {
	if selection(nil) != nil {
		t.Error("without workloads, all Pods count")
	}
	selects := selection([]v1alpha1.WorkloadReference{
		{Kind: "Deployment", Namespace: "shop", Name: "cart"}, {Kind: "Rollout", Namespace: "shop", Name: "web"},
	})
	for pod, want := range map[string]bool{
		"shop/cart-7d9f8b6c5d-x2x4z": true, "bank/cart-7d9f8b6c5d-x2x4z": false, "shop/cart-api-7d9f8b6c5d-x2x4z": false,
		"shop/web-7d9f8b6c5d-x2x4z": true, "shop/cart": false, "shop/": false,
	} {
		namespace, name, _ := strings.Cut(pod, "/")
		if got := selects(namespace, name); got != want {
			t.Errorf("%s is selected: %v", pod, got)
		}
	}
}
