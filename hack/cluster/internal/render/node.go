package render

import (
	"encoding/json"
	"fmt"
	"strings"

	"kubeops.io/kubeops/hack/cluster/internal/place"
)

// Names of the images that every real node has.
const (
	PauseImage   = "kubeops.local/pause:1"
	BusyboxImage = "kubeops.local/busybox:1"
)

// Containerd returns the configuration of containerd. Its folders have the usual paths, which are the cluster's own in the
// mount namespace of the node. It does not lower OOM scores where the machine lacks the privilege; otherwise no sandbox
// would start.
func Containerd(c place.Cluster, cniPlugins, snapshotter string) string {
	return strings.NewReplacer(
		"PAUSE", PauseImage, "SNAPSHOTTER", snapshotter, "CNI_PLUGINS", cniPlugins,
		"CNI_CONFIG", c.Path("config", "cni"), "REGISTRY_HOSTS", c.RegistryHosts(),
	).Replace(`version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "PAUSE"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "SNAPSHOTTER"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "CNI_PLUGINS"
    conf_dir = "CNI_CONFIG"
    max_conf_num = 1
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "REGISTRY_HOSTS"
`)
}

// CNI returns the Pod network: each Pod has its own link to the node, which routes between them. Unlike with a bridge, all
// traffic passes iptables of the node, so Services work without the kernel module br_netfilter, including connections of a
// Pod to itself.
func CNI() (string, error) {
	type object map[string]any
	conf, err := json.MarshalIndent(object{
		"cniVersion": "0.4.0",
		"name":       "pods",
		"plugins": []object{
			{
				"type":   "ptp",
				"ipMasq": true,
				"ipam": object{
					"type":    "host-local",
					"dataDir": "/run/cni",
					"ranges":  [][]object{{{"subnet": NodePodCIDR}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
	return string(conf) + "\n", err
}

// Kubelet returns the configuration of the kubelet. Images are never garbage collected, since they cannot be pulled again.
// Eviction thresholds are very low, since disk and memory are shared with other work on the machine.
func Kubelet(c place.Cluster, nodeIP string) string {
	return strings.NewReplacer(
		"ADDRESS", nodeIP, "AUTHORITY", c.Key("ca.crt"), "CERTIFICATE", c.Key("kubelet.crt"), "KEY", c.Key("kubelet.key"),
		"RESOLV", c.Config("resolv.conf"), "CGROUP", "/"+c.Cgroup(),
	).Replace(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ADDRESS
healthzBindAddress: 127.0.0.1
tlsCertFile: "CERTIFICATE"
tlsPrivateKeyFile: "KEY"
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "AUTHORITY"}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: CGROUP
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
resolvConf: "RESOLV"
clusterDNS: [127.0.0.1]
clusterDomain: cluster.local
serializeImagePulls: false
nodeStatusUpdateFrequency: 4s
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard:
  memory.available: 50Mi
  nodefs.available: 1%
  nodefs.inodesFree: 1%
  imagefs.available: 1%
kubeAPIQPS: 100
kubeAPIBurst: 200
`)
}

// KubeletArgs returns the flags of the kubelet that have no field in its configuration file.
func KubeletArgs(c place.Cluster, nodeIP string) []string {
	return []string{
		"--config=" + c.Config("kubelet.yaml"),
		"--kubeconfig=" + c.Config("kubelet.kubeconfig"),
		"--hostname-override=" + c.NodeName(1),
		"--node-ip=" + nodeIP,
	}
}

// Proxy returns the configuration of kube-proxy. Connection tracking settings would affect the whole machine, so they are
// not changed.
func Proxy(c place.Cluster) string {
	return fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: %q}
hostnameOverride: %s
mode: iptables
clusterCIDR: %s
bindAddress: 127.0.0.1
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`, c.Config("kube-proxy.kubeconfig"), c.NodeName(1), PodNetwork)
}
