package runner

import (
	"context"
	"errors"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/memlimit"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// Target is a cluster that spec.clusters selects.
type Target struct {
	// Name of the ManagedCluster.
	Name string
	// Access of its kubeconfig; nil for the cluster of the manager, which is read as ServiceAccount Account.
	Access  *clusters.Access
	Account string
	// Labels of the ManagedCluster, if the Inspection refers to them; see NeedsLabels.
	Labels map[string]string
	// Objects is how many objects the cluster has, by an estimate for its first inspection; 0 if unknown.
	Objects int64
	// Problem is why there is no connection; nil if there is one.
	Problem *problem.Problem
}

// Targets finds the clusters that spec.clusters of an Inspection selects. Its errors are problems.
type Targets func(context.Context, *v1alpha1.Inspection) ([]Target, error)

// runClusters inspects the clusters that spec.clusters selects, for one report.
func (l *Local) runClusters(
	ctx context.Context, inspection *v1alpha1.Inspection, started func(context.Context) error,
) (*inspect.Result, error) {
	input, closeAll, err := l.resolveClusters(ctx, inspection, l.parts == nil)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	shareLines(&input, len(input.Clusters))
	if err := started(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, inspection.Timeout())
	defer cancel()
	result, err := fleet.Run(limited, input)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "unexpected error while inspecting; see the manager's log")
	}
	return &inspect.Result{Report: result.Report}, nil
}

// runPart inspects one of the clusters that spec.clusters selects, which is the only one of the targets.
func (l *Local) runPart(
	ctx context.Context, inspection *v1alpha1.Inspection, part fleet.Part, started func(context.Context) error,
) (fleet.PartResult, error) {
	input, closeAll, err := l.resolveClusters(ctx, inspection, true)
	if err != nil {
		return fleet.PartResult{}, err
	}
	defer closeAll()
	shareLines(&input, part.Clusters)
	input.Stalled = l.stalled
	input.Redactor = l.redactor
	if err := started(ctx); err != nil {
		return fleet.PartResult{}, err
	}
	done, err := fleet.RunPart(ctx, input, part)
	if err != nil && problem.As(err) == nil && ctx.Err() == nil {
		err = notInspected(part.Cluster, err)
	}
	return done, err
}

// notInspected is the error of a part as a problem, which another process can report.
func notInspected(cluster string, err error) *problem.Problem {
	reason := v1alpha1.ReasonRetrying
	switch {
	case apierror.IsTimeout(err):
		return problem.Waiting(v1alpha1.ReasonDeadlineExceeded, retryKilled, "cluster %s did not answer before its deadline: nothing of "+
			"it was inspected; check that its API server is running, or set a longer deadline", cluster)
	case apierrors.IsForbidden(err):
		reason = v1alpha1.ReasonForbidden
	}
	return problem.Retrying(reason, err, "cluster %s was not inspected: %s", cluster, apierror.Describe(err))
}

// resolveClusters reads everything that a run over several clusters needs, with the backends if this process reads the clusters. closeAll
// ends the connections.
func (l *Local) resolveClusters(
	ctx context.Context, inspection *v1alpha1.Inspection, reads bool,
) (in fleet.Input, closeAll func(), err error) {
	spec := &inspection.Spec
	if err := errors.Join(checkNamespaces(spec), checkShared(spec)); err != nil {
		return in, nil, err
	}
	selected, own, err := l.SelectChecks(ctx, spec)
	if err != nil {
		return in, nil, err
	}
	previous, err := l.previous.get(func() (*v1alpha1.InspectionReport, error) { return l.Previous(ctx, inspection) })
	if err != nil {
		return in, nil, err
	}
	targets, err := l.Targets(ctx, inspection)
	if err != nil {
		return in, nil, err
	}
	in = fleet.Input{
		Checks: selected, Ignore: spec.Ignore, ExcludeNamespaces: spec.ExcludeNamespaces, NamespacesOnly: len(spec.Namespaces) > 0,
		Previous: previous, Engine: fleet.Engine(l.Engine), Clock: l.Clock,
		Memory: memlimit.Part(2, fleet.DefaultMemory), Parts: l.parts,
	}
	var opened []func()
	closeAll = func() {
		for _, end := range opened {
			end()
		}
	}
	for _, target := range targets {
		cluster := fleet.Cluster{Input: l.clusterInput(inspection, target.Name, selected, own), Deadline: spec.Clusters.Deadline()}
		cluster.LastDuration, cluster.LastObjects = last(previous, target.Name)
		if cluster.LastObjects == 0 {
			cluster.LastObjects = target.Objects
		}
		config, connection, err := l.connect(inspection.Namespace, target)
		if connection != nil {
			opened = append(opened, connection.Close)
		}
		cluster.Input.Source.Config = config
		cluster.Err = err
		if reads && err == nil {
			if err := l.openBackendsOf(ctx, inspection, target, &cluster.Input); err != nil {
				closeAll()
				return in, nil, err
			}
			withBackends := cluster.Input
			opened = append(opened, func() { closeBackends(withBackends) })
		}
		in.Clusters = append(in.Clusters, cluster)
	}
	return in, closeAll, nil
}

// clusterInput is what the run of one cluster needs, but for the connection.
func (l *Local) clusterInput(
	inspection *v1alpha1.Inspection, name string, selected []check.Check, own []custom.Program,
) inspect.Input {
	spec := &inspection.Spec
	return inspect.Input{
		Source: collect.Source{Cluster: name}, Scope: collect.Scope{Namespaces: spec.Namespaces, Asked: asked(spec, selected)},
		Checks: selected, Custom: own, Params: params(spec), Usage: usageOptions(spec.Usage), Ignore: spec.Ignore,
		LogAnalysis: logOptions(spec.LogAnalysis), AskedSources: askedSources(spec, selected),
		ExcludeNamespaces: spec.ExcludeNamespaces, Clock: l.Clock,
	}
}

// connect to a target. The connection is nil for the cluster of the manager, whose connections are shared.
func (l *Local) connect(namespace string, target Target) (*rest.Config, *clusters.Connection, error) {
	switch {
	case target.Problem != nil:
		return nil, nil, target.Problem
	case target.Access == nil:
		config, err := l.Accounts.As(namespace, target.Account)
		return config, nil, err
	}
	connection, err := clusters.Connect(target.Name, *target.Access, l.Backends.Egress, l.Backends.Memory.For(namespace))
	if err != nil {
		return nil, nil, err
	}
	return connection.Config(), connection, nil
}

// ObjectsOf estimates how many objects a cluster has that inspections read, from its inventory; 0 if unknown. Most are Pods and what
// belongs to them: ReplicaSets, Services, ConfigMaps and Events.
func ObjectsOf(cluster *v1alpha1.ManagedCluster) int64 {
	const (
		ofPod = 4
		ofAny = 500
	)
	if inventory := cluster.Status.Inventory; inventory != nil && inventory.Pods != nil {
		return ofAny + ofPod*int64(inventory.Pods.Total)
	}
	return 0
}

// last is how long a cluster took in the previous run, and how many objects it had; zero if that is not known.
func last(previous *v1alpha1.InspectionReport, cluster string) (took time.Duration, objects int64) {
	if previous == nil {
		return 0, 0
	}
	for i := range previous.Clusters {
		if c := &previous.Clusters[i]; c.Name == cluster {
			return c.Duration.Duration, int64(c.Objects)
		}
	}
	return 0, 0
}

// RemoteCluster is a Target for another process.
type RemoteCluster struct {
	Name, Account string
	Labels        map[string]string `json:",omitempty"`
	Objects       int64             `json:",omitempty"`
	Server, Token string
	TLS           provider.TLS
	Problem       *Problem `json:",omitempty"`
}

func remoteClusters(targets []Target) []RemoteCluster {
	var all []RemoteCluster
	for _, target := range targets {
		remote := RemoteCluster{Name: target.Name, Account: target.Account, Labels: target.Labels, Objects: target.Objects}
		if target.Problem != nil {
			remote.Problem = toWire(target.Problem)
		}
		if target.Access != nil {
			remote.Server = target.Access.Server.String()
			remote.Token = target.Access.Token
			remote.TLS = target.Access.TLS
		}
		all = append(all, remote)
	}
	return all
}

// targets are the clusters of a job.
func (j *Job) targets(context.Context, *v1alpha1.Inspection) ([]Target, error) {
	var all []Target
	for _, remote := range j.Clusters {
		target := Target{Name: remote.Name, Account: remote.Account, Labels: remote.Labels, Objects: remote.Objects}
		if remote.Problem != nil {
			target.Problem = remote.Problem.Described()
		}
		if remote.Server != "" {
			server, err := url.Parse(remote.Server)
			if err != nil {
				return nil, problem.UserError(v1alpha1.ReasonInvalidKubeconfig, nil,
					"the server of ManagedCluster %s is not a URL", remote.Name)
			}
			target.Access = &clusters.Access{Server: server, Token: remote.Token, TLS: remote.TLS}
		}
		all = append(all, target)
	}
	return all, nil
}
