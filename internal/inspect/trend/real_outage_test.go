package trend

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// TestAnOutageAmong200WorkloadsOfAPrometheus writes days of requests of 200 Services, one of which failed for half an hour that ended a
// few minutes ago. It is the only finding.
func TestAnOutageAmong200WorkloadsOfAPrometheus(t *testing.T) {
	const (
		services = 200
		broken   = 117
	)
	now := time.Now().UTC().Truncate(stepRate)
	ended := now.Add(-10 * time.Minute)
	r := rand.New(rand.NewPCG(1, 1))
	var objects, ok, failed strings.Builder
	for i := range services {
		fmt.Fprintf(&objects, "apiVersion: v1\nkind: Service\nmetadata: {name: web-%d, namespace: shop}\n---\n", i)
		good, bad := 0.0, 0.0
		for at := now.Add(-5 * 24 * time.Hour); !at.After(now); at = at.Add(10 * time.Minute) {
			hour := float64(at.Unix()) / 3600
			requests := 600 * float64(1+i%7) * (1.2 + math.Sin(2*math.Pi*hour/24)) * (1 + 0.1*r.NormFloat64())
			errors := poisson(r, requests*0.0005)
			if age := ended.Sub(at); i == broken && age >= 0 && age < 30*time.Minute {
				errors = requests
			}
			good += math.Max(0, requests-errors)
			bad += errors
			fmt.Fprintf(&ok, "http_requests_total{namespace=\"shop\",service=\"web-%d\",code=\"200\"} %.0f %d\n", i, good, at.Unix())
			fmt.Fprintf(&failed, "http_requests_total{namespace=\"shop\",service=\"web-%d\",code=\"503\"} %.0f %d\n", i, bad, at.Unix())
		}
	}
	p := realPrometheus(t, servers.PrometheusOptions{History: "# TYPE http_requests counter\n" + ok.String() + failed.String()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := testkit.Graph(t, objects.String())
	g.Now = now
	gaps := Collect(ctx, Input{
		Provider: p, Graph: g, Backend: backend(),
		Wanting: wanting(facts.SourceErrors, facts.SourceTraffic, facts.SourceLatency, facts.SourceLoad),
	})
	// Five days show no surge.
	if len(gaps) != 1 || !slices.Equal(gaps[0].Checks, []string{"check-metrics/traffic"}) || !gaps[0].Optional {
		t.Errorf("gaps %+v", gaps)
	}
	found := g.Trends().Anomalies
	if len(found) != 1 || found[0].Kind != facts.AnomalyErrors || found[0].Object.Name != fmt.Sprintf("web-%d", broken) {
		t.Errorf("found %+v", found)
	}
}
