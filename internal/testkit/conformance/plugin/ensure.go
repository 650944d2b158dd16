package plugin

import (
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/cd"
)

// ensured creates an application, changes it, and adopts others where that is permitted.
func ensured(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	if !slices.Contains(p.Capabilities(), plugin.CapabilityEnsure) {
		t.Fatalf("capabilities: %v", p.Capabilities())
	}
	const owner = "team/shop"
	ensure := func(application, spec, owner string, adopt, dryRun bool) error {
		return p.Ensure(t.Context(), s.key("ensure"), &cd.Application{Name: application},
			&cd.Ensure{Spec: spec, Owner: owner, Adopt: adopt, DryRun: dryRun})
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	target := func(application string) string {
		t.Helper()
		work, err := p.Get(t.Context(), &cd.Application{Name: application}, "", false)
		must("get "+application, err)
		return work.GetDelivery().GetTargetRevision()
	}
	first, second := s.Spec("main"), s.Spec("HEAD")

	must("a dry run", ensure(s.New, first, owner, false, true))
	if _, err := p.Get(t.Context(), &cd.Application{Name: s.New}, "", false); problem.As(err) == nil ||
		problem.As(err).Reason != v1alpha1.ReasonApplicationNotFound {
		t.Errorf("after a dry run: %v", err)
	}
	must("create", ensure(s.New, first, owner, false, false))
	must("create again", ensure(s.New, first, owner, false, false))
	if got := target(s.New); got != "main" {
		t.Errorf("created with target revision %q", got)
	}
	must("a dry run of a change", ensure(s.New, second, owner, false, true))
	if got := target(s.New); got != "main" {
		t.Errorf("a dry run changed the target revision to %q", got)
	}
	must("change", ensure(s.New, second, owner, false, false))
	if got := target(s.New); got != "HEAD" {
		t.Errorf("changed to target revision %q", got)
	}
	must("adopt", ensure(s.Unmanaged, second, owner, true, false))
	must("change what was adopted", ensure(s.Unmanaged, first, owner, false, false))
	if got := target(s.Unmanaged); got != "main" {
		t.Errorf("the adopted application has target revision %q", got)
	}
	notEnsured(t, s, ensure)
}

// notEnsured are definitions that only a person can correct. Nothing is changed by them.
func notEnsured(t *testing.T, s Subject, ensure func(application, spec, owner string, adopt, dryRun bool) error) {
	spec := s.Spec("main")
	for name, c := range map[string]struct {
		application, spec, owner string
		adopt                    bool
		reason, message          string
	}{
		"an application of a person": {
			s.Application, spec, "team/shop", false,
			v1alpha1.ReasonApplicationNotManaged, "deploy.ensure.adopt",
		},
		"one of another Pipeline": {
			s.New, spec, "team/other", true,
			v1alpha1.ReasonApplicationNotManaged, "Pipeline team/shop",
		},
		"one of an ApplicationSet": {
			s.Owned, spec, "team/shop", true,
			v1alpha1.ReasonApplicationNotManaged, "ApplicationSet",
		},
		"a list": {
			s.New, "[]", "team/shop", false,
			v1alpha1.ReasonInvalidSpec, "not a JSON object",
		},
		"null": {
			s.New, "null", "team/shop", false,
			v1alpha1.ReasonInvalidSpec, "not a JSON object",
		},
		"half an object": {
			s.New, `{"source":`, "team/shop", false,
			v1alpha1.ReasonInvalidSpec, "not a JSON object",
		},
		"two objects": {
			s.New, "{} {}", "team/shop", false,
			v1alpha1.ReasonInvalidSpec, "not a JSON object",
		},
		"a project that is no text": {
			s.New, `{"project": 1}`, "team/shop", false,
			v1alpha1.ReasonInvalidSpec, "project",
		},
		"too large": {
			s.New, `{"a":"` + strings.Repeat("x", 64<<10) + `"}`, "team/shop", false,
			v1alpha1.ReasonInvalidSpec, "64 KiB",
		},
		"no owner": {
			s.New, spec, "", false,
			v1alpha1.ReasonInvalidSpec, "owner",
		},
		"no source": {
			"without-source", `{"destination":{"server":"https://kubernetes.default.svc"}}`, "team/shop", false,
			v1alpha1.ReasonApplicationRefused, "cannot be created",
		},
		"a project that does not exist": {
			"elsewhere", strings.Replace(spec, `"default"`, `"missing"`, 1), "team/shop", false,
			v1alpha1.ReasonApplicationRefused, "",
		},
		"an application of another project": {
			s.New, strings.Replace(spec, `"default"`, `"missing"`, 1), "team/shop", false,
			v1alpha1.ReasonApplicationRefused, "",
		},
	} {
		err := ensure(c.application, c.spec, c.owner, c.adopt, false)
		got := problem.As(err)
		if got == nil || got.Action != problem.UserMustAct || got.Reason != c.reason || !strings.Contains(got.Message, c.message) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
