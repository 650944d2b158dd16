package logbackend

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

const (
	// maxShort is the length in runes of short values that a server reports, such as its version.
	maxShort = 64
	// maxWarnings, maxWarning and maxCapabilities are limits of the API.
	maxWarnings, maxWarning, maxCapabilities = 16, 512, 32
	// How long a line may take from its write until it is found: the interval, within these bounds, so that a backend that
	// accepts lines and never returns them is noticed soon where the interval is short.
	minPatience, maxPatience = 10 * time.Second, 30 * time.Second
	// searchInterval is how long to wait between two searches for it.
	searchInterval = 250 * time.Millisecond
)

func patience(b *v1alpha1.LogBackend) time.Duration {
	return min(max(b.Spec.ProbeInterval(), minPatience), maxPatience)
}

type prober struct{ clock clock.PassiveClock }

// prove makes the round trip and records what it found.
func (p prober) prove(ctx context.Context, scope *kind.Scope[*v1alpha1.LogBackend], c *connection) (probe.Result, error) {
	b := scope.Object
	before := scope.Stored.Status
	reset(&b.Status)
	trip, err := logs.Prove(ctx, c.Provider, logs.ProbeOptions{
		ReadOnly: b.Spec.Probe == v1alpha1.ProbeReadOnly, Patience: patience(b), Every: searchInterval, Clock: p.clock,
	})
	if health := trip.Health; health.Flavor != "" || health.Version != "" || health.State != "" {
		record(&b.Status, health, c) // the server reported its state, even if the rest failed
	}
	if err != nil {
		return probe.Result{}, err
	}
	c.readRetention(ctx, &b.Status)
	b.Status.QueryLatency = probe.Steady(before.QueryLatency, trip.QueryLatency, time.Millisecond, 5*time.Millisecond)
	if trip.IngestLag == nil {
		return probe.Result{Message: "the server answers searches"}, nil
	}
	b.Status.IngestLag = probe.Steady(before.IngestLag, *trip.IngestLag, time.Millisecond, searchInterval)
	return probe.Result{Message: "a line was written and read back"}, nil
}

// record what the server reported about itself.
func record(status *v1alpha1.LogBackendStatus, health logs.Health, c *connection) {
	status.Version, status.Health = c.Redact(health.Version, maxShort), c.Redact(health.State, maxShort)
	status.Flavor = provider.Flavor(health.Flavor)
	if health.ActiveShards != nil && health.UnassignedShards != nil {
		status.Shards = &v1alpha1.ShardCounts{
			Active:     probe.Count(*health.ActiveShards),
			Unassigned: probe.Count(*health.UnassignedShards),
		}
	}
	for _, warning := range health.Warnings[:min(len(health.Warnings), maxWarnings)] {
		status.Warnings = append(status.Warnings, c.Redact(warning, maxWarning))
	}
	status.Schema = schema(health.Schema)
	capabilities := logs.Capabilities(c.Provider)
	status.Capabilities = capabilities[:min(len(capabilities), maxCapabilities)]
}

// reset removes what only a successful round trip can tell; what the server is stays.
func reset(s *v1alpha1.LogBackendStatus) {
	s.Health = ""
	s.Shards = nil
	s.Warnings = nil
	s.IngestLag = nil
	s.QueryLatency = nil
	s.Retention = ""
}

// schema is one of those that the API knows, or empty.
func schema(reported string) v1alpha1.FieldSchema {
	switch s := v1alpha1.FieldSchema(reported); s {
	case v1alpha1.FieldSchemaECS, v1alpha1.FieldSchemaKubernetes, v1alpha1.FieldSchemaFlat:
		return s
	}
	return ""
}
