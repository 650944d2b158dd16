package trend

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// volume is a disk of capacity 100, by its free part at a time in days since its first sample.
type volume func(day float64) float64

// drawn is a kind of volumes, drawn at random.
type drawn struct {
	name string
	draw func(r *rand.Rand) volume
}

// noises returns fluctuations of free space that are the same whenever they are asked for.
func noises(r *rand.Rand, size float64) volume {
	values := make([]float64, 1024)
	for i := range values {
		values[i] = size * r.NormFloat64()
	}
	return func(day float64) float64 { return values[int(day*12)%len(values)] }
}

// dips returns temporary files: one every few hours, such as of a compaction, which lasts for some.
func dips(r *rand.Rand) volume {
	depth := 4 + 10*r.Float64()
	every := 5 + 15*r.Float64()
	lasts := 2 + 2*r.Float64()
	return func(day float64) float64 {
		if math.Mod(24*day, every) < lasts {
			return -depth
		}
		return 0
	}
}

// volumesThatFill are full between the days 16 and 45 after their first sample.
func volumesThatFill() []drawn {
	full := func(r *rand.Rand) float64 { return 16 + 29*r.Float64() }
	return []drawn{
		{"steady growth", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			at := full(r)
			pace := (20 + 60*r.Float64()) / at
			wave := 2 * r.Float64()
			return func(day float64) float64 { return pace*(at-day) + wave*math.Sin(2*math.Pi*day) + noise(day) }
		}},
		{"growth under compaction", func(r *rand.Rand) volume {
			noise := noises(r, 0.2)
			at := full(r)
			dip := dips(r)
			pace := (30 + 50*r.Float64()) / at
			return func(day float64) float64 { return pace*(at-day) + 10 + dip(day) + noise(day) }
		}},
		{"a leak under a weekly cleanup", func(r *rand.Rand) volume {
			noise := noises(r, 0.2)
			at := full(r)
			phase := 7 * r.Float64()
			weekly := 15 + 20*r.Float64()
			leak := (15 + 25*r.Float64()) / at
			return func(day float64) float64 { return leak*(at-day) + weekly*(1-math.Mod(day+phase, 7)/7) + noise(day) }
		}},
		{"sudden growth", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			at := full(r)
			free := 20 + 50*r.Float64()
			took := 1 + 2*r.Float64()
			return func(day float64) float64 { return free*math.Min(1, (at-day)/took) + noise(day) }
		}},
	}
}

// volumesThatDoNot are never full.
func volumesThatDoNot() []drawn {
	return []drawn{
		{"constant with noise", func(r *rand.Rand) volume {
			noise := noises(r, 2*r.Float64())
			return func(day float64) float64 { return 20 + noise(day) }
		}},
		{"a daily and a weekly pattern", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			a := 8 * r.Float64()
			b := 10 * r.Float64()
			phase := 7 * r.Float64()
			return func(day float64) float64 {
				return 30 + a*math.Sin(2*math.Pi*(day+phase)) + b*math.Sin(2*math.Pi*(day+phase)/7) + noise(day)
			}
		}},
		{"compaction without growth", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			dip := dips(r)
			return func(day float64) float64 { return 25 + dip(day) + noise(day) }
		}},
		{"cleaned up every few days", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			phase := 7 * r.Float64()
			every := 1 + 6*r.Float64()
			lost := 15 + 25*r.Float64()
			return func(day float64) float64 {
				return 5 + lost*(1-math.Mod(day+phase, every)/every) + noise(day)
			}
		}},
		{"a backup once a week", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			phase := 7 * r.Float64()
			size := 15 + 15*r.Float64()
			return func(day float64) float64 {
				into := math.Mod(day+phase, 7)
				return 40 - size*math.Min(1, into*3)*math.Max(0, math.Min(1, 3*(1-into))) + noise(day)
			}
		}},
		{"growth that stopped", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			stop := 2 + 6*r.Float64()
			pace := (20 + 40*r.Float64()) / stop
			return func(day float64) float64 { return 12 + pace*math.Max(0, stop-day) + noise(day) }
		}},
		{"a random walk", func(r *rand.Rand) volume {
			var at []float64
			level := 40.0
			for range 60 * 12 {
				level = math.Min(95, math.Max(10, level+0.4*r.NormFloat64()))
				at = append(at, level)
			}
			return func(day float64) float64 { return at[int(day*12)] }
		}},
		{"imported once", func(r *rand.Rand) volume {
			noise := noises(r, 0.3)
			from := 5 + 25*r.Float64()
			took := 0.2 + r.Float64()
			size := 10 + 20*r.Float64()
			return func(day float64) float64 { return 60 - size*math.Max(0, math.Min(1, (day-from)/took)) + noise(day) }
		}},
	}
}

// until returns the samples of a volume every two hours up to a day, as far as they are read.
func (v volume) until(day float64) []metrics.Point {
	var points []metrics.Point
	for at := day - math.Min(historyFill.Hours()/24, math.Floor(day*12)/12); at <= day+1e-9; at += 1.0 / 12 {
		points = append(points,
			metrics.Point{Time: noon().Add(time.Duration((at - day) * 24 * float64(time.Hour))), Value: math.Max(0, v(at))})
	}
	return points
}

// full returns the first day on which a volume has no free space.
func (v volume) full() float64 {
	for day := 0.0; day < 60; day += 1.0 / 96 {
		if v(day) <= 0 {
			return day
		}
	}
	return math.Inf(1)
}

// TestVolumesAreReportedBeforeTheyAreFull inspects volumes every six hours of their last two days, and others every four days. The error
// is that one, two, four and eight days before a volume is full.
// docs/trends.md quotes its output.
func TestVolumesAreReportedBeforeTheyAreFull(t *testing.T) {
	const each = 200
	for k, kind := range volumesThatFill() {
		r := rand.New(rand.NewPCG(11, uint64(k)))
		reported := 0
		inspections := 0
		said := 0
		var errs []float64
		for range each {
			v := kind.draw(r)
			full := v.full()
			once := false
			for left := 2.0; left > 0.2; left -= 0.25 {
				inspections++
				if _, ok := Exhaustion(v.until(full-left), 100, noon(), ClaimHorizon); ok {
					once = true
					said++
				}
			}
			for _, left := range []float64{1, 2, 4, 8} {
				if forecast, ok := Exhaustion(v.until(full-left), 100, noon(), ClaimHorizon); ok {
					errs = append(errs, math.Abs(forecast.Until.Hours()/24-left)/left)
				}
			}
			if once {
				reported++
			}
		}
		if off := median(errs); off > 0.15 && kind.name == "growth under compaction" {
			t.Errorf("%s: off by %.1f %%", kind.name, 100*off)
		}
		t.Logf("%-30s reported %5.1f %%, by %5.1f %% of the inspections, off by %4.1f %% (median)", kind.name,
			100*float64(reported)/each, 100*float64(said)/float64(inspections), 100*median(errs))
		if reported < each*95/100 {
			t.Errorf("%s: reported %d of %d before they were full", kind.name, reported, each)
		}
	}
	falsely := 0
	all := 0
	for k, kind := range volumesThatDoNot() {
		r := rand.New(rand.NewPCG(12, uint64(k)))
		of := 0
		wrong := 0
		for range each {
			v := kind.draw(r)
			for day := 10.0; day < 50; day += 4 {
				of++
				if _, ok := Exhaustion(v.until(day), 100, noon(), ClaimHorizon); ok {
					wrong++
				}
			}
		}
		falsely += wrong
		all += of
		t.Logf("%-30s false %5.2f %%", kind.name, 100*float64(wrong)/float64(of))
	}
	t.Logf("volumes that do not fill up: false %.2f %%", 100*float64(falsely)/float64(all))
	if falsely*100 > 3*all {
		t.Errorf("%d of %d inspections of volumes that do not fill up reported one", falsely, all)
	}
}

// TestTheMostThatADiskLost compares it with that of all pairs, and with many points of the same time, as of many exporters.
func TestTheMostThatADiskLost(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		n := 1 + r.IntN(60)
		var x, y []float64
		for i := range n {
			x = append(x, float64(i/3*7200))
			y = append(y, float64(r.IntN(20)))
		}
		within := float64(r.IntN(8) * 7200)
		least := math.Inf(1)
		want := 0.0
		for i := range n {
			least = math.Min(least, y[i])
			for k := range i {
				if x[k] >= x[i]-within-1 {
					want = math.Max(want, y[k]-y[i])
				}
			}
		}
		if lowest, most := before(x, y, within); lowest != least || most != want {
			t.Fatalf("%v %v within %v: %v and %v, want %v and %v", x, y, within, lowest, most, least, want)
		}
	}
	x := make([]float64, 1_000_000)
	y := make([]float64, 1_000_000)
	for i := range y {
		y[i] = float64(-i)
	}
	if _, most := before(x, y, 1); most != 999_999 { // all pairs would take minutes
		t.Error(most)
	}
}
