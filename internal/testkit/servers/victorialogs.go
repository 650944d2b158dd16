package servers

import (
	"fmt"
	"path/filepath"
	"testing"
)

// VictoriaLogs starts a single server on a free port, which it keeps when it is stopped and started again, as it keeps its data.
func VictoriaLogs(t testing.TB) (url string, process *Process) {
	t.Helper()
	folder := Folder(t, "victoria-logs")
	dir := t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	url = "http://" + address
	process = Start(t, Spec{
		Name: "victoria-logs", Path: filepath.Join(folder, "victoria-logs"), Dir: dir, Ready: Answers(url + "/health"),
		Args: []string{
			"-httpListenAddr=" + address, "-storageDataPath=" + filepath.Join(dir, "data"), "-memory.allowedBytes=256MB",
			"-retentionPeriod=31d",
		},
	})
	return url, process
}
