package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/resource"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	configv1alpha1 "kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/workqueue"
)

// workerArgument makes this program take parts of inspections from the work queue, in place of running controllers.
const workerArgument = "worker"

// openQueue connects to the work queue of a configuration that has one.
func openQueue(config *configv1alpha1.WorkQueue, logger logr.Logger, client string) (*workqueue.Queue, error) {
	queueMetrics, err := workqueue.NewMetrics(metrics.Registry)
	if err != nil {
		return nil, err
	}
	parts, results := resource.MustParse(config.PartsStorage), resource.MustParse(config.ResultsStorage) // they are validated
	queue, err := workqueue.Connect(workqueue.Options{
		URL: config.NATSURL, Name: config.Name, Replicas: int(config.Replicas), CredentialsFile: config.CredentialsFile,
		PartsStorage: parts.Value(), ResultsStorage: results.Value(),
		PasswordFile: config.PasswordFile, CAFile: config.CAFile, CertFile: config.CertFile, KeyFile: config.KeyFile,
		Client: client, Logger: logger.WithName("workqueue"),
	}, queueMetrics)
	if err != nil {
		return nil, fmt.Errorf("workQueue: %w", err)
	}
	return queue, nil
}

// startWorker does parts of inspections until a signal ends it. Those that are not done then are given back.
func startWorker(effective *managerconfig.Effective, again load) error {
	config := &effective.Config
	if config.WorkQueue.NATSURL == "" {
		return errors.New("a worker needs workQueue.natsURL in the configuration")
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	logger, level := setUpLogging(config.Logging)
	build := buildinfo.Read()
	logger.Info("Starting a worker of KubeOps", "version", build.Version, "commit", build.Commit)
	logger.Info("Effective configuration", "config", effective.Redacted(), "sources", effective.Sources())
	started := *config
	config.LeaderElection.Enabled = false
	ctx := ctrl.SetupSignalHandler()
	cluster, err := findCluster(ctx, logger)
	if err != nil || ctx.Err() != nil {
		return err
	}
	manager, err := newManager(cluster, config)
	if err != nil {
		return err
	}
	queue, err := openQueue(&config.WorkQueue, logger, "kubeops worker")
	if err != nil {
		return err
	}
	defer queue.Close()
	if err := addWorker(manager, config, queue); err != nil {
		return err
	}
	if err := addDiagnosis(manager, &started, level, again); err != nil {
		return err
	}
	return manager.Start(ctx)
}

// addWorker adds the worker of a queue to a manager, which has no controllers.
func addWorker(manager ctrl.Manager, config *configv1alpha1.ManagerConfig, queue *workqueue.Queue) error {
	parallel := int(config.Inspections.MaxConcurrent)
	counted, err := child.NewMetrics(metrics.Registry)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	command, own, err := runCommand(config, int64(parallel), counted)
	if err != nil {
		return err
	}
	options := controllerOptions(config)
	options.ResponseMemory = responseMemory(config.Backends.ResponseMemory, own)
	shared, err := environment.New(manager, options)
	if err != nil {
		return err
	}
	resolver := *shared.Backends
	resolver.Queries = &backends.Queries{}
	reader := kind.CheckedReader{Reader: manager.GetAPIReader()}
	targets := &runner.ManagedTargets{Reader: reader, Backends: &resolver}
	worker := &workqueue.Worker{
		Queue: queue, Reader: reader, Parallel: parallel, Logger: manager.GetLogger().WithName("worker"),
		Parts: &runner.Child{
			Command: *command, Config: manager.GetConfig(), Backends: &resolver, Targets: targets.Targets,
			Memory: runner.NewMemory(int64(parallel)*command.Memory, command.Memory),
		},
	}
	return errors.Join(manager.Add(worker), manager.AddHealthzCheck("ping", healthz.Ping),
		manager.AddReadyzCheck("queue", connected(queue)))
}

// connected succeeds while there is a connection to the work queue.
func connected(queue *workqueue.Queue) healthz.Checker {
	return func(*http.Request) error {
		if !queue.Connected() {
			return errors.New("there is no connection to the work queue; check workQueue in the configuration, and the NATS server")
		}
		return nil
	}
}
