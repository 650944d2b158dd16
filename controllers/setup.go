// Package controllers is the list of KubeOps' controllers: read it, and you know what the manager does.
package controllers

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/aiprovider"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/controllers/logbackend"
	"kubeops.io/kubeops/controllers/metricsbackend"
	"kubeops.io/kubeops/controllers/notificationchannel"
	"kubeops.io/kubeops/internal/apply"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/secretref"
)

// Options of the controllers.
type Options struct {
	// ParallelInspections run at the same time. Default 2.
	ParallelInspections int
	// AllowLoopback lets back ends be on loopback addresses.
	AllowLoopback bool
	// LogCollectors says how lines of Pods are routed to LogBackends.
	LogCollectors LogCollectors
	// Answers keeps explanations of models beside the reports; nil keeps none.
	Answers inspection.AnswerCache
	// Metrics is where the controllers register theirs.
	Metrics prometheus.Registerer
}

// LogCollectors are DaemonSets that bring lines of Pods to LogBackends.
type LogCollectors struct {
	// Namespace that they run in. Empty routes nothing.
	Namespace string
	// Everywhere are namespaces whose LogBackends may collect from other namespaces, too.
	Everywhere []string
	// Images by collector, where not the default ones.
	Images map[v1alpha1.CollectorType]string
}

// Setup gives every controller what it needs and adds it to the manager.
func Setup(manager ctrl.Manager, options Options) error {
	metrics, err := inspection.NewMetrics(options.Metrics)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	opener, err := resolver(manager, options)
	if err != nil {
		return err
	}
	reading := *opener
	reading.Queries = &backends.Queries{} // inspections share what a back end allows; its own probe does not wait for them
	inspections := &inspection.Reconciler{
		Client: manager.GetClient(), Reader: manager.GetAPIReader(), Config: manager.GetConfig(), Clock: clock.RealClock{},
		Events: manager.GetEventRecorder("kubeops"), Metrics: metrics, Checks: checks.Builtin(), Backends: &reading, Answers: options.Answers,
		Inspect: inspect.Run,
	}
	if err := inspections.SetupWithManager(manager, max(options.ParallelInspections, 1)); err != nil {
		return fmt.Errorf("set up the Inspection controller: %w", err)
	}
	return setupBackends(manager, options, opener)
}

// resolver opens back ends of the built-in types.
func resolver(manager ctrl.Manager, options Options) (*backends.Resolver, error) {
	telemetry, err := provider.NewMetrics(options.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	metricsTypes, metricsErr := builtin.Metrics()
	logTypes, logErr := builtin.Logs()
	modelTypes, modelErr := builtin.Models()
	channelTypes, channelErr := builtin.Channels()
	return &backends.Resolver{
		Secrets:      &secretref.Source{Reader: manager.GetAPIReader(), Config: manager.GetConfig()},
		MetricsTypes: metricsTypes, LogTypes: logTypes, Egress: provider.Egress{AllowLoopback: options.AllowLoopback}, Telemetry: telemetry,
		ChannelTypes: channelTypes, ModelTypes: modelTypes, Meters: &backends.Meters{Client: manager.GetClient(), Clock: clock.RealClock{}},
	}, errors.Join(metricsErr, logErr, modelErr, channelErr)
}

// setupBackends adds the controllers of back ends.
func setupBackends(manager ctrl.Manager, options Options, opener *backends.Resolver) error {
	shown, err := backend.NewMetrics(options.Metrics)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	keeper := func(kind string) backend.Keeper {
		return backend.Keeper{
			Kind: kind, Client: manager.GetClient(), Reader: manager.GetAPIReader(), Clock: clock.RealClock{},
			Events: manager.GetEventRecorder("kubeops"), Metrics: shown, Cadence: backend.NewCadence(rand.Float64),
			DataSources: &backend.DataSources{Config: manager.GetConfig()},
		}
	}
	metricsBackends := &metricsbackend.Reconciler{Keeper: keeper("MetricsBackend"), Backends: opener}
	if err := metricsBackends.SetupWithManager(manager); err != nil {
		return fmt.Errorf("set up the MetricsBackend controller: %w", err)
	}
	logBackends := &logbackend.Reconciler{Keeper: keeper("LogBackend"), Backends: opener, Routes: routes(manager, options, opener)}
	if err := logBackends.SetupWithManager(manager); err != nil {
		return fmt.Errorf("set up the LogBackend controller: %w", err)
	}
	aiProviders := &aiprovider.Reconciler{Keeper: keeper("AIProvider"), Backends: opener}
	if err := aiProviders.SetupWithManager(manager); err != nil {
		return fmt.Errorf("set up the AIProvider controller: %w", err)
	}
	gate, err := redact.New(redact.Options{})
	if err != nil {
		return fmt.Errorf("read the rules of redaction: %w", err)
	}
	channels := &notificationchannel.Reconciler{Keeper: keeper("NotificationChannel"), Backends: opener, Redact: gate.Text, Pace: notificationchannel.NewPace()}
	if err := channels.SetupWithManager(manager); err != nil {
		return fmt.Errorf("set up the NotificationChannel controller: %w", err)
	}
	return nil
}

// routes brings lines to LogBackends; nil where the manager runs no collectors.
func routes(manager ctrl.Manager, options Options, opener *backends.Resolver) logbackend.Routes {
	collectors := options.LogCollectors
	if collectors.Namespace == "" {
		return nil
	}
	return &logbackend.Collection{Reader: manager.GetClient(), Backends: opener, Router: &logroute.Router{
		Applier: &apply.Applier{Client: manager.GetClient()}, Namespace: collectors.Namespace, Images: collectors.Images, Clock: clock.RealClock{},
		Options: logroute.Options{Everywhere: collectors.Everywhere, Egress: opener.Egress},
	}}
}
