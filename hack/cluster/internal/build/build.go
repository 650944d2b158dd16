// Package build compiles Kubernetes: one program, linked under the name of each component.
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

// Components are the names that the built program answers to.
func Components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl", "kwok"}
}

// Result is a finished build.
type Result struct {
	// Folder holds a link for each component.
	Folder string
	// Version is the version of Kubernetes.
	Version string
}

// Build makes the program unless it is there already, made of the same sources.
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
		log.Say("Another build of Kubernetes is under way; waiting for it.")
	})
	if err != nil {
		return Result{}, err
	}
	defer lock.Release()
	if c.isThere(wanted) { // the other one made it
		return result, nil
	}
	return result, c.run(ctx, wanted)
}

// flags must stay the same in every caller, or Go's build cache is of no use. The -X flags set the version that the
// components report, without which their checks of version skew go wrong.
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

// run compiles into a new file and puts it in place at the end: running clusters keep the old one, and a build that
// fails leaves a working program where it was.
func (c compilation) run(ctx context.Context, stamp string) error {
	start := time.Now()
	c.log.Say("Building Kubernetes in %s (once; 10 to 15 minutes on 2 cores, less with a warm build cache).", c.folder)
	next := filepath.Join(c.folder, ".kube.next")
	defer func() { _ = os.Remove(next) }() // gone already if all went well
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
	c.log.Say("listing the packages (downloads the modules that are missing)")
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

// count is the number of packages that there are in all, for the progress.
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

// command is a go command in the module, whatever workspace the caller is in. An interrupt goes to the compiler as
// well, so that go has the time to remove its temporary files.
func (c compilation) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
