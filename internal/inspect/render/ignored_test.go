package render

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestEveryDocumentNamesIgnoredFindingsAndWorkloadsThatAreNotJudged(t *testing.T) {
	report := sample()
	report.Summary.Starting = &v1alpha1.StartingWorkloads{Workloads: 1, Grace: metav1.Duration{Duration: 90 * time.Second}}
	report.Ignored = []v1alpha1.IgnoredFinding{
		{ID: "i1", Check: "pod-evicted", Severity: v1alpha1.SeverityLow, Message: "Pod a was evicted " + hostile, Reason: hostile},
		{ID: "i2", CausedBy: "i1", Check: "deployment-unavailable", Severity: v1alpha1.SeverityHigh, Message: "Deployment a has no Pods."},
	}
	for _, format := range []string{"markdown", "html"} {
		var out bytes.Buffer
		if err := Write(&out, format, report, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"1 workload is not judged yet: not ready, for less than the startup grace of 1m30s", "Ignored by rules",
			"Pod a was evicted", "Deployment a has no Pods.",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s lacks %q:\n%s", format, want, out.String())
			}
		}
		_, section, _ := strings.Cut(out.String(), "Ignored by rules") // log lines in code blocks are literal
		if section, _, _ = strings.Cut(section, "Not inspected"); strings.Contains(section, "<img src=x") {
			t.Errorf("%s contains markup of an ignored finding", format)
		}
	}
}
