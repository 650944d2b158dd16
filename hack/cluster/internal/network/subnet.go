// Package network gives a cluster its addresses: a network namespace with a link to the host, or free ports on
// loopback.
package network

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// pool is where clusters take their links' subnets of four addresses from.
const pool = "10.213.0.0/16"

// Link is the subnet between the host and a cluster's network namespace.
type Link struct {
	Subnet netip.Prefix
	Host   netip.Addr
	Node   netip.Addr
}

// choose gives a subnet of the pool that overlaps none of those in use. It starts from a place that depends on the
// cluster, so that clusters which start at the same time, and so do not see each other yet, take different ones.
func choose(id string, used []netip.Prefix) (Link, error) {
	base := netip.MustParsePrefix(pool).Addr().As4()
	const count = 1 << 14
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id)) // never fails
	for i := range count {
		at := (int(sum.Sum32()%count) + i) % count
		first := netip.AddrFrom4([4]byte{base[0], base[1], byte(at >> 6), byte(at << 2)})
		subnet := netip.PrefixFrom(first, 30)
		if !slices.ContainsFunc(used, subnet.Overlaps) {
			return Link{Subnet: subnet, Host: first.Next(), Node: first.Next().Next()}, nil
		}
	}
	return Link{}, fmt.Errorf("no free subnet is left in %s", pool)
}

// used are the subnets of the machine's addresses and routes. The default route is none of them.
func used() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil {
			all = append(all, prefix.Masked())
		}
	}
	routes, err := os.ReadFile("/proc/net/route")
	return append(all, parseRoutes(string(routes))...), err
}

// parseRoutes reads /proc/net/route, where addresses are hexadecimal with the last byte first.
func parseRoutes(table string) []netip.Prefix {
	var all []netip.Prefix
	for line := range strings.Lines(table) {
		const destination, mask = 1, 7
		fields := strings.Fields(line)
		if len(fields) <= mask {
			continue
		}
		to, err1 := hex.DecodeString(fields[destination])
		bits, err2 := hex.DecodeString(fields[mask])
		if err1 != nil || err2 != nil || len(to) != 4 || len(bits) != 4 {
			continue // the heading
		}
		slices.Reverse(to)
		slices.Reverse(bits)
		if ones, _ := net.IPMask(bits).Size(); ones > 0 {
			all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte(to)), ones))
		}
	}
	return all
}

// FreePorts gives ports of 127.0.0.1 that nobody listens on now. All are taken at once, so that they differ.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
