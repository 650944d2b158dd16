package servers

import (
	"fmt"
	"net"
	"testing"
)

// Place is where a server listens. The zero value is 127.0.0.1, in the network namespace of the test.
type Place struct {
	// Address to listen on, for example one that Pods of a local cluster reach.
	Address string
	// Network is the file of the network namespace to run in, such as /run/netns/NAME. It needs root.
	Network string
}

// address to listen on.
func (p Place) address() string {
	if p.Address == "" {
		return "127.0.0.1"
	}
	return p.Address
}

// port is the address with a port that is free on loopback.
func (p Place) port(t testing.TB) (hostPort, port string) {
	t.Helper()
	port = fmt.Sprint(FreePort(t))
	return net.JoinHostPort(p.address(), port), port
}

// within is a command line that runs in the network namespace.
func (p Place) within(path string, args []string) (program string, line []string) {
	if p.Network == "" {
		return path, args
	}
	return "nsenter", append([]string{"--net=" + p.Network, path}, args...)
}
