package servers

import (
	"fmt"
	"path/filepath"
	"testing"
)

// VictoriaMetricsOptions of a server.
type VictoriaMetricsOptions struct {
	// Username and Password to ask for, if set.
	Username, Password string
	// Args are added to the command line.
	Args []string
}

// VictoriaMetrics starts a single server on a free port, which it keeps when it is stopped and started again, as it keeps its
// data. What was written can be queried at once instead of half a minute later.
func VictoriaMetrics(t testing.TB, options VictoriaMetricsOptions) (url string, process *Process) {
	t.Helper()
	folder := Folder(t, "victoria-metrics")
	dir := t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	url = "http://" + address
	args := []string{
		"-httpListenAddr=" + address, "-storageDataPath=" + filepath.Join(dir, "data"), "-memory.allowedBytes=256MB",
		"-search.latencyOffset=0s", "-retentionPeriod=30d",
	}
	if options.Username != "" {
		args = append(args, "-httpAuth.username="+options.Username, "-httpAuth.password="+options.Password)
	}
	// /health answers without credentials.
	process = Start(t, Spec{
		Name: "victoria-metrics", Path: filepath.Join(folder, "victoria-metrics"), Dir: dir, Ready: Answers(url + "/health"),
		Args: append(args, options.Args...),
	})
	return url, process
}
