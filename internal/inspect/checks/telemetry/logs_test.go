package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// toldOfLogs runs one check over a graph to which a log back end has told something, and writes what it found as checktest.Text does.
func toldOfLogs(t *testing.T, id string, told *facts.Logs) string {
	t.Helper()
	selected, err := check.Select(Checks(), []string{id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := testkit.Graph(t, "")
	if findings, ran, gaps := check.Run(g, selected, check.DefaultParams()); ran != 0 || len(findings)+len(gaps) > 0 {
		t.Errorf("without a log back end: %d ran, %v, %v", ran, findings, gaps)
	}
	if told != nil {
		g.SetLogs(told)
	}
	g.Provide(facts.SourceLogTemplates)
	findings, ran, gaps := check.Run(g, selected, check.DefaultParams())
	if ran != 1 || len(gaps) > 0 {
		t.Fatalf("%d ran, gaps %v", ran, gaps)
	}
	var text strings.Builder
	for _, f := range findings {
		if f.Remediation == "" || f.Discriminator != "" {
			t.Errorf("%+v", f)
		}
		fmt.Fprintf(&text, "%s %s: %s\n", f.Severity, f.Object, f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&text, "  %s: %s\n", e.Source, strings.ReplaceAll(e.Text, "\n", "\n    "))
		}
	}
	return text.String()
}

// loggedBy one workload, cart.
func loggedBy(w facts.WorkloadLogs) *facts.Logs {
	w.Workload = facts.Ref{Kind: facts.StatefulSet, Namespace: "shop", Name: "cart"}
	return &facts.Logs{Window: time.Hour, Baseline: 24 * time.Hour, Covered: 1, BaselineCovered: 1, Workloads: []facts.WorkloadLogs{w}}
}

func TestErrorsInLogsAreReported(t *testing.T) {
	refused := facts.LogTemplate{
		Text: "ERROR dial tcp <ip>: refused", Count: 12, Expected: 24, Usual: 1, Most: 2, Containers: []string{"app"},
		Examples: []string{"ERROR dial tcp 10.0.0.1:5432: refused", "ERROR dial tcp 10.0.0.2:5432: refused"},
	}
	panics := facts.LogTemplate{
		Text:       "panic: boom",
		Fatal:      true,
		Count:      1,
		Expected:   1,
		Containers: []string{"app", "sidecar"},
		Examples:   []string{"panic: boom\n\ngoroutine 1 [running]:"},
	}
	partly := loggedBy(facts.WorkloadLogs{Known: true, New: []facts.LogTemplate{refused}, Surging: []facts.LogTemplate{refused}})
	partly.Covered, partly.BaselineCovered = 0.5, 0.25
	for name, tc := range map[string]struct {
		check string
		told  *facts.Logs
		want  string
	}{
		"nothing was read": {"log-new-error", nil, ""},
		"nothing is new":   {"log-new-error", loggedBy(facts.WorkloadLogs{Known: true, Surging: []facts.LogTemplate{refused}}), ""},
		"nothing surges":   {"log-error-surge", loggedBy(facts.WorkloadLogs{Known: true, New: []facts.LogTemplate{refused}}), ""},
		"new, and one ends it": {"log-new-error", loggedBy(facts.WorkloadLogs{Known: true, New: []facts.LogTemplate{panics, refused}, MoreNew: 3}), checktest.Lines(
			"high StatefulSet/shop/cart: StatefulSet cart logs new fatal errors.",
			"  log: once in 1h, never in the 24h before, in containers app, sidecar:",
			"    panic: boom",
			"    for example: panic: boom",
			"    ",
			"    goroutine 1 [running]:",
			"  log: 12 times in 1h, never in the 24h before, in container app:",
			"    ERROR dial tcp <ip>: refused",
			"    for example: ERROR dial tcp 10.0.0.1:5432: refused",
			"  log: and 3 other errors")},
		"of a new workload": {"log-new-error", loggedBy(facts.WorkloadLogs{New: []facts.LogTemplate{refused}}), checktest.Lines(
			"low StatefulSet/shop/cart: StatefulSet cart logs errors and logged nothing before.",
			"  log: 12 times in 1h, never in the 24h before, in container app:",
			"    ERROR dial tcp <ip>: refused",
			"    for example: ERROR dial tcp 10.0.0.1:5432: refused",
			"    for example: ERROR dial tcp 10.0.0.2:5432: refused")},
		"a surge": {"log-error-surge", loggedBy(facts.WorkloadLogs{Known: true, Surging: []facts.LogTemplate{refused}}), checktest.Lines(
			"medium StatefulSet/shop/cart: StatefulSet cart logs an error far more often than usual.",
			"  log: 12 times in 1h; usually 1, at most 2 in 90 % of such periods in the 24h before, in container app:",
			"    ERROR dial tcp <ip>: refused",
			"    for example: ERROR dial tcp 10.0.0.1:5432: refused",
			"    for example: ERROR dial tcp 10.0.0.2:5432: refused")},
		"a surge in lines that were read in part": {"log-error-surge", partly, checktest.Lines(
			"medium StatefulSet/shop/cart: StatefulSet cart logs an error far more often than usual.",
			"  log: 12 times in 1h (about 24; 12 read); usually 1, at most 2 in 90 % of such periods in the 24h (25 % of lines read) "+
				"before, in container app:",
			"    ERROR dial tcp <ip>: refused",
			"    for example: ERROR dial tcp 10.0.0.1:5432: refused",
			"    for example: ERROR dial tcp 10.0.0.2:5432: refused")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, toldOfLogs(t, tc.check, tc.told)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
