package servers

import (
	"fmt"
	"path/filepath"
	"strconv"
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
		Name: "opensearch", Path: path, Args: line, Dir: dir, Deadline: 5 * time.Minute, Ready: clusterReady(url, "", ""),
	})
	return url, process
}
