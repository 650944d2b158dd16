package doctor

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/config"
	"kubeops.io/kubeops/internal/selfcheck"
)

func TestThisProgramHasTheManifests(t *testing.T) {
	crds, err := config.CRDs()
	if err != nil || len(crds) < 14 {
		t.Errorf("%d CustomResourceDefinitions, %v", len(crds), err)
	}
	for _, crd := range crds {
		if selfcheck.SchemaOf(crd) == nil {
			t.Errorf("%s has no schema", crd.Name)
		}
	}
	roles, err := config.Roles()
	if err != nil || len(roles) != 5 {
		t.Errorf("%d roles, %v", len(roles), err)
	}
	policies, err := config.Policies()
	if err != nil || len(policies) != 3 {
		t.Errorf("%d policies, %v", len(policies), err)
	}
	for _, policy := range policies {
		if len(policy.Spec.Validations) == 0 {
			t.Errorf("%s has no validations", policy.Name)
		}
	}
}

func TestTheTableHasNothingThatATerminalActsOn(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	report := &Report{
		Context: "prod", Kubernetes: "v1.37.2", Program: "v1.0.0",
		Managers:    []Manager{{Namespace: "kubeops-system", Name: "kubeops-manager", Image: "i\x1b[31m", Replicas: 2, Available: 1}},
		Leaders:     []Leader{{Namespace: "kubeops-system", Holder: "a", Since: &at, Renewed: &at, Active: true}},
		Connections: []Connection{{Kind: "LogBackend", Namespace: "shop", Name: "loki", Ready: "False", Reason: "Unreachable"}},
		Findings: []Finding{
			{checkManager, LevelWarning, "Deployment a/b", "has 1 of 2 replicas", "See `kubectl get pods`."},
			{checkCRDs, LevelProblem, "CustomResourceDefinition x", "does not exist\x1b[2J", "Apply it."},
		},
		Gaps: []Gap{{checkLeader, "cannot list Leases (RBAC)"}},
	}
	var b strings.Builder
	if err := printTable(&b, report, 100); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if strings.Contains(out, "\x1b") {
		t.Errorf("an escape sequence is printed:\n%q", out)
	}
	for _, part := range []string{
		"PROBLEMS\n1. CustomResourceDefinition x: does not exist", "WARNINGS\n1. Deployment a/b: has 1 of 2 replicas (manager)\n   See `kubectl get pods`.",
		"NOT CHECKED\n- leader: cannot list Leases (RBAC)", "LogBackend  shop/loki  False  Unreachable", "2026-01-02T03:04:05Z",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in\n%s", part, out)
		}
	}
	if err := verdict(report); err == nil || err.Error() != "1 problem" {
		t.Errorf("verdict: %v", err)
	}
}
