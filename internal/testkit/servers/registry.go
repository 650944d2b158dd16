package servers

import (
	"path/filepath"
	"testing"
)

// Registry starts a container registry without TLS, to which everyone can push. The host is an address with a port.
func Registry(t testing.TB, place Place) (host string) {
	t.Helper()
	folder := Folder(t, "docker-registry")
	dir := t.TempDir()
	host, _ = place.port(t)
	config := "version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: data}}\nhttp: {addr: \"" + host + "\"}\n"
	writeText(t, filepath.Join(dir, "config.yml"), config)
	path, line := leashed(filepath.Join(folder, "docker-registry"), "serve", "config.yml")
	path, line = place.within(path, line)
	Start(t, Spec{Name: "docker-registry", Path: path, Args: line, Dir: dir, Ready: Answers("http://" + host + "/v2/")})
	return host
}
