// Package node is about the machine under a real node: whether it can be one, the programs it needs, its cgroups and
// mounts.
package node

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"kubeops.io/kubeops/hack/cluster/internal/report"
	"kubeops.io/kubeops/hack/cluster/internal/run"
)

// Busybox is where Debian's busybox-static puts its program, of which the first images are made.
const Busybox = "/bin/busybox"

// MissingPackages are the Debian packages whose programs are not there. It looks for the programs, since they may have
// come another way.
func MissingPackages() []string {
	var missing []string
	for _, need := range []struct{ pkg, program string }{
		{"containerd", "containerd"},
		{"containerd", "ctr"},
		{"runc", "runc"},
		{"iptables", "iptables"},
		{"conntrack", "conntrack"},
		{"socat", "socat"},
		{"iproute2", "ip"},
		{"util-linux", "nsenter"},
		{"util-linux", "unshare"},
		{"mount", "mount"},
	} {
		if _, err := exec.LookPath(need.program); err != nil && !slices.Contains(missing, need.pkg) {
			missing = append(missing, need.pkg)
		}
	}
	if CNIPlugins() == "" {
		missing = append(missing, "containernetworking-plugins")
	}
	if !IsStatic(Busybox) {
		missing = append(missing, "busybox-static")
	}
	return missing
}

// CNIPlugins is the folder of the CNI plugins: Debian's, or where most others put them.
func CNIPlugins() string {
	for _, folder := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(folder + "/ptp"); err == nil {
			return folder
		}
	}
	return ""
}

// IsStatic tells whether a program runs without any library, as it must in an image that holds nothing else.
func IsStatic(path string) bool {
	program, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = program.Close() }()
	return !slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// InstallPackages installs Debian packages. The package lists are fetched first only if the installation fails without,
// as on a fresh machine.
func InstallPackages(ctx context.Context, log *report.Log, packages []string) error {
	log.Say("Installing Debian packages: %s", strings.Join(packages, " "))
	install := func() error {
		args := append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"}, packages...)
		return run.Quiet(ctx, "env", args...)
	}
	if install() == nil {
		return nil
	}
	if err := run.Quiet(ctx, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	if err := install(); err != nil {
		return fmt.Errorf("%w\nInstall them by hand: apt-get install %s", err, strings.Join(packages, " "))
	}
	return nil
}
