package inspect

import (
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/podlogs"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
)

func TestLogsOfRunningPodsAreUsedWhileTheyAreFreshAndThenReadAgain(t *testing.T) {
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		age          time.Duration
		evidence     bool
		used, reread bool
	}{
		"fresh":                {age: podlogs.Window, used: true},
		"stale":                {age: 3 * podlogs.Window, reread: true},
		"fresh, with evidence": {age: podlogs.Window, evidence: true, reread: true},
	} {
		g := testkit.Graph(t, "")
		judge := &Judge{gate: gate, running: &facts.RunningLogs{}, runningAt: g.Now.Add(-tc.age)}
		in := Input{Clock: clock.RealClock{}}
		judge.readRunning(t.Context(), in, newTimer(in), scope.New(g, nil), tc.evidence)
		if used := g.RunningLogs() != nil; used != tc.used {
			t.Errorf("%s: the logs that were read before are used: %t, want %t", name, used, tc.used)
		}
		if reread := judge.runningAt.Equal(g.Now); reread != tc.reread {
			t.Errorf("%s: read again: %t, want %t", name, reread, tc.reread)
		}
	}
	g := testkit.Graph(t, "")
	judge := &Judge{gate: gate}
	in := Input{Clock: clock.RealClock{}}
	judge.readRunning(t.Context(), in, newTimer(in), scope.New(g, nil), false)
	if !judge.runningAt.IsZero() {
		t.Error("a judgement without evidence is the first to read logs")
	}
}

func TestAGapOfTheLogsOfRunningPodsStaysWhileTheyAreFresh(t *testing.T) {
	gaps := []facts.Gap{{Source: "logs"}}
	for name, running := range map[string]*facts.RunningLogs{"some were read": {}, "none were read": nil} {
		g := testkit.Graph(t, "")
		judge := &Judge{running: running, runningGaps: gaps, runningAt: g.Now.Add(-podlogs.Window)}
		in := Input{Clock: clock.RealClock{}}
		if got := judge.readRunning(t.Context(), in, newTimer(in), scope.New(g, nil), false); len(got) != 1 || got[0].Source != "logs" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
