package report

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/testkit"
)

// shippedPermissions returns the roles and bindings in config/, without samples and what belongs to tenants.
func shippedPermissions(t *testing.T) []facts.Ref {
	t.Helper()
	var refs []facts.Ref
	root := filepath.Join("..", "..", "..", "config")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "samples" || entry.Name() == "tenant") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".yaml" || entry.Name() == "kustomization.yaml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, document := range bytes.Split(text, []byte("\n---")) {
			var object struct {
				Kind     string
				Metadata struct{ Name string }
				Patch    string `json:"$patch"`
			}
			if yaml.Unmarshal(document, &object) != nil || object.Patch != "" {
				continue
			}
			switch kind := facts.Kind(object.Kind); kind {
			case facts.Role, facts.ClusterRole, facts.RoleBinding, facts.ClusterRoleBinding:
				refs = append(refs, facts.Ref{Kind: kind, Name: object.Metadata.Name})
			}
		}
		return nil
	})
	if err != nil || len(refs) < 15 {
		t.Fatalf("%d roles and bindings: %v", len(refs), err)
	}
	return refs
}

func TestNoRemedyTakesAPermissionFromKubeOps(t *testing.T) {
	g := testkit.Graph(t, "")
	for _, ref := range shippedPermissions(t) {
		verb := map[facts.Kind]remedy.Words{facts.Role: "edit", facts.ClusterRole: "edit"}[ref.Kind]
		if verb == "" {
			verb = "delete"
		}
		narrowing := remedy.Sprintf("Narrow it: `kubectl %s %s %s`.", verb, ref.Kind.Argument(), ref.Name)
		for _, object := range []facts.Ref{ref, {Kind: facts.ServiceAccount, Namespace: "shop", Name: "kubeops"}} {
			got := string(remediation(g, causes.Linked{Finding: check.Finding{Object: object, Remediation: narrowing}}))
			if strings.Contains(got, "`") || !strings.Contains(got, "belongs to KubeOps") {
				t.Errorf("%s: %s", ref, got)
			}
		}
	}
}

func TestFindingsAboutKubeOpsAreExplained(t *testing.T) {
	finding := func(object facts.Ref, text remedy.Text) string {
		return string(remediation(testkit.Graph(t, ""), causes.Linked{Finding: check.Finding{Object: object, Remediation: text}}))
	}
	manager := facts.Ref{Kind: facts.Deployment, Namespace: "kubeops-system", Name: "kubeops-manager"}
	for name, c := range map[string]struct {
		object facts.Ref
		remedy remedy.Text
		want   string
	}{
		"its role": {facts.Ref{Kind: facts.ClusterRole, Name: "kubeops-manager-impersonation"}, "Remove the verb: `kubectl edit clusterrole x`.",
			"ClusterRole kubeops-manager-impersonation belongs to KubeOps: the manager acts as the ServiceAccounts of tenants with it, and " +
				"has no permissions of its own on what they read. Do not delete or narrow it. If it differs from the manifests of the " +
				"installed version, apply those again."},
		"its Deployment, removed": {manager, "`kubectl -n kubeops-system delete deployment kubeops-manager`",
			"Keep Deployment kubeops-manager, which KubeOps runs with"},
		"its Deployment, stopped": {manager, "`kubectl -n kubeops-system scale deployment kubeops-manager --replicas=0`",
			"Keep Deployment kubeops-manager, which KubeOps runs with"},
		"its Deployment, with a second replica": {manager, "`kubectl -n kubeops-system scale deployment kubeops-manager --replicas=2`",
			"`kubectl -n kubeops-system scale deployment kubeops-manager --replicas=2`"},
		"a role of another name": {facts.Ref{Kind: facts.ClusterRole, Name: "kubeops-managers"}, "`kubectl edit clusterrole kubeops-managers`",
			"`kubectl edit clusterrole kubeops-managers`"},
		"another object of the name of a role": {facts.Ref{Kind: facts.ConfigMap, Namespace: "a", Name: "kubeops-inspector"},
			"`kubectl -n a delete configmap kubeops-inspector`", "`kubectl -n a delete configmap kubeops-inspector`"},
	} {
		if got := finding(c.object, c.remedy); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

func TestAManifestErrorKeepsItsRemedyWhateverTheNameOfTheObject(t *testing.T) {
	object := facts.Ref{Kind: facts.RoleBinding, Namespace: "team", Name: "kubeops-inspector"}
	g := testkit.Graph(t, "")
	g.ManifestErrors = []facts.ManifestError{{Kind: facts.FlawDuplicate, Object: object}}
	const keepOne = "Keep one of the documents, or give them different names or namespaces."
	for id, want := range map[string]string{"manifest-duplicate": keepOne, "binding-to-everyone": "belongs to KubeOps"} {
		got := string(remediation(g, causes.Linked{Finding: check.Finding{Check: id, Object: object, Remediation: keepOne}}))
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s", id, got)
		}
	}
}

// TestFindingsAboutKubeOpsStayInTheReport: an object that only has the name of one is not hidden.
func TestFindingsAboutKubeOpsStayInTheReport(t *testing.T) {
	c := check.Check{ID: "role", Severity: v1alpha1.SeverityHigh, Category: v1alpha1.CategorySecurity}
	object := facts.Ref{Kind: facts.ClusterRole, Name: "kubeops-manager"}
	got := New(Input{
		Graph: testkit.Graph(t, ""), Checks: []check.Check{c}, ChecksRun: 1, Start: testkit.Now(), Redact: func(text string) string { return text },
		Findings: []causes.Linked{{ID: "a", CausedBy: -1, Finding: check.Finding{
			Check: "role", Object: object, Severity: v1alpha1.SeverityHigh, Message: "ClusterRole kubeops-manager allows everything."}}},
	})
	if len(got.Findings) != 1 || got.Findings[0].Severity != v1alpha1.SeverityHigh || got.Summary.Ignored != 0 {
		t.Errorf("%+v", got)
	}
}
