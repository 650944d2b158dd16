package loganalysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// day is a baseline of 24 pieces with the same count, except for those given.
func day(count uint32, others ...uint32) []uint32 {
	pieces := make([]uint32, 24)
	for i := range pieces {
		pieces[i] = count
	}
	copy(pieces, others)
	return pieces
}

func shares(each float64) []float64 {
	list := make([]float64, 24)
	for i := range list {
		list[i] = each
	}
	return list
}

func TestAChangeOfARateIsJudgedByItsHistory(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		window  int
		covered float64
		pieces  []uint32
		shares  []float64
		fatal   bool
		want    verdict
	}{
		"three that were never there":                   {3, 1, nil, shares(1), false, isNew},
		"two that were never there":                     {2, 1, nil, shares(1), false, usual},
		"one panic":                                     {1, 1, nil, shares(1), true, isNew},
		"one panic, as in the hour before":              {1, 1, day(0, 1), shares(1), true, usual},
		"three, of a baseline that was hardly read":     {3, 1, nil, shares(0.05), false, usual},
		"many, of a baseline that was hardly read":      {30, 1, nil, shares(0.05), false, isNew},
		"one before":                                    {30, 1, day(0, 1), shares(1), false, surges},
		"an hour before, and one before that":           {30, 1, day(0, 30, 30), shares(1), false, surges},
		"for three hours already":                       {30, 1, day(0, 30, 30, 30), shares(1), false, usual},
		"as ever":                                       {100, 1, day(100), shares(1), false, usual},
		"twice as many":                                 {200, 1, day(100), shares(1), false, usual},
		"four times as many":                            {400, 1, day(100), shares(1), false, surges},
		"four times as many, half of the window read":   {200, 0.5, day(100), shares(1), false, surges},
		"four times as many as a tenth of the baseline": {40, 1, day(10), shares(0.1), false, usual},
		"nine":                      {9, 1, day(0, 1), shares(1), false, usual},
		"as in every eighth hour":   {100, 1, day(1, 100, 90, 110), shares(1), false, usual},
		"without a baseline":        {100, 1, nil, shares(0), false, usual},
		"one piece of the baseline": {100, 1, []uint32{5}, []float64{1}, false, surges},
		"without a window":          {0, 0, nil, shares(1), true, usual},
	} {
		if got := compare(tc.window, tc.covered, tc.pieces, tc.shares, tc.fatal); got.verdict != tc.want {
			t.Errorf("%s: %+v, want %d", name, got, tc.want)
		}
	}
}

// TestSteadyLogsAreRarelyReported measures the rate of false surges on series without a change: errors at random times, in bursts, and
// with a daily pattern.
func TestSteadyLogsAreRarelyReported(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7))
	poisson := func(mean float64) uint32 {
		if mean > 500 {
			return uint32(max(0, mean+math.Sqrt(mean)*random.NormFloat64()))
		}
		n := uint32(0)
		p := 1.0
		limit := math.Exp(-mean)
		for p *= random.Float64(); p > limit; p *= random.Float64() {
			n++
		}
		return n
	}
	const trials = 20_000
	for name, tc := range map[string]struct {
		rate func(mean float64, hour int) float64
		most float64
	}{
		"random":            {func(mean float64, _ int) float64 { return mean }, 0.0005},
		"twice in the day":  {func(mean float64, hour int) float64 { return mean * (1 + 0.33*math.Sin(2*math.Pi*float64(hour)/24)) }, 0.0005},
		"log-normal bursts": {func(mean float64, _ int) float64 { return mean * math.Exp(0.6*random.NormFloat64()) }, 0.01},
		"one hour in ten": {func(mean float64, _ int) float64 {
			if random.IntN(10) == 0 {
				return 10 * mean
			}
			return mean / 10
		}, 0.07}, // what comes less often than in every tenth hour cannot be told from what is new
	} {
		wrong := 0
		for range trials {
			mean := math.Exp(random.Float64() * math.Log(1000))
			start := random.IntN(24)
			pieces := make([]uint32, 24)
			for i := range pieces {
				pieces[i] = poisson(tc.rate(mean, start-1-i))
			}
			if compare(int(poisson(tc.rate(mean, start))), 1, pieces, shares(1), false).verdict == surges {
				wrong++
			}
		}
		share := float64(wrong) / trials
		t.Logf("%s: %d of %d windows (%.3f %%)", name, wrong, trials, 100*share)
		if share > tc.most {
			t.Errorf("%s: %.3f %% of windows are called a surge, want at most %.3f %%", name, 100*share, 100*tc.most)
		}
	}
}

func TestPlanStartsWithTheWindowAndEndsWithTheSameHourOfYesterday(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	window, baseline := plan(now, Options{}.withDefaults())
	if len(window) != slicesOfWindow || !window[0].start.Equal(now.Add(-time.Hour)) || !window[len(window)-1].end.Equal(now) {
		t.Errorf("%v", window)
	}
	for i := 1; i < len(window); i++ {
		if !window[i].start.Equal(window[i-1].end) {
			t.Errorf("a hole before %v", window[i])
		}
	}
	if len(baseline) != 24 || !baseline[0].end.Equal(now.Add(-time.Hour)) || !baseline[23].start.Equal(now.Add(-25*time.Hour)) {
		t.Errorf("%v", baseline)
	}
	if _, week := plan(now, Options{Window: time.Hour, Baseline: 168 * time.Hour}.withDefaults()); len(week) != maxPieces ||
		week[23].start.Before(now.Add(-169*time.Hour)) {
		t.Errorf("%v", week)
	}
	if _, short := plan(now, Options{Window: 2 * time.Hour, Baseline: time.Hour}.withDefaults()); len(short) != 1 {
		t.Errorf("%v", short)
	}
}
