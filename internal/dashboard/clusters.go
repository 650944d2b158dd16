package dashboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Cluster is a ManagedCluster, or the cluster that KubeOps runs in if an Inspection reports about it.
type Cluster struct {
	Namespace       string     `json:"namespace" doc:"Namespace of the ManagedCluster. Empty for the cluster that KubeOps runs in."`
	Name            string     `json:"name" doc:"Name; local is the cluster that KubeOps runs in."`
	Managed         bool       `json:"managed" doc:"True if there is a ManagedCluster."`
	Suspended       bool       `json:"suspended" doc:"True if it is not probed."`
	Ready           Readiness  `json:"ready" doc:"Condition Ready of the ManagedCluster."`
	Server          string     `json:"server" doc:"Address of the API server."`
	Version         string     `json:"version" doc:"Version of the API server."`
	Support         string     `json:"support" doc:"Supported, OutOfSupport, Unknown or empty."`
	LatencyMs       *int64     `json:"latencyMs,omitempty" doc:"Latency of the last probe in milliseconds."`
	Nodes           *int32     `json:"nodes,omitempty" doc:"Number of nodes."`
	NodesReady      *int32     `json:"nodesReady,omitempty" doc:"Number of nodes that are Ready."`
	Pods            *int32     `json:"pods,omitempty" doc:"Number of Pods."`
	CPURequested    *int32     `json:"cpuRequested,omitempty" doc:"Part of the allocatable CPU that is requested, in percent."`
	MemoryRequested *int32     `json:"memoryRequested,omitempty" doc:"Part of the allocatable memory that is requested, in percent."`
	Expires         *time.Time `json:"expires,omitempty" doc:"Expiry of the credentials."`
	LastProbe       *time.Time `json:"lastProbe,omitempty" doc:"Start of the last probe."`
	Score           *int32     `json:"score,omitempty" doc:"Score of the last complete report about the cluster."`
	Problems        int        `json:"problems" doc:"Root causes of what does not work."`
	WorstCause      *Cause     `json:"worstCause,omitempty" doc:"The worst root cause."`
}

type clustersOutput struct{ Body Page[Cluster] }

func (s *Server) listClusters(ctx context.Context, query *Query) (*clustersOutput, error) {
	readAt := s.now()
	viewer := identityOf(ctx).viewer
	var rows []Cluster
	err := s.collect(ctx, viewer, clusters, query.Namespace, func() runtime.Object { return &v1alpha1.ManagedClusterList{} },
		func(o runtime.Object) { rows = append(rows, clusterOf(o.(*v1alpha1.ManagedCluster))) })
	if err != nil {
		return nil, failed(err)
	}
	found, err := s.inspectionsOf(ctx, viewer, query.Namespace)
	if err != nil {
		return nil, failed(err)
	}
	digests, err := s.digestsOf(ctx, viewer, found)
	if err != nil {
		return nil, failed(err)
	}
	rows = withReports(rows, digests)
	body, err := page(*query, rows, clusterColumns(), readAt)
	return &clustersOutput{body}, err
}

func clusterOf(c *v1alpha1.ManagedCluster) Cluster {
	status := &c.Status
	row := Cluster{
		Namespace: c.Namespace, Name: c.Name, Managed: true, Suspended: c.Spec.Suspend, Ready: readinessOf(status.Conditions),
		Server: status.Server, Version: status.Version, Support: string(status.Support), LatencyMs: millisecondsOf(status.Latency),
		LastProbe: timeOf(status.LastProbeTime),
	}
	if status.Credentials != nil {
		row.Expires = timeOf(status.Credentials.ExpirationTime)
	}
	if inventory := status.Inventory; inventory != nil {
		row.CPURequested, row.MemoryRequested = inventory.CPURequested, inventory.MemoryRequested
		if inventory.Nodes != nil {
			row.Nodes, row.NodesReady = &inventory.Nodes.Total, &inventory.Nodes.Ready
		}
		if inventory.Pods != nil {
			row.Pods = &inventory.Pods.Total
		}
	}
	return row
}

// clusterReport is what the last reports say about one cluster.
type clusterReport struct {
	causes   map[string]Cause
	score    *int32
	scoredAt time.Time
}

// withReports adds what reports say about each cluster, and the local cluster if a report is about it. A report belongs to a ManagedCluster
// of the same namespace and name.
func withReports(rows []Cluster, digests []*digest) []Cluster {
	about := map[[2]string]*clusterReport{}
	of := func(namespace, cluster string) *clusterReport {
		if cluster == v1alpha1.LocalCluster {
			namespace = ""
		}
		key := [2]string{namespace, cluster}
		if about[key] == nil {
			about[key] = &clusterReport{causes: map[string]Cause{}}
		}
		return about[key]
	}
	for _, d := range digests {
		if d == nil {
			continue
		}
		for _, cause := range d.causes {
			of(cause.Namespace, cause.Cluster).causes[cause.ID] = cause
		}
		if d.single {
			of("", v1alpha1.LocalCluster).rate(d.score, d.time)
		}
		for _, c := range d.clusters {
			of(d.namespace, c.Name).rate(c.Score, d.time)
		}
	}
	local := [2]string{"", v1alpha1.LocalCluster}
	if about[local] != nil {
		rows = append(rows, Cluster{Name: v1alpha1.LocalCluster, Ready: Readiness{Status: "True"}})
	}
	for i := range rows {
		if found := about[[2]string{rows[i].Namespace, rows[i].Name}]; found != nil {
			found.fill(&rows[i])
		}
	}
	return rows
}

func (r *clusterReport) rate(score *int32, at time.Time) {
	if score != nil && !at.Before(r.scoredAt) {
		r.score, r.scoredAt = score, at
	}
}

func (r *clusterReport) fill(row *Cluster) {
	row.Score = r.score
	row.Problems = len(r.causes)
	causes := make([]Cause, 0, len(r.causes))
	for _, cause := range r.causes {
		causes = append(causes, cause)
	}
	if len(causes) == 0 {
		return
	}
	slices.SortFunc(causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(v1alpha1.Severity(a.Severity).Rank(), v1alpha1.Severity(b.Severity).Rank()),
			cmp.Compare(b.Affects, a.Affects), cmp.Compare(a.Object, b.Object), cmp.Compare(a.ID, b.ID))
	})
	row.WorstCause = &causes[0]
}

func clusterColumns() columns[Cluster] {
	name := func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	}
	return columns[Cluster]{
		initial: "ready",
		text: func(c Cluster) string {
			return c.Namespace + "/" + c.Name + " " + c.Version + " " + c.Server + " " + c.Ready.Message
		},
		sort: map[string]func(a, b Cluster) int{
			"name": name,
			"ready": func(a, b Cluster) int {
				return cmp.Or(cmp.Compare(readyOrder(a.Ready, a.Suspended), readyOrder(b.Ready, b.Suspended)),
					cmp.Compare(scoreOrder(a.Score), scoreOrder(b.Score)), name(a, b))
			},
			"score": func(a, b Cluster) int {
				return cmp.Or(cmp.Compare(scoreOrder(a.Score), scoreOrder(b.Score)), name(a, b))
			},
			"problems": func(a, b Cluster) int { return cmp.Or(cmp.Compare(a.Problems, b.Problems), name(a, b)) },
			"latency":  func(a, b Cluster) int { return cmp.Or(compareLatencies(a.LatencyMs, b.LatencyMs), name(a, b)) },
			"version":  func(a, b Cluster) int { return cmp.Or(cmp.Compare(a.Version, b.Version), name(a, b)) },
		},
	}
}
