package servers

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// OpenSearch starts an OpenSearch (3.8, or 2.19 where there was no Java for it) on a free port, which it keeps when it is
// stopped and started again, as it keeps its data. It has no security and no plugins. It takes most of a minute: share it,
// see Shared.
func OpenSearch(t testing.TB) (url string, process *Process) {
	t.Helper()
	folder := Folder(t, "opensearch")
	dir := scratch(t)
	port := FreePort(t)
	path, line := leashed(filepath.Join(folder, "java", "bin", "java"), "-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1",
		"-XX:ErrorFile=/dev/null",
		"-cp", filepath.Join(folder, "lib", "*")+":"+folder, "Launcher", filepath.Join(dir, "node"), strconv.Itoa(port),
		strconv.Itoa(FreePort(t)))
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	process = Start(t, Spec{
		Name: "opensearch", Path: path, Args: line, Dir: dir, Deadline: 5 * time.Minute, Ready: writable(url),
	})
	return url, process
}

// writable wants a cluster that is not red and stores a document: after its start, the first write creates an index and loads most of the
// code, which on a busy machine takes longer than what tests measure from here on.
func writable(url string) func(context.Context) error {
	healthy := clusterReady(url, "", "")
	return func(ctx context.Context) error {
		if err := healthy(ctx); err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/ready/_doc?refresh=true", strings.NewReader("{}"))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusCreated {
			return fmt.Errorf("%s answers a write with %s", url, response.Status)
		}
		return nil
	}
}
