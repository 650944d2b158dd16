package clustertest

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestSuspendStopsRunsUntilResume(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	labels := map[string]string{"team": "checkout"}
	s.Create(&v1alpha1.Inspection{ObjectMeta: s.Meta("i")})
	s.Create(&v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "labelled", Labels: labels}})
	s.Create(&v1alpha1.MetricsBackend{ObjectMeta: s.Meta("prometheus"), Spec: v1alpha1.MetricsBackendSpec{
		Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: "http://prometheus:9090"},
	}})
	suspended := func(name string) bool {
		t.Helper()
		i := &v1alpha1.Inspection{}
		if err := s.Client.Get(t.Context(), s.Key(name), i); err != nil {
			t.Fatal(err)
		}
		return i.Spec.Suspend
	}
	backend := "MetricsBackend " + s.Namespace + "/prometheus "

	s.wants(0, []string{"Inspection " + s.Namespace + "/i suspended", backend + "suspended"}, "suspend", "i", "mb/prometheus")
	if !suspended("i") || suspended("labelled") {
		t.Error("the wrong Inspections are suspended")
	}
	s.wants(0, []string{"is already suspended", backend + "is already"}, "suspend", "inspections.kubeops.io/i", "metricsbackends/prometheus")
	s.wants(0, []string{backend + "resumed"}, "resume", "--all", "--kind", "metricsbackend")
	s.wants(0, []string{"/labelled suspended"}, "suspend", "-l", "team=checkout", "-A")
	s.wants(0, []string{"/i resumed", "/labelled resumed"}, "resume", "--all")
	s.wants(0, []string{"/i is not suspended"}, "resume", "i")
	s.wants(0, []string{"no inspections with labels team=none"}, "suspend", "-l", "team=none")
	s.wants(2, []string{`Inspection "labeled" not found`, `did you mean "labelled"?`, "/i suspended"}, "suspend", "labeled", "i")
	s.wants(2, []string{`unknown kind "metricbackend" (did you mean "metricsbackend"?)`}, "suspend", "metricbackend/x")
}

func TestAChangeThatGitOpsOrHelmRevertsIsAnnounced(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for name, meta := range map[string]metav1.ObjectMeta{
		"Flux (Kustomization flux-system/apps)": {Labels: map[string]string{
			"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
		}},
		"Argo CD (Application shop)": {Annotations: map[string]string{
			"argocd.argoproj.io/tracking-id": "shop:kubeops.io/Inspection:shop/i",
		}},
		"Helm (release shop/kubeops)": {Annotations: map[string]string{
			"meta.helm.sh/release-name": "kubeops", "meta.helm.sh/release-namespace": "shop",
		}},
	} {
		meta.Namespace = s.Namespace
		meta.GenerateName = "managed-"
		i := &v1alpha1.Inspection{ObjectMeta: meta}
		s.Create(i)
		s.wants(0, []string{"is managed by " + name + ", which can revert this"}, "suspend", i.Name)
	}
}
