// Package limits bounds what tenants can ask of the manager: Limits for a single resource, Quotas for a namespace. Both come from the
// manager's configuration. A condition that reports one names the setting.
package limits

import (
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Limits bound the fields of a single resource, below what its CRD allows. A field that is zero sets no limit.
type Limits struct {
	// MinScheduleInterval is the shortest time between two scheduled runs of an Inspection.
	MinScheduleInterval time.Duration
	// MinProbeInterval is the shortest spec.interval of a backend, model or notification channel.
	MinProbeInterval time.Duration
	// MaxRunTimeout is the longest spec.timeout of an Inspection.
	MaxRunTimeout time.Duration
	// MaxKeepReports is the highest spec.keepReports of an Inspection.
	MaxKeepReports int64
	// MaxLogLines is the highest spec.logAnalysis.maxLines of an Inspection.
	MaxLogLines int64
	// MaxQueryBytes is the highest spec.queryBudget.maxBytes of a MetricsBackend.
	MaxQueryBytes int64
}

// Quotas bound what the manager does for one namespace. A field that is zero sets no quota.
type Quotas struct {
	// Objects that are served, by kind.
	Objects map[string]Objects
	// RunsPerHour of all Inspections.
	RunsPerHour int
	// ConcurrentRuns of all Inspections. Others wait for a slot.
	ConcurrentRuns int
}

// Objects is the quota of one kind.
type Objects struct {
	// Served is the number of objects that are served in one namespace; the oldest ones are. Zero serves all.
	Served int
	// Setting is the field of the manager's configuration.
	Setting string
}

// MinDuration is the problem of a field with a duration below a limit, or nil.
func MinDuration(field string, value, limit time.Duration, setting string) *problem.Problem {
	if limit <= 0 || value >= limit {
		return nil
	}
	return exceeded("%s is %s, below the minimum of %s (%s in the manager's configuration); set at least %[3]s", field, format(value),
		format(limit), setting)
}

// MaxDuration is the problem of a field with a duration above a limit, or nil.
func MaxDuration(field string, value, limit time.Duration, setting string) *problem.Problem {
	if limit <= 0 || value <= limit {
		return nil
	}
	return exceeded("%s is %s, above the maximum of %s (%s in the manager's configuration); set at most %[3]s", field, format(value),
		format(limit), setting)
}

// MaxNumber is the problem of a field with a number above a limit, or nil.
func MaxNumber(field string, value, limit int64, setting string) *problem.Problem {
	if limit <= 0 || value <= limit {
		return nil
	}
	return exceeded("%s is %d, above the maximum of %d (%s in the manager's configuration); set at most %[3]d",
		field, value, limit, setting)
}

func exceeded(message string, args ...any) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonLimitExceeded, nil, message, args...)
}

// format is a duration without zero parts: 10m, 1h30m.
func format(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
