// Package managerconfig loads the configuration of the manager: defaults, then files, then flags. It reports every error with its
// place, and prints the result without credentials.
package managerconfig

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/images"
)

// Effective is a configuration with the origin of its values.
type Effective struct {
	Config v1alpha1.ManagerConfig
	// Origins by field path, such as logging.level or logCollection.clusterWideNamespaces[0]. A field that is absent has its default.
	Origins map[string]Origin
}

// Origin is where a value was set: a place in a file, or a flag.
type Origin struct {
	// File, and the line and column in it, from 1. Zero is unknown.
	File         string
	Line, Column int
	// Flag with its dashes, if a flag set the value.
	Flag string
	// Overridden is the place in a file that the flag overrides, if any.
	Overridden string
}

// String is FILE:LINE:COLUMN or the flag, with what the flag overrides.
func (o Origin) String() string {
	if o.Overridden != "" {
		return o.place() + " (overrides " + o.Overridden + ")"
	}
	return o.place()
}

func (o Origin) place() string {
	switch {
	case o.Flag != "":
		return o.Flag
	case o.Line == 0:
		return o.File
	case o.Column == 0:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
}

// Override is a flag that was set on the command line.
type Override struct {
	// Path of the field, such as logging.level.
	Path string
	// Flag with its dashes.
	Flag string
	// Set changes the field.
	Set func(*v1alpha1.ManagerConfig)
}

// Default is the configuration without files and flags.
func Default() v1alpha1.ManagerConfig {
	return v1alpha1.ManagerConfig{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.Kind},
		Namespaces: []string{},
		Logging:    v1alpha1.Logging{Level: v1alpha1.LogLevelInfo, Format: v1alpha1.LogFormatJSON},
		Metrics:    v1alpha1.Metrics{BindAddress: ":8080"},
		Health:     v1alpha1.Health{BindAddress: ":8081"},
		Webhooks:   v1alpha1.Webhooks{BindAddress: "0"},
		LeaderElection: v1alpha1.LeaderElection{
			Enabled:       true,
			LeaseDuration: metav1.Duration{Duration: 10 * time.Second},
			RenewDeadline: metav1.Duration{Duration: 7 * time.Second},
			RetryPeriod:   metav1.Duration{Duration: 2 * time.Second},
		},
		Profiling:   v1alpha1.Profiling{BindAddress: "0"},
		Tracing:     v1alpha1.Tracing{SamplePercent: 10, QueueSize: 2048},
		WorkQueue:   v1alpha1.WorkQueue{Name: "kubeops", Replicas: 1, PartsStorage: "16Mi", ResultsStorage: "256Mi"},
		Inspections: v1alpha1.Inspections{MaxConcurrent: 2, MemoryLimit: v1alpha1.AutoMemoryLimit},
		Backends: v1alpha1.Backends{Egress: v1alpha1.Egress{
			AllowedCIDRs: []string{}, DeniedCIDRs: []string{}, AllowedHosts: []string{}, DeniedHosts: []string{},
			ProxyResolvedHosts: []string{},
		}},
		Limits: v1alpha1.Limits{
			MinScheduleInterval: metav1.Duration{Duration: time.Minute},
			MaxRunTimeout:       metav1.Duration{Duration: 30 * time.Minute},
			MaxKeepReports:      100,
			MaxLogLines:         1_000_000,
			MinProbeInterval:    metav1.Duration{Duration: 10 * time.Second},
			MaxQueryBytes:       64 << 20,
		},
		Quotas: v1alpha1.Quotas{
			Inspections: 500, MetricsBackends: 100, LogBackends: 100, AIProviders: 100, NotificationChannels: 100, ManagedClusters: 100,
			CIProviders: 100, CDProviders: 100, ResourceBundles: 100, Pipelines: 100,
		},
		LogCollection: v1alpha1.LogCollection{
			ClusterWideNamespaces: []string{},
			Images:                v1alpha1.CollectorImages{Vector: images.Vector, Fluentd: images.Fluentd},
			BufferDisk:            "16Gi",
		},
	}
}
