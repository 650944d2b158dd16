package render

import (
	"fmt"

	"kubeops.io/kubeops/hack/cluster/internal/place"
)

// The networks inside of a cluster. They are the same in every cluster, since each has a network namespace of its own
// (and a simulated node has no network at all).
const (
	ServiceNetwork = "10.96.0.0/16"
	// ServiceIP is the address of the Service named kubernetes, always the first of the network.
	ServiceIP   = "10.96.0.1"
	PodNetwork  = "10.244.0.0/16"
	NodePodCIDR = "10.244.0.0/24"
)

// Endpoints are the addresses of the control plane.
type Endpoints struct {
	// Address is the API server's as the kubeconfigs have it.
	Address string
	// Reachable tells that Pods can reach the API server at this address, so that the Service named kubernetes may
	// point to it.
	Reachable bool

	APIServer, EtcdClient, EtcdPeer, ControllerManager, Scheduler, Kwok int
}

// Server is the API server's URL.
func (e Endpoints) Server() string { return fmt.Sprintf("https://%s:%d", e.Address, e.APIServer) }

// Etcd is etcd's command line. Nothing is ever synced to the disk: the cluster is for throwing away, and the API
// server's answers take a fraction of the time.
func Etcd(c place.Cluster, e Endpoints) []string {
	client := fmt.Sprintf("https://127.0.0.1:%d", e.EtcdClient)
	peer := fmt.Sprintf("https://127.0.0.1:%d", e.EtcdPeer)
	return []string{
		"--name=etcd",
		"--data-dir=" + c.Path("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=etcd=" + peer,
		"--client-cert-auth",
		"--trusted-ca-file=" + c.Key("ca.crt"),
		"--cert-file=" + c.Key("etcd.crt"),
		"--key-file=" + c.Key("etcd.key"),
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + c.Key("ca.crt"),
		"--peer-cert-file=" + c.Key("etcd.crt"),
		"--peer-key-file=" + c.Key("etcd.key"),
		"--logger=zap",
		"--log-level=warn",
	}
}

// APIServer is the API server's command line.
func APIServer(c place.Cluster, e Endpoints) []string {
	args := []string{
		fmt.Sprintf("--etcd-servers=https://127.0.0.1:%d", e.EtcdClient),
		"--etcd-cafile=" + c.Key("ca.crt"),
		"--etcd-certfile=" + c.Key("etcd-client.crt"),
		"--etcd-keyfile=" + c.Key("etcd-client.key"),
		fmt.Sprintf("--secure-port=%d", e.APIServer),
		"--advertise-address=" + e.Address,
		"--tls-cert-file=" + c.Key("apiserver.crt"),
		"--tls-private-key-file=" + c.Key("apiserver.key"),
		"--client-ca-file=" + c.Key("ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--service-cluster-ip-range=" + ServiceNetwork,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.Key("service-accounts.crt"),
		"--service-account-signing-key-file=" + c.Key("service-accounts.key"),
		"--kubelet-certificate-authority=" + c.Key("ca.crt"),
		"--kubelet-client-certificate=" + c.Key("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + c.Key("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP,Hostname",
		// The aggregation layer, so that APIService objects work, also towards Services whose address the API server
		// itself cannot reach.
		"--requestheader-client-ca-file=" + c.Key("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + c.Key("front-proxy-client.crt"),
		"--proxy-client-key-file=" + c.Key("front-proxy-client.key"),
		"--enable-aggregator-routing=true",
	}
	if e.Reachable {
		return append(args, "--bind-address=0.0.0.0") // within the cluster's network namespace
	}
	// Loopback addresses are not allowed in an endpoint.
	return append(args, "--bind-address=127.0.0.1", "--endpoint-reconciler-type=none")
}

// ControllerManager is the controller manager's command line.
func ControllerManager(c place.Cluster, e Endpoints, allocateNodeCIDRs bool) []string {
	args := append(controller(c, "kube-controller-manager", e.ControllerManager),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.Key("service-accounts.key"),
		"--root-ca-file="+c.Key("ca.crt"),
		"--cluster-name="+c.Name,
		"--cluster-signing-cert-file="+c.Key("ca.crt"),
		"--cluster-signing-key-file="+c.Key("ca.key"),
	)
	if allocateNodeCIDRs {
		return append(args, "--allocate-node-cidrs=true", "--cluster-cidr="+PodNetwork, "--service-cluster-ip-range="+ServiceNetwork)
	}
	// Simulated nodes do not go away. On a busy machine a thousand of them may be late with their heartbeats, and the
	// controllers would move all of their Pods.
	return append(args, "--node-monitor-grace-period=30m")
}

// Scheduler is the scheduler's command line.
func Scheduler(c place.Cluster, e Endpoints) []string {
	return controller(c, "kube-scheduler", e.Scheduler)
}

// controller is what the controller manager and the scheduler have in common. There is only one of each, so they need
// not elect a leader; and they may ask the API server more often than in a cluster that many share.
func controller(c place.Cluster, component string, port int) []string {
	kubeconfig := c.Config(component + ".kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + c.Key("controllers.crt"),
		"--tls-private-key-file=" + c.Key("controllers.key"),
		"--requestheader-client-ca-file=" + c.Key("front-proxy-ca.crt"),
		"--client-ca-file=" + c.Key("ca.crt"),
	}
}

// Kwok is the command line of the simulator of nodes. It also answers in place of their kubelets.
func Kwok(c place.Cluster, e Endpoints) []string {
	return []string{
		"--kubeconfig=" + c.Config("kwok.kubeconfig"),
		"--config=" + c.Config("kwok.yaml"),
		"--manage-all-nodes=true",
		"--node-lease-duration-seconds=600",
		fmt.Sprintf("--server-address=127.0.0.1:%d", e.Kwok),
		"--tls-cert-file=" + c.Key("controllers.crt"),
		"--tls-private-key-file=" + c.Key("controllers.key"),
		"--node-ip=127.0.0.1",
		fmt.Sprintf("--node-port=%d", e.Kwok),
	}
}
