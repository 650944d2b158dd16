package ci

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// Ensured is the name of a job that the suite creates.
const Ensured = "ensured"

// definer opens a provider that can create jobs.
func (s Subject) definer(t *testing.T) ci.Definer {
	t.Helper()
	found, is := s.Open(t).(ci.Definer)
	if !is {
		t.Skip("the provider creates no jobs")
	}
	return found
}

func ensured(t *testing.T, s Subject) {
	request := s.request("ensured", "")
	request.Job = s.Name + Ensured
	definition := ci.Definition{Config: s.Definition, Owner: "team/shop"}
	p := s.definer(t)
	if err := p.CheckDefinition(t.Context(), request, definition); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t).Start(t.Context(), request); problem.As(err) == nil || problem.As(err).Reason != v1alpha1.ReasonJobNotFound {
		t.Fatalf("a check created the job: %v", err)
	}
	for range 2 { // the second call finds it
		if err := s.definer(t).Ensure(t.Context(), request, definition); err != nil {
			t.Fatal(err)
		}
	}
	if status := s.until(t, s.start(t, s.Open(t), request), ci.Phase.Ended); status.Phase != ci.Succeeded || status.Number != 1 {
		t.Errorf("%+v", status)
	}

	declared := strings.Replace(string(s.Definition), Behaviour, "ANOTHER", 1)
	changed := ci.Definition{Config: []byte(declared), Owner: "team/shop"}
	request.Parameters = map[string]string{"ANOTHER": ""}
	request.Key = s.Name + "changed"
	if err := s.definer(t).Ensure(t.Context(), request, changed); err != nil {
		t.Fatal(err)
	}
	if status := s.until(t, s.start(t, s.Open(t), request), ci.Phase.Ended); status.Number != 2 {
		t.Errorf("an update lost the builds: %+v", status)
	}
}

func notManaged(t *testing.T, s Subject) {
	definition := ci.Definition{Config: s.Definition, Owner: "team/shop"}
	managed := s.request("managed", "")
	managed.Job = s.Name + Ensured + "-twice"
	if err := s.definer(t).Ensure(t.Context(), managed, definition); err != nil {
		t.Fatal(err)
	}
	of := func(owner string, overwrite bool) ci.Definition {
		return ci.Definition{Config: s.Definition, Owner: owner, Overwrite: overwrite}
	}
	broken := ci.Definition{Config: []byte("<a>"), Owner: "team/shop"}
	for name, tc := range map[string]struct {
		job        string
		definition ci.Definition
		reason     string
	}{
		"a job of a person":         {s.Job, definition, v1alpha1.ReasonJobNotManaged},
		"a job of another Pipeline": {managed.Job, of("other/shop", false), v1alpha1.ReasonJobNotManaged},
		"what cannot be read":       {managed.Job, broken, v1alpha1.ReasonInvalidJobDefinition},
		"a path":                    {"../x", definition, v1alpha1.ReasonInvalidSpec},
		"its own job":               {managed.Job, definition, ""},
	} {
		request := s.request("managed", "")
		request.Job = tc.job
		p := s.definer(t)
		for call, err := range map[string]error{
			"check": p.CheckDefinition(t.Context(), request, tc.definition), "ensure": p.Ensure(t.Context(), request, tc.definition),
		} {
			got := problem.As(err)
			if (got == nil) != (tc.reason == "") || got != nil && (got.Reason != tc.reason || got.Action != problem.UserMustAct) {
				t.Errorf("%s, %s: got %v, want %q", name, call, err, tc.reason)
			}
		}
	}
	if err := s.definer(t).Ensure(t.Context(), managed, of("other/shop", true)); err != nil {
		t.Errorf("a job of another Pipeline, replaced: %v", err)
	}
	err := s.definer(t).Ensure(t.Context(), managed, definition)
	if got := problem.As(err); got == nil || got.Reason != v1alpha1.ReasonJobNotManaged {
		t.Errorf("a job that another Pipeline replaced: got %v", err)
	}
	request := s.request("unharmed", "")
	if status := s.until(t, s.start(t, s.Open(t), request), ci.Phase.Ended); status.Phase != ci.Succeeded {
		t.Errorf("the job of a person was changed: %+v", status)
	}
}

func drift(t *testing.T, s Subject) {
	request := s.request("drift", "")
	request.Job = s.Name + Ensured + "-edited"
	definition := ci.Definition{Config: s.Definition, Owner: "team/shop"}
	changed := func(want bool) {
		t.Helper()
		if got, err := s.definer(t).Changed(t.Context(), request, definition); err != nil || got != want {
			t.Errorf("changed is %t, %v, want %t", got, err, want)
		}
	}
	ensure := func() {
		t.Helper()
		if err := s.definer(t).Ensure(t.Context(), request, definition); err != nil {
			t.Fatal(err)
		}
	}
	changed(false) // it does not exist
	ensure()
	changed(false)
	if status := s.until(t, s.start(t, s.Open(t), request), ci.Phase.Ended); status.Phase != ci.Succeeded {
		t.Errorf("%+v", status)
	}
	changed(false) // a build is no change
	s.Edit(t, request.Job, strings.NewReplacer("exit 1", "exit 2"))
	changed(true)
	ensure() // leaves it
	changed(true)
	definition.Correct = true
	ensure()
	changed(false)
}
