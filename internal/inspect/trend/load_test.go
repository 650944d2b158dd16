package trend

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// weekdays is a number of requests per second that is low at night and at weekends.
func weekdays(r *rand.Rand, ago time.Duration) float64 {
	at := noon().Add(-ago)
	level := 20 + 15*math.Sin(2*math.Pi*float64(at.Hour()*60+at.Minute())/(24*60))
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		level /= 4
	}
	return level * (1 + 0.03*r.NormFloat64())
}

func TestUnusualTrafficOfAWeek(t *testing.T) {
	for name, tc := range map[string]struct {
		span time.Duration
		now  func(usual float64) float64
		want []facts.AnomalyKind
	}{
		"as usual":          {historyRate, func(usual float64) float64 { return usual }, nil},
		"an outage":         {historyRate, func(float64) float64 { return 0 }, []facts.AnomalyKind{facts.AnomalyTrafficDrop}},
		"a third less":      {historyRate, func(usual float64) float64 { return usual * 2 / 3 }, nil},
		"five times":        {historyRate, func(usual float64) float64 { return 5 * usual }, []facts.AnomalyKind{facts.AnomalyTrafficSurge}},
		"twice as many":     {historyRate, func(usual float64) float64 { return 2 * usual }, nil},
		"a history of days": {historyRateShort, func(float64) float64 { return 0 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			points := every(stepRate, tc.span, func(ago time.Duration) float64 {
				value := weekdays(r, ago)
				if ago < time.Hour {
					return tc.now(value)
				}
				return value
			})
			var got []facts.AnomalyKind
			for _, a := range unusualTraffic(facts.Ref{}, "m", points, noon()) {
				got = append(got, a.Kind)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAGapInTheSamplesIsNoDrop has a rate of the last step that is a fifth of the usual one.
func TestAGapInTheSamplesIsNoDrop(t *testing.T) {
	s, ok := shapeOf(sources()[0], []string{"namespace", "service"})
	if !ok {
		t.Fatal("the labels do not fit")
	}
	latest := func(usual, now float64) []metrics.Point {
		return every(stepRate, historyRate, func(ago time.Duration) float64 {
			if ago < stepRate {
				return now
			}
			return usual
		})
	}
	for name, tc := range map[string]struct {
		samples float64
		want    int
	}{
		"scraped as usual":              {60, 1},
		"some scrapes failed":           {55, 1},
		"scraped for a fifth of a step": {12, 0},
	} {
		t.Run(name, func(t *testing.T) {
			api := labelled("namespace", "shop", "service", "api")
			counted := latest(60, tc.samples)[int((historyRate-historyMeasured)/stepRate):]
			all := labelled("namespace", "shop", "service", "api", outcomeLabel, outcomeAll)
			f := &fake{
				t: t, names: []string{"http_requests_total"},
				labels: map[string][]string{"http_requests_total{}": {"namespace", "service"}},
				ranged: map[string][]metrics.Series{
					s.requestRates(""):              {{Labels: all, Points: latest(50, 10)}},
					s.samples(`namespace=~"shop",`): {{Labels: api, Points: counted}},
				},
			}
			g := shop(t)
			gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceTrafficDrop)})
			if found := g.Trends().Anomalies; len(found) != tc.want || len(gaps) > 0 {
				t.Errorf("found %+v, gaps %v", found, gaps)
			}
		})
	}
}

func TestFewRequestsAreNoTraffic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	points := every(stepRate, historyRate, func(ago time.Duration) float64 {
		if ago < time.Hour {
			return 0
		}
		return poisson(r, 40) / stepRate.Seconds()
	})
	if found := unusualTraffic(facts.Ref{}, "m", points, noon()); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

// TestWeekendsAreNoDrop inspects traffic every three hours of four weeks, with the history that there is by then.
func TestWeekendsAreNoDrop(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := every(stepRate, 2*historyRate, func(ago time.Duration) float64 { return weekdays(r, ago) })
	for until := 100; until < len(all); until += 6 {
		from := max(0, until-int(historyRate/stepRate))
		for _, found := range unusualTraffic(facts.Ref{}, "m", all[from:until], all[until-1].Time) {
			t.Errorf("after %s: %+v", time.Duration(until)*stepRate, found)
		}
	}
}

// TestANewServiceHasNoSurge inspects traffic that began at each hour of a week every three hours of its first week.
func TestANewServiceHasNoSurge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := every(stepRate, historyRate, func(ago time.Duration) float64 { return weekdays(r, ago) })
	week := int(7 * 24 * time.Hour / stepRate)
	for from := 0; from < week; from += 2 {
		for until := from + minHistory; until < from+week+week/4; until += 6 {
			for _, found := range unusualTraffic(facts.Ref{}, "m", all[from:until], all[until-1].Time) {
				t.Fatalf("from %s, after %s: %+v", all[from].Time, time.Duration(until-from)*stepRate, found)
			}
		}
	}
}

func TestUnusualUsageIsOfWorkloads(t *testing.T) {
	owned := func(usage facts.AnomalyKind, owner string) metrics.Labels {
		return labelled("namespace", "shop", ownerLabel, owner, suspectLabel, string(usage))
	}
	r := rand.New(rand.NewPCG(1, 1))
	lately := func(usual, now float64) []metrics.Point {
		return every(stepRate, historyRate, func(ago time.Duration) float64 {
			if ago < 2*time.Hour {
				return now
			}
			return usual * (1 + 0.05*r.NormFloat64())
		})
	}
	f := &fake{
		t: t, names: []string{cpuMetric, memoryMetric},
		instant: map[string]metrics.Vector{risenUsage(""): {
			{Labels: owned(facts.AnomalyCPU, "api"), Value: 4}, {Labels: owned(facts.AnomalyMemory, "api-db"), Value: 2},
			{Labels: owned(facts.AnomalyMemory, "gone"), Value: 9}, {Labels: labelled(suspectLabel, measuredBefore), Value: 7},
		}},
		ranged: map[string][]metrics.Series{usageHistory(`namespace=~"shop",pod=~"(api|api-db)(-.+)?",`): {
			{Labels: owned(facts.AnomalyCPU, "api"), Points: lately(0.5, 2)},
			{Labels: owned(facts.AnomalyMemory, "api"), Points: lately(1*gib, 1.2*gib)},
			{Labels: owned(facts.AnomalyCPU, "api-db"), Points: lately(0.01, 0.05)},
			{Labels: owned(facts.AnomalyMemory, "api-db"), Points: lately(1*gib, 2*gib)},
			{Labels: owned(facts.AnomalyMemory, "gone"), Points: lately(1*gib, 9*gib)},
		}},
	}
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceLoad)})
	got := map[string]facts.AnomalyKind{}
	for _, a := range g.Trends().Anomalies {
		got[a.Object.String()] = a.Kind
	}
	want := map[string]facts.AnomalyKind{"Deployment/shop/api": facts.AnomalyCPU, "StatefulSet/shop/api-db": facts.AnomalyMemory}
	if diff := cmp.Diff(want, got); diff != "" || len(gaps) > 0 || !g.Provided(facts.SourceLoad) {
		t.Errorf("gaps %v (-want +got):\n%s", gaps, diff)
	}
}
