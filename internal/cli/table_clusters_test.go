package cli

import (
	"bytes"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestCommandsOfRemediationsNameTheContext(t *testing.T) {
	t.Parallel()
	for remediation, want := range map[string]string{
		"Run `kubectl get pods`, kubectl is not run here.":     "Run `kubectl --context 'a b' get pods`, kubectl is not run here.",
		"`kubectl get pods -A -o yaml | kubectl replace -f -`": "`kubectl --context 'a b' get pods -A -o yaml | kubectl --context 'a b' replace -f -`",
		"`kubectl --context c get pods`":                       "`kubectl --context c get pods`",
		"`kubectl get pods -o name | xargs -r kubectl delete`": "`kubectl --context 'a b' get pods -o name | xargs -r kubectl --context 'a b' delete`",
		"`kubectl annotate pod x note=\"kubectl x\"`":          "`kubectl --context 'a b' annotate pod x note=\"kubectl x\"`",
		"Set spec.replicas, or an unpaired ` kubectl get pods": "Set spec.replicas, or an unpaired ` kubectl get pods",
	} {
		if got := inContext(remediation, "a b"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := inContext(remediation, ""); got != remediation {
			t.Errorf("changed without a cluster: %s", got)
		}
	}
}

func TestTheTableNamesTheClusterOfEachFinding(t *testing.T) {
	t.Parallel()
	score := int32(81)
	r := &v1alpha1.InspectionReport{
		Clusters: []v1alpha1.InspectedCluster{
			{Name: "prod-a", Version: "v1.37.2", Score: &score, Problems: v1alpha1.RootCauseCounts{Total: 1}, Recommendations: 2},
			{Name: "prod-b", NotInspected: v1alpha1.GapTimedOut, Gaps: 1},
		},
		Findings: []v1alpha1.Finding{{
			ID: "1", Check: "pod-crash-looping", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh, Cluster: "prod-a",
			Object: object("Deployment", "shop", "cart"), Message: "Container app of Deployment cart keeps crashing.",
		}},
		Gaps: []v1alpha1.Gap{{Cluster: "prod-b", Source: "pods", Reason: v1alpha1.GapForbidden, Message: "User x cannot list pods (RBAC)."}},
	}
	r.Summary.Problems.Add(v1alpha1.SeverityHigh)
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 100}
	if err := p.print(r, "2 clusters"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Clusters: 1 complete, 1 not inspected\n", "  prod-a  v1.37.2  score 81: 1 problem, 2 recommendations, in 0.0s\n",
		"  prod-b           not inspected: TimedOut, after 0.0s\n", "HIGH      Deployment shop/cart (prod-a)", "- prod-b: User x cannot list pods (RBAC).\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
