package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ElasticsearchOptions of a server.
type ElasticsearchOptions struct {
	// Password of the user elastic. If set, security is enabled: requests need credentials. The free licence has users and roles, but
	// in 6.8 no API keys. No trial licence is started, as that would accept its terms.
	Password string
	// Args are added to the command line, for example -Ecluster.name=x.
	Args []string
}

// Elasticsearch starts an Elasticsearch 6.8.23 on a free port, which it keeps when it is stopped and started again, as it keeps
// its data. It refuses to be root and runs as another user then. It takes most of a minute: share it, see Shared.
func Elasticsearch(t testing.TB, options ElasticsearchOptions) (url string, process *Process) {
	t.Helper()
	user := unprivilegedUser()
	dir := scratch(t)
	folder := reachable(t, Folder(t, "elasticsearch"), dir, user)
	if err := os.CopyFS(filepath.Join(dir, "config"), os.DirFS(filepath.Join(folder, "config"))); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"ES_PATH_CONF=" + filepath.Join(dir, "config"), "JAVA_HOME=" + filepath.Join(folder, "java"), "HOME=" + dir,
		"ES_TMPDIR=" + dir, "ES_JAVA_OPTS=-Xms256m -Xmx512m -XX:TieredStopAtLevel=1 -XX:ErrorFile=/dev/null",
	}
	give(t, dir, user)
	port := FreePort(t)
	args := append([]string{
		"-Ediscovery.type=single-node", "-Enetwork.host=127.0.0.1", fmt.Sprintf("-Ehttp.port=%d", port),
		fmt.Sprintf("-Etransport.port=%d", FreePort(t)),
		"-Epath.data=" + filepath.Join(dir, "data"), "-Epath.logs=" + filepath.Join(dir, "logs"),
		"-Expack.ml.enabled=false", "-Expack.watcher.enabled=false", "-Expack.monitoring.enabled=false",
		"-Ebootstrap.system_call_filter=false",
		// The disk of a test machine is not what is tested.
		"-Ecluster.routing.allocation.disk.threshold_enabled=false",
	}, options.Args...)
	if options.Password != "" {
		//nolint:noctx // it ends without a context
		keystore := exec.Command(filepath.Join(folder, "bin", "elasticsearch-keystore"), "add", "-f", "-x", "bootstrap.password")
		keystore.Env = append(os.Environ(), env...)
		keystore.Dir = dir
		keystore.Stdin = strings.NewReader(options.Password)
		if user != 0 {
			keystore.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		}
		run(t, keystore)
		args = append(args, "-Expack.security.enabled=true", "-Expack.security.audit.enabled=false")
	}
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	path, line := leashed(filepath.Join(folder, "bin", "elasticsearch"), args...)
	process = Start(t, Spec{
		Name: "elasticsearch", Path: path, Args: line, Env: env, Dir: dir, User: user, Deadline: 5 * time.Minute,
		Ready: clusterReady(url, "elastic", options.Password),
	})
	return url, process
}

// clusterReady wants a cluster that is not red. A password that was changed since the start does not matter.
func clusterReady(url, user, password string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/_cluster/health?wait_for_status=yellow&timeout=1s", nil)
		if err != nil {
			return err
		}
		if password != "" {
			request.SetBasicAuth(user, password)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// reachable is the folder, or a copy of it in dir where the user may not enter one of the folders above it, as those of root's
// home are.
func reachable(t testing.TB, folder, dir string, user uint32) string {
	t.Helper()
	resolved, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	open := true
	for path := resolved; user != 0 && path != "/"; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		open = open && err == nil && info.Mode().Perm()&0o001 != 0
	}
	if open {
		return resolved
	}
	where := filepath.Join(dir, "program")
	if output, err := exec.Command("cp", "-a", resolved, where).CombinedOutput(); err != nil { //nolint:noctx // it ends without a context
		t.Fatalf("copy %s: %v\n%s", resolved, err, output)
	}
	return where
}
