package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"kubeops.io/kubeops/hack/cluster/internal/run"
)

// Impossible returns the reason why this machine cannot run a real node, or "" if it can, possibly after installing missing
// packages.
func Impossible(ctx context.Context) string {
	if runtime.GOOS != "linux" {
		return "it needs Linux"
	}
	if os.Geteuid() != 0 {
		return "it needs root"
	}
	if missing := MissingPackages(); len(missing) > 0 {
		if _, err := exec.LookPath("apt-get"); err != nil {
			return "it needs these Debian packages, or what corresponds to them here: " + strings.Join(missing, " ")
		}
	}
	if _, err := exec.LookPath("unshare"); err == nil {
		if err := run.Quiet(ctx, "unshare", "--net", "--mount", "true"); err != nil {
			return fmt.Sprintf("namespaces cannot be made here (%v)", err)
		}
	}
	return cgroupsImpossible()
}
