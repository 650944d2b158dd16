package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/clusters"
)

const (
	// memberTimeout is the default time for one of several clusters, from connecting on.
	memberTimeout = 30 * time.Second
	// parallelMembers are read at the same time.
	parallelMembers = 32
)

// member is one of several clusters.
type member struct {
	name   string
	config *rest.Config
	// own says that requests are made with the credentials of the user.
	own bool
	// problem that keeps the cluster from being read; nil if there is none.
	problem error
}

func clusterKind() resourceKind {
	return resourceKind{
		Kind: "ManagedCluster", resource: "managedclusters", short: []string{"mc"},
		empty: func() apiObject { return &v1alpha1.ManagedCluster{} },
		list:  func() runtime.Object { return &v1alpha1.ManagedClusterList{} },
	}
}

// managedClusters of the store's namespace whose labels a selector matches, by name.
func (s *store) managedClusters(ctx context.Context, selector string) ([]*v1alpha1.ManagedCluster, error) {
	if _, err := labels.Parse(selector); err != nil {
		return nil, fmt.Errorf("invalid selector %q: must be one of labels, such as environment=production", selector)
	}
	var found []*v1alpha1.ManagedCluster
	err := s.each(ctx, clusterKind(), selector, func(o apiObject) { found = append(found, o.(*v1alpha1.ManagedCluster)) })
	return found, err
}

// members opens ManagedClusters with the kubeconfigs of their Secrets, which the user must be able to read.
func (s *store) members(ctx context.Context, of []*v1alpha1.ManagedCluster) []member {
	members := make([]member, len(of))
	inParallel(len(of), func(i int) {
		members[i].name = of[i].Name
		members[i].config, members[i].problem = s.access(ctx, of[i])
	})
	return members
}

// access is the configuration of a ManagedCluster.
func (s *store) access(ctx context.Context, mc *v1alpha1.ManagedCluster) (*rest.Config, error) {
	if mc.Spec.InCluster {
		return rest.CopyConfig(s.target.config), nil
	}
	reference := mc.Spec.Kubeconfig
	if reference == nil {
		return nil, fmt.Errorf("ManagedCluster %s/%s has no spec.kubeconfig", mc.Namespace, mc.Name)
	}
	client, err := kubernetes.NewForConfig(s.target.config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	secret, err := client.CoreV1().Secrets(mc.Namespace).Get(ctx, reference.Name, metav1.GetOptions{})
	if err != nil {
		return nil, s.target.failed(err, fmt.Sprintf("read Secret %s/%s with the kubeconfig", mc.Namespace, reference.Name))
	}
	key := reference.Key
	if key == "" {
		key = v1alpha1.DefaultKubeconfigKey
	}
	access, err := clusters.ParseKubeconfig(secret.Data[key], clusters.KubeconfigOptions{
		Source: fmt.Sprintf("Secret %s/%s, key %s", mc.Namespace, reference.Name, key), Context: reference.Context,
		InsecureSkipTLSVerify: reference.InsecureSkipTLSVerify,
	})
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: access.Server.String(), BearerToken: access.Token, UserAgent: s.target.config.UserAgent,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: access.TLS.CA, CertData: access.TLS.Certificate, KeyData: access.TLS.Key, ServerName: access.TLS.ServerName,
			Insecure: access.TLS.InsecureSkipVerify,
		},
	}, nil
}

// target of a member, for messages.
func (m member) target() target { return target{config: m.config, cluster: m.name} }

// inParallel calls something for each of n items, a bounded number at the same time.
func inParallel(n int, call func(int)) {
	slots := make(chan struct{}, parallelMembers)
	var wait sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			call(i)
		})
	}
	wait.Wait()
}

// sortedMembers by name.
func sortedMembers(members []member) []member {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return members
}
