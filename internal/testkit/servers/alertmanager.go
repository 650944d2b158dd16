package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// AlertmanagerOptions of a server.
type AlertmanagerOptions struct {
	// Config is its configuration file. Default: one receiver, tests, that sends nothing.
	Config string
}

// Alertmanager starts an Alertmanager without peers on a free port, which it keeps when it is stopped and started again.
func Alertmanager(t testing.TB, options AlertmanagerOptions) (url string, process *Process) {
	t.Helper()
	folder := Folder(t, "alertmanager")
	dir := t.TempDir()
	if options.Config == "" {
		options.Config = "route: {receiver: tests, group_wait: 1s}\nreceivers: [{name: tests}]\n"
	}
	writeText(t, filepath.Join(dir, "alertmanager.yml"), options.Config)
	// The templates that it reads at start, see hack/servers/alertmanager.sh.
	if err := os.Symlink(filepath.Join(folder, "templates"), filepath.Join(dir, "templates")); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	url = "http://" + address
	process = Start(t, Spec{
		Name: "alertmanager", Path: filepath.Join(folder, "prometheus-alertmanager"), Dir: dir, Ready: Answers(url + "/-/ready"),
		Args: []string{
			"--config.file=alertmanager.yml", "--storage.path=data", "--web.listen-address=" + address, "--cluster.listen-address=",
		},
	})
	return url, process
}
