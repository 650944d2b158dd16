// Package network assigns the addresses of a cluster: a network namespace with a link to the host, or free ports on
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

// pool contains the subnets of four addresses for the links of clusters.
const pool = "10.213.0.0/16"

// Link is the subnet between the host and a cluster's network namespace.
type Link struct {
	Subnet netip.Prefix
	Host   netip.Addr
	Node   netip.Addr
}

// choose returns a subnet of the pool that does not overlap those in use. The search starts at a position derived from the
// cluster, so clusters that start concurrently choose different subnets.
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
	return Link{}, fmt.Errorf("no free subnet in %s", pool)
}

// used returns the subnets of the machine's addresses and routes, except the default route.
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

// parseRoutes parses /proc/net/route, in which addresses are hexadecimal with the last byte first.
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

// FreePorts returns free ports of 127.0.0.1. All are opened before the first is closed, so they differ.
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
