package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/testkit"
)

// reported runs checks on documents and returns the findings of the report.
func reported(t *testing.T, documents string, ids ...string) []v1alpha1.Finding {
	t.Helper()
	g := testkit.Graph(t, documents)
	selected, err := check.Select(checks.Builtin(), ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	findings, ran, gaps := check.Run(g, selected, check.DefaultParams())
	return report.New(report.Input{
		Graph: g, Findings: causes.Link(g, selected, findings), Gaps: gaps, Checks: selected, ChecksRun: ran, Start: testkit.Now(),
		Redact: func(text string) string { return text },
	}).Findings
}

// deploymentOf is a Deployment that keeps many revisions, with metadata of the tool that created it.
func deploymentOf(metadata string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop" + metadata + "}\n" +
		"spec: {replicas: 2, revisionHistoryLimit: 40, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, " +
		"spec: {containers: [{name: api, image: 'example.com/api:1', resources: {requests: {cpu: 1, memory: 1Gi}, " +
		"limits: {memory: 1Gi}}}]}}}\n"
}

func TestRemedyNamesTheSourceOfTheObject(t *testing.T) {
	const direct = "Lower it: `kubectl -n shop patch deployment cart -p '{\"spec\":{\"revisionHistoryLimit\":10}}'`."
	managed := func(managers ...string) string {
		var entries []string
		for _, m := range managers {
			entries = append(entries, "{manager: "+m+", operation: Update, apiVersion: apps/v1}")
		}
		return ", managedFields: [" + strings.Join(entries, ", ") + "]"
	}
	for name, c := range map[string]struct{ metadata, source string }{
		"kubectl":                     {metadata: managed("kubectl-client-side-apply")},
		"nothing is known":            {},
		"another tool":                {metadata: ", labels: {app.kubernetes.io/managed-by: custom-operator}"},
		"a release of Helm":           {helm(), "the Helm chart of release checkout (namespace shop-prod)"},
		"Helm, by its label":          {", labels: {app.kubernetes.io/managed-by: Helm}", "its Helm chart"},
		"Helm, by the managed fields": {managed("kubectl", "helm"), "its Helm chart"},
		"Argo CD, by its label": {", labels: {argocd.argoproj.io/instance: shop}",
			"the Git source of Argo CD Application shop"},
		"Argo CD, by its annotation": {", annotations: {argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:shop/cart'}",
			"the Git source of Argo CD Application shop"},
		"Argo CD, in another namespace": {", annotations: {argocd.argoproj.io/tracking-id: 'team_shop:apps/Deployment:shop/cart'}",
			"the Git source of Argo CD Application shop (namespace team)"},
		"Argo CD, by an annotation copied from another object": {
			metadata: ", annotations: {argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:shop/other'}"},
		"Argo CD, by a malformed annotation": {metadata: ", annotations: {argocd.argoproj.io/tracking-id: 'shop'}"},
		"Argo CD, by the managed fields": {", labels: {app.kubernetes.io/instance: shop}" + managed("argocd-controller"),
			"the Git source of Argo CD Application shop"},
		"Argo CD, without a name":       {managed("argocd-controller"), "the Git source of its Argo CD Application"},
		"Argo CD, of a Helm chart":      {helmAnd("argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:shop/cart'"), "the Git source of Argo CD Application shop"},
		"a Kustomization of Flux":       {", labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}", "the Git source of Flux Kustomization apps (namespace flux-system)"},
		"Flux, by the managed fields":   {managed("kustomize-controller"), "the Git source of its Flux Kustomization"},
		"a HelmRelease of Flux":         {", labels: {helm.toolkit.fluxcd.io/name: checkout, helm.toolkit.fluxcd.io/namespace: shop, app.kubernetes.io/managed-by: Helm}", "the values of Flux HelmRelease checkout (namespace shop)"},
		"a HelmRelease, by the fields":  {managed("helm-controller"), "the values of its Flux HelmRelease"},
		"a name that is none":           {", labels: {argocd.argoproj.io/instance: " + strings.Repeat("x", 300) + "}", "the Git source of its Argo CD Application"},
		"created by another controller": {metadata: ", labels: {argocd.argoproj.io/instance: shop}, ownerReferences: [{apiVersion: example.com/v1, kind: Shop, name: s, uid: u, controller: true}]"},
	} {
		t.Run(name, func(t *testing.T) {
			found := reported(t, deploymentOf(c.metadata), "revision-history-large")
			want := direct
			if c.source != "" {
				want = "Change it in " + c.source + ". Lower it: set spec.revisionHistoryLimit to 10."
			}
			if len(found) != 1 || found[0].Remediation != want {
				t.Errorf("want %s\ngot %+v", want, found)
			}
		})
	}
}

func helm() string { return helmAnd("") }

func helmAnd(annotation string) string {
	if annotation != "" {
		annotation = ", " + annotation
	}
	return ", labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: checkout, " +
		"meta.helm.sh/release-namespace: shop-prod" + annotation + "}"
}

func TestReportShowsTheSourceInTheWholeFinding(t *testing.T) {
	found := reported(t, deploymentOf(helm()), "revision-history-large")
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	f := found[0]
	got := fmt.Sprintf("%s %s %s %s %s\n%s\n%s: %s\nfix: %s", f.Check, f.Class, f.Severity, f.Object.Kind, f.Object.Name, f.Message,
		f.Evidence[0].Source, f.Evidence[0].Text, f.Remediation)
	want := "revision-history-large Recommendation info Deployment cart\nDeployment cart keeps more than 20 old ReplicaSets.\n" +
		"spec: revisionHistoryLimit: 40\nfix: Change it in the Helm chart of release checkout (namespace shop-prod). Lower it: set " +
		"spec.revisionHistoryLimit to 10."
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
