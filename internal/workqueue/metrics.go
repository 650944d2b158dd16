package workqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// watchInterval is how often the leader counts parts and workers.
const watchInterval = 15 * time.Second

// Metrics of a process that uses the queue.
type Metrics struct {
	connected prometheus.GaugeFunc
	parts     *prometheus.GaugeVec
	workers   prometheus.Gauge
	duration  *prometheus.HistogramVec
	queue     atomic.Pointer[Queue]
}

// NewMetrics registers those of the leader and of workers.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		parts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_workqueue_parts", Help: "Parts of inspections in the work queue, by state: waiting or running.",
		}, []string{"state"}),
		workers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeops_workqueue_workers", Help: "Workers that answered the leader.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubeops_worker_part_duration_seconds", Help: "Duration of the parts that this worker did, by result: report or problem.",
			Buckets: []float64{.5, 1, 2, 5, 10, 30, 60, 120, 300},
		}, []string{"result"}),
	}
	m.connected = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubeops_workqueue_connected", Help: "Whether there is a connection to the work queue: 1 or 0.",
	}, func() float64 {
		if q := m.queue.Load(); q != nil && q.Connected() {
			return 1
		}
		return 0
	})
	err := errors.Join(registry.Register(m.connected), registry.Register(m.parts), registry.Register(m.workers),
		registry.Register(m.duration))
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// finished counts a part that this process did.
func (m *Metrics) finished(report bool, took time.Duration) {
	if m == nil {
		return
	}
	result := "problem"
	if report {
		result = "report"
	}
	m.duration.WithLabelValues(result).Observe(took.Seconds())
}

// Watcher counts the parts and the workers of a queue for metrics. It is a runnable of the leader.
type Watcher struct{ Queue *Queue }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (Watcher) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (w Watcher) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		w.Queue.count(ctx)
		pause(ctx, watchInterval)
	}
	return nil
}

// count parts and workers now. What cannot be counted is 0: metric kubeops_workqueue_connected says why.
func (q *Queue) count(ctx context.Context) {
	m := q.metrics
	if m == nil {
		return
	}
	var waiting, running float64
	var workers, places int
	if opened, err := q.open(ctx); err == nil {
		if info, err := opened.workers.Info(ctx); err == nil {
			waiting = float64(info.NumPending)
			running = float64(info.NumAckPending)
		} else {
			q.forget()
		}
		workers, places = q.countWorkers(ctx)
	}
	if workers > 0 {
		q.turns.resize(places)
	}
	m.parts.WithLabelValues("waiting").Set(waiting)
	m.parts.WithLabelValues("running").Set(running)
	m.workers.Set(float64(workers))
}

// countWorkers that answer within a second, and the parts that they do at the same time.
func (q *Queue) countWorkers(ctx context.Context) (workers, places int) {
	inbox := q.conn.NewInbox()
	answers, err := q.conn.SubscribeSync(inbox)
	if err != nil {
		return 0, 0
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := q.conn.PublishRequest(q.subject("ping", "workers"), inbox, nil); err != nil {
		return 0, 0
	}
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for ; ; workers++ {
		message, err := answers.NextMsgWithContext(limited)
		if err != nil || message.Header.Get("Status") != "" { // no responders
			return workers, places
		}
		const most = 100
		parallel, _ := strconv.Atoi(string(message.Data)) // anything else counts as one
		places += min(max(parallel, 1), most)
	}
}
