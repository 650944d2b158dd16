package trend

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// service is a series of samples every five minutes, read as the means of half an hour.
type service struct {
	name string
	// value at a number of hours since the beginning; broken during an incident.
	value  func(r *rand.Rand, hour float64) float64
	broken func(value float64) float64
	rules  Rules
}

func services() []service {
	noisy := func(level func(hour float64) float64) func(*rand.Rand, float64) float64 {
		return func(r *rand.Rand, hour float64) float64 { return level(hour) * (1 + 0.03*r.NormFloat64()) }
	}
	daily := func(hour float64) float64 { return 100 + 60*math.Sin(2*math.Pi*hour/24) }
	none := func(float64) float64 { return 0 }
	all := func(float64) float64 { return 1 }
	step := 30 * time.Minute
	return []service{
		{"errors where none are usual", func(*rand.Rand, float64) float64 { return 0 }, all, Rules{Step: step}},
		{"errors where some are usual", func(r *rand.Rand, _ float64) float64 { return 0.002 * r.ExpFloat64() }, all, Rules{Step: step}},
		{"steady traffic", noisy(func(float64) float64 { return 100 }), none, Rules{Step: step, Drops: true}},
		{"traffic of a day", noisy(daily), none, Rules{Step: step, Drops: true}},
	}
}

// read returns the means of half an hour over some days up to a time in hours since the beginning.
func (s service) read(days int, until float64, incident func(hour float64) bool) []metrics.Point {
	r := rand.New(rand.NewPCG(1, uint64(days)))
	from := until - 24*float64(days)
	var points []metrics.Point
	for i := range days * 48 {
		end := from + float64(i+1)/2
		sum := 0.0
		for k := range 6 {
			hour := end - 0.5 + float64(k)/12
			value := s.value(r, hour)
			if incident(hour) {
				value = s.broken(value)
			}
			sum += value
		}
		points = append(points, metrics.Point{Time: noon().Add(time.Duration((end - until) * float64(time.Hour))), Value: sum / 6})
	}
	return points
}

func within(from, to float64) func(float64) bool {
	return func(hour float64) bool { return hour >= from-1e-9 && hour < to-1e-9 }
}

// TestAnOutageOfHalfAnHourIsFoundByTheNextInspection starts it at each five minutes of an hour.
func TestAnOutageOfHalfAnHourIsFoundByTheNextInspection(t *testing.T) {
	for _, s := range services() {
		found := 0
		for offset := range 12 {
			from := 23.0*24 + float64(offset)/12
			inspection := math.Ceil(from + 0.5 - 1e-9) // the first after the outage
			if _, ok := Anomalous(s.read(23, inspection, within(from, from+0.5)), noon(), s.rules); ok {
				found++
			}
		}
		t.Logf("%s: found %d of 12", s.name, found)
		if found < 9 {
			t.Errorf("%s: found %d of 12", s.name, found)
		}
	}
}

// TestAnomaliesAreReportedWhileTheyLast inspects every hour of two weeks and a half.
func TestAnomaliesAreReportedWhileTheyLast(t *testing.T) {
	const hours = 420
	for _, s := range services() {
		s.broken = func(value float64) float64 {
			if s.rules.Drops {
				return 0.3 * value
			}
			return value + 0.3
		}
		reported := 0
		var longest time.Duration
		for hour := 1.0; hour <= hours; hour++ {
			found, ok := Anomalous(s.read(28, hour, within(0, hours)), noon(), s.rules)
			if ok {
				reported++
				longest = max(longest, found.Lasts)
			}
		}
		t.Logf("%s: reported by %d of %d inspections", s.name, reported, hours)
		if reported < hours*95/100 {
			t.Errorf("%s: reported by %d of %d inspections", s.name, reported, hours)
		}
		if off := longest - hours*time.Hour; off < -2*time.Hour || off > 2*time.Hour {
			t.Errorf("%s: lasted %s, reported as %s", s.name, hours*time.Hour, longest)
		}
	}
}

// TestAnIncidentDoesNotHideTheNext has two alike, of which the first ended some time before, and the second has lasted for two hours.
func TestAnIncidentDoesNotHideTheNext(t *testing.T) {
	for _, s := range services() {
		for _, lasted := range []float64{1, 6, 30, 72} {
			for _, pause := range []float64{4, 20, 50, 130, 300} {
				t.Run(fmt.Sprintf("%s, %g h, after %g h", s.name, lasted, pause), func(t *testing.T) {
					first := within(-2-pause-lasted, -2-pause)
					incident := func(hour float64) bool { return first(hour) || hour >= -2 }
					if _, ok := Anomalous(s.read(28, 0, incident), noon(), s.rules); !ok {
						t.Error("not found")
					}
				})
			}
		}
	}
}

// TestSlowGrowthIsNoLastingAnomaly has what a baseline that leaves weeks out may take for one.
func TestSlowGrowthIsNoLastingAnomaly(t *testing.T) {
	for _, drops := range []bool{false, true} {
		r := rand.New(rand.NewPCG(3, 3))
		points := every(stepRate, historyRate, func(ago time.Duration) float64 {
			growth := (historyRate - ago).Hours() / historyRate.Hours()
			if drops {
				growth = -growth
			}
			return 100*(1+0.6*growth) + r.NormFloat64()
		})
		if found, ok := Anomalous(points, noon(), Rules{Step: stepRate, Drops: drops}); ok {
			t.Errorf("drops %t: found %+v", drops, found)
		}
	}
}

func TestWhatRecursIsNoAnomaly(t *testing.T) {
	for name, recurs := range map[string]func(ago time.Duration) bool{
		"every day at the same time": func(ago time.Duration) bool { return ago%(24*time.Hour) < time.Hour },
		"every five days":            func(ago time.Duration) bool { return ago%(5*24*time.Hour) < 2*time.Hour },
		"every week":                 func(ago time.Duration) bool { return ago%(7*24*time.Hour) < 2*time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			points := every(stepRate, historyRate, func(ago time.Duration) float64 {
				if recurs(ago) {
					return 100
				}
				return 10
			})
			if found, ok := Anomalous(points, noon(), Rules{Step: stepRate}); ok {
				t.Errorf("found %+v", found)
			}
		})
	}
}

// TestBadSeriesAreNoAnomaly has what servers return when too little is known, or what was measured is wrong.
func TestBadSeriesAreNoAnomaly(t *testing.T) {
	quiet := func(span time.Duration) []metrics.Point {
		r := rand.New(rand.NewPCG(5, 5))
		return every(stepRate, span, func(time.Duration) float64 { return 10 + r.Float64() })
	}
	change := func(of func(i int, p *metrics.Point)) []metrics.Point {
		points := quiet(historyRate)
		for i := range points {
			of(i, &points[i])
		}
		return points
	}
	unmeasured := func(gap func(i int) bool) []metrics.Point {
		return change(func(i int, p *metrics.Point) {
			if gap(i) {
				p.Value = math.NaN()
			}
		})
	}
	for name, points := range map[string][]metrics.Point{
		"none":                     nil,
		"five minutes":             {{Time: noon().Add(-5 * time.Minute), Value: 1}, {Time: noon(), Value: 1000}},
		"half a day":               quiet(12 * time.Hour),
		"all NaN":                  change(func(_ int, p *metrics.Point) { p.Value = math.NaN() }),
		"all infinite":             change(func(_ int, p *metrics.Point) { p.Value = math.Inf(1) }),
		"the newest day is NaN":    unmeasured(func(i int) bool { return i > 27*48 }),
		"stopped three hours ago":  quiet(historyRate)[:28*48-6],
		"a week of gaps":           quiet(historyRate)[20*48:],
		"negative":                 change(func(_ int, p *metrics.Point) { p.Value = -p.Value }),
		"a clock that is ahead":    change(func(_ int, p *metrics.Point) { p.Time = p.Time.Add(20 * 24 * time.Hour) }),
		"a clock that jumped back": change(func(i int, p *metrics.Point) { p.Time = p.Time.Add(-time.Duration(i/700) * 3 * time.Hour) }),
		"all at the same time":     change(func(_ int, p *metrics.Point) { p.Time = noon() }),
		"measured every third day": unmeasured(func(i int) bool { return i/48%4 > 0 }),
	} {
		t.Run(name, func(t *testing.T) {
			for _, rules := range []Rules{{Step: stepRate}, {Step: stepRate, Drops: true}, {Step: stepRate, Log: true}} {
				if found, ok := Anomalous(points, noon(), rules); ok {
					t.Errorf("found %+v by %+v", found, rules)
				}
			}
		})
	}
}

// TestWhatLastsIsMeasured has a week of usual values, an hour and a half of high ones, and the same again today. What was in between is
// unknown, or known to be high.
func TestWhatLastsIsMeasured(t *testing.T) {
	for measured, want := range map[bool]bool{false: false, true: true} {
		var points []metrics.Point
		for _, p := range every(stepRate, 28*day, func(time.Duration) float64 { return 1 }) {
			ago := noon().Sub(p.Time)
			if ago <= 20*day {
				p.Value = 100
			}
			if measured || ago > 20*day-90*time.Minute || ago < 90*time.Minute {
				points = append(points, p)
			}
		}
		if found, ok := Anomalous(points, noon(), Rules{Step: stepRate}); ok != want {
			t.Errorf("measured %v: found %+v, want %v", measured, found, want)
		}
	}
}
