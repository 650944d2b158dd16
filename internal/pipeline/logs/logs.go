// Package logs is the stage that looks for errors in logs that were not there before the deployment. It starts nothing outside: each
// judgement reads the lines of the backend again, so that lines that arrive late count.
package logs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/access"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// Role is the ClusterRole that permits to read the logs of Pods.
	Role = "kubeops-pipeline-logs"
	// reasonWatching of a stage whose window has not ended.
	reasonWatching = "WatchingLogs"
	// judgements in a window, and the shortest time between two.
	judgements = 10
	minPause   = 30 * time.Second
	// minCovered is the share of the lines that must be read at least to judge by them.
	minCovered = 0.05
)

// Driver compares logs. Open and Client are required.
type Driver struct {
	// Open a LogBackend, which the driver closes. Errors are problems.
	Open func(ctx context.Context, key client.ObjectKey) (*backends.Logs, error)
	// Client asks what the ServiceAccount of the Pipeline may read.
	Client client.Client
	// Redact replaces secrets in templates and examples; nil replaces none.
	Redact func(string) string
}

// namespaces of an attempt, checked.
func namespaces(attempt pipeline.Attempt) ([]string, error) {
	list := attempt.Stage.Logs.Namespaces
	if len(list) == 0 {
		return []string{attempt.Namespace}, nil
	}
	for _, name := range list {
		if err := names.Namespace("logs.namespaces", name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// authorize asks whether the ServiceAccount of the Pipeline may read the logs of Pods: the backend has those of everyone.
func (d *Driver) authorize(ctx context.Context, attempt pipeline.Attempt, list []string) error {
	for _, namespace := range list {
		allowed, err := access.Allowed(ctx, d.Client, attempt, authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "get", Resource: "pods", Subresource: "log",
		})
		if err != nil {
			return err
		}
		if !allowed {
			return problem.UserError(v1alpha1.ReasonLogsForbidden, nil,
				"ServiceAccount %s/%s cannot get the logs of Pods in namespace %s (RBAC). Grant it with: %s", attempt.Namespace,
				attempt.ServiceAccount, namespace,
				remedy.Command("kubectl -n %[4]s create rolebinding %[3]s-%[1]s-%[2]s --clusterrole=%[3]s --serviceaccount=%[1]s:%[2]s",
					attempt.Namespace, attempt.ServiceAccount, Role, namespace))
		}
	}
	return nil
}

// open the backend of an attempt, whose namespaces may be read.
func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*backends.Logs, []string, error) {
	list, err := namespaces(attempt)
	if err != nil {
		return nil, nil, err
	}
	if err := d.authorize(ctx, attempt, list); err != nil {
		return nil, nil, err
	}
	backend, err := d.Open(ctx, client.ObjectKey{Namespace: attempt.Namespace, Name: attempt.Stage.Logs.BackendRef.Name})
	return backend, list, err
}

// Check implements pipeline.Driver: the namespaces may be read, and the backend answers.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	where := "stage " + attempt.Stage.Name
	backend, list, err := d.open(ctx, attempt)
	if err != nil {
		return problem.In(where, err)
	}
	defer backend.Close()
	_, err = backend.Search(ctx, logs.Query{
		Start: attempt.Now.Add(-time.Minute), End: attempt.Now, AnyOf: map[string][]string{logs.LabelNamespace: list}, Limit: 1,
	})
	return problem.In(where, err)
}

// Start implements pipeline.Driver. Its handle is when to judge again, in Unix milliseconds.
func (d *Driver) Start(_ context.Context, attempt pipeline.Attempt) (string, error) {
	return first(attempt), nil
}

// Find implements pipeline.Driver.
func (d *Driver) Find(_ context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Found, Handle: first(attempt)}, nil
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// Get implements pipeline.Driver: it judges if it is time.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	at, err := strconv.ParseInt(handle, 10, 64)
	if err != nil {
		lost := pipeline.Observation{State: pipeline.Lost, Message: "the time of the next judgement cannot be read"}
		return lost, nil //nolint:nilerr // a result
	}
	if next := time.UnixMilli(at); attempt.Now.Before(next) {
		return watching(attempt, next, "no new errors so far"), nil
	}
	found, err := d.compare(ctx, attempt)
	if p := problem.As(err); p != nil && p.Action == problem.UserMustAct {
		return pipeline.Observation{State: pipeline.Failed, Reason: p.Reason, Message: p.Message}, nil
	}
	if err != nil {
		return pipeline.Observation{}, err
	}
	return judge(attempt, found), nil
}

// compare the lines since the deployment with those before.
func (d *Driver) compare(ctx context.Context, attempt pipeline.Attempt) (*loganalysis.NewErrors, error) {
	backend, list, err := d.open(ctx, attempt)
	if err != nil {
		return nil, err
	}
	defer backend.Close()
	return loganalysis.Since(ctx, comparison(attempt, backend.Provider, list, d.Redact))
}

// comparison of an attempt. What an earlier attempt of the deployment logged is no baseline: it may have the same errors.
func comparison(attempt pipeline.Attempt, provider logs.Provider, list []string, redact func(string) string) loganalysis.Comparison {
	stage := attempt.Stage.Logs
	end := attempt.Now
	if last := windowEnd(attempt); attempt.Stage.MissingData() == v1alpha1.NoDataFail && last.Before(end) {
		end = last
	}
	return loganalysis.Comparison{
		Provider: provider, Namespaces: list, Selects: selection(stage.Workloads), Start: deployed(attempt), End: end,
		Baseline: stage.Before(), BaselineEnd: baselineEnd(attempt), Settled: attempt.Started,
		MaxLines: int(stage.MaxLines), Redact: redact,
	}
}

// windowEnd is the end of the time that is judged.
func windowEnd(attempt pipeline.Attempt) time.Time {
	return attempt.Started.Add(attempt.Stage.Logs.Period())
}

// deployed is when what the logs are about began to change.
func deployed(attempt pipeline.Attempt) time.Time {
	switch {
	case !attempt.Deployed.IsZero():
		return attempt.Deployed
	case !attempt.RunStarted.IsZero():
		return attempt.RunStarted
	}
	return attempt.Started
}

// baselineEnd is the end of the time to compare with.
func baselineEnd(attempt pipeline.Attempt) time.Time {
	if !attempt.FirstDeployed.IsZero() {
		return attempt.FirstDeployed
	}
	return deployed(attempt)
}

// first is the handle of an attempt without a judgement.
func first(attempt pipeline.Attempt) string { return encode(attempt.Started.Add(pause(attempt))) }

func encode(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// pause between two judgements.
func pause(attempt pipeline.Attempt) time.Duration {
	return max(attempt.Stage.Logs.Period()/judgements, minPause)
}

// watching is the observation until the next judgement.
func watching(attempt pipeline.Attempt, next time.Time, message string) pipeline.Observation {
	return pipeline.Observation{
		Handle: encode(next), Reason: reasonWatching, After: max(next.Sub(attempt.Now), time.Millisecond),
		Message: fmt.Sprintf("%s; watches until %s", message, windowEnd(attempt).UTC().Format(time.RFC3339)),
	}
}
