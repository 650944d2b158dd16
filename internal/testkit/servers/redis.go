package servers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// RedisOptions of a server.
type RedisOptions struct {
	// Password to ask for, if set.
	Password string
	// Certificate to serve TLS with, if set.
	Certificate *Certificate
	// Config are lines that are added to its configuration file.
	Config []string
	// Place to listen on. Without a password, everyone who reaches it has access.
	Place Place
}

// Redis starts a server on a free port, which it keeps when it is stopped and started again, as it keeps
// what was saved. The address is host:port.
func Redis(t testing.TB, options RedisOptions) (address string, process *Process) {
	t.Helper()
	folder := Folder(t, "redis")
	dir := t.TempDir()
	address, port := options.Place.port(t)
	config := "bind " + options.Place.address() + "\nprotected-mode no\ndir .\nsave 3600 1\nappendonly no\n"
	hello := "+PONG"
	if options.Password != "" {
		config += fmt.Sprintf("requirepass %q\n", options.Password)
		hello = "-NOAUTH"
	}
	ready := saysTo(address, "PING\r\n", hello)
	if c := options.Certificate; c != nil {
		writeText(t, filepath.Join(dir, "tls.crt"), string(c.Certificate))
		writeText(t, filepath.Join(dir, "tls.key"), string(c.Key))
		writeText(t, filepath.Join(dir, "ca.crt"), string(c.CA))
		config += fmt.Sprintf(
			"port 0\ntls-port %s\ntls-cert-file tls.crt\ntls-key-file tls.key\ntls-ca-cert-file ca.crt\ntls-auth-clients no\n", port,
		)
		ready = saysTo(address, "", "") // it listens
	} else {
		config += "port " + port + "\n"
	}
	writeText(t, filepath.Join(dir, "redis.conf"), config+strings.Join(options.Config, "\n")+"\n")
	path, line := options.Place.within(filepath.Join(folder, "redis-server"), []string{"redis.conf"})
	process = Start(t, Spec{
		Name: "redis", Path: path, Dir: dir, Args: line,
		Env: []string{"LD_LIBRARY_PATH=" + filepath.Join(folder, "lib")}, Ready: ready,
	})
	return address, process
}
