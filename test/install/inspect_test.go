package install

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

// explained are the recommendations about KubeOps itself that its documentation explains (docs/permissions.md).
func explained() map[string]bool {
	return map[string]bool{"single-replica Deployment/kubeops-dashboard": true}
}

// inspectItself checks that an inspection of the namespace of the installation finds no problem, and above severity info nothing that is not
// explained.
func (c *cluster) inspectItself(t *testing.T) {
	out := run(t, "", filepath.Join(c.bin, "kubeops"), "inspect", "--kubeconfig", c.kubeconfig, "-n", namespace, "-o", "json")
	report := &v1alpha1.InspectionReport{}
	if err := json.Unmarshal([]byte(out), report); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		name := f.Check + " " + f.Object.Kind + "/" + f.Object.Name
		t.Logf("%s %s %s", f.Class, f.Severity, name)
		if f.Class == v1alpha1.ClassProblem || f.Severity != v1alpha1.SeverityInfo && !explained()[name] {
			t.Errorf("%s: %s", name, f.Message)
		}
	}
}
