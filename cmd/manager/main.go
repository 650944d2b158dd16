// Command manager runs the KubeOps controllers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"
	_ "time/tzdata" // time zones of schedules, since the image has none

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers"
	"kubeops.io/kubeops/internal/explain/rediscache"
	"kubeops.io/kubeops/internal/logroute"
)

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kubeops manager:", err)
		os.Exit(1)
	}
}

// settings are the manager's flags.
type settings struct {
	metricsAddress, probeAddress, leaderNamespace string
	leaderElection, allowLoopback                 bool
	parallel                                      int
	logLevel                                      zapcore.Level
	collectorNamespace, vectorImage, fluentdImage string
	collectionNamespaces                          namespaces
	cache                                         rediscache.Options
}

func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.StringVar(&s.metricsAddress, "metrics-bind-address", ":8080", "address of /metrics (plain HTTP, for the cluster's network only); 0 turns it off")
	flags.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flags.BoolVar(&s.leaderElection, "leader-elect", true, "run only while holding the lease, so that several replicas do not work twice")
	flags.StringVar(&s.leaderNamespace, "leader-election-namespace", "", "namespace of the lease (default: the manager's own)")
	flags.IntVar(&s.parallel, "max-concurrent-inspections", 2, "Inspections that run at the same time; each holds the facts of its cluster in memory")
	flags.BoolVar(&s.allowLoopback, "allow-loopback-backends", false, "let back ends be on loopback addresses; for a manager that runs outside of the cluster")
	flags.StringVar(&s.collectorNamespace, "log-collector-namespace", "", "namespace in which the log collectors of spec.collect run; it must let Pods mount folders of the node. Default: none run")
	flags.Var(&s.collectionNamespaces, "log-collection-namespaces", "namespaces, by comma, whose LogBackends may collect lines of other namespaces, too. Default: none, each collects from its own")
	flags.StringVar(&s.vectorImage, "vector-image", logroute.DefaultVectorImage, "image of the collector vector")
	flags.StringVar(&s.fluentdImage, "fluentd-image", logroute.DefaultFluentdImage, "image of the collector fluentd, with the plug-ins concat and kubernetes_metadata")
	flags.StringVar(&s.cache.URL, "cache-redis", "", "redis://HOST[:PORT][/DB], or rediss:// for TLS, of a Redis in which replicas share answers of language models. Default: the last reports have them")
	flags.StringVar(&s.cache.PasswordFile, "cache-redis-password-file", "", "file with the password of --cache-redis, or its name and password on two lines (default: "+rediscache.EnvUsername+" and "+rediscache.EnvPassword+")")
	flags.StringVar(&s.cache.CAFile, "cache-redis-ca-file", "", "file with the certificates to trust for --cache-redis (default: the system's)")
	flags.Var(levelFlag{&s.logLevel}, "log-level", "debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q; -h lists the flags", flags.Arg(0))
	case s.parallel < 1:
		return s, errors.New("--max-concurrent-inspections must be at least 1")
	}
	return s, nil
}

// namespaces are names with commas between them.
type namespaces []string

// Set implements flag.Value.
func (n *namespaces) Set(text string) error {
	*n = nil
	for name := range strings.SplitSeq(text, ",") {
		if wrong := validation.IsDNS1123Label(name); wrong != nil {
			return fmt.Errorf("%q is no name of a namespace: %s", name, wrong[0])
		}
		*n = append(*n, name)
	}
	return nil
}

// String implements flag.Value.
func (n *namespaces) String() string { return strings.Join(*n, ",") }

// options for the controllers.
func (s settings) options() controllers.Options {
	return controllers.Options{
		ParallelInspections: s.parallel, AllowLoopback: s.allowLoopback, Metrics: metrics.Registry,
		LogCollectors: controllers.LogCollectors{
			Namespace: s.collectorNamespace, Everywhere: s.collectionNamespaces,
			Images: map[v1alpha1.CollectorType]string{v1alpha1.CollectorVector: s.vectorImage, v1alpha1.CollectorFluentd: s.fluentdImage},
		},
	}
}

// levelFlag lets the flag package set a log level.
type levelFlag struct{ level *zapcore.Level }

func (f levelFlag) Set(text string) error { return f.level.UnmarshalText([]byte(text)) }

func (f levelFlag) String() string {
	if f.level == nil {
		return ""
	}
	return f.level.String()
}

func run(args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	// JSON, with the reconcile id that controller-runtime gives every line; Kubernetes' client libraries log through klog.
	logger := zap.New(zap.JSONEncoder(func(c *zapcore.EncoderConfig) { c.EncodeTime = zapcore.RFC3339TimeEncoder }), zap.Level(s.logLevel))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	logger.Info("Starting KubeOps", "version", version(), "memoryLimitBytes", debug.SetMemoryLimit(-1)) // GOMEMLIMIT sets it
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster: %w", err)
	}
	config.QPS = -1 // the API server's priority and fairness decides who waits
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache:  cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		// A report may be 512 KiB: none is ever kept in memory.
		Client:                  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&v1alpha1.InspectionReport{}}}},
		Metrics:                 metricsserver.Options{BindAddress: s.metricsAddress},
		HealthProbeBindAddress:  s.probeAddress,
		LeaderElection:          s.leaderElection,
		LeaderElectionID:        "kubeops-manager.kubeops.io",
		LeaderElectionNamespace: s.leaderNamespace,
		// The process ends when the lease is lost, so the lease may be given back at once when it stops.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	options := s.options()
	if s.cache.URL != "" {
		answers, err := rediscache.New(s.cache)
		if err != nil {
			return fmt.Errorf("--cache-redis: %w", err)
		}
		defer answers.Close()
		options.Answers = answers
	}
	if err := controllers.Setup(manager, options); err != nil {
		return err
	}
	if err := errors.Join(manager.AddHealthzCheck("ping", healthz.Ping), manager.AddReadyzCheck("caches", synced(manager.GetCache()))); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

// synced is true once what is watched has been read. A replica that waits for the lease watches nothing, and is ready.
func synced(caches cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New("the resources of KubeOps have not been read yet; are the CRDs installed, and may the manager list them?")
		}
		return nil
	}
}

// version of the module or, where it was built from a checkout, the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && info.Main.Version == "(devel)" {
			return setting.Value
		}
	}
	return info.Main.Version
}
