package report

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// startingObjects are Deployment web with one Pod, and Pod alone of namespace tools; their Pods were created, and last changed, at since.
func startingObjects(ready, since string) string {
	pod := strings.ReplaceAll(checktest.WebPod("web-1-a", "web-1", ready, since), "2026-01-15T11:00:00Z", since)
	return checktest.WebDeployment("replicas: 1", "replicas: 1") + checktest.WebReplicaSet("web-1", 1, 1, 0, "") + pod +
		checktest.Document("v1", "Pod", `name: alone, namespace: tools, uid: alone, creationTimestamp: "`+since+`"`, `
spec: {containers: [{name: web, image: web}]}
status: {phase: Pending, conditions: [{type: Ready, status: "`+ready+`", lastTransitionTime: "`+since+`"}]}
`)
}

func TestWorkloadsWithinTheStartupGraceAreCounted(t *testing.T) {
	problem := func(class v1alpha1.FindingClass) []causes.Linked {
		return []causes.Linked{{ID: "p", CausedBy: -1, Finding: check.Finding{
			Check: "image-not-found", Class: class, Severity: v1alpha1.SeverityHigh,
			Object: facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "web-1-a"},
		}}}
	}
	for name, tc := range map[string]struct {
		since    string
		ready    string
		exclude  []string
		findings []causes.Linked
		want     int32
	}{
		"Pods that start":                        {since: checktest.JustNow, ready: "False", want: 2},
		"Pods that have not been ready for long": {since: checktest.LongAgo, ready: "False"},
		"ready Pods":                             {since: checktest.JustNow, ready: "True"},
		"an excluded namespace":                  {since: checktest.JustNow, ready: "False", exclude: []string{"tool*"}, want: 1},
		"a workload with a problem":              {since: checktest.JustNow, ready: "False", findings: problem(v1alpha1.ClassProblem), want: 1},
		"a workload with a recommendation":       {since: checktest.JustNow, ready: "False", findings: problem(v1alpha1.ClassRecommendation), want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := starting(Input{
				Graph: testkit.Graph(t, startingObjects(tc.ready, tc.since)), StartupGrace: time.Minute, ExcludeNamespaces: tc.exclude,
				Findings: tc.findings,
			})
			switch {
			case tc.want == 0 && got != nil:
				t.Errorf("%+v, want none", got)
			case tc.want > 0 && (got == nil || got.Workloads != tc.want || got.Grace.Duration != time.Minute):
				t.Errorf("%+v, want %d", got, tc.want)
			}
		})
	}
}
