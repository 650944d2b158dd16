package inspect

import (
	"context"
	"slices"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
)

// logStore is a fake log backend.
type logStore struct {
	logs.Provider
	entries  []logs.Entry
	searches int
}

func (s *logStore) Search(_ context.Context, q logs.Query) (logs.Page, error) {
	s.searches++
	var page logs.Page
	for _, e := range s.entries {
		if !e.Time.Before(q.Start) && e.Time.Before(q.End) {
			page.Entries = append(page.Entries, e)
		}
	}
	return page, nil
}

const crashing = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: cart, namespace: shop, uid: c}
spec:
  serviceName: cart
  replicas: 1
  selector: {matchLabels: {app: cart}}
  template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: app, image: cart:1}]}}
status: {replicas: 1}
---
apiVersion: v1
kind: Pod
metadata:
  name: cart-0
  namespace: shop
  labels: {app: cart}
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: c, controller: true}]
spec: {nodeName: node-1, containers: [{name: app, image: cart:1}]}
status:
  phase: Running
  startTime: "2026-01-15T10:00:00Z"
  containerStatuses:
  - name: app
    image: cart:1
    imageID: x
    ready: false
    restartCount: 9
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-01-15T11:58:00Z"}}
`

func TestLoggedErrorsAreCausedByTheCrash(t *testing.T) {
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	backend := &logStore{}
	for minute := 50; minute > 0; minute -= 5 {
		backend.entries = append(backend.entries, logs.Entry{
			Time: testkit.Now().Add(-time.Duration(minute) * time.Minute), Line: "FATAL: relation \"orders\" does not exist",
			Labels: map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: "cart-0", logs.LabelContainer: "app"},
		})
	}
	in := Input{Logs: backend, LogAnalysis: &loganalysis.Options{}, Checks: checks.Builtin(), Clock: clock.RealClock{}}
	g := testkit.Graph(t, crashing)
	if gaps := readLogs(t.Context(), in, newTimer(in), scope.New(g, nil), gate); len(gaps) > 0 {
		t.Fatal(gaps)
	}
	findings, _, _ := check.Run(g, in.Checks, check.DefaultParams())
	linked := causes.Link(g, in.Checks, findings)
	i := slices.IndexFunc(linked, func(l causes.Linked) bool { return l.Check == "log-new-error" })
	if i < 0 {
		t.Fatalf("no log-new-error finding after %d searches", backend.searches)
	}
	if linked[i].Object != (facts.Ref{Kind: facts.StatefulSet, Namespace: "shop", Name: "cart"}) || linked[i].CausedBy < 0 {
		t.Fatalf("got %+v, want a finding with a cause on StatefulSet cart", linked[i])
	}
	chain := []string{}
	for cause := linked[i].CausedBy; cause >= 0; cause = linked[cause].CausedBy {
		chain = append(chain, linked[cause].Check)
	}
	if len(chain) == 0 || chain[len(chain)-1] != "pod-crash-looping" {
		t.Errorf("caused by %q, want pod-crash-looping last", chain)
	}
}

func TestWithoutLogAnalysisNoLinesAreRead(t *testing.T) {
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	without, err := check.Select(checks.Builtin(), nil, []string{"log-*"})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]Input{
		"disabled":           {Checks: checks.Builtin()},
		"no log checks":      {Checks: without, LogAnalysis: &loganalysis.Options{}},
		"excluded namespace": {Checks: checks.Builtin(), LogAnalysis: &loganalysis.Options{}, ExcludeNamespaces: []string{"sh*"}},
	} {
		backend := &logStore{}
		in.Logs = backend
		in.Clock = clock.RealClock{}
		if gaps := readLogs(t.Context(), in, newTimer(in), scope.New(testkit.Graph(t, crashing), nil), gate); len(gaps) > 0 || backend.searches > 0 {
			t.Errorf("%s: %d searches, gaps %v", name, backend.searches, gaps)
		}
	}
	in := Input{Checks: checks.Builtin(), LogAnalysis: &loganalysis.Options{}, Clock: clock.RealClock{}}
	if gaps := readLogs(t.Context(), in, newTimer(in), scope.New(testkit.Graph(t, crashing), nil), gate); len(gaps) > 0 {
		t.Errorf("without a backend: %v", gaps)
	}
}
