// Package environment is what the controllers of one manager share, and the settings that they read.
package environment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/message"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/refwatch"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/secretref"
)

// Settings are what an operator of KubeOps can set. The zero value is useful.
type Settings struct {
	// ParallelInspections run at the same time. Default 2.
	ParallelInspections int
	// ContinuousInspections is how many Inspections may watch their clusters. They need RunCommand. Default: none.
	ContinuousInspections int
	// RunCommand starts the process of each run, which calls runner.Serve. Nil runs Inspections in this process.
	RunCommand *child.Command
	// LeaseNamespace has the Lease that this manager leads by.
	LeaseNamespace string
	// Parts does the work of runs elsewhere, such as in workers. Nil does it in processes of RunCommand.
	Parts runner.Parts
	// ExpressionCommand starts the process that evaluates the expressions of Pipelines, which calls expression.Serve. Nil evaluates them in
	// this process.
	ExpressionCommand *child.Command
	// TemplateCommand starts the process that renders the templates of a NotificationChannel, which calls message.Serve. Nil renders them
	// in this process.
	TemplateCommand *child.Command
	// Egress says which addresses and hosts of specs may be called.
	Egress provider.Egress
	// Limits and Quotas bound what tenants can ask for. Default: nothing is bounded.
	Limits limits.Limits
	Quotas limits.Quotas
	// ResponseMemory is the size of all responses of backends that are read at the same time, in bytes.
	ResponseMemory int64
	// LogCollectors says how lines of Pods are routed to LogBackends.
	LogCollectors LogCollectors
	// WebhookAddress that deliveries of webhooks are received at, as [host]:port. Empty or 0 receives none.
	WebhookAddress string
	// DashboardURL is the address of the dashboard, to which notifications link. Empty links nothing.
	DashboardURL string
	// Answers keeps explanations of models beside the reports; nil keeps none.
	Answers AnswerCache
	// Namespaces that the manager serves. Default: all.
	Namespaces []string
	// Tracing records reconciles and what they request. Nil records nothing.
	Tracing trace.TracerProvider
	// Metrics is where the controllers register theirs. Required.
	Metrics prometheus.Registerer
}

// AnswerCache keeps answers of models for all replicas. Its errors never fail an Inspection.
type AnswerCache interface {
	// Get returns the values of the keys that it has, also beside an error.
	Get(ctx context.Context, keys []string) (map[string][]byte, error)
	// Set keeps a value for a while.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// LogCollectors are the settings of log collection.
type LogCollectors struct {
	// Namespace that the collectors run in. Empty collects nothing.
	Namespace string
	// Everywhere are namespaces whose LogBackends may collect from other namespaces, too.
	Everywhere []string
	// Images by collector, where not the default ones.
	Images map[v1alpha1.CollectorType]string
	// VectorVersion in the image of Vector, where its tag does not say.
	VectorVersion string
	// ManagerNamespace is the namespace of the manager's Pods.
	ManagerNamespace string
	// BufferDisk of a node for the buffers of each collector, in bytes.
	BufferDisk int64
}

// Environment is what the controllers share.
type Environment struct {
	kind.Environment
	Settings Settings
	// Accounts acts as the ServiceAccounts of tenants.
	Accounts impersonate.Source
	// Backends opens connections from resources.
	Backends *backends.Resolver
	// Clusters has the connections of ManagedClusters.
	Clusters *clusters.Registry
	// Probes are the metrics of all probed kinds.
	Probes *probe.Metrics
	// Redact replaces secrets in text that leaves the manager. Its rules take most of a MiB, so that all controllers share them.
	Redact func(string) string
}

// Setup adds one controller to a manager. Each controller package exports one function of this signature.
type Setup func(ctrl.Manager, *Environment) error

// New is the environment of a manager.
func New(m ctrl.Manager, settings Settings) (*Environment, error) {
	watcher := refwatch.New(m.GetConfig())
	if err := m.Add(watcher); err != nil {
		return nil, fmt.Errorf("add the watcher of references: %w", err)
	}
	probes, err := probe.NewMetrics(settings.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	accounts := impersonate.Source{Reader: kind.CheckedReader{Reader: m.GetAPIReader()}, Config: m.GetConfig()}
	if settings.Answers, err = countAnswers(settings.Answers, settings.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	resolver, err := newResolver(m, settings)
	if err != nil {
		return nil, err
	}
	registry, err := clusters.NewRegistry(clusters.Options{Egress: settings.Egress, Memory: resolver.Memory, Metrics: settings.Metrics})
	if err != nil {
		return nil, err
	}
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		return nil, fmt.Errorf("prepare redaction: %w", err)
	}
	shared := kind.NewEnvironment(m, watcher)
	shared.Limits, shared.Quotas = settings.Limits, settings.Quotas
	shared.Tracing = settings.Tracing
	return &Environment{
		Environment: shared, Settings: settings, Accounts: accounts, Backends: resolver, Clusters: registry, Probes: probes,
		Redact: redactor.Text,
	}, nil
}

// parallelExpressions is the number of processes that evaluate expressions at the same time.
const parallelExpressions = 2

// Expressions evaluates the expressions of Pipelines.
func (e *Environment) Expressions() expression.Evaluator {
	if command := e.Settings.ExpressionCommand; command != nil {
		return expression.NewChild(*command, parallelExpressions)
	}
	return expression.Local{}
}

// parallelTemplates is the number of processes that render templates at the same time.
const parallelTemplates = 2

// Templates renders the templates of NotificationChannels.
func (e *Environment) Templates() message.Renderer {
	if command := e.Settings.TemplateCommand; command != nil {
		return message.NewChild(*command, parallelTemplates)
	}
	return message.Local{}
}

// NewCadence is the cadence of one kind.
func (e *Environment) NewCadence() *probe.Cadence { return probe.NewCadence(rand.Float64) }

func newResolver(m ctrl.Manager, settings Settings) (*backends.Resolver, error) {
	telemetry, err := provider.NewMetrics(settings.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	metricsTypes, metricsErr := builtin.Metrics()
	logTypes, logErr := builtin.Logs()
	modelTypes, modelErr := builtin.Models()
	channelTypes, channelErr := builtin.Channels()
	buildTypes, buildErr := builtin.BuildServers()
	memory := provider.NewResponseMemory(settings.ResponseMemory)
	meters := &backends.Meters{Client: m.GetClient(), Clock: clock.RealClock{}}
	plugins := &plugin.Pool{Egress: settings.Egress, Telemetry: telemetry}
	registerErr := errors.Join(memory.Register(settings.Metrics), settings.Metrics.Register(meters),
		settings.Metrics.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kubeops_plugin_connections", Help: "Connections to plugins.",
		}, func() float64 { return float64(plugins.Connections()) })))
	return &backends.Resolver{
		Secrets:      &secretref.Source{Reader: kind.CheckedReader{Reader: m.GetAPIReader()}, Config: m.GetConfig()},
		MetricsTypes: metricsTypes, LogTypes: logTypes, ChannelTypes: channelTypes, ModelTypes: modelTypes,
		BuildTypes: buildTypes, Plugins: plugins,
		Egress: settings.Egress, Telemetry: telemetry, MaxQueryBytes: settings.Limits.MaxQueryBytes,
		Memory: memory, Meters: meters,
	}, errors.Join(registerErr, metricsErr, logErr, modelErr, channelErr, buildErr)
}
