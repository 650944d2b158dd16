package provider

import (
	"net/netip"
	"slices"
)

// DeniedPrefixes are the addresses that nothing of KubeOps calls for a tenant. The rules of Egress and the network policies of the
// manager and the collectors come from this list.
func DeniedPrefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, prefix := range []string{
		"0.0.0.0/8",              // this network (RFC 1122); Linux connects to itself
		"127.0.0.0/8",            // loopback
		"169.254.0.0/16",         // link-local: metadata of most clouds, ECS and EKS credentials
		"224.0.0.0/4",            // multicast
		"255.255.255.255/32",     // broadcast
		"100.100.100.200/32",     // Alibaba Cloud ECS metadata (cloud-init: AliYun)
		"100.96.0.96/32",         // Volcengine ECS metadata
		"168.63.129.16/32",       // Azure WireServer ("What is IP address 168.63.129.16?")
		"192.0.0.192/32",         // Oracle Cloud Infrastructure Classic metadata
		"::/128",                 // unspecified
		"::1/128",                // loopback
		"fe80::/10",              // link-local
		"fec0::/10",              // site-local, deprecated (RFC 3879)
		"ff00::/8",               // multicast
		"fd00:ec2::/32",          // AWS: ::254 metadata ("Instance metadata"), ::23 EKS Pod Identity, ::253 DNS, ::123 time
		"fd20:ce::254/128",       // Compute Engine metadata over IPv6 ("VM metadata")
		"fd00:42::42/128",        // Scaleway metadata (cloud-init: Scaleway)
		"fd00:a9fe:a9fe::1/128",  // Akamai (Linode) metadata (cloud-init: Akamai)
		"fd00:c1::a9fe:a9fe/128", // Oracle Cloud Infrastructure metadata (cloud-init: Oracle)
	} {
		all = append(all, netip.MustParsePrefix(prefix))
	}
	return all
}

// Embedded returns the IPv4 addresses that an address may be translated or tunneled to. It returns all candidates where the
// address does not say which it is; an IPv4 address embeds none.
func Embedded(ip netip.Addr) []netip.Addr {
	if ip.Is4() {
		return nil
	}
	b := ip.As16()
	at := func(positions ...int) netip.Addr {
		return netip.AddrFrom4([4]byte{b[positions[0]], b[positions[1]], b[positions[2]], b[positions[3]]})
	}
	within := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(ip.WithZone("")) }
	var found []netip.Addr
	switch {
	case ip.Is4In6(),
		within("::/96") && ip != netip.IPv6Unspecified() && !ip.IsLoopback(), // IPv4-compatible, RFC 4291
		within("::ffff:0:0:0/96"), // IPv4-translated, RFC 2765
		within("64:ff9b::/96"):    // NAT64, RFC 6052
		found = append(found, at(12, 13, 14, 15))
	case within("64:ff9b:1::/48"): // NAT64 of local use, RFC 8215: the network chooses one of the layouts of RFC 6052
		found = append(found, at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12), at(12, 13, 14, 15))
		found = slices.DeleteFunc(found, func(ip netip.Addr) bool { return ip.As4()[0] == 0 }) // zeros of another layout
	case within("2002::/16"): // 6to4, RFC 3056
		found = append(found, at(2, 3, 4, 5))
	case within("2001::/32"): // Teredo, RFC 4380: the server, and the client with each bit inverted
		client := at(12, 13, 14, 15).As4()
		for i := range client {
			client[i] = ^client[i]
		}
		found = append(found, at(4, 5, 6, 7), netip.AddrFrom4(client))
	}
	if b[8]&^0x03 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, RFC 5214
		found = append(found, at(12, 13, 14, 15))
	}
	return found
}

// isPrivate reports whether an address is of a private range, where Pods, Services and nodes usually are: RFC 1918, shared
// addresses (RFC 6598), and unique local addresses (RFC 4193).
func isPrivate(ip netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10")
	private := func(ip netip.Addr) bool { return ip.IsPrivate() || shared.Contains(ip) }
	return private(ip.Unmap()) || slices.ContainsFunc(Embedded(ip), private)
}

// PolicyBlock is a CIDR that a network policy allows, except for parts of it.
type PolicyBlock struct {
	CIDR   netip.Prefix
	Except []netip.Prefix
}

// PolicyBlocks are the rules for addresses in the form of a NetworkPolicy, which cannot name hosts: with AllowedHosts it allows all
// addresses that are not denied. Addresses that embed an IPv4 address are treated like the one they embed where prefixes can say so;
// Teredo, IPv4-compatible and IPv4-translated addresses are left out altogether, and NAT64 of local use and ISATAP are not judged.
func (e Egress) PolicyBlocks() []PolicyBlock {
	allowed := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	if len(e.Allowed) > 0 && len(e.AllowedHosts) == 0 {
		allowed = withEmbedded(e.Allowed)
	}
	denied := []netip.Prefix{
		netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"),
	}
	denied = withoutContained(append(denied, withEmbedded(append(DeniedPrefixes(), e.Denied...))...))
	var blocks []PolicyBlock
	for _, cidr := range withoutContained(allowed) {
		block := PolicyBlock{CIDR: cidr}
		whole := false
		for _, prefix := range denied {
			whole = whole || contains(prefix, cidr)
			if contains(cidr, prefix) {
				block.Except = append(block.Except, prefix)
			}
		}
		if !whole {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// withEmbedded adds the prefixes of the IPv6 addresses that embed those of IPv4: NAT64 and 6to4.
func withEmbedded(prefixes []netip.Prefix) []netip.Prefix {
	all := slices.Clone(prefixes)
	for _, prefix := range prefixes {
		if prefix.Addr().Is4() {
			all = append(all, embed("64:ff9b::", 12, prefix), embed("2002::", 2, prefix))
		}
	}
	return all
}

// embed returns the prefix of the IPv6 addresses that have the IPv4 prefix at a byte.
func embed(in string, at int, prefix netip.Prefix) netip.Prefix {
	b := netip.MustParseAddr(in).As16()
	v4 := prefix.Addr().As4()
	copy(b[at:], v4[:])
	return netip.PrefixFrom(netip.AddrFrom16(b), 8*at+prefix.Bits()).Masked()
}

// contains reports whether one prefix lies within another of the same family.
func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// withoutContained sorts prefixes and removes those that lie within another.
func withoutContained(prefixes []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, netip.Prefix.Compare)
	var kept []netip.Prefix
	for _, prefix := range sorted {
		if !slices.ContainsFunc(kept, func(other netip.Prefix) bool { return contains(other, prefix) }) {
			kept = append(kept, prefix)
		}
	}
	return kept
}
