package sizing

import (
	"fmt"
	"math"
	"testing"
)

const mebi = 1 << 20

func TestCPUAddsMarginAndRoundsUp(t *testing.T) {
	for _, c := range []struct {
		cores  float64
		margin int64
		want   int64
	}{
		{0, 15, 10}, {0.001, 15, 10}, {0.02, 15, 30}, {0.08, 15, 100}, {0.087, 15, 150}, {0.5, 15, 600}, {0.5, 0, 500}, {1, 15, 1200},
		{3.9, 15, 4500}, {20, 15, 23_000}, {-5, 15, 10}, {math.NaN(), 15, 10}, {math.Inf(1), 15, 1_000_000_000}, {1, 300, 4000},
	} {
		if got := CPU(c.cores, c.margin); got != c.want {
			t.Errorf("%v cores and %d %%: got %dm, want %dm", c.cores, c.margin, got, c.want)
		}
	}
}

func TestMemoryIsAboveTheOOMKill(t *testing.T) {
	for _, c := range []struct {
		peak     float64
		killedAt int64
		want     int64
	}{
		{0, 0, 32 * mebi}, {100 * mebi, 0, 128 * mebi}, {500 * mebi, 0, 576 * mebi}, {2048 * mebi, 0, 2432 * mebi},
		{64 * mebi, 256 * mebi, 320 * mebi}, // 307.2Mi is 1.2 times the limit
		{250 * mebi, 256 * mebi, 320 * mebi}, {100 * mebi, 10 * mebi, 128 * mebi}, {math.NaN(), 0, 32 * mebi}, {math.Inf(1), 0, 1 << 60},
		{1, math.MaxInt64, 1 << 60},
	} {
		if got := Memory(c.peak, c.killedAt, 15); got != c.want {
			t.Errorf("a peak of %v, killed at %d: got %dMi, want %dMi", c.peak, c.killedAt, got/mebi, c.want/mebi)
		}
		if got := Memory(c.peak, c.killedAt, 15); float64(got) < min(1.2*float64(c.killedAt), 1<<60) {
			t.Errorf("a peak of %v, killed at %d: got %d, which is too close to the OOM kill", c.peak, c.killedAt, got)
		}
	}
}

func TestLimitIsAboveTheRequest(t *testing.T) {
	for peak := float64(mebi); peak < 1<<40; peak *= 1.7 {
		request := Memory(peak, 0, 15)
		limit := Limit(peak, 0, 15)
		if float64(limit) < 1.25*float64(request) {
			t.Errorf("a peak of %v: request %d, limit %d", peak, request, limit)
		}
	}
}

func TestTheMonthlyCostFollowsThePrices(t *testing.T) {
	prices := Prices{Core: 31_611, GiB: 4237, Currency: "USD"}
	if got := fmt.Sprintf("%.2f", prices.Monthly(2000, 4<<30)); got != "58.52" { // 730 * (2 * 0.031611 + 4 * 0.004237)
		t.Errorf("got %s", got)
	}
	if got := (Prices{}).Monthly(2000, 4<<30); got != 0 {
		t.Errorf("without prices: %v", got)
	}
}
