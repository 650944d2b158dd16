package resourcebundle

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestFieldsOfNamedManagersAreAdopted(t *testing.T) {
	w := newWorld(t)
	applyAs(t, w.Client, "helm", w.Namespace,
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {key: theirs, old: x, same: both}\n")
	patchAs(t, w.Client, "kubectl-edit", &corev1.ConfigMap{ObjectMeta: w.Meta("one")}, `{"data":{"edited":"x"}}`)
	applyAs(t, w.Client, "other", w.Namespace, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {kept: x}\n")
	document := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {key: ours, same: both}\n"
	w.bundle("b", v1alpha1.ResourceBundleSpec{Mode: v1alpha1.BundlePlan, Manifests: manifests(t, document)})
	w.until("b", v1alpha1.ReasonConflict)
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) {
		s.Adopt = &v1alpha1.BundleAdoption{Managers: []string{"helm", "kubectl-edit"}}
	})
	b := w.until("b", v1alpha1.ReasonPlanned)
	if o := b.Status.Clusters[0].Objects; len(o) != 1 || o[0].State != v1alpha1.ObjectChange ||
		!strings.Contains(o[0].Message, "adopts the fields of helm") {
		t.Error(show(b.Status))
	}
	if got := w.read(w.Client, "one").Data["key"]; got != "theirs" {
		t.Errorf("the plan wrote %q", got)
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Mode = v1alpha1.BundleApply })
	b = w.until("b", v1alpha1.ReasonSucceeded)
	got := w.read(w.Client, "one")
	if got.Data["key"] != "ours" || got.Data["old"] != "" || got.Data["edited"] != "" || got.Data["kept"] != "x" {
		t.Errorf("data is %v", got.Data)
	}
	var managers []string
	for _, entry := range got.ManagedFields {
		managers = append(managers, entry.Manager)
	}
	if len(managers) != 2 {
		t.Errorf("managers are %q", managers)
	}
	if again := w.reconcile("b"); w.read(w.Client, "one").ResourceVersion != got.ResourceVersion ||
		again.ResourceVersion != b.ResourceVersion {
		t.Error("it is written again")
	}
	applyAs(t, w.Client, "helm", w.Namespace, configMap("one", "theirs"))
	b = w.until("b", v1alpha1.ReasonDrifted)
	if c := b.Status.Conflicts; len(c) != 1 || c[0].Manager != "helm" {
		t.Error(show(c))
	}
	w.Delete(w.get("b"))
	w.Eventually(func() error {
		if _, err := w.once("b"); err != nil {
			return err
		}
		if len(w.inventory("b")) > 0 {
			return errNotYet
		}
		return nil
	})
	if w.read(w.Client, "one") == nil {
		t.Error("an adopted object was deleted")
	}
}

func TestHealthExpressionsDecideWhenABundleIsReady(t *testing.T) {
	w := newWorld(t)
	w.bundle("b", v1alpha1.ResourceBundleSpec{
		Manifests: manifests(t, configMap("one", "1")),
		HealthExprs: []v1alpha1.HealthExpression{{
			Kind: "ConfigMap", Healthy: "object.data.phase == 'Ready'", Failed: "has(object.data.phase) && object.data.phase == 'Failed'",
		}},
	})
	b := w.until("b", v1alpha1.ReasonProgressing)
	if !strings.Contains(b.Status.Clusters[0].Message, "spec.healthExprs[0].healthy cannot be evaluated yet: no such key: phase") {
		t.Error(show(b.Status))
	}
	patchAs(t, w.Client, "operator", &corev1.ConfigMap{ObjectMeta: w.Meta("one")}, `{"data":{"phase":"Failed"}}`)
	w.until("b", v1alpha1.ReasonUnhealthy)
	patchAs(t, w.Client, "operator", &corev1.ConfigMap{ObjectMeta: w.Meta("one")}, `{"data":{"phase":"Ready"}}`)
	w.until("b", v1alpha1.ReasonSucceeded)
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.HealthExprs[0].Healthy = "object.data." })
	b = w.until("b", v1alpha1.ReasonUnhealthy)
	if !strings.Contains(b.Status.Clusters[0].Message, "the expression is invalid: spec.healthExprs[0].healthy") {
		t.Error(show(b.Status))
	}
}
