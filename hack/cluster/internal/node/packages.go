// Package node prepares the machine for a real node: whether it can run one, required programs, cgroups and mounts.
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

// Busybox is the path of the program in Debian's busybox-static, from which the first images are built.
const Busybox = "/bin/busybox"

// MissingPackages returns the Debian packages whose programs are missing. It looks for the programs, since they may be
// installed in another way.
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

// CNIPlugins returns the folder of the CNI plugins: Debian's, or the one that most others use.
func CNIPlugins() string {
	for _, folder := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(folder + "/ptp"); err == nil {
			return folder
		}
	}
	return ""
}

// IsStatic reports whether a program needs no library, as required in an image without other files.
func IsStatic(path string) bool {
	program, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = program.Close() }()
	return !slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// InstallPackages installs Debian packages. Package lists are downloaded only if the installation fails without, as on a
// new machine.
func InstallPackages(ctx context.Context, log *report.Log, packages []string) error {
	log.Say("Installing Debian packages: %s", strings.Join(packages, " "))
	install := func() error {
		args := []string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"}
		args = append(args, packages...)
		return run.Quiet(ctx, "env", args...)
	}
	if install() == nil {
		return nil
	}
	if err := run.Quiet(ctx, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	if err := install(); err != nil {
		return fmt.Errorf("%w\nInstall them manually: apt-get install %s", err, strings.Join(packages, " "))
	}
	return nil
}
