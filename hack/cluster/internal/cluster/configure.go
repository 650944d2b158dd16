package cluster

import (
	"context"
	"os"
	"path/filepath"

	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/pki"
	"kubeops.io/kubeops/hack/cluster/internal/render"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// configure writes the certificates, kubeconfigs and configuration files of all components.
func (s *start) configure(context.Context) error {
	for _, folder := range []string{"config", "pki", "logs"} {
		if err := os.MkdirAll(s.place.Path(folder), 0o755); err != nil {
			return err
		}
	}
	s.state = s.describe()
	if err := s.state.Save(s.place.State()); err != nil {
		return err
	}
	ca, err := s.certificates()
	if err != nil {
		return err
	}
	if err := s.kubeconfigs(ca); err != nil {
		return err
	}
	if s.client, err = s.Cluster.client(s.endpoints.Server()); err != nil {
		return err
	}
	switch s.options.Node {
	case state.Real:
		return s.configureNode()
	case state.Simulated:
		return os.WriteFile(s.place.Config("kwok.yaml"), []byte(render.KwokStages()), 0o644)
	}
	return nil
}

// certificates creates the authorities and the certificate files. The aggregation layer has its own authority, so no client
// certificate is accepted as that of the API server.
func (s *start) certificates() (*pki.Authority, error) {
	ca, err := pki.NewAuthority("kubeops-" + s.place.Name)
	if err != nil {
		return nil, err
	}
	front, err := pki.NewAuthority("kubeops-" + s.place.Name + "-front-proxy")
	if err != nil {
		return nil, err
	}
	tokens, err := pki.SigningKey()
	if err != nil {
		return nil, err
	}
	for name, pair := range map[string]pki.Pair{"ca": ca.Pair, "front-proxy-ca": front.Pair, "service-accounts": tokens} {
		if err := pair.Write(s.place.Key(name)); err != nil {
			return nil, err
		}
	}
	if err := s.issue(front, "front-proxy-client", pki.Identity{Name: "front-proxy-client"}); err != nil {
		return nil, err
	}
	for name, identity := range s.identities() {
		if err := s.issue(ca, name, identity); err != nil {
			return nil, err
		}
	}
	return ca, nil
}

func (s *start) issue(ca *pki.Authority, name string, identity pki.Identity) error {
	pair, err := ca.Issue(identity)
	if err != nil {
		return err
	}
	return pair.Write(s.place.Key(name))
}

// identities are the subjects of the certificate files, by file.
func (s *start) identities() map[string]pki.Identity {
	local := []string{"localhost", "127.0.0.1"}
	all := map[string]pki.Identity{
		"etcd":        {Name: "etcd", Hosts: local},
		"etcd-client": {Name: "kube-apiserver-etcd-client"},
		"apiserver": {Name: "kube-apiserver", Hosts: append([]string{
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			render.ServiceIP, s.endpoints.Address,
		}, local...)},
		"apiserver-kubelet-client": {Name: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
		"controllers":              {Name: "controllers", Hosts: local},
		"admin":                    {Name: "kubernetes-admin", Groups: []string{"system:masters"}},
	}
	if s.options.Node == state.Real {
		name := s.place.NodeName(1)
		all["kubelet"] = pki.Identity{Name: "system:node:" + name, Hosts: []string{name, s.link.Node.String()}}
	}
	return all
}

// kubeconfigs writes the kubeconfigs of the administrator and of the components, with the identities that the default roles
// of Kubernetes expect.
func (s *start) kubeconfigs(ca *pki.Authority) error {
	users := map[string]pki.Identity{
		s.place.Kubeconfig(): {Name: "kubernetes-admin", Groups: []string{"system:masters"}},
		s.place.Config("kube-controller-manager.kubeconfig"): {Name: "system:kube-controller-manager"},
		s.place.Config("kube-scheduler.kubeconfig"):          {Name: "system:kube-scheduler"},
	}
	switch s.options.Node {
	case state.Real:
		users[s.place.Config("kubelet.kubeconfig")] = pki.Identity{
			Name: "system:node:" + s.place.NodeName(1), Groups: []string{"system:nodes"},
		}
		users[s.place.Config("kube-proxy.kubeconfig")] = pki.Identity{Name: "system:kube-proxy"}
	case state.Simulated: // it stands for many nodes at once
		users[s.place.Config("kwok.kubeconfig")] = pki.Identity{Name: "kwok", Groups: []string{"system:masters"}}
	}
	for path, identity := range users {
		pair, err := ca.Issue(identity)
		if err != nil {
			return err
		}
		content := render.Kubeconfig("kubeops-"+s.place.Name, identity.Name, s.endpoints.Server(), ca.Certificate, pair)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// configureNode writes the files of a real node and creates its folders and cgroups.
func (s *start) configureNode() error {
	nodeIP := s.link.Node.String()
	cni, err := render.CNI()
	if err != nil {
		return err
	}
	files := map[string]string{
		"resolv.conf":          "nameserver 127.0.0.1\n",
		"containerd.toml":      render.Containerd(s.place, node.CNIPlugins(), node.Snapshotter(s.place.Dir())),
		"cni/10-pods.conflist": cni,
		"kubelet.yaml":         render.Kubelet(s.place, nodeIP),
		"kube-proxy.yaml":      render.Proxy(s.place),
	}
	for name, content := range files {
		path := s.place.Config(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.place.RegistryHosts(), 0o755); err != nil {
		return err
	}
	if err := node.PrepareMounts(s.place.NodeMounts()); err != nil {
		return err
	}
	return node.CreateCgroup(s.place.Cgroup())
}
