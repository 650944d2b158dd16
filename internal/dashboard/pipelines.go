package dashboard

import (
	"cmp"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Pipeline as lists show it.
type Pipeline struct {
	Namespace    string     `json:"namespace" doc:"Namespace of the Pipeline."`
	Name         string     `json:"name" doc:"Name of the Pipeline."`
	Suspended    bool       `json:"suspended" doc:"True if no run starts."`
	Ready        Readiness  `json:"ready" doc:"Condition Ready: whether its stages can be run."`
	Stages       int        `json:"stages" doc:"Number of stages, with those of finally."`
	LastRun      string     `json:"lastRun" doc:"PipelineRun that was created last. Empty before the first one."`
	LastRunPhase string     `json:"lastRunPhase" doc:"Phase of that run."`
	LastSuccess  *time.Time `json:"lastSuccess,omitempty" doc:"When a run ended last that succeeded."`
	Active       int32      `json:"active" doc:"Runs in progress."`
	Queued       int32      `json:"queued" doc:"Runs that wait to start."`
}

type pipelinesOutput struct{ Body Page[Pipeline] }

func (s *Server) listPipelines(ctx context.Context, query *Query) (*pipelinesOutput, error) {
	readAt := s.now()
	var rows []Pipeline
	err := s.collect(ctx, identityOf(ctx).viewer, pipelines, query.Namespace, func() runtime.Object { return &v1alpha1.PipelineList{} },
		func(o runtime.Object) { rows = append(rows, pipelineOf(o.(*v1alpha1.Pipeline))) })
	if err != nil {
		return nil, failed(err)
	}
	body, err := page(*query, rows, pipelineColumns(), readAt)
	return &pipelinesOutput{body}, err
}

func pipelineOf(p *v1alpha1.Pipeline) Pipeline {
	status := &p.Status
	return Pipeline{
		Namespace: p.Namespace, Name: p.Name, Suspended: p.Spec.Suspend, Ready: readinessOf(status.Conditions),
		Stages: len(p.Spec.Stages) + len(p.Spec.Finally), LastRun: status.LastRun, LastRunPhase: string(status.LastRunPhase),
		LastSuccess: timeOf(status.LastSuccessTime), Active: status.ActiveRuns, Queued: status.QueuedRuns,
	}
}

func pipelineColumns() columns[Pipeline] {
	name := func(a, b Pipeline) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}
	return columns[Pipeline]{
		initial: "name",
		text: func(p Pipeline) string {
			return p.Namespace + "/" + p.Name + " " + p.LastRunPhase + " " + p.Ready.Message
		},
		sort: map[string]func(a, b Pipeline) int{
			"name": name,
			"ready": func(a, b Pipeline) int {
				return cmp.Or(cmp.Compare(readyOrder(a.Ready, a.Suspended), readyOrder(b.Ready, b.Suspended)), name(a, b))
			},
			"lastSuccess": func(a, b Pipeline) int { return cmp.Or(compareTimes(a.LastSuccess, b.LastSuccess), name(a, b)) },
		},
	}
}
