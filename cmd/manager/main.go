// Command manager runs the KubeOps controllers.
package main

import (
	"flag"
	"fmt"
	"os"
	_ "time/tzdata" // time zones of schedules, since the image has none

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kubeops manager:", err)
		os.Exit(1)
	}
}

// settings are the manager's flags.
type settings struct {
	metricsAddress, probeAddress string
	leaderElection               bool
	leaderNamespace              string
	parallel                     int
	logLevel                     zapcore.Level
}

func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.StringVar(&s.metricsAddress, "metrics-bind-address", ":8080", "address of /metrics (plain HTTP, for the cluster's network only); 0 turns it off")
	flags.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flags.BoolVar(&s.leaderElection, "leader-elect", true, "run only while holding the lease, so that several replicas do not work twice")
	flags.StringVar(&s.leaderNamespace, "leader-election-namespace", "", "namespace of the lease (default: the manager's own)")
	flags.IntVar(&s.parallel, "parallel-inspections", 2, "Inspections that run at the same time; each holds the facts of its cluster in memory")
	flags.Var(levelFlag{&s.logLevel}, "log-level", "debug, info, warn or error")
	return s, flags.Parse(args)
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
	// JSON, with the reconcile id that controller-runtime gives every line.
	ctrl.SetLogger(zap.New(zap.JSONEncoder(), zap.Level(s.logLevel)))
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster: %w", err)
	}
	config.QPS = -1 // the API server's priority and fairness decides who waits
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                  scheme,
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
	if err := controllers.Setup(manager, controllers.Options{ParallelInspections: s.parallel, Metrics: metrics.Registry}); err != nil {
		return err
	}
	if err := manager.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := manager.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}
