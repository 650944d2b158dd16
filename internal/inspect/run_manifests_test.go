package inspect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
)

// inspected are the findings in one file.
func inspected(t *testing.T, content string) []v1alpha1.Finding {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "app.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	wall := clock.RealClock{}
	read, err := manifests.Read(t.Context(), []string{folder}, manifests.Options{Minor: manifests.NewestMinor, Now: wall.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return Manifests(ManifestsInput{
		Read: read, Checks: checks.Builtin(), Params: check.DefaultParams(), Clock: wall, Start: wall.Now(),
		Redact: func(text string) string { return text },
	}).Findings
}

func TestRemediesForFilesNameTheFileAndLine(t *testing.T) {
	const role = `apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: ci}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: robot}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: robot}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: robot}
subjects: [{kind: ServiceAccount, name: robot, namespace: ci}]
`
	const budgets = `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`
	for name, tc := range map[string]struct{ content, check, place string }{
		"a role":   {role, "rbac-wildcard-resources", "app.yaml:5"},
		"a budget": {budgets, "pdb-blocks-drain", "app.yaml:1"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range inspected(t, tc.content) {
				if f.Check != tc.check {
					continue
				}
				if !strings.Contains(f.Remediation, tc.place) || strings.Contains(f.Remediation, "kubectl edit") ||
					strings.Contains(f.Remediation, "kubectl patch") || strings.Contains(f.Remediation, " patch ") {
					t.Errorf("remedy %q", f.Remediation)
				}
				return
			}
			t.Fatalf("no finding of %s", tc.check)
		})
	}
}

func TestReplicasInAFileConflictWithAnAutoscaler(t *testing.T) {
	const scaled = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {minReplicas: 2, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: KIND, name: web}}
---
apiVersion: apps/v1
kind: KIND
metadata: {name: web, namespace: shop}
spec:
  REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example.com/web:1"}]}
`
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		for replicas, want := range map[string]bool{"replicas: 4": true, "minReadySeconds: 1": false} {
			content := strings.NewReplacer("KIND", kind, "REPLICAS", replicas).Replace(scaled)
			found := slices.ContainsFunc(inspected(t, content), func(f v1alpha1.Finding) bool { return f.Check == "hpa-fixed-replicas" })
			if found != want {
				t.Errorf("%s with %s: found is %v", kind, replicas, found)
			}
		}
	}
}
