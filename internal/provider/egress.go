package provider

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"kubeops.io/kubeops/internal/text"
)

// Egress says what may be called. URLs come from tenants, so the manager's own neighborhood is closed in any case: addresses of
// DeniedPrefixes, however they are written or embedded in another address, and the names of metadata services. The zero value allows
// everything else.
type Egress struct {
	// AllowLoopback allows 127.0.0.0/8, ::1 and localhost, except for what Denied has: for tests, and for a manager that runs outside of
	// the cluster.
	AllowLoopback bool
	// Denied addresses, in addition to DeniedPrefixes. They take precedence over what is allowed.
	Denied []netip.Prefix
	// DeniedHosts are patterns of host names, with * and ?, in lower case. They take precedence over what is allowed.
	DeniedHosts []string
	// Allowed addresses and AllowedHosts patterns: where one of them is set, a target must match one of the two.
	Allowed      []netip.Prefix
	AllowedHosts []string
	// ProxyResolvedHosts are patterns of host names that only the proxy can resolve. Their addresses are not known to the manager.
	ProxyResolvedHosts []string
	// DetailedDialErrors reports a closed port of a private address differently from one without a response.
	DetailedDialErrors bool
	// Resolver for hosts behind a proxy. Nil uses that of the process.
	Resolver Resolver `json:"-"`
}

// Errors of targets that are never called. All of them are errEgress.
var (
	errEgress         = errors.New("address not allowed")
	errEgressOperator = fmt.Errorf("%w by the configuration of the manager", errEgress)
	errEgressSpelling = fmt.Errorf("%w: neither a full IP address nor an allowed host name", errEgress)
)

// builtinHosts are names of metadata services, which a proxy or a search domain would resolve. Sources: Compute Engine ("VM metadata"),
// EC2 (instance-data, from its DHCP options), Tencent Cloud CVM, IBM Cloud VPC and Equinix Metal ("metadata service").
func builtinHosts() []string {
	return []string{
		"metadata", "metadata.google.internal", "*.metadata.google.internal", "metadata.goog", "*.metadata.goog",
		"instance-data", "instance-data.*.internal", "*.instance-data.*.internal", "metadata.tencentyun.com",
		"api.metadata.cloud.ibm.com", "metadata.platformequinix.com",
	}
}

// CheckHost judges the host of a URL before it is resolved: an address, in a spelling that all resolvers read alike, or a name.
func (e Egress) CheckHost(host string) error {
	_, err := e.checkHost(host)
	return err
}

// checkHost reports whether AllowedHosts has the host, so that its address need not be in Allowed.
func (e Egress) checkHost(host string) (allowed bool, err error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return false, e.allows(ip, false)
	}
	name, err := hostName(host)
	if err != nil {
		return false, err
	}
	switch {
	case !e.AllowLoopback && (name == "localhost" || strings.HasSuffix(name, ".localhost")), text.MatchAny(builtinHosts(), name):
		return false, fmt.Errorf("%w: %s", errEgressSpelling, name)
	case text.MatchAny(e.DeniedHosts, name):
		return false, errEgressOperator
	case len(e.AllowedHosts) > 0 && len(e.Allowed) == 0 && !text.MatchAny(e.AllowedHosts, name):
		return false, errEgressOperator
	}
	return text.MatchAny(e.AllowedHosts, name), nil
}

// hostName returns a name as it is looked up: in ASCII and lower case, without the dot at its end. What some resolvers read as an
// address is an error: 2852039166, 0xa9fea9fe, 169.254.43518, 0251.0376.0251.0376 and 169.254.169.254. are one address for inet_aton and
// names for others. The rule is that of the URL standard: a host whose last label is a number is an IPv4 address.
func hostName(host string) (string, error) {
	name := host // IDNA would refuse underscores, which are common in names of containers
	if !isASCII(host) {
		ascii, err := idna.Lookup.ToASCII(host) // as net/http does: full-width digits and other dots become ASCII
		if err != nil {
			return "", errEgressSpelling
		}
		name = ascii
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last == "" || isNumber(last) || strings.ContainsAny(name, "%:[]/@\\ ") {
		return "", errEgressSpelling
	}
	return name, nil
}

func isASCII(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool { return r > '~' })
}

// isNumber reports whether inet_aton reads a label as a number: decimal, octal or hexadecimal.
func isNumber(label string) bool {
	digits := "0123456789"
	if rest, hex := strings.CutPrefix(label, "0x"); hex {
		label = rest
		digits = "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}

// allows judges an address and every IPv4 address that it embeds. hostAllowed says that AllowedHosts has the name it belongs to.
func (e Egress) allows(ip netip.Addr, hostAllowed bool) error {
	ip = ip.Unmap().WithZone("")
	if e.AllowLoopback && ip.IsLoopback() {
		if slices.ContainsFunc(e.Denied, func(prefix netip.Prefix) bool { return prefix.Contains(ip) }) {
			return errEgressOperator
		}
		return nil
	}
	denied := append(DeniedPrefixes(), e.Denied...)
	embedded := Embedded(ip)
	for i, prefix := range denied {
		inside := func(ip netip.Addr) bool { return prefix.Contains(ip) }
		switch {
		case !inside(ip) && !slices.ContainsFunc(embedded, inside):
		case i < len(denied)-len(e.Denied):
			return fmt.Errorf("%w: %s", errEgress, ip)
		default:
			return errEgressOperator
		}
	}
	if hostAllowed || (len(e.Allowed) == 0 && len(e.AllowedHosts) == 0) {
		return nil
	}
	listed := func(ip netip.Addr) bool {
		return slices.ContainsFunc(e.Allowed, func(prefix netip.Prefix) bool { return prefix.Contains(ip) })
	}
	unlisted := func(ip netip.Addr) bool { return !listed(ip) }
	if listed(ip) || (len(embedded) > 0 && !slices.ContainsFunc(embedded, unlisted)) {
		return nil
	}
	return errEgressOperator
}

// allowsAddress judges host:port as it is about to be dialed.
func (e Egress) allowsAddress(address string, hostAllowed bool) (netip.Addr, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, errEgressSpelling
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, errEgressSpelling
	}
	return ip, e.allows(ip, hostAllowed)
}
