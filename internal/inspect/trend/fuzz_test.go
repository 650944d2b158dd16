package trend

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// FuzzStatistics checks that both statistics terminate and return finite numbers for any values at any times.
func FuzzStatistics(f *testing.F) {
	bytes := func(values ...float64) []byte {
		var b []byte
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	var slope, extreme, flat []float64
	for i := range 200 {
		slope, flat = append(slope, float64(200-i)), append(flat, 0)
		extreme = append(extreme,
			[]float64{math.MaxFloat64, -math.MaxFloat64, math.NaN(), math.Inf(1), math.SmallestNonzeroFloat64, 0}[i%6])
	}
	f.Add(bytes(slope...), 100.0, int64(time.Hour), false, false)
	f.Add(bytes(flat...), 0.0, int64(time.Minute), false, true)
	f.Add(bytes(extreme...), math.MaxFloat64, int64(1), true, false)
	f.Add(bytes(extreme...), math.NaN(), int64(math.MaxInt64), true, true)
	f.Fuzz(func(t *testing.T, raw []byte, capacity float64, step int64, logs, sparse bool) {
		var points []metrics.Point
		for i := 0; i+8 <= len(raw) && len(points) < 3000; i += 8 {
			bits := binary.LittleEndian.Uint64(raw[i:])
			points = append(
				points,
				metrics.Point{
					Time:  noon().Add(-time.Duration(int64(len(raw)-i)) * time.Duration(step) / 8),
					Value: math.Float64frombits(bits),
				},
			)
		}
		for _, horizon := range []time.Duration{14 * 24 * time.Hour, time.Duration(step)} {
			if forecast, ok := Exhaustion(points, capacity, noon(), horizon); ok {
				if !usable(forecast.PerDay) || forecast.Until < 0 || forecast.Earliest < 0 || forecast.Earliest > forecast.Until ||
					forecast.Until > horizon {
					t.Errorf("forecast %+v", forecast)
				}
			}
		}
		rules := Rules{Step: time.Duration(step), Log: logs, Noise: math.Sqrt}
		if sparse {
			rules.ZeroFrom = noon().Add(-time.Duration(len(raw)) * time.Hour)
		}
		if anomaly, ok := Anomalous(points, noon(), rules); ok &&
			(math.IsNaN(anomaly.Score) || math.IsNaN(anomaly.Now) || math.IsNaN(anomaly.Usual)) {
			t.Errorf("anomaly %+v", anomaly)
		}
	})
}
