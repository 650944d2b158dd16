package logroute

import (
	"fmt"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

// speedJob runs lines of namespace shop through a number of routes, of which only that of shop selects them.
func speedJob(t testing.TB, routes, lines int) any {
	t.Helper()
	collect := v1alpha1.LogCollection{ParseJSON: true, Redact: corpusRedact()}
	all := map[string]fluentdRoute{"shop": programsOf(t, victorialogs("shop", "logs", collect)).ruby}
	for i := 1; i < routes; i++ {
		all[fmt.Sprint("other-", i)] = programsOf(t, victorialogs(fmt.Sprint("other-", i), "logs", collect)).ruby
	}
	l := shop(`{"level":"info","msg":"request 12 handled","path":"/api/v1/orders/12","status":200,"ms":12,"trace":"0af7651916cd43dd8448eb211c80319c"}`)
	return map[string]any{"routes": all, "record": l.fluentd(), "lines": lines}
}

// seconds of CPU time of an answer; each line must have become one event.
func seconds(t testing.TB, a *answer, lines int) float64 {
	t.Helper()
	spent, ok := a.Event["seconds"].(float64)
	if !ok || a.Event["events"] != float64(lines) {
		t.Fatalf("%d lines became %v", lines, a.Event)
	}
	return spent
}

func TestRoutesThatSelectNothingCostLittle(t *testing.T) {
	t.Parallel()
	const lines = 3000
	ruby := startRuby(t, "speed.rb")
	one := seconds(t, ruby.ask(t, speedJob(t, 1, lines)), lines)
	twenty := seconds(t, ruby.ask(t, speedJob(t, 20, lines)), lines)
	// When each route got a copy of each line, it was 8 times.
	if twenty > 2*one {
		t.Errorf("%d lines take %.3f s of CPU with one route and %.3f s with 20, of which 19 select nothing", lines, one, twenty)
	}
}

func BenchmarkFluentdRoutes(b *testing.B) {
	for _, routes := range []int{1, 20} {
		b.Run(fmt.Sprint(routes), func(b *testing.B) {
			ruby := startRuby(b, "speed.rb")
			b.ResetTimer()
			spent := seconds(b, ruby.ask(b, speedJob(b, routes, b.N)), b.N)
			b.ReportMetric(float64(b.N)/spent, "lines/CPU-s")
		})
	}
}
