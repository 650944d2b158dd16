// Command manager runs the KubeOps controllers.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	_ "time/tzdata" // time zones of schedules, since the image has none

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/networkpolicy"
)

// gcPercent of the manager. Inspections, expressions and templates run in processes of their own, and the manager allocates little: a small
// heap saves memory and costs no CPU time that could be measured.
const gcPercent = 30

func main() {
	runtime.MemProfileRate = 0 // without profiling.bindAddress, nothing serves profiles, and their table needs 1.4 MiB
	err := run(os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kubeops manager:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	if len(args) == 1 && args[0] == runArgument {
		return serveRun()
	}
	if len(args) == 1 && args[0] == evaluateArgument {
		return serveExpressions()
	}
	if len(args) == 1 && args[0] == renderArgument {
		return serveTemplates()
	}
	if len(args) > 0 && args[0] == dashboardArgument {
		return serveDashboard(args[1:], stdout, os.Stderr)
	}
	begin := start
	if len(args) > 0 && args[0] == workerArgument {
		args = args[1:]
		begin = startWorker
	}
	line, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	if line.version {
		return printVersion(line.output, stdout)
	}
	effective, err := managerconfig.Load(line.config, line.overrides...)
	if invalid := (managerconfig.Errors)(nil); errors.As(err, &invalid) {
		return fmt.Errorf("invalid configuration:\n%w", invalid)
	}
	if err != nil {
		return err
	}
	if line.print {
		return printConfig(effective, stdout)
	}
	if line.policy {
		content, err := yaml.Marshal(networkpolicy.Manager(egress(&effective.Config.Backends)))
		if err != nil {
			return err
		}
		_, err = stdout.Write(content)
		return err
	}
	return begin(effective, func() (*managerconfig.Effective, error) { return managerconfig.Load(line.config, line.overrides...) })
}

func printVersion(output string, stdout io.Writer) error {
	info := buildinfo.Read()
	if output == "json" {
		return json.NewEncoder(stdout).Encode(info)
	}
	_, err := fmt.Fprintln(stdout, "kubeops manager "+info.String())
	return err
}

func printConfig(effective *managerconfig.Effective, stdout io.Writer) error {
	content, err := effective.YAML()
	if err != nil {
		return err
	}
	_, err = stdout.Write(content)
	return err
}

// start runs the manager until a signal ends it.
func start(effective *managerconfig.Effective, again load) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	logger, level := setUpLogging(effective.Config.Logging)
	build := buildinfo.Read()
	logger.Info("Starting KubeOps", "version", build.Version, "commit", build.Commit,
		"memoryLimitBytes", debug.SetMemoryLimit(-1)) // GOMEMLIMIT sets it
	logger.Info("Effective configuration", "config", effective.Redacted(), "sources", effective.Sources())
	ctx := ctrl.SetupSignalHandler()
	cluster, err := findCluster(ctx, logger)
	if err != nil || ctx.Err() != nil {
		return err
	}
	manager, err := newManager(cluster, &effective.Config)
	if err != nil {
		return err
	}
	tracing, stopTracing, err := startTracing(&effective.Config.Tracing, logger)
	if err != nil {
		return err
	}
	defer stopTracing()
	closeCache, err := addControllers(manager, &effective.Config, tracing)
	if err != nil {
		return err
	}
	defer closeCache()
	if err := errors.Join(addHealthChecks(manager), addClockMonitor(manager),
		addDiagnosis(manager, &effective.Config, level, again)); err != nil {
		return err
	}
	return manager.Start(ctx)
}
