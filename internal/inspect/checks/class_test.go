package checks

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
)

// exceptions are the checks whose class is not that of their category, with the reason. Problems of category configuration and capacity
// share one: the object does not work as it is configured.
func exceptions() map[string]string {
	const (
		refused   = "the object is rejected, or does nothing, as it is configured"
		missing   = "what the object needs does not exist"
		now       = "it fails now for lack of capacity"
		immediate = "writes fail within hours"
		later     = "everything works until the time or limit is reached"
		slower    = "it works, but slower"
	)
	return map[string]string{
		"alert-rule-failing": refused, "container-config-invalid": refused, "cronjob-invalid-schedule": refused, "hpa-duplicate": refused,
		"daemonset-matches-no-node": refused, "deployment-rollout-paused": refused, "pdb-overlapping": refused,
		"ingress-hosts-clash": refused, "manifest-api-removed": refused, "manifest-duplicate": refused, "manifest-invalid": refused,
		"pdb-blocks-drain": refused, "pdb-invalid": refused, "pod-unschedulable-affinity": refused, "pod-unschedulable-ports": refused,
		"pod-unschedulable-taints": refused, "pods-blocked-by-admission": refused, "probe-port-undeclared": refused,
		"service-port-name-wrong": refused, "service-selector-matches-nothing": refused,

		"argocd-project-missing": missing, "configmap-key-missing": missing, "configmap-missing": missing, "hpa-target-missing": missing,
		"ingress-backend-missing": missing, "ingress-class-missing": missing, "ingress-tls-secret-missing": missing,
		"priority-class-missing": missing, "pvc-class-missing": missing, "pvc-missing": missing, "pvc-no-matching-volume": missing,
		"secret-key-missing": missing, "secret-missing": missing, "serviceaccount-missing": missing,

		"node-pressure": now, "pod-evicted": now, "pod-oom-killed": now, "pod-unschedulable-other": now,
		"pod-unschedulable-resources": now, "pods-blocked-by-quota": now, "pvc-nearly-full": immediate,

		"certificate-expiring": later, "memory-limit-near": later, "node-version-skew": later, "cpu-throttled": slower,
	}
}

func TestTheClassOfEachCheckIsThatOfItsCategoryOrHasAReason(t *testing.T) {
	got := map[string]bool{}
	for _, c := range Builtin() {
		if c.ClassOrDefault() != c.Category.DefaultClass() {
			got[c.ID] = true
		}
	}
	want := slices.Sorted(maps.Keys(exceptions()))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("checks whose class is not that of their category (-want +got):\n%s", diff)
	}
}

func TestSecurityAndCostAreNeverProblems(t *testing.T) {
	for _, c := range Builtin() {
		advice := c.Category == v1alpha1.CategorySecurity || c.Category == v1alpha1.CategoryCost
		if advice && c.ClassOrDefault() != v1alpha1.ClassRecommendation {
			t.Errorf("%s of category %s is a %s", c.ID, c.Category, c.ClassOrDefault())
		}
	}
}

// Findings of a subject are folded only if they are recommendations; a subject with one check folds nothing.
func TestSubjectsHaveSeveralChecksThatRecommend(t *testing.T) {
	checks := map[string][]string{}
	for _, c := range Builtin() {
		if c.Subject == "" {
			continue
		}
		checks[c.Subject] = append(checks[c.Subject], c.ID)
		if c.ClassOrDefault() != v1alpha1.ClassRecommendation {
			t.Errorf("%s has a subject, but is a %s", c.ID, c.ClassOrDefault())
		}
	}
	for subject, ids := range checks {
		if len(ids) < 2 {
			t.Errorf("subject %q has only %s", subject, ids)
		}
	}
	if len(checks) != 3 {
		t.Errorf("subjects: %v", checks)
	}
}
