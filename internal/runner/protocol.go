package runner

import (
	"errors"
	"time"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// The child calls its parent by JSON-RPC: Job first, Started once everything is resolved, TakeSlot and ReleaseSlot around queries, Part for
// each cluster that another process inspects, and Finish at the end. One that several clusters share calls NextPart, PartStarted,
// PartStalled and PartDone for each of them instead of Started. Each is a method of conversation.
const (
	serviceName       = "Parent"
	methodJob         = serviceName + ".Job"
	methodStarted     = serviceName + ".Started"
	methodTakeSlot    = serviceName + ".TakeSlot"
	methodReleaseSlot = serviceName + ".ReleaseSlot"
	methodPart        = serviceName + ".Part"
	methodNextPart    = serviceName + ".NextPart"
	methodPartStarted = serviceName + ".PartStarted"
	methodPartStalled = serviceName + ".PartStalled"
	methodPartDone    = serviceName + ".PartDone"
	methodFinish      = serviceName + ".Finish"
)

// None is the argument or the reply of a call that has none.
type None struct{}

// Job is what a child needs for one run. It never leaves the two processes, since it may hold a token of the manager.
type Job struct {
	Inspection *v1alpha1.Inspection
	Cluster    Cluster
	// Egress says which addresses the run may call.
	Egress provider.Egress
	// MaxQueryBytes of backends.Resolver.
	MaxQueryBytes int64
	// SharedQueries makes the child ask its parent for the slots of query budgets.
	SharedQueries bool
	// Clusters to inspect instead of Cluster, with spec.clusters. The child has each of them done by calls of Part and merges the results,
	// unless Part is set.
	Clusters []RemoteCluster `json:",omitempty"`
	// Part of an Inspection over clusters that the child does: that of the only one of Clusters.
	Part *fleet.Part `json:",omitempty"`
	// Shared makes the child ask for the parts of several clusters, until there are none.
	Shared bool `json:",omitempty"`
	// Watch makes the child watch the cluster until it is stopped, and judge each change; see Wanted.
	Watch bool `json:",omitempty"`
}

// Cluster is the part of a rest.Config that another process can use.
type Cluster struct {
	Host, APIPath, Username, Password, BearerToken, BearerTokenFile, UserAgent string
	TLS                                                                        rest.TLSClientConfig
	Exec                                                                       *clientcmdapi.ExecConfig
}

func clusterOf(config *rest.Config) Cluster {
	return Cluster{
		Host: config.Host, APIPath: config.APIPath, Username: config.Username, Password: config.Password,
		BearerToken: config.BearerToken, BearerTokenFile: config.BearerTokenFile, UserAgent: config.UserAgent,
		TLS: config.TLSClientConfig, Exec: config.ExecProvider,
	}
}

func (c Cluster) config() *rest.Config {
	return &rest.Config{
		Host: c.Host, APIPath: c.APIPath, Username: c.Username, Password: c.Password, BearerToken: c.BearerToken,
		BearerTokenFile: c.BearerTokenFile, UserAgent: c.UserAgent, TLSClientConfig: c.TLS, ExecProvider: c.Exec,
		QPS: -1, // as for the manager: API Priority and Fairness decides
	}
}

// Slot asks for a slot of the query budget of a MetricsBackend. ID identifies it within the run.
type Slot struct {
	ID      int64
	Backend *v1alpha1.MetricsBackend
}

// Outcome of a run: a report, or why there is none.
type Outcome struct {
	Report    *v1alpha1.InspectionReport      `json:",omitempty"`
	Durations map[inspect.Stage]time.Duration `json:",omitempty"`
	Problem   *Problem                        `json:",omitempty"`
	Requests  []provider.Observation          `json:",omitempty"`
	// Comparison of a part is what is kept of its cluster to compare it with others.
	Comparison *comparison.Cluster `json:",omitempty"`
	// Took is how long the work took. The parent of the process sets it.
	Took time.Duration `json:",omitempty"`
}

// Problem is a problem.Problem whose cause is a text.
type Problem struct {
	Reason, Message, Cause string
	Action                 problem.Action
	After                  time.Duration
}

func toWire(p *problem.Problem) *Problem {
	sent := &Problem{Reason: p.Reason, Message: p.Message, Action: p.Action, After: p.After}
	if p.Cause != nil {
		sent.Cause = p.Cause.Error()
	}
	return sent
}

// Described is the problem again.
func (p *Problem) Described() *problem.Problem {
	described := &problem.Problem{Reason: p.Reason, Message: p.Message, Action: p.Action, After: p.After}
	if p.Cause != "" {
		described.Cause = errors.New(p.Cause)
	}
	return described
}
