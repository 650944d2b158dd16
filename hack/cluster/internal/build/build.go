// Package build compiles Kubernetes into one program, which is linked under the name of each component.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/filelock"
	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/report"
)

// Components returns the names that the built program can be started as.
func Components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl", "kwok"}
}

// Result of a build.
type Result struct {
	// Folder contains a link for each component.
	Folder string
	// Version is the version of Kubernetes.
	Version string
}

// Build compiles the program unless it already exists and is built from the same sources.
func Build(ctx context.Context, log *report.Log, root place.Root, module string) (Result, error) {
	gomod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return Result{}, err
	}
	full, major, minor, err := version(gomod)
	if err != nil {
		return Result{}, err
	}
	result := Result{Folder: root.Kube(full), Version: full}
	c := compilation{module: module, folder: result.Folder, flags: flags(full, major, minor), log: log}
	wanted, err := stamp(module, append(c.flags, runtime.Version(), runtime.GOOS, runtime.GOARCH)...)
	if err != nil {
		return Result{}, err
	}
	if c.isThere(wanted) {
		return result, nil
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(result.Folder, ".lock"), func() {
		log.Say("Another build of Kubernetes is in progress; waiting for it.")
	})
	if err != nil {
		return Result{}, err
	}
	defer lock.Release()
	if c.isThere(wanted) { // built by the other process
		return result, nil
	}
	return result, c.run(ctx, wanted)
}

// flags must be the same for every caller, or Go's build cache does not help. The -X flags set the version that the components
// report, which their version skew checks need.
func flags(full, major, minor string) []string {
	set := func(name, value string) string { return " -X k8s.io/component-base/version." + name + "=" + value }
	return []string{
		"-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w" + set("gitVersion", full) + set("gitMajor", major) + set("gitMinor", minor),
	}
}

// compilation is one build.
type compilation struct {
	module, folder string
	flags          []string
	log            *report.Log
}

func (c compilation) stampFile() string { return filepath.Join(c.folder, ".stamp") }

func (c compilation) isThere(stamp string) bool {
	found, err := os.ReadFile(c.stampFile())
	if err != nil || string(found) != stamp {
		return false
	}
	for _, name := range Components() {
		if _, err := os.Stat(filepath.Join(c.folder, name)); err != nil {
			return false
		}
	}
	return true
}

// run compiles into a new file and renames it at the end: running clusters keep the old program, and a failed build does not
// replace a working one.
func (c compilation) run(ctx context.Context, stamp string) error {
	start := time.Now()
	c.log.Say("Building Kubernetes in %s (once; 10 to 15 minutes on 2 cores, less with a warm build cache).", c.folder)
	next := filepath.Join(c.folder, ".kube.next")
	defer func() { _ = os.Remove(next) }() // does not exist after success
	if err := c.compile(ctx, next); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(c.folder, "kube")); err != nil {
		return err
	}
	for _, name := range Components() {
		link := filepath.Join(c.folder, name)
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink("kube", link); err != nil {
			return err
		}
	}
	c.log.Say("Built Kubernetes in %s.", report.Seconds(time.Since(start)))
	return os.WriteFile(c.stampFile(), []byte(stamp), 0o644)
}

func (c compilation) compile(ctx context.Context, output string) error {
	c.log.Say("listing packages (downloads missing modules)")
	total, err := c.count(ctx)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-v", "-o", output}, c.flags...)
	cmd := c.command(ctx, append(args, "./cmd/kube")...)
	lines, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	other := follow(lines, total, c.log)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, other)
	}
	return nil
}

// count returns the number of packages in the build, for the progress.
func (c compilation) count(ctx context.Context) (int, error) {
	cmd := c.command(ctx, "list", "-deps", "./cmd/kube")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	return strings.Count(string(out), "\n"), nil
}

// command returns a go command that runs in the module and ignores the caller's workspace. An interrupt is passed on, to let go
// remove its temporary files.
func (c compilation) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
