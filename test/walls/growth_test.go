package walls

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// series are the samples of one quantity over time.
type series struct {
	name   string
	values []float64
	// scale divides values for people: 1<<20 shows bytes as MiB. Default 1.
	scale float64
}

// trend compares the last third of a series with the middle one. The first third is left out: caches fill, and the Go runtime settles.
type trend struct {
	middle, last float64
	// tolerance is what the last third may be higher: three times the noise from sample to sample, at least 5 % of the level, and 1.
	tolerance float64
}

func (s *series) trend() trend {
	third := len(s.values) / 3
	t := trend{middle: middle(s.values[third : 2*third]), last: middle(s.values[2*third:])}
	var steps []float64
	for i := third + 1; i < len(s.values); i++ {
		steps = append(steps, math.Abs(s.values[i]-s.values[i-1]))
	}
	t.tolerance = max(3*middle(steps), t.middle/20, 1)
	return t
}

func (t trend) grows() bool { return t.last-t.middle > t.tolerance }

func (s *series) String() string {
	scale := s.scale
	if scale == 0 {
		scale = 1
	}
	t := s.trend()
	return fmt.Sprintf("%s: %.1f in the middle third, %.1f in the last (tolerance %.1f; %.1f to %.1f in all)", s.name, t.middle/scale, t.last/scale,
		t.tolerance/scale, slices.Min(s.values)/scale, slices.Max(s.values)/scale)
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func TestGrowthIsWhatRisesBeyondTheNoise(t *testing.T) {
	make60 := func(f func(i int) float64) []float64 {
		values := make([]float64, 60)
		for i := range values {
			values[i] = f(i)
		}
		return values
	}
	noise := func(i int) float64 { return float64(i * 7919 % 13) }
	for name, c := range map[string]struct {
		values []float64
		want   bool
	}{
		"constant":               {make60(func(int) float64 { return 100 }), false},
		"noise":                  {make60(func(i int) float64 { return 100 + noise(i) }), false},
		"a warm-up":              {make60(func(i int) float64 { return 100 + 50*min(float64(i), 15)/15 }), false},
		"a fall":                 {make60(func(i int) float64 { return 200 - float64(i) }), false},
		"one more":               {make60(func(i int) float64 { return 10 + float64(i/50) }), false},
		"a slow leak":            {make60(func(i int) float64 { return 100 + float64(i)/2 }), true},
		"a leak amid noise":      {make60(func(i int) float64 { return 100 + 3*float64(i) + noise(i) }), true},
		"a leak from zero":       {make60(func(i int) float64 { return float64(i) / 5 }), true},
		"a step at the very end": {make60(func(i int) float64 { return 100 + 50*float64(i/42) }), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &series{name: name, values: c.values}
			if got := s.trend().grows(); got != c.want {
				t.Errorf("grows: %t, want %t: %s", got, c.want, s)
			}
		})
	}
}
