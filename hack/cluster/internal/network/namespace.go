package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/run"
)

// NamespacePath is the file by which the cluster's network namespace is entered.
func NamespacePath(c place.Cluster) string { return filepath.Join("/run/netns", c.Namespace()) }

// CreateNamespace makes the cluster's network namespace and links it to the host. It has no default route: nothing gets
// out of the machine, and what tries to fails at once. Only the Services' network has a route, which is never taken,
// since the kernel wants to know some way to an address before iptables translates it.
func CreateNamespace(ctx context.Context, c place.Cluster, services string) (Link, error) {
	taken, err := used()
	if err != nil {
		return Link{}, err
	}
	link, err := choose(c.ID(), taken)
	if err != nil {
		return Link{}, err
	}
	ns, outside, inside := c.Namespace(), c.Interface(), "eth0"
	return link, run.All(ctx, [][]string{
		{"ip", "netns", "add", ns},
		{"ip", "-n", ns, "link", "set", "lo", "up"},
		{"ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", ns},
		{"ip", "addr", "add", fmt.Sprintf("%s/30", link.Host), "dev", outside},
		{"ip", "link", "set", outside, "up"},
		{"ip", "-n", ns, "addr", "add", fmt.Sprintf("%s/30", link.Node), "dev", inside},
		{"ip", "-n", ns, "link", "set", inside, "up"},
		{"ip", "-n", ns, "route", "add", services, "via", link.Host.String()},
		{"nsenter", "--net=" + NamespacePath(c), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"},
	})
}

// DeleteNamespace removes the namespace, and with it all of the chains, routes and interfaces in it. It is no error if
// there is none.
func DeleteNamespace(ctx context.Context, c place.Cluster) error {
	var errs []error
	if _, err := os.Stat(NamespacePath(c)); err == nil {
		errs = append(errs, run.Quiet(ctx, "ip", "netns", "delete", c.Namespace()))
	}
	// The link usually goes with the namespace, but the kernel takes its time for it.
	if _, err := net.InterfaceByName(c.Interface()); err == nil {
		err := run.Quiet(ctx, "ip", "link", "delete", c.Interface())
		if _, there := net.InterfaceByName(c.Interface()); there == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
