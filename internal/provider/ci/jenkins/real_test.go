package jenkins

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestConformanceOfARealHudson(t *testing.T) {
	jobs := conformance.HudsonJobs(Marker)
	url, _ := servers.Hudson(t, jobs)
	clock := clocktesting.NewFakeClock(time.Now())
	conformance.Run(t, conformance.Subject{
		Open: func(t testing.TB) ci.Provider {
			p, err := New(ci.Settings{
				Endpoint: provider.Endpoint{
					URL: url, Auth: provider.Auth{Username: servers.HudsonUser, Password: servers.HudsonPassword},
				},
				Egress: provider.Egress{AllowLoopback: true}, Timeout: 30 * time.Second, Clock: clock,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			return p
		},
		Job: "job", Unmarked: "unmarked", Disabled: "disabled", Step: clock.Step,
		Definition: []byte(jobs["job"]),
	})
}
