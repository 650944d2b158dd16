package servers

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// inNamespace is set in a test that runs in a network namespace of its own.
const inNamespace = "KUBEOPS_TEST_NETWORK"

// OwnNetwork runs the calling test again in a process with a network namespace of its own, which has a loopback interface only. It reports
// whether the caller is that process; otherwise the test has been run, and the caller returns.
func OwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		return true
	}
	args := []string{"--net"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	args = append(args, "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	path, line := leashed("unshare", args...)
	command := exec.CommandContext(t.Context(), path, line...)
	command.Env = append(os.Environ(), inNamespace+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the leash ends the whole group
	output, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("in a network namespace: %v\n%s", err, output)
	}
	return false
}
