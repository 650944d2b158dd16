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

// NamespacePath returns the file to enter the cluster's network namespace with.
func NamespacePath(c place.Cluster) string { return filepath.Join("/run/netns", c.Namespace()) }

// CreateNamespace creates the cluster's network namespace and links it to the host. It has no default route, so connections
// out of the machine fail at once. Only the network of Services has a route; it is never used, but the kernel needs a
// route to an address before iptables translates it.
func CreateNamespace(ctx context.Context, c place.Cluster, services string) (Link, error) {
	taken, err := used()
	if err != nil {
		return Link{}, err
	}
	link, err := choose(c.ID(), taken)
	if err != nil {
		return Link{}, err
	}
	ns := c.Namespace()
	outside := c.Interface()
	inside := "eth0"
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

// DeleteNamespace removes the namespace with all its chains, routes and interfaces. It is not an error if it does not
// exist.
func DeleteNamespace(ctx context.Context, c place.Cluster) error {
	var errs []error
	if _, err := os.Stat(NamespacePath(c)); err == nil {
		errs = append(errs, run.Quiet(ctx, "ip", "netns", "delete", c.Namespace()))
	}
	// The link usually disappears with the namespace, but the kernel may take a moment.
	if _, err := net.InterfaceByName(c.Interface()); err == nil {
		err := run.Quiet(ctx, "ip", "link", "delete", c.Interface())
		if _, there := net.InterfaceByName(c.Interface()); there == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
