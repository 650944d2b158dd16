package inspect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// crashingWithFile is a Pod that crashes and mounts a ConfigMap, a file of which names a Service that does not exist.
func crashingWithFile(t *testing.T) *facts.Graph {
	t.Helper()
	return testkit.Graph(t, checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i, volumeMounts: [{name: conf, "+
		"mountPath: /conf}]}], volumes: [{name: conf, configMap: {name: urls}}]}\nstatus: {phase: Running, containerStatuses: [{name: api, "+
		"ready: false, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: Error, "+
		"finishedAt: \"2026-01-15T11:58:00Z\"}}}]}")+checktest.Document("v1", "Namespace", "name: mq", "")+
		checktest.Document("v1", "ConfigMap", "name: urls, namespace: shop", "data: {app.yaml: \"a: 1\\nqueue: queue.mq.svc:5672\\n\"}"))
}

func TestAHostInAFileIsTheCauseOfACrashOnlyIfALogNamesIt(t *testing.T) {
	const crash, dependency = "pod-crash-looping", "dependency-unreachable"
	confirmed := v1alpha1.SeverityHigh
	for name, tc := range map[string]struct {
		log      string
		status   int
		evidence bool
		previous v1alpha1.Severity
		want     v1alpha1.Severity
	}{
		"the log names it":                              {"lookup queue.mq.svc.cluster.local: no such host", 200, true, "", confirmed},
		"the log names something else":                  {"FATAL: no such table", 200, true, "", v1alpha1.SeverityMedium},
		"the log names something else now":              {"FATAL: no such table", 200, true, confirmed, v1alpha1.SeverityMedium},
		"the log is gone":                               {"", 404, true, "", v1alpha1.SeverityMedium},
		"the log is gone, and named it before":          {"", 404, true, confirmed, confirmed},
		"the log cannot be read":                        {"", 403, true, "", v1alpha1.SeverityMedium},
		"no log is read":                                {"lookup queue.mq.svc: no such host", 200, false, "", v1alpha1.SeverityMedium},
		"no log is read this time, and named it before": {"", 200, false, confirmed, confirmed},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				if !strings.HasSuffix(r.URL.Path, "/namespaces/shop/pods/cart-7d9f-a/log") || r.URL.Query().Get("container") != "api" {
					t.Errorf("got %s", r.URL)
				}
				w.WriteHeader(tc.status)
				_, _ = fmt.Fprintln(w, tc.log)
			}))
			defer server.Close()
			g := crashingWithFile(t)
			in := Input{Source: collect.Source{Cluster: "test", Config: &rest.Config{Host: server.URL}}, Clock: clock.RealClock{}}
			all := checks.Builtin()
			found, _, failed := check.Run(g, all, check.DefaultParams())
			if len(failed) > 0 {
				t.Fatal(failed)
			}
			how := Judging{Evidence: tc.evidence}
			for _, f := range found {
				if f.Check == dependency && tc.previous != "" {
					how.Previous = &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{ID: causes.ID(g.Cluster, f), Severity: tc.previous}}}
				}
			}
			found, gaps := confirm(t.Context(), in, g, scope.New(g, nil), found, how)
			linked := causes.Link(g, all, found)
			seen := map[string]causes.Linked{}
			for _, f := range linked {
				seen[f.Check] = f
			}
			is := seen[dependency]
			if is.Severity != tc.want || (is.Confirm == nil) != (tc.want == confirmed) {
				t.Errorf("%s is %s", dependency, is.Severity)
			}
			if caused := seen[crash].CausedBy >= 0; seen[crash].Check == "" || caused != (tc.want == confirmed) {
				t.Errorf("%s has a cause: %t", crash, caused)
			}
			if forbidden := len(gaps) > 0; forbidden != (tc.status == 403) || (requests > 0) != tc.evidence {
				t.Errorf("%d requests, gaps %+v", requests, gaps)
			}
			quoted := len(is.Evidence) > 0 && is.Evidence[len(is.Evidence)-1].Source == v1alpha1.EvidenceLog
			if quoted != (tc.evidence && tc.want == confirmed && tc.status == 200) {
				t.Errorf("evidence %+v", is.Evidence)
			}
		})
	}
}

func TestLogsThatCannotBeReadAreOneGap(t *testing.T) {
	forbidden := func(checks ...string) facts.Gap {
		return facts.Gap{Source: "pods/log", Reason: v1alpha1.GapForbidden, Message: "of " + checks[0], Checks: checks}
	}
	failed := facts.Gap{Source: "pods/log", Reason: v1alpha1.GapUnavailable, Checks: []string{"a"}}
	first := []facts.Gap{forbidden("crash", "probe")}
	got := joinGaps(first, []facts.Gap{forbidden("dependency", "crash"), failed})
	joined := forbidden("crash", "dependency", "probe")
	if diff := cmp.Diff([]facts.Gap{joined, failed}, got); diff != "" || len(first[0].Checks) != 2 {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}
