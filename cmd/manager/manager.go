package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	configv1alpha1 "kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/explain/rediscache"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/message"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/serverclock"
	"kubeops.io/kubeops/internal/workqueue"
)

// stopTimeout is how long controllers may take to stop, before the Lease is released and the process exits in any case. It is less than
// terminationGracePeriodSeconds of the Deployment: a process that is killed does not release the Lease.
const stopTimeout = 8 * time.Second

// newManager for a cluster.
func newManager(cluster *rest.Config, config *configv1alpha1.ManagerConfig) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	cluster.QPS = -1 // the API server's priority and fairness decides which request waits
	options := managerOptions(config, scheme)
	var err error
	if options.Cache.HTTPClient, err = watchClient(cluster); err != nil {
		return nil, fmt.Errorf("prepare the connection of the cache: %w", err)
	}
	manager, err := ctrl.NewManager(cluster, options)
	if err != nil {
		return nil, fmt.Errorf("create the manager: %w", err)
	}
	return manager, nil
}

func managerOptions(config *configv1alpha1.ManagerConfig, scheme *runtime.Scheme) ctrl.Options {
	election := &config.LeaderElection
	var served map[string]cache.Config // nil for all namespaces
	for _, namespace := range config.Namespaces {
		if served == nil {
			served = map[string]cache.Config{}
		}
		served[namespace] = cache.Config{}
	}
	return ctrl.Options{
		Scheme: scheme,
		Cache:  cache.Options{DefaultNamespaces: served, DefaultTransform: kind.CacheTransform()},
		// A report may have 512 KiB: none is kept in memory.
		Client:                  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&v1alpha1.InspectionReport{}}}},
		Metrics:                 metricsserver.Options{BindAddress: config.Metrics.BindAddress},
		HealthProbeBindAddress:  config.Health.BindAddress,
		LeaderElection:          election.Enabled,
		LeaderElectionID:        v1alpha1.LeaderElectionLease,
		LeaderElectionNamespace: election.Namespace,
		LeaseDuration:           &election.LeaseDuration.Duration,
		RenewDeadline:           &election.RenewDeadline.Duration,
		RetryPeriod:             &election.RetryPeriod.Duration,
		// The process exits after a lost lease, and so may release the lease when it stops.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(stopTimeout),
	}
}

// addControllers returns a function that closes the connections of the answer cache and of the work queue.
func addControllers(
	manager ctrl.Manager, config *configv1alpha1.ManagerConfig, tracing trace.TracerProvider,
) (closeAll func(), err error) {
	options := controllerOptions(config)
	options.Tracing = tracing
	if err := addCommands(&options, config); err != nil {
		return nil, err
	}
	var opened []func()
	closeAll = func() {
		for _, closeOne := range opened {
			closeOne()
		}
	}
	if redis := &config.AnswerCache.Redis; redis.URL != "" {
		answers, err := rediscache.New(rediscache.Options{URL: redis.URL, PasswordFile: redis.PasswordFile, CAFile: redis.CAFile})
		if err != nil {
			return nil, fmt.Errorf("answerCache.redis: %w", err)
		}
		options.Answers = answers
		opened = append(opened, answers.Close)
	}
	if config.WorkQueue.NATSURL != "" {
		queue, err := openQueue(&config.WorkQueue, manager.GetLogger(), "kubeops manager")
		if err != nil {
			closeAll()
			return nil, err
		}
		options.Parts = queue
		opened = append(opened, queue.Close)
		if err := manager.Add(workqueue.Watcher{Queue: queue}); err != nil {
			closeAll()
			return nil, err
		}
	}
	if err := controllers.Setup(manager, options); err != nil {
		closeAll()
		return nil, err
	}
	return closeAll, nil
}

// addCommands of the processes that the controllers start, and the memory for responses, which is a part of what they leave.
func addCommands(options *controllers.Options, config *configv1alpha1.ManagerConfig) error {
	counted, err := child.NewMetrics(options.Metrics)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	parallel := int64(config.Inspections.MaxConcurrent) + int64(config.Inspections.MaxContinuous)
	var own int64
	if options.RunCommand, own, err = runCommand(config, parallel, counted); err != nil {
		return err
	}
	options.ResponseMemory = responseMemory(config.Backends.ResponseMemory, own)
	if options.ExpressionCommand, err = smallCommand(evaluateArgument, expression.Memory, child.WorkExpression, counted); err != nil {
		return err
	}
	options.TemplateCommand, err = smallCommand(renderArgument, message.Memory, child.WorkTemplate, counted)
	return err
}

func controllerOptions(config *configv1alpha1.ManagerConfig) controllers.Options {
	collection := &config.LogCollection
	return controllers.Options{
		Namespaces:            config.Namespaces,
		LeaseNamespace:        cmp.Or(config.LeaderElection.Namespace, ownNamespace(serviceAccountNamespace)),
		ParallelInspections:   int(config.Inspections.MaxConcurrent),
		ContinuousInspections: int(config.Inspections.MaxContinuous),
		Egress:                egress(&config.Backends),
		Limits:                limitsOf(&config.Limits),
		Quotas:                quotasOf(&config.Quotas),
		Metrics:               metrics.Registry,
		WebhookAddress:        config.Webhooks.BindAddress,
		DashboardURL:          config.DashboardURL,
		LogCollectors: controllers.LogCollectors{
			Namespace:        collection.Namespace,
			Everywhere:       collection.ClusterWideNamespaces,
			VectorVersion:    collection.VectorVersion,
			ManagerNamespace: ownNamespace(serviceAccountNamespace),
			BufferDisk:       bytesOf(collection.BufferDisk),
			Images: map[v1alpha1.CollectorType]string{
				v1alpha1.CollectorVector:  collection.Images.Vector,
				v1alpha1.CollectorFluentd: collection.Images.Fluentd,
			},
		},
	}
}

// egress of a validated configuration.
func egress(backends *configv1alpha1.Backends) provider.Egress {
	prefixes := func(cidrs []string) (all []netip.Prefix) {
		for _, cidr := range cidrs {
			all = append(all, netip.MustParsePrefix(cidr))
		}
		return all
	}
	rules := &backends.Egress
	return provider.Egress{
		AllowLoopback: backends.AllowLoopback, DetailedDialErrors: rules.DetailedDialErrors,
		Allowed: prefixes(rules.AllowedCIDRs), Denied: prefixes(rules.DeniedCIDRs),
		AllowedHosts: rules.AllowedHosts, DeniedHosts: rules.DeniedHosts, ProxyResolvedHosts: rules.ProxyResolvedHosts,
	}
}

func limitsOf(config *configv1alpha1.Limits) limits.Limits {
	return limits.Limits{
		MinScheduleInterval: config.MinScheduleInterval.Duration,
		MinProbeInterval:    config.MinProbeInterval.Duration,
		MaxRunTimeout:       config.MaxRunTimeout.Duration,
		MaxKeepReports:      int64(config.MaxKeepReports),
		MaxLogLines:         int64(config.MaxLogLines),
		MaxQueryBytes:       int64(config.MaxQueryBytes),
	}
}

func quotasOf(config *configv1alpha1.Quotas) limits.Quotas {
	return limits.Quotas{
		Objects: map[string]limits.Objects{
			"Inspection":          {Served: int(config.Inspections), Setting: "quotas.inspections"},
			"MetricsBackend":      {Served: int(config.MetricsBackends), Setting: "quotas.metricsBackends"},
			"LogBackend":          {Served: int(config.LogBackends), Setting: "quotas.logBackends"},
			"AIProvider":          {Served: int(config.AIProviders), Setting: "quotas.aiProviders"},
			"NotificationChannel": {Served: int(config.NotificationChannels), Setting: "quotas.notificationChannels"},
			"ManagedCluster":      {Served: int(config.ManagedClusters), Setting: "quotas.managedClusters"},
			"CIProvider":          {Served: int(config.CIProviders), Setting: "quotas.ciProviders"},
			"CDProvider":          {Served: int(config.CDProviders), Setting: "quotas.cdProviders"},
			"ResourceBundle":      {Served: int(config.ResourceBundles), Setting: "quotas.resourceBundles"},
			"Pipeline":            {Served: int(config.Pipelines), Setting: "quotas.pipelines"},
		},
		RunsPerHour:    int(config.RunsPerHour),
		ConcurrentRuns: int(config.ConcurrentRuns),
	}
}

// responseMemory is the configured quantity in bytes, or a part of what a process has beside those that it starts; 0 is no limit.
func responseMemory(configured string, own int64) int64 {
	const part = 8
	const withoutLimit = 64 << 20
	if quantity, err := resource.ParseQuantity(configured); err == nil { // validated; empty is none
		return quantity.Value()
	}
	if own <= 0 {
		return withoutLimit
	}
	return own / part
}

const (
	// serviceAccountNamespace is where the kubelet says which namespace a Pod is in.
	serviceAccountNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	// defaultNamespace is that of config/default.
	defaultNamespace = "kubeops-system"
)

// ownNamespace is the namespace of this Pod, from the file of its ServiceAccount. Outside of a cluster, it is the default one.
func ownNamespace(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return defaultNamespace
	}
	return cmp.Or(strings.TrimSpace(string(content)), defaultNamespace)
}

// bytesOf a validated quantity; 0 for none.
func bytesOf(text string) int64 {
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return 0
	}
	return quantity.Value()
}

func addHealthChecks(manager ctrl.Manager) error {
	return errors.Join(manager.AddHealthzCheck("ping", healthz.Ping), manager.AddReadyzCheck("caches", cachesSynced(manager.GetCache())))
}

// addDiagnosis adds what helps to find a problem of a running process: the log level follows the configuration, and profiles are served if
// the configuration says so.
func addDiagnosis(manager ctrl.Manager, config *configv1alpha1.ManagerConfig, level zap.AtomicLevel, again load) error {
	err := manager.Add(&reloader{
		load: again, level: level, logger: manager.GetLogger().WithName("configuration"), clock: clock.RealClock{}, started: *config,
	})
	if address := config.Profiling.BindAddress; address != "" && address != "0" {
		err = errors.Join(err, manager.Add(&profiles{address: address, logger: manager.GetLogger().WithName("profiling")}))
	}
	return err
}

// addClockMonitor compares the clock with that of the API server.
func addClockMonitor(manager ctrl.Manager) error {
	reader, err := serverclock.NewClient(manager.GetConfig())
	if err != nil {
		return fmt.Errorf("prepare the comparison of clocks: %w", err)
	}
	monitor := &serverclock.Monitor{Client: reader, Clock: clock.RealClock{}, Logger: manager.GetLogger().WithName("clock")}
	return errors.Join(monitor.Register(metrics.Registry), manager.Add(monitor))
}

// cachesSynced succeeds once all watched resources have been listed. A replica that waits for the lease watches only
// kinds with an index, and what webhooks need.
func cachesSynced(caches cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New(
				"the resources of KubeOps are not synced yet; check that the CRDs are installed and that the manager can list them",
			)
		}
		return nil
	}
}
