package logbackend

import (
	"context"
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// readRetention asks how long lines are kept, and records it.
func (c *connection) readRetention(ctx context.Context, status *v1alpha1.LogBackendStatus) {
	reader, can := c.Provider.(logs.RetentionReader)
	if !can {
		return
	}
	c.retention, c.retentionKnown, c.retentionErr = reader.Retention(ctx)
	if c.retentionErr == nil && c.retentionKnown {
		status.Retention = formatRetention(c.retention.Keeps)
	}
}

// retentionPart compares how long lines are kept with spec.retention, with condition RetentionMatches.
func retentionPart() probe.Part[*v1alpha1.LogBackend, *connection] {
	return probe.Part[*v1alpha1.LogBackend, *connection]{
		Condition:  v1alpha1.ConditionRetentionMatches,
		Wanted:     func(b *v1alpha1.LogBackend) bool { return b.Spec.Retention != nil },
		NeedsProof: true,
		Reconcile: func(_ context.Context, scope *kind.Scope[*v1alpha1.LogBackend], c *connection) outcome.Auxiliary {
			return c.compareRetention(scope.Object.Spec.Retention.Duration)
		},
		NotProbed: func(err error) outcome.Auxiliary {
			return outcome.Unknown(probe.Reason(err), "not compared, because the backend is not Ready")
		},
	}
}

func (c *connection) compareRetention(wanted time.Duration) outcome.Auxiliary {
	switch p := problem.As(c.retentionErr); {
	case p != nil:
		return outcome.Unknown(p.Reason, c.Redact(p.Message, 1024))
	case c.retentionErr != nil:
		return outcome.Unknown(v1alpha1.ReasonRetrying, "unexpected error while reading the retention; see the manager's log")
	case !c.retentionKnown:
		return outcome.Unknown(v1alpha1.ReasonRetentionUnknown,
			"the server does not report how long it keeps logs; compare its configuration with spec.retention")
	}
	return compareRetention(wanted, c.retention.Keeps, c.Redact(c.retention.Source, maxShort))
}

// compareRetention compares what is wanted with what is kept; zero or less keeps lines forever. A difference of one percent,
// or of an hour, is tolerated, since retention policies run only now and then.
func compareRetention(wanted, keeps time.Duration, source string) outcome.Auxiliary {
	if source != "" {
		source = " (" + source + ")"
	}
	slack := max(wanted/100, time.Hour)
	if wanted <= slack {
		slack = 0
	}
	kept := "logs are kept forever" + source
	if keeps > 0 {
		kept = "logs are kept for " + formatRetention(keeps) + source
	}
	switch {
	case keeps > 0 && keeps < wanted-slack:
		return outcome.False(
			v1alpha1.ReasonRetentionTooShort,
			fmt.Sprintf("%s, shorter than spec.retention (%s); extend the retention of the server, or change the spec", kept,
				formatRetention(wanted)),
		)
	case keeps <= 0 || keeps > wanted+slack:
		return outcome.False(
			v1alpha1.ReasonRetentionTooLong,
			fmt.Sprintf("%s, longer than spec.retention (%s); shorten the retention of the server, or change the spec", kept,
				formatRetention(wanted)),
		)
	}
	return outcome.True(v1alpha1.ReasonRetentionMatches, kept)
}

// formatRetention writes whole days or hours as such: 30d, 12h.
func formatRetention(keeps time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case keeps <= 0:
		return "forever"
	case keeps%day == 0:
		return fmt.Sprintf("%dd", keeps/day)
	case keeps%time.Hour == 0:
		return fmt.Sprintf("%dh", keeps/time.Hour)
	}
	return keeps.String()
}
