package render

import (
	"fmt"

	"kubeops.io/kubeops/hack/cluster/internal/place"
)

// The networks inside a cluster. All clusters use the same ones, since each has its own network namespace, and simulated
// nodes have no network.
const (
	ServiceNetwork = "10.96.0.0/16"
	// ServiceIP is the address of Service kubernetes, which is always the first of the network.
	ServiceIP   = "10.96.0.1"
	PodNetwork  = "10.244.0.0/16"
	NodePodCIDR = "10.244.0.0/24"
)

// Endpoints are the addresses of the control plane.
type Endpoints struct {
	// Address of the API server in kubeconfigs.
	Address string
	// Reachable reports whether Pods can reach the API server at this address, so Service kubernetes can point to it.
	Reachable bool

	APIServer, EtcdClient, EtcdPeer, ControllerManager, Scheduler, Kwok int
}

// Server returns the URL of the API server.
func (e Endpoints) Server() string { return fmt.Sprintf("https://%s:%d", e.Address, e.APIServer) }

// Etcd returns the URL of etcd.
func (e Endpoints) Etcd() string { return fmt.Sprintf("https://127.0.0.1:%d", e.EtcdClient) }

// Etcd returns the command line of etcd. Data is never synced to disk, which makes the API server much faster; the cluster
// is disposable.
func Etcd(c place.Cluster, e Endpoints) []string {
	client := e.Etcd()
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

// APIServer returns the command line of the API server.
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
		// The aggregation layer, for APIService objects, including those of Services whose address the API server itself
		// cannot reach.
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

// ControllerManager returns the command line of the controller manager.
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
	// Simulated nodes do not fail. On a busy machine the heartbeats of a thousand of them can be late, and the controllers
	// would evict all Pods.
	return append(args, "--node-monitor-grace-period=30m")
}

// Scheduler returns the command line of the scheduler.
func Scheduler(c place.Cluster, e Endpoints) []string {
	return controller(c, "kube-scheduler", e.Scheduler)
}

// controller returns the common flags of controller manager and scheduler. There is only one of each, so leader election is
// off, and higher request rates are allowed than in a shared cluster.
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

// Kwok returns the command line of the node simulator, which also serves the kubelet API.
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
