package trend

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

func noon() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

// shape returns the value of a synthetic series at a number of hours since its start.
type shape struct {
	name  string
	start func(r *rand.Rand) func(hour float64) float64
	// loud is added to the newest values to create an anomaly that must be found, in the unit of the series.
	loud float64
}

// poisson draws a count.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	n := 0.0
	p := 1.0
	limit := math.Exp(-mean)
	for p *= r.Float64(); p > limit; p *= r.Float64() {
		n++
	}
	return n
}

func shapes() []shape {
	daily := func(hour float64) float64 { return 50 + 40*math.Sin(2*math.Pi*hour/24) }
	weekly := func(hour float64) float64 {
		if day := int(hour/24) % 7; day >= 5 {
			return 10
		}
		return daily(hour)
	}
	noisy := func(level func(hour float64) float64) func(r *rand.Rand) func(float64) float64 {
		return func(r *rand.Rand) func(float64) float64 {
			shift := float64(r.IntN(168))
			return func(hour float64) float64 { return level(hour+shift) + 3*r.NormFloat64() }
		}
	}
	return []shape{
		{"constant", func(r *rand.Rand) func(float64) float64 {
			value := 10 * r.Float64()
			return func(float64) float64 { return value }
		}, 20},
		{"normal noise", noisy(func(float64) float64 { return 50 }), 40},
		{"counts, mean 0.2", func(r *rand.Rand) func(float64) float64 { return func(float64) float64 { return poisson(r, 0.2) } }, 15},
		{"counts, mean 20", func(r *rand.Rand) func(float64) float64 { return func(float64) float64 { return poisson(r, 20) } }, 60},
		{"a daily pattern", noisy(daily), 60},
		{"a weekly pattern", noisy(weekly), 60},
		{"trend", noisy(func(hour float64) float64 { return 50 + hour/10 }), 150},
		{"bursts in 3 % of the time", func(r *rand.Rand) func(float64) float64 {
			left := 0
			return func(float64) float64 {
				if left--; left < 0 && r.Float64() < 0.005 {
					left = 2 + r.IntN(9)
				}
				if left > 0 {
					return 150 + 30*r.NormFloat64()
				}
				return 10 + 2*r.NormFloat64()
			}
		}, 600},
		{"heavy tail", func(r *rand.Rand) func(float64) float64 {
			return func(float64) float64 { return 10 * math.Pow(1-r.Float64(), -1/1.5) } // Pareto, without a variance
		}, 600},
		{"wandering", func(r *rand.Rand) func(float64) float64 {
			value := 0.0
			return func(float64) float64 {
				value = 0.98*value + r.NormFloat64() // AR(1): half of a deviation is left after 17 hours
				return 50 + value
			}
		}, 60},
	}
}

// series draws one of a shape: 23 days in steps of half an hour, ending now, with one in twenty points missing.
func (s shape) series(r *rand.Rand, days int) []metrics.Point {
	const step = 30 * time.Minute
	next := s.start(r)
	n := days * 48
	points := make([]metrics.Point, 0, n)
	for i := range n {
		value := next(float64(i) / 2)
		if i < n-4 && r.IntN(20) == 0 {
			continue
		}
		points = append(points, metrics.Point{Time: noon().Add(-time.Duration(n-1-i) * step), Value: value})
	}
	return points
}

func plainRules() Rules { return Rules{Step: 30 * time.Minute} }

// TestAnomaliesOnSyntheticSeries measures the rates of false positives and of detected anomalies on 10,000 series of each
// length. docs/trends.md quotes its output.
func TestAnomaliesOnSyntheticSeries(t *testing.T) {
	for days, each := range map[int]int{23: 1000, 8: 300, 2: 300} {
		all := 0
		for k, s := range shapes() {
			r := rand.New(rand.NewPCG(uint64(days), uint64(k)))
			falsely, found := 0, 0
			for range each {
				points := s.series(r, days)
				if _, ok := Anomalous(points, noon(), plainRules()); ok {
					falsely++
				}
				for i := len(points) - 4; i < len(points); i++ {
					points[i].Value += s.loud
				}
				if _, ok := Anomalous(points, noon(), plainRules()); ok {
					found++
				}
			}
			all += falsely
			t.Logf("%2d days, %-26s false %5.2f %%, found %5.1f %%",
				days, s.name, 100*float64(falsely)/float64(each), 100*float64(found)/float64(each))
			if days == 23 && falsely > each/100 {
				t.Errorf("%d days, %s: false positives in %d of %d series", days, s.name, falsely, each)
			}
			if days == 23 && found < each*80/100 {
				t.Errorf("%d days, %s: found %d of %d anomalies", days, s.name, found, each)
			}
		}
		rate := float64(all) / float64(each*len(shapes()))
		t.Logf("%2d days, all shapes: false %.3f %%", days, 100*rate)
		if rate > 0.003 && days == 23 || rate > 0.01 {
			t.Errorf("%d days: false in %.3f %% of all series", days, 100*rate)
		}
	}
}

// fill is a disk that may fill up.
type fill struct {
	name string
	// free is the free part of 100 at a time in days, up to 0; it is drawn for each disk. full is the day on which it reaches
	// zero, 0 for never.
	draw func(r *rand.Rand) (free func(day float64) float64, full float64)
}

// paced is a disk with a random loss per day and a random rest at the end of its history.
func paced(r *rand.Rand, noise func(day float64) float64) (func(float64) float64, float64) {
	full := 1 + 10*r.Float64()
	pace := (2 + 60*r.Float64()) / (14 + full)
	return func(day float64) float64 { return pace*(full-day) + noise(day) }, full
}

func fills() (filling, steady []fill) {
	white := func(r *rand.Rand, s float64) func(float64) float64 {
		return func(float64) float64 { return s * r.NormFloat64() }
	}
	filling = []fill{
		{"a straight line", func(r *rand.Rand) (func(float64) float64, float64) { return paced(r, white(r, 0)) }},
		{"with noise", func(r *rand.Rand) (func(float64) float64, float64) { return paced(r, white(r, 0.3)) }},
		{"with a daily pattern", func(r *rand.Rand) (func(float64) float64, float64) {
			return paced(r, func(day float64) float64 { return 0.5 * math.Sin(2*math.Pi*day) })
		}},
		{"in bursts", func(r *rand.Rand) (func(float64) float64, float64) {
			// A random walk with drift: the future is drawn together with the past.
			const steps = 12
			pace := 1.5 + 3*r.Float64()
			lost := []float64{0}
			at := 0.0
			for range (14 + 40) * steps {
				at += pace / steps * r.ExpFloat64() * 2 * float64(r.IntN(2))
				lost = append(lost, at)
			}
			left := lost[14*steps] + 2 + 20*r.Float64()
			full := 0.0
			for i, l := range lost {
				if l >= left {
					full = float64(i)/steps - 14
					break
				}
			}
			return func(day float64) float64 { return left - lost[min(len(lost)-1, int(math.Round((day+14)*steps)))] }, full
		}},
	}
	steady = []fill{
		{"constant", func(*rand.Rand) (func(float64) float64, float64) { return func(float64) float64 { return 20 }, 0 }},
		{"noise", func(r *rand.Rand) (func(float64) float64, float64) {
			noise := white(r, 2)
			return func(day float64) float64 { return 20 + noise(day) }, 0
		}},
		{"a daily pattern", func(r *rand.Rand) (func(float64) float64, float64) {
			phase := 2 * math.Pi * r.Float64()
			return func(day float64) float64 { return 20 + 10*math.Sin(2*math.Pi*day+phase) }, 0
		}},
		{"a weekly pattern", func(r *rand.Rand) (func(float64) float64, float64) {
			phase := 2 * math.Pi * r.Float64()
			return func(day float64) float64 { return 20 + 10*math.Sin(2*math.Pi*day/7+phase) }, 0
		}},
		{"cleaned up nightly", func(r *rand.Rand) (func(float64) float64, float64) {
			phase := r.Float64()
			noise := white(r, 0.2)
			return func(day float64) float64 { _, f := math.Modf(day + 20 + phase); return 40 - 20*f + noise(day) }, 0
		}},
		{"cleaned up every four days", func(r *rand.Rand) (func(float64) float64, float64) {
			phase := r.Float64()
			noise := white(r, 0.2)
			return func(day float64) float64 { _, f := math.Modf((day+40)/4 + phase); return 40 - 30*f + noise(day) }, 0
		}},
		{"wandering without a drift", func(r *rand.Rand) (func(float64) float64, float64) {
			var at []float64
			level := 30.0
			for range 14*12 + 1 {
				level = math.Max(1, level+0.4*r.NormFloat64())
				at = append(at, level)
			}
			return func(day float64) float64 { return at[int(math.Round((day+14)*12))] }, 0
		}},
		{"filled until it stopped", func(r *rand.Rand) (func(float64) float64, float64) {
			stop := -3 - 8*r.Float64()
			return func(day float64) float64 { return 10 - 3*math.Min(0, day-stop) }, 0
		}},
	}
	return filling, steady
}

// history of 14 days in steps of 2 hours.
func (f fill) history(r *rand.Rand) (points []metrics.Point, full float64) {
	free, full := f.draw(r)
	for i := range 14*12 + 1 {
		day := float64(i)/12 - 14
		points = append(points,
			metrics.Point{Time: noon().Add(time.Duration(day * 24 * float64(time.Hour))), Value: math.Max(0, free(day))})
	}
	return points, full
}

// TestForecastsOnSyntheticDisks measures how many disks that fill up within the horizon are predicted, the error, the coverage
// of the interval, and the rate of false positives. docs/trends.md quotes its output.
func TestForecastsOnSyntheticDisks(t *testing.T) {
	const each = 300
	const horizon = 14 * 24 * time.Hour
	filling, steady := fills()
	for k, f := range filling {
		r := rand.New(rand.NewPCG(7, uint64(k)))
		due, told, within := 0, 0, 0
		var errs []float64
		for range each {
			points, full := f.history(r)
			forecast, ok := Exhaustion(points, 100, noon(), horizon)
			if full > 0 && full <= 14 {
				due++
			}
			if !ok {
				continue
			}
			if full > 0 && full <= 14 {
				told++
			}
			truth := time.Duration(full * 24 * float64(time.Hour))
			if full > 0 && truth >= forecast.Earliest-time.Hour && (forecast.Latest == 0 || truth <= forecast.Latest+time.Hour) {
				within++
			}
			if full > 0 {
				errs = append(errs, math.Abs(forecast.Until.Hours()/24-full)/full)
			}
		}
		t.Logf("%-26s %4d due, predicted %5.1f %%, off by %4.1f %% (median), within the interval %5.1f %%",
			f.name, due, 100*float64(told)/float64(due), 100*median(errs), 100*float64(within)/float64(len(errs)))
		if told < due*80/100 || within < len(errs)*85/100 {
			t.Errorf("%s: of %d predicted %d, %d within the interval", f.name, due, told, within)
		}
	}
	all := 0
	for k, f := range steady {
		r := rand.New(rand.NewPCG(8, uint64(k)))
		falsely := 0
		for range each {
			points, _ := f.history(r)
			if _, ok := Exhaustion(points, 100, noon(), horizon); ok {
				falsely++
			}
		}
		all += falsely
		t.Logf("%-26s false %5.2f %%", f.name, 100*float64(falsely)/each)
		if falsely > each*3/100 {
			t.Errorf("%s: false positives in %d of %d", f.name, falsely, each)
		}
	}
	rate := float64(all) / float64(each*len(steady))
	t.Logf("all shapes that do not fill up: false %.2f %%", 100*rate)
	if rate > 0.01 {
		t.Errorf("false in %.2f %% of all disks", 100*rate)
	}
}
