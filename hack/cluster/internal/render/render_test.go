package render

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/hack/cluster/internal/pki"
	"kubeops.io/kubeops/hack/cluster/internal/place"
)

func dev() place.Cluster { return place.Cluster{Root: "/src/bin", Name: "dev"} }

func TestKubeconfigHoldsItsCertificates(t *testing.T) {
	pair := pki.Pair{Certificate: []byte("cert"), Key: []byte("key")}
	got := Kubeconfig("kubeops-dev", "USER", "https://10.213.0.2:6443", []byte("ca"), pair)
	for _, want := range []string{
		"current-context: kubeops-dev\n", "server: https://10.213.0.2:6443\n", "user: USER\n",
		"certificate-authority-data: " + base64.StdEncoding.EncodeToString([]byte("ca")) + "\n",
		"client-certificate-data: " + base64.StdEncoding.EncodeToString([]byte("cert")) + "\n",
		"client-key-data: " + base64.StdEncoding.EncodeToString([]byte("key")) + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAPIServer(t *testing.T) {
	tests := []struct {
		name      string
		endpoints Endpoints
		with      []string
		without   []string
	}{
		{
			"in a namespace of its own",
			Endpoints{Address: "10.213.0.2", Reachable: true, APIServer: 6443},
			[]string{"--bind-address=0.0.0.0", "--advertise-address=10.213.0.2", "--secure-port=6443"},
			[]string{"--endpoint-reconciler-type=none"},
		},
		{
			"on loopback",
			Endpoints{Address: "127.0.0.1", APIServer: 40001},
			[]string{"--bind-address=127.0.0.1", "--endpoint-reconciler-type=none", "--secure-port=40001"},
			[]string{"--bind-address=0.0.0.0"},
		},
	}
	always := []string{"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--enable-aggregator-routing=true"}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := APIServer(dev(), test.endpoints)
			for _, want := range append(test.with, always...) {
				if !slices.Contains(args, want) {
					t.Errorf("no %s", want)
				}
			}
			for _, bad := range test.without {
				if slices.Contains(args, bad) {
					t.Errorf("has %s", bad)
				}
			}
		})
	}
}

func TestEtcdAsksForCertificates(t *testing.T) {
	args := Etcd(dev(), Endpoints{EtcdClient: 2379, EtcdPeer: 2380})
	for _, want := range []string{"--client-cert-auth", "--peer-client-cert-auth", "--listen-client-urls=https://127.0.0.1:2379"} {
		if !slices.Contains(args, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestNodeFilesHoldNoPlaceholders(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"containerd", Containerd(dev(), "/usr/lib/cni", "overlayfs"), `config_path = "/src/bin/clusters/dev/certs.d"`},
		{"kubelet", Kubelet(dev(), "10.213.0.2"), `clientCAFile: "/src/bin/clusters/dev/pki/ca.crt"`},
		{"kubelet cgroup", Kubelet(dev(), "10.213.0.2"), "cgroupRoot: /" + dev().Cgroup()},
		{"kube-proxy", Proxy(dev()), "hostnameOverride: dev-node-1\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(test.content, test.want) {
				t.Errorf("no %q in\n%s", test.want, test.content)
			}
			for _, left := range []string{"PAUSE", "SNAPSHOTTER", "CNI_", "REGISTRY", "ADDRESS", "AUTHORITY", "KEY", "RESOLV", "CGROUP"} {
				if strings.Contains(test.content, left) {
					t.Errorf("%s is left in\n%s", left, test.content)
				}
			}
		})
	}
}

func TestJSON(t *testing.T) {
	cni, err := CNI()
	if err != nil || !json.Valid([]byte(cni)) || !strings.Contains(cni, NodePodCIDR) {
		t.Errorf("CNI %s, error %v", cni, err)
	}
	node, err := SimulatedNode("dev-node-1", "v1.37.2")
	if err != nil || !json.Valid(node) || !strings.Contains(string(node), `"kubeletVersion":"v1.37.2"`) {
		t.Errorf("node %s, error %v", node, err)
	}
}

func TestKwokStages(t *testing.T) {
	stages := KwokStages()
	if got := strings.Count(stages, "kind: Stage\n"); got != 5 {
		t.Errorf("%d stages", got)
	}
}
