package cli

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
)

// bundlePlan is what a bundle would change in its clusters.
type bundlePlan struct {
	bundle   *v1alpha1.ResourceBundle
	clusters []clusterPlan
}

// clusterPlan is what a bundle would change in one cluster.
type clusterPlan struct {
	cluster string
	results []bundle.Result
	// problem that keeps the cluster from being read; nil if there is none.
	problem error
}

// bundlePlanner plans a bundle. The resources of KubeOps are read with the permissions of the user.
type bundlePlanner struct {
	store  *store
	reader client.Reader
	bundle *v1alpha1.ResourceBundle
	known  map[string]labels.Set
	// desired objects before the overrides of a cluster.
	desired *bundle.Desired
}

// plan a bundle by dry runs in all selected clusters, or in one.
func (s *store) plan(ctx context.Context, name, only string) (*bundlePlan, error) {
	found, err := s.get(ctx, bundleKind(), name)
	if err != nil {
		return nil, err
	}
	p := &bundlePlanner{store: s, bundle: found.(*v1alpha1.ResourceBundle), known: map[string]labels.Set{}}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if p.reader, err = client.New(s.target.config, client.Options{Scheme: scheme}); err != nil {
		return nil, s.target.failed(err, "read the APIs of the cluster")
	}
	if p.desired, err = p.manifests(ctx); err != nil {
		return nil, err
	}
	members, err := p.members(ctx)
	if err != nil {
		return nil, err
	}
	if only != "" {
		members, err = onlyMember(members, only)
		if err != nil {
			return nil, err
		}
	}
	plan := &bundlePlan{bundle: p.bundle, clusters: make([]clusterPlan, len(members))}
	inParallel(len(members), func(i int) {
		limited, cancel := context.WithTimeout(ctx, p.bundle.Spec.HealthTimeout())
		defer cancel()
		results, err := p.cluster(limited, members[i])
		plan.clusters[i] = clusterPlan{cluster: members[i].name, results: results, problem: err}
	})
	return plan, ctx.Err()
}

func onlyMember(members []member, name string) ([]member, error) {
	var names []string
	for _, m := range members {
		if m.name == name {
			return []member{m}, nil
		}
		names = append(names, m.name)
	}
	return nil, fmt.Errorf("the bundle selects no cluster %q%s: must be one of %s", name, didYouMean(nearest(names, name)),
		joinWords(names))
}

// manifests of the bundle.
func (p *bundlePlanner) manifests(ctx context.Context) (*bundle.Desired, error) {
	desired := &bundle.Desired{}
	desired.AddManifests(p.bundle.Spec.Manifests)
	if len(p.bundle.Spec.ManifestsFrom) == 0 {
		return desired, nil
	}
	configMaps, err := corev1client.NewForConfig(p.store.target.config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	for _, from := range p.bundle.Spec.ManifestsFrom {
		if from.ConfigMap == nil {
			continue
		}
		found, err := configMaps.ConfigMaps(p.bundle.Namespace).Get(ctx, from.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return nil, p.store.target.failed(err, fmt.Sprintf("read ConfigMap %s/%s with manifests", p.bundle.Namespace,
				from.ConfigMap.Name))
		}
		if !desired.AddConfigMap(from.ConfigMap.Name, from.ConfigMap.Key, found.Data) {
			return nil, fmt.Errorf("ConfigMap %s/%s has no key %s", p.bundle.Namespace, from.ConfigMap.Name, from.ConfigMap.Key)
		}
	}
	return desired, nil
}

// members are the clusters that the bundle selects. In ManagedClusters, requests are made as the ServiceAccount of the bundle, as the
// manager does: their credentials may permit nothing else.
func (p *bundlePlanner) members(ctx context.Context) ([]member, error) {
	if p.bundle.Spec.Clusters == nil {
		return []member{{name: v1alpha1.LocalCluster, config: p.store.target.config, own: true}}, nil
	}
	in := p.store.in(p.bundle.Namespace)
	all, err := in.managedClusters(ctx, "")
	if err != nil {
		return nil, err
	}
	selects, err := bundle.Selects("spec.clusters", p.bundle.Spec.Clusters)
	if err != nil {
		return nil, err
	}
	var selected []*v1alpha1.ManagedCluster
	for _, mc := range all {
		p.known[mc.Name] = mc.Labels
		if selects(mc.Name, mc.Labels) {
			selected = append(selected, mc)
		}
	}
	members := in.members(ctx, selected)
	for i, mc := range selected {
		if members[i].config != nil && !mc.Spec.InCluster {
			members[i].config.Impersonate = rest.ImpersonationConfig{
				UserName: "system:serviceaccount:" + p.bundle.Namespace + ":" + p.bundle.ServiceAccountName(),
			}
		}
	}
	for _, name := range p.bundle.Spec.Clusters.Names {
		if _, exists := p.known[name]; !exists {
			members = append(members, member{name: name, problem: fmt.Errorf("ManagedCluster %s does not exist", name)})
		}
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("ResourceBundle %s/%s selects no ManagedCluster", p.bundle.Namespace, p.bundle.Name)
	}
	return sortedMembers(members), nil
}

// cluster plans one cluster.
func (p *bundlePlanner) cluster(ctx context.Context, m member) ([]bundle.Result, error) {
	if m.problem != nil {
		return nil, m.problem
	}
	kinds, err := bundle.NewKinds(m.config, clock.RealClock{})
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	target, err := bundle.NewTarget(m.config, kinds, bundle.FieldManager(p.bundle.Namespace, p.bundle.Name))
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	if m.own {
		target = target.As("the user")
	}
	_, inventory, err := bundle.OpenStore(ctx, nil, p.reader, p.bundle, m.name)
	if err != nil {
		return nil, p.store.target.failed(errors.Unwrap(err), "list bundleinventories in namespace "+p.bundle.Namespace)
	}
	spec := &p.bundle.Spec
	desired, err := p.desired.For(bundle.Cluster{Name: m.name, Labels: p.known[m.name]}, p.bundle.Namespace, spec.Overrides)
	if err != nil {
		return nil, err
	}
	run := &bundle.Run{
		Target: target, Namespace: p.bundle.Namespace, Account: p.bundle.ServiceAccountName(), Desired: desired, Inventory: inventory,
		Policy: bundle.Policy{Conflicts: spec.Conflicts, Drift: spec.Drift, Adopt: spec.AdoptedManagers()}, Detailed: true,
		Prune: bundle.Prune{Digest: bundle.DigestOf(p.desired.Objects), Claims: func(ctx context.Context) (bundle.Claims, error) {
			return bundle.ReadClaims(ctx, p.reader, p.bundle, m.name, p.known)
		}},
	}
	if policy := spec.Prune; policy != nil && policy.Enabled {
		run.Prune.Policy = v1alpha1.RemovalDelete
		run.Prune.Guarded = policy.GuardedKinds
		run.Prune.Confirmed = policy.Confirm == run.Prune.Digest
	}
	return run.Do(ctx)
}

// problems are those of clusters that could not be planned.
func (p *bundlePlan) problems() (problems []clusterProblem) {
	for _, c := range p.clusters {
		if c.problem != nil {
			problems = append(problems, clusterProblem{Cluster: c.cluster, Message: c.problem.Error()})
		}
	}
	return problems
}

// clusterProblem is why a cluster could not be read.
type clusterProblem struct {
	Cluster string `json:"cluster"`
	Message string `json:"message"`
}

// unreadClusters is the error about clusters that could not be read; nil if all were.
func unreadClusters(problems []clusterProblem) error {
	if len(problems) == 0 {
		return nil
	}
	return &gapsError{text: count(len(problems), "cluster", "clusters") + " could not be read completely"}
}
