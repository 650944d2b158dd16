package managerconfig

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

// validateLimits keeps each limit between the default of the field that it bounds and what the CRD allows.
func validateLimits(limits *v1alpha1.Limits, path *field.Path) field.ErrorList {
	var all field.ErrorList
	for _, one := range []struct {
		name     string
		value    metav1.Duration
		min, max time.Duration
	}{
		{"minScheduleInterval", limits.MinScheduleInterval, time.Second, 24 * time.Hour},
		{"maxRunTimeout", limits.MaxRunTimeout, 5 * time.Minute, time.Hour},
		{"minProbeInterval", limits.MinProbeInterval, 5 * time.Second, time.Minute},
	} {
		if one.value.Duration < one.min || one.value.Duration > one.max {
			message := fmt.Sprintf("must be between %s and %s", one.min, one.max)
			all = append(all, field.Invalid(path.Child(one.name), one.value.Duration.String(), message))
		}
	}
	for _, one := range []number{
		{"maxKeepReports", limits.MaxKeepReports, 10, 100},
		{"maxLogLines", limits.MaxLogLines, 200_000, 5_000_000},
		{"maxQueryBytes", limits.MaxQueryBytes, 32 << 20, 1 << 30},
	} {
		all = append(all, one.validate(path)...)
	}
	return all
}

func validateQuotas(quotas *v1alpha1.Quotas, path *field.Path) field.ErrorList {
	const (
		maxObjects    = 100_000
		maxConcurrent = 100
	)
	var all field.ErrorList
	for _, one := range []number{
		{"inspections", quotas.Inspections, 0, maxObjects},
		{"metricsBackends", quotas.MetricsBackends, 0, maxObjects},
		{"logBackends", quotas.LogBackends, 0, maxObjects},
		{"aiProviders", quotas.AIProviders, 0, maxObjects},
		{"notificationChannels", quotas.NotificationChannels, 0, maxObjects},
		{"managedClusters", quotas.ManagedClusters, 0, maxObjects},
		{"ciProviders", quotas.CIProviders, 0, maxObjects},
		{"cdProviders", quotas.CDProviders, 0, maxObjects},
		{"resourceBundles", quotas.ResourceBundles, 0, maxObjects},
		{"pipelines", quotas.Pipelines, 0, maxObjects},
		{"runsPerHour", quotas.RunsPerHour, 0, maxObjects},
		{"concurrentRuns", quotas.ConcurrentRuns, 0, maxConcurrent},
	} {
		all = append(all, one.validate(path)...)
	}
	return all
}

// number is a field with a range.
type number struct {
	name            string
	value, min, max int32
}

func (n number) validate(path *field.Path) field.ErrorList {
	if n.value < n.min || n.value > n.max {
		return field.ErrorList{field.Invalid(path.Child(n.name), n.value, validation.InclusiveRangeError(int(n.min), int(n.max)))}
	}
	return nil
}
