package connect

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
	// MemberTimeout is the default time for one of several clusters, from connecting on.
	MemberTimeout = 30 * time.Second
	// parallelMembers are read at the same time.
	parallelMembers = 32
)

// Member is one of several clusters.
type Member struct {
	Name   string
	Config *rest.Config
	// Own says that requests are made with the credentials of the user.
	Own bool
	// Problem that keeps the cluster from being read; nil if there is none.
	Problem error
}

// ClusterKind is ManagedCluster.
func ClusterKind() ResourceKind {
	return ResourceKind{
		Kind: "ManagedCluster", Resource: "managedclusters", Short: []string{"mc"},
		Empty: func() APIObject { return &v1alpha1.ManagedCluster{} },
		List:  func() runtime.Object { return &v1alpha1.ManagedClusterList{} },
	}
}

// ManagedClusters of the store's namespace whose labels a selector matches, by name.
func (s *Store) ManagedClusters(ctx context.Context, selector string) ([]*v1alpha1.ManagedCluster, error) {
	if _, err := labels.Parse(selector); err != nil {
		return nil, fmt.Errorf("invalid selector %q: must be one of labels, such as environment=production", selector)
	}
	var found []*v1alpha1.ManagedCluster
	err := s.Each(ctx, ClusterKind(), selector, func(o APIObject) { found = append(found, o.(*v1alpha1.ManagedCluster)) })
	return found, err
}

// Members opens ManagedClusters with the kubeconfigs of their Secrets, which the user must be able to read.
func (s *Store) Members(ctx context.Context, of []*v1alpha1.ManagedCluster) []Member {
	members := make([]Member, len(of))
	InParallel(len(of), func(i int) {
		members[i].Name = of[i].Name
		members[i].Config, members[i].Problem = s.access(ctx, of[i])
	})
	return members
}

// access is the configuration of a ManagedCluster.
func (s *Store) access(ctx context.Context, mc *v1alpha1.ManagedCluster) (*rest.Config, error) {
	if mc.Spec.InCluster {
		return rest.CopyConfig(s.Target.Config), nil
	}
	reference := mc.Spec.Kubeconfig
	if reference == nil {
		return nil, fmt.Errorf("ManagedCluster %s/%s has no spec.kubeconfig", mc.Namespace, mc.Name)
	}
	client, err := kubernetes.NewForConfig(s.Target.Config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	secret, err := client.CoreV1().Secrets(mc.Namespace).Get(ctx, reference.Name, metav1.GetOptions{})
	if err != nil {
		return nil, s.Target.Failed(err, fmt.Sprintf("read Secret %s/%s with the kubeconfig", mc.Namespace, reference.Name))
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
		Host: access.Server.String(), BearerToken: access.Token, UserAgent: s.Target.Config.UserAgent,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: access.TLS.CA, CertData: access.TLS.Certificate, KeyData: access.TLS.Key, ServerName: access.TLS.ServerName,
			Insecure: access.TLS.InsecureSkipVerify,
		},
	}, nil
}

// Target of a member, for messages.
func (m Member) Target() Target { return Target{Config: m.Config, Cluster: m.Name} }

// InParallel calls something for each of n items, a bounded number at the same time.
func InParallel(n int, call func(int)) {
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

// SortedMembers by name.
func SortedMembers(members []Member) []Member {
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return members
}
