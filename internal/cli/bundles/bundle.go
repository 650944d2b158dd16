// Package bundles implements the commands about who owns the fields of ResourceBundles, Helm releases and Argo CD Applications.
package bundles

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
	"kubeops.io/kubeops/internal/bundle/gitsource"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
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
	store  *connect.Store
	reader client.Reader
	bundle *v1alpha1.ResourceBundle
	known  map[string]labels.Set
	// desired objects before the overrides of a cluster.
	desired *bundle.Desired
}

// plan a bundle by dry runs in all selected clusters, or in one.
func planBundle(ctx context.Context, s *connect.Store, name, only string) (*bundlePlan, error) {
	found, err := s.Get(ctx, connect.BundleKind(), name)
	if err != nil {
		return nil, err
	}
	p := &bundlePlanner{store: s, bundle: found.(*v1alpha1.ResourceBundle), known: map[string]labels.Set{}}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if p.reader, err = client.New(s.Target.Config, client.Options{Scheme: scheme}); err != nil {
		return nil, s.Target.Failed(err, "read the APIs of the cluster")
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
	connect.InParallel(len(members), func(i int) {
		limited, cancel := context.WithTimeout(ctx, p.bundle.Spec.HealthTimeout())
		defer cancel()
		results, err := p.cluster(limited, members[i])
		plan.clusters[i] = clusterPlan{cluster: members[i].Name, results: results, problem: err}
	})
	return plan, ctx.Err()
}

func onlyMember(members []connect.Member, name string) ([]connect.Member, error) {
	var names []string
	for _, m := range members {
		if m.Name == name {
			return []connect.Member{m}, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("the bundle selects no cluster %q%s: must be one of %s", name, command.DidYouMean(command.Nearest(names, name)),
		terminal.JoinWords(names))
}

// manifests of the bundle.
func (p *bundlePlanner) manifests(ctx context.Context) (*bundle.Desired, error) {
	desired := &bundle.Desired{}
	desired.AddManifests(p.bundle.Spec.Manifests)
	if len(p.bundle.Spec.ManifestsFrom) == 0 {
		return desired, nil
	}
	if err := p.git(ctx, desired); err != nil {
		return nil, err
	}
	configMaps, err := corev1client.NewForConfig(p.store.Target.Config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	for _, from := range p.bundle.Spec.ManifestsFrom {
		if from.ConfigMap == nil {
			continue
		}
		found, err := configMaps.ConfigMaps(p.bundle.Namespace).Get(ctx, from.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return nil, p.store.Target.Failed(err, fmt.Sprintf("read ConfigMap %s/%s with manifests", p.bundle.Namespace,
				from.ConfigMap.Name))
		}
		if !desired.AddConfigMap(from.ConfigMap.Name, from.ConfigMap.Key, found.Data) {
			return nil, fmt.Errorf("ConfigMap %s/%s has no key %s", p.bundle.Namespace, from.ConfigMap.Name, from.ConfigMap.Key)
		}
	}
	return desired, nil
}

// git adds the manifests of Git repositories, at the commits that they have now. Secrets are read with the permissions of the user, and
// only those that the ServiceAccount of the bundle can get, too.
func (p *bundlePlanner) git(ctx context.Context, desired *bundle.Desired) error {
	secrets, err := secretref.Own(p.store.Target.Config, p.bundle.Namespace)
	if err != nil {
		return fmt.Errorf("load kubeconfig: %w", err)
	}
	source := gitsource.New(gitsource.Options{
		Secrets: func(string, string) *secretref.Reader { return secrets }, Clock: clock.RealClock{},
		Egress: provider.Egress{AllowLoopback: true, DetailedDialErrors: true},
	})
	for n, from := range p.bundle.Spec.ManifestsFrom {
		if from.Git == nil {
			continue
		}
		field := fmt.Sprintf("spec.manifestsFrom[%d].git", n)
		if ref := from.Git.SecretRef; ref != nil {
			if err := p.authorize(ctx, ref.Name, field+".secretRef"); err != nil {
				return err
			}
		}
		content, err := source.Read(ctx, gitsource.Request{Namespace: p.bundle.Namespace, Spec: from.Git, Field: field})
		switch {
		case err != nil:
			return err
		case content.Problem != nil:
			return fmt.Errorf("ResourceBundle %s/%s: %w", p.bundle.Namespace, p.bundle.Name, content.Problem)
		}
		desired.AddGit(content.Files)
	}
	return nil
}

// members are the clusters that the bundle selects. In ManagedClusters, requests are made as the ServiceAccount of the bundle, as the
// manager does: their credentials may permit nothing else.
func (p *bundlePlanner) members(ctx context.Context) ([]connect.Member, error) {
	if p.bundle.Spec.Clusters == nil {
		return []connect.Member{{Name: v1alpha1.LocalCluster, Config: p.store.Target.Config, Own: true}}, nil
	}
	in := p.store.In(p.bundle.Namespace)
	all, err := in.ManagedClusters(ctx, "")
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
	members := in.Members(ctx, selected)
	for i, mc := range selected {
		if members[i].Config != nil && !mc.Spec.InCluster {
			members[i].Config.Impersonate = rest.ImpersonationConfig{
				UserName: "system:serviceaccount:" + p.bundle.Namespace + ":" + p.bundle.ServiceAccountName(),
			}
		}
	}
	for _, name := range p.bundle.Spec.Clusters.Names {
		if _, exists := p.known[name]; !exists {
			members = append(members, connect.Member{Name: name, Problem: fmt.Errorf("ManagedCluster %s does not exist", name)})
		}
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("ResourceBundle %s/%s selects no ManagedCluster", p.bundle.Namespace, p.bundle.Name)
	}
	return connect.SortedMembers(members), nil
}

// cluster plans one cluster.
func (p *bundlePlanner) cluster(ctx context.Context, m connect.Member) ([]bundle.Result, error) {
	if m.Problem != nil {
		return nil, m.Problem
	}
	kinds, err := bundle.NewKinds(m.Config, clock.RealClock{})
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	target, err := bundle.NewTarget(m.Config, kinds, bundle.FieldManager(p.bundle.Namespace, p.bundle.Name))
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	if m.Own {
		target = target.As("the user")
	}
	_, inventory, err := bundle.OpenStore(ctx, nil, p.reader, p.bundle, m.Name)
	if err != nil {
		return nil, p.store.Target.Failed(errors.Unwrap(err), "list bundleinventories in namespace "+p.bundle.Namespace)
	}
	spec := &p.bundle.Spec
	desired, err := p.desired.For(bundle.Cluster{Name: m.Name, Labels: p.known[m.Name]}, p.bundle.Namespace, spec.Overrides)
	if err != nil {
		return nil, err
	}
	run := &bundle.Run{
		Target: target, Namespace: p.bundle.Namespace, Account: p.bundle.ServiceAccountName(), Desired: desired, Inventory: inventory,
		Policy: bundle.Policy{Conflicts: spec.Conflicts, Drift: spec.Drift, Adopt: spec.AdoptedManagers()}, Self: p.bundle.UID,
		Detailed: true,
		Prune: bundle.Prune{Digest: bundle.DigestOf(p.desired.Objects), Claims: func(ctx context.Context) (bundle.Claims, error) {
			return bundle.ReadClaims(ctx, p.reader, p.bundle, m.Name, p.known)
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
func (p *bundlePlan) problems() (problems []connect.ClusterProblem) {
	for _, c := range p.clusters {
		if c.problem != nil {
			problems = append(problems, connect.ClusterProblem{Cluster: c.cluster, Message: c.problem.Error()})
		}
	}
	return problems
}
