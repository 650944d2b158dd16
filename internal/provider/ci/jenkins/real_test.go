package jenkins

import (
	"io"
	"net/http"
	"strings"
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
		Definition: []byte(jobs["job"]), Edit: func(t testing.TB, job string, texts *strings.Replacer) {
			t.Helper()
			edit(t, url+"/job/"+job+"/config.xml", texts)
		},
	})
}

// edit the definition of a job on the server.
func edit(t testing.TB, target string, texts *strings.Replacer) {
	t.Helper()
	call := func(method string, content string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(servers.HudsonUser, servers.HudsonPassword)
		request.Header.Set("Content-Type", "application/xml")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d, %v", method, target, answer.StatusCode, err)
		}
		return string(body)
	}
	before := call(http.MethodGet, "")
	after := texts.Replace(before)
	if after == before {
		t.Fatalf("nothing to replace in %s", before)
	}
	call(http.MethodPost, after)
}
