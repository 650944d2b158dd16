package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/resource"
	ctrl "sigs.k8s.io/controller-runtime"

	configv1alpha1 "kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/memlimit"
	"kubeops.io/kubeops/internal/message"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// runArgument makes this program run one Inspection for the manager that started it.
	runArgument = "run-inspection"
	// evaluateArgument makes this program evaluate expressions of a Pipeline for the manager that started it.
	evaluateArgument = "evaluate-expressions"
	// renderArgument makes this program render templates of a NotificationChannel for the manager that started it.
	renderArgument = "render-templates"
	// ownMemory of the limit of the container is for the manager itself: four times what it needs when idle, without its text.
	ownMemory = 96 << 20
	// unmanaged part of that: what the Go runtime does not count, and by how much it exceeds its limit while it collects garbage.
	unmanaged = 8
	// defaultRunMemory is what a run gets in a container without a limit.
	defaultRunMemory = 1 << 30
)

// serveRun is the main function of a child process.
func serveRun() error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.Discard()) // what a run has to say is in its outcome
	return runner.Serve(context.Background(), connection, inspect.Run)
}

// serveExpressions is the main function of a child process that evaluates expressions.
func serveExpressions() error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	return expression.Serve(context.Background(), connection)
}

// serveTemplates is the main function of a child process that renders templates.
func serveTemplates() error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	return message.Serve(context.Background(), connection)
}

// smallCommand is the command of a process that answers one request, with a memory limit in bytes.
func smallCommand(argument string, memory int64, work child.Work, counted *child.Metrics) (*child.Command, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program to start for %s: %w", argument, err)
	}
	return &child.Command{Path: program, Args: []string{argument}, Memory: memory, Processors: 1, Work: work, Metrics: counted}, nil
}

// runCommand is the command of a child process, with its share of the memory and of the processors of a number of them. own is what they
// leave to the manager in bytes, or 0 without a limit of the container; the memory limit of the Go runtime is set to most of it.
func runCommand(
	config *configv1alpha1.ManagerConfig, parallel int64, counted *child.Metrics,
) (command *child.Command, own int64, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, 0, fmt.Errorf("find the program to start for runs: %w", err)
	}
	container, limited := memlimit.Detect()
	if !limited {
		container = 0
	}
	memory := runMemory(config.Inspections.MemoryLimit, container, parallel)
	if limited {
		own = max(container-parallel*memory, min(container/4, ownMemory))
		debug.SetMemoryLimit(own - own/unmanaged)
	}
	processors := max((runtime.GOMAXPROCS(0)+int(parallel)-1)/int(parallel), 1)
	return &child.Command{
		Path: program, Args: []string{runArgument}, Memory: memory, Processors: processors, Work: child.WorkInspection, Metrics: counted,
	}, own, nil
}

// runMemory is the memory limit of one run in bytes. The configuration is valid.
func runMemory(configured string, container, parallel int64) int64 {
	if limit, err := resource.ParseQuantity(configured); err == nil {
		return limit.Value()
	}
	if container == 0 {
		return defaultRunMemory
	}
	least := resource.MustParse(managerconfig.MinMemoryLimit)
	return max((container-ownMemory)/parallel, least.Value())
}
