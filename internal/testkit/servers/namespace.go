package servers

import (
	"os"
	"os/exec"
	"path/filepath"
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
	// A file, since the leash would keep a pipe open.
	log, err := os.Create(filepath.Join(t.TempDir(), "output.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	command.Stdout = log
	command.Stderr = log
	err = command.Run()
	if command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // the leash
	}
	if err != nil {
		output, _ := os.ReadFile(log.Name())
		t.Errorf("in a network namespace: %v\n%s", err, output)
	}
	return false
}
