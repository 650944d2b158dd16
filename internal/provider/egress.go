package provider

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Egress says which addresses may be called. URLs come from tenants, so the manager's own neighbourhood is closed: link-local
// addresses (cloud metadata among them), multicast, unspecified addresses, and loopback unless it is allowed.
type Egress struct {
	// AllowLoopback lets 127.0.0.0/8 and ::1 through: for tests, and for a manager that runs outside of the cluster.
	AllowLoopback bool
}

// errEgress marks an address that is never called.
var errEgress = errors.New("address not allowed")

// control is called for each address that is about to be dialled, after the name was resolved: a name that resolves to
// another address the second time is judged again.
func (e Egress) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errEgress, address)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("%w: %s", errEgress, address)
	}
	return e.allows(ip)
}

// metadata addresses of clouds that are not link-local: AWS over IPv6, Alibaba Cloud, Oracle Cloud's old one.
func metadata(ip netip.Addr) bool {
	switch ip.String() {
	case "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16":
		return true
	}
	return false
}

func (e Egress) allows(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLoopback() && e.AllowLoopback:
		return nil
	case ip.IsLoopback(),
		ip.IsUnspecified(),
		ip.IsLinkLocalUnicast(),
		ip.IsMulticast(),
		metadata(ip),
		ip == netip.AddrFrom4([4]byte{255, 255,
			255, 255}):
		return fmt.Errorf("%w: %s", errEgress, ip)
	}
	return nil
}

// allowsHost judges the literal address of a URL, for requests that a proxy resolves.
func (e Egress) allowsHost(host string) error {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil //nolint:nilerr // a name, which the proxy resolves and judges
	}
	return e.allows(ip)
}
