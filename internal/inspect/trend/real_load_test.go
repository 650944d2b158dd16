package trend

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// TestMoreReplicasAreNoAnomalyOfMemory has a Deployment that was scaled from two to six Pods, and one whose two Pods leak.
func TestMoreReplicasAreNoAnomalyOfMemory(t *testing.T) {
	now := time.Now().UTC().Truncate(stepRate)
	const began = 6 * time.Hour
	var objects, history strings.Builder
	write := func(owner string, pod int, since time.Duration, value func(ago time.Duration) float64) {
		for ago := since; ago >= 0; ago -= 4 * time.Minute {
			fmt.Fprintf(&history, "%s{namespace=\"shop\",pod=\"%s-6d4cf56db6-x2k4%c\",container=\"app\"} %.0f %d\n",
				memoryMetric, owner, "bcdfgh"[pod], value(ago), now.Add(-ago).Unix())
		}
	}
	for _, owner := range []string{"leaking", "scaled"} {
		fmt.Fprintf(&objects, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: shop}\n---\n", owner)
	}
	steady := func(ago time.Duration) float64 { return (1 + 0.02*float64(int(ago.Minutes())%7)) * gib }
	for pod := range 6 {
		since := began
		if pod < 2 {
			since = 12 * 24 * time.Hour
			write("leaking", pod, since, func(ago time.Duration) float64 {
				if ago < began {
					return 3 * steady(ago)
				}
				return steady(ago)
			})
		}
		write("scaled", pod, since, steady)
	}
	p := realPrometheus(t, servers.PrometheusOptions{History: "# TYPE " + memoryMetric + " gauge\n" + history.String()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := testkit.Graph(t, objects.String())
	g.Now = now
	gaps := Collect(ctx, Input{Provider: p, Graph: g, Backend: backend(), Wanting: wanting(facts.SourceLoad)})
	found := g.Trends().Anomalies
	if len(gaps) > 0 || len(found) != 1 || found[0].Kind != facts.AnomalyMemory || found[0].Object.Name != "leaking" {
		t.Errorf("gaps %v, found %+v", gaps, found)
	}
}
