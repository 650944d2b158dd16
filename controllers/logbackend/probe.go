package logbackend

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

const (
	// maxShort is the length in runes of what a server tells in a word or two, such as its version.
	maxShort = 64
	// maxWarnings and maxWarning are what the API takes.
	maxWarnings, maxWarning = 16, 512
	// How long a line may take from its write until it is found: the interval, within these bounds, so that a back end that takes
	// lines and never gives them back is noticed soon where the interval is short.
	leastPatience, mostPatience = 10 * time.Second, 30 * time.Second
	// everySearch is how long to wait between two searches for it.
	everySearch = 250 * time.Millisecond
)

func patience(b *v1alpha1.LogBackend) time.Duration {
	return min(max(b.Spec.ProbeInterval(), leastPatience), mostPatience)
}

// probe makes the round trip and records what it found.
func (r *Reconciler) probe(ctx context.Context, b *v1alpha1.LogBackend, opened *backends.Logs) (message string, err error) {
	status, before := &b.Status, b.Status.DeepCopy()
	unmeasured(status)
	trip, err := logs.Prove(ctx, opened.Provider, logs.ProbeOptions{
		ReadOnly: b.Spec.Probe == v1alpha1.ProbeReadOnly, Patience: patience(b), Every: everySearch, Clock: r.Clock,
	})
	health := trip.Health
	if health.Flavor != "" || health.Version != "" || health.State != "" { // the server told how it is, whatever came of the rest
		record(status, health, opened)
	}
	if err != nil {
		return "", err
	}
	status.QueryLatency = backend.Steady(before.QueryLatency, trip.QueryLatency, time.Millisecond, 5*time.Millisecond)
	if trip.IngestLag == nil {
		return "searches are answered", nil
	}
	status.IngestLag = backend.Steady(before.IngestLag, *trip.IngestLag, time.Millisecond, everySearch)
	return "a line was written and read back", nil
}

// record what the server told about itself.
func record(status *v1alpha1.LogBackendStatus, health logs.Health, opened *backends.Logs) {
	status.Version, status.Health = opened.Clean(health.Version, maxShort), opened.Clean(health.State, maxShort)
	status.Flavor = flavor(health.Flavor)
	if health.ActiveShards != nil && health.UnassignedShards != nil {
		status.Shards = &v1alpha1.ShardCounts{Active: backend.Count(*health.ActiveShards), Unassigned: backend.Count(*health.UnassignedShards)}
	}
	for _, warning := range health.Warnings[:min(len(health.Warnings), maxWarnings)] {
		status.Warnings = append(status.Warnings, opened.Clean(warning, maxWarning))
	}
	status.Schema = schema(health.Schema)
	status.Capabilities = capabilities(logs.Capabilities(opened.Provider))
}

// unmeasured takes away what only a round trip tells; what a server is stays.
func unmeasured(s *v1alpha1.LogBackendStatus) {
	s.Health, s.Shards, s.Warnings, s.IngestLag, s.QueryLatency, s.Retention = "", nil, nil, nil, nil, ""
}

// flavor is one of those that the API documents.
func flavor(told string) string {
	if slices.Contains([]string{"elasticsearch", "opensearch", "loki", "victorialogs"}, told) {
		return told
	}
	return "unknown"
}

// schema is one of those that the API knows, or empty.
func schema(told string) v1alpha1.FieldSchema {
	switch s := v1alpha1.FieldSchema(told); s {
	case v1alpha1.FieldSchemaECS, v1alpha1.FieldSchemaKubernetes, v1alpha1.FieldSchemaFlat:
		return s
	}
	return ""
}

func capabilities(list []string) []string {
	const most = 32
	return list[:min(len(list), most)]
}

// unasked says that the retention was not compared, because the round trip failed; what is known of the data view stays.
func (r *Reconciler) unasked(b *v1alpha1.LogBackend, err error) {
	if b.Spec.Retention != nil {
		r.matches(b, metav1.ConditionUnknown, reason(err), "not compared, since the back end is not Ready")
	}
	if wantsDataView(b) {
		conditions := r.ConditionsOf(subject(b))
		conditions.Observe(v1alpha1.ConditionDataViewReady)
	}
}

// retention reads how long lines are kept, and compares that with what is wanted.
func (r *Reconciler) retention(ctx context.Context, b *v1alpha1.LogBackend, opened *backends.Logs) {
	kept, known, err := logs.Retention{}, false, error(nil)
	if reader, can := opened.Provider.(logs.RetentionReader); can {
		kept, known, err = reader.Retention(ctx)
	}
	if err == nil && known {
		b.Status.Retention = worded(kept.Keeps)
	}
	if b.Spec.Retention == nil {
		return
	}
	switch {
	case err != nil:
		message := "the retention could not be read; the manager's log names the error"
		if p := problem.As(err); p != nil {
			message = opened.Clean(p.Message, 1024)
		}
		r.matches(b, metav1.ConditionUnknown, reason(err), message)
	case !known:
		r.matches(b, metav1.ConditionUnknown, v1alpha1.ReasonRetentionUnknown,
			"the back end does not tell how long it keeps logs; compare its configuration with spec.retention by hand")
	default:
		status, reason, message := compare(b.Spec.Retention.Duration, kept.Keeps, opened.Clean(kept.Source, maxShort))
		r.matches(b, status, reason, message)
	}
}

// compare what is wanted with what is kept. One part in a hundred, or an hour, is no difference: policies act now and then only.
func compare(wanted, keeps time.Duration, source string) (status metav1.ConditionStatus, reason, message string) {
	if source != "" {
		source = " (" + source + ")"
	}
	slack := max(wanted/100, time.Hour)
	if wanted <= slack {
		slack = 0
	}
	switch {
	case keeps > 0 && keeps < wanted-slack:
		return metav1.ConditionFalse, v1alpha1.ReasonRetentionTooShort,
			fmt.Sprintf("logs are kept for %s%s, shorter than the %s of spec.retention; lengthen it there, or change the spec", worded(keeps), source, worded(wanted))
	case keeps <= 0 || keeps > wanted+slack:
		return metav1.ConditionFalse, v1alpha1.ReasonRetentionTooLong,
			fmt.Sprintf("logs are kept %s%s, longer than the %s of spec.retention; shorten it there, or change the spec", lasting(keeps), source, worded(wanted))
	}
	return metav1.ConditionTrue, v1alpha1.ReasonRetentionMatches, fmt.Sprintf("logs are kept for %s%s", worded(keeps), source)
}

func lasting(keeps time.Duration) string {
	if keeps <= 0 {
		return "for ever"
	}
	return "for " + worded(keeps)
}

// worded is a time in days or hours, where it is a whole number of them: 30d, 12h.
func worded(keeps time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case keeps <= 0:
		return "for ever"
	case keeps%day == 0:
		return fmt.Sprintf("%dd", keeps/day)
	case keeps%time.Hour == 0:
		return fmt.Sprintf("%dh", keeps/time.Hour)
	}
	return keeps.String()
}

func (r *Reconciler) matches(b *v1alpha1.LogBackend, status metav1.ConditionStatus, reason, message string) {
	r.ConditionsOf(subject(b)).Aside(v1alpha1.ConditionRetentionMatches, status, reason, message)
}

func reason(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return v1alpha1.ReasonRetrying
}
