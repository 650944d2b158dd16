package trend

import (
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkAnomalous evaluates series of 23 days in steps of half an hour, with and without an anomaly.
func BenchmarkAnomalous(b *testing.B) {
	points := shapes()[4].series(rand.New(rand.NewPCG(1, 1)), 23)
	b.Run("quiet", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := Anomalous(points, noon(), plainRules()); ok {
				b.Fatal("found")
			}
		}
	})
	loud := append(points[:0:0], points...)
	for i := len(loud) - 4; i < len(loud); i++ {
		loud[i].Value += 100
	}
	b.Run("anomaly", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := Anomalous(loud, noon(), plainRules()); !ok {
				b.Fatal("not found")
			}
		}
	})
}

// BenchmarkExhaustion forecasts from 14 days in steps of two hours.
func BenchmarkExhaustion(b *testing.B) {
	filling, steady := fills()
	for name, f := range map[string]fill{"filling": filling[1], "noise": steady[1]} {
		points, _ := f.history(rand.New(rand.NewPCG(1, 1)))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Exhaustion(points, 100, noon(), 14*24*time.Hour)
			}
		})
	}
}
