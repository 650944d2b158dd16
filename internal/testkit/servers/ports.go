package servers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Ports of tests: below those that Linux gives to connections (net.ipv4.ip_local_port_range, 32768 at the least by default) and to Services
// of type NodePort (30000), and above those of well-known servers.
const firstPort, lastPort = 14000, 29999

// FreePort on loopback, which no other test gets until this one ends, in this process and in others: a lock on a file keeps it. A port that
// the kernel chose and that was closed again may be given to another server before this one listens, and a client of the one would then
// speak to the other.
func FreePort(t testing.TB) int {
	t.Helper()
	const attempts = 1000
	for range attempts {
		port := firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // no secret
		release, err := reserve(port)
		switch {
		case errors.Is(err, errTaken):
		case err != nil:
			t.Fatalf("reserve port %d: %v", port, err)
		default:
			t.Cleanup(release)
			return port
		}
	}
	t.Fatalf("no free port of loopback between %d and %d after %d attempts", firstPort, lastPort, attempts)
	return 0
}

// FreeAddress of loopback, host:port, with a port of FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}

// errTaken is the error for a port that another test, or another server, has.
var errTaken = errors.New("the port is taken")

// reserve a port until release is called, or this process ends.
func reserve(port int) (release func(), err error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("kubeops-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(folder, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	release = func() { _ = lock.Close() }
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		release()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // closed at once
	if err != nil {
		release()
		return nil, errTaken
	}
	return release, listener.Close()
}
