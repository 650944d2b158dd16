package serverclock

import (
	"cmp"
	"context"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

const (
	// defaultInterval between two comparisons.
	defaultInterval = 5 * time.Minute
	// requestTimeout of one comparison.
	requestTimeout = 10 * time.Second
)

// Monitor compares the clocks until the manager stops, in every replica. A difference over MaxSkew is logged when it appears, and when it
// is gone.
type Monitor struct {
	// Client of the API server.
	Client *Client
	// Clock of this machine.
	Clock clock.WithTicker
	// Logger of differences.
	Logger logr.Logger
	// Interval between two comparisons. Default 5 minutes.
	Interval time.Duration

	skew prometheus.Gauge
	off  bool
}

// Register the gauge kubeops_clock_skew_seconds.
func (m *Monitor) Register(registry prometheus.Registerer) error {
	m.skew = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kubeops_clock_skew_seconds",
		Help: "How far the clock of this process is ahead of that of the API server, in steps of 10 seconds.",
	})
	return registry.Register(m.skew)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: a replica that waits will need its clock.
func (m *Monitor) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (m *Monitor) Start(ctx context.Context) error {
	ticker := m.Clock.NewTicker(cmp.Or(m.Interval, defaultInterval))
	defer ticker.Stop()
	for {
		m.compare(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// compare once. An API server that does not answer is no difference.
func (m *Monitor) compare(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, at, err := m.Client.Read(ctx)
	if err != nil || at.IsZero() {
		return
	}
	skew := Skew(m.Clock.Now(), at)
	if m.skew != nil {
		m.skew.Set(skew.Seconds())
	}
	switch off := skew.Abs() > MaxSkew; {
	case off && !m.off:
		m.Logger.Error(nil, "The clock of this machine differs from that of the API server: schedules, deadlines and expiries are off. "+
			"Synchronize the clock of the node by NTP", "clock", Describe(skew)+" that of the API server", "skewSeconds", skew.Seconds())
	case !off && m.off:
		m.Logger.Info("The clock of this machine agrees with that of the API server again")
	}
	m.off = skew.Abs() > MaxSkew
}
