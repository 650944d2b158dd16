package jenkins

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// open a client of the fake, with its clock.
func open(t testing.TB, s *fake.Server) *Provider {
	t.Helper()
	p, err := New(ci.Settings{
		Endpoint: provider.Endpoint{
			URL: s.URL, Auth: provider.Auth{Username: fake.User, Password: fake.Token},
			Fields: provider.Fields{URL: "spec.jenkins.url", Auth: "spec.jenkins.secretRef"},
		},
		Egress: provider.Egress{AllowLoopback: true}, Timeout: 10 * time.Second, Clock: s.Clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.(*Provider)
}

// marked declares what the jobs of the suite declare.
func marked() map[string][]string {
	return map[string][]string{Marker: nil, conformance.Behaviour: nil}
}

func newFake(t testing.TB) *fake.Server {
	t.Helper()
	s := fake.New(t)
	s.Add("job", &fake.Job{Parameters: marked()})
	s.Add("unmarked", &fake.Job{Parameters: map[string][]string{conformance.Behaviour: nil}})
	s.Add("disabled", &fake.Job{Parameters: marked(), Disabled: true})
	return s
}

func TestConformanceOfTheFake(t *testing.T) {
	s := newFake(t)
	conformance.Run(t, conformance.Subject{
		Open: func(t testing.TB) ci.Provider { return open(t, s) },
		Job:  "job", Unmarked: "unmarked", Disabled: "disabled", Step: s.Clock.Step,
		Edit:       func(_ testing.TB, job string, texts *strings.Replacer) { s.Edit(job, texts.Replace) },
		Definition: []byte(conformance.HudsonJobs(Marker)["job"]),
	})
	built := len(s.Builds("job")) + len(s.Builds(conformance.Ensured)) + len(s.Builds(conformance.Ensured+"-edited"))
	if _, started := s.Calls(); started != built+1 { // one was cancelled while it waited
		t.Errorf("%d items for %d builds", started, built)
	}
}
