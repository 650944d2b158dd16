package dashboard

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

// Run is a PipelineRun as lists show it.
type Run struct {
	Namespace   string     `json:"namespace" doc:"Namespace of the PipelineRun."`
	Name        string     `json:"name" doc:"Name of the PipelineRun."`
	Pipeline    string     `json:"pipeline" doc:"Pipeline whose stages it executes."`
	Phase       string     `json:"phase" doc:"Pending, Waiting, Running, Finishing, Succeeded, Failed or Canceled."`
	Progress    string     `json:"progress" doc:"Stages that ended, and all, for example 2/5."`
	RequestedBy string     `json:"requestedBy" doc:"Authenticated user who requested the run. Empty if unknown."`
	Ready       Readiness  `json:"ready" doc:"Condition Ready: True if the run succeeded."`
	Created     time.Time  `json:"created" doc:"Creation time."`
	Started     *time.Time `json:"started,omitempty" doc:"When the first stage could start."`
	Ended       *time.Time `json:"ended,omitempty" doc:"When the run ended."`
}

// Value of a parameter or an output.
type Value struct {
	Name  string `json:"name" doc:"Name."`
	Value string `json:"value" doc:"Value, with secrets redacted."`
}

// Stage of a run.
type Stage struct {
	Name      string     `json:"name" doc:"Name of the stage."`
	Type      string     `json:"type" doc:"Type, for example job."`
	After     []string   `json:"after" nullable:"false" doc:"Stages that end before this one starts."`
	Rank      int        `json:"rank" doc:"Length of the longest path of after to it. Stages of finally have the highest."`
	Finally   bool       `json:"finally" doc:"True for a stage that runs after all others, also after a failure."`
	Phase     string     `json:"phase" doc:"Phase in the status, for example Observing or Succeeded."`
	Outcome   string     `json:"outcome" enum:"succeeded,failed,active,waiting,skipped" doc:"The phase in one of five words."`
	Reason    string     `json:"reason" doc:"Reason of the phase, one word."`
	Message   string     `json:"message" doc:"What happened, and the next step."`
	Attempt   int32      `json:"attempt" doc:"Attempt that is in progress, or was last, from 1. 0 before the first one."`
	Started   *time.Time `json:"started,omitempty" doc:"Start of the attempt."`
	Ended     *time.Time `json:"ended,omitempty" doc:"End of the attempt."`
	Retry     *time.Time `json:"retry,omitempty" doc:"When the next attempt can start."`
	Link      string     `json:"link" doc:"Address of the work for people. Empty without one that starts with http or https."`
	Outputs   []Value    `json:"outputs" nullable:"false" doc:"Outputs of the stage, by name."`
	Diagnosis []string   `json:"diagnosis" nullable:"false" doc:"Diagnosis of a failed stage, such as its last log lines."`
}

// RunDetail is a PipelineRun with its stages.
type RunDetail struct {
	Run
	Parameters []Value   `json:"parameters" nullable:"false" doc:"Parameters with their defaults."`
	Stages     []Stage   `json:"stages" nullable:"false" doc:"Stages in the order of the Pipeline, those of finally last."`
	ReadAt     time.Time `json:"readAt" doc:"Time when the API server was read."`
}

type runsOutput struct{ Body Page[Run] }

func (s *Server) listRuns(ctx context.Context, query *Query) (*runsOutput, error) {
	readAt := s.now()
	var rows []Run
	err := s.collect(ctx, identityOf(ctx).viewer, runs, query.Namespace, func() runtime.Object { return &v1alpha1.PipelineRunList{} },
		func(o runtime.Object) { rows = append(rows, runOf(o.(*v1alpha1.PipelineRun))) })
	if err != nil {
		return nil, failed(err)
	}
	body, err := page(*query, rows, runColumns(), readAt)
	return &runsOutput{body}, err
}

func runOf(r *v1alpha1.PipelineRun) Run {
	status := &r.Status
	return Run{
		Namespace: r.Namespace, Name: r.Name, Pipeline: r.Spec.PipelineRef.Name, Phase: string(cmp.Or(status.Phase, v1alpha1.RunPending)),
		Progress: status.Progress, RequestedBy: printable.Line(r.Spec.RequestedBy), Ready: readinessOf(status.Conditions),
		Created: r.CreationTimestamp.UTC(), Started: timeOf(status.StartTime), Ended: timeOf(status.CompletionTime),
	}
}

func runColumns() columns[Run] {
	name := func(a, b Run) int { return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name)) }
	return columns[Run]{
		initial: "-created",
		text: func(r Run) string {
			return r.Namespace + "/" + r.Name + " " + r.Pipeline + " " + r.Phase + " " + r.RequestedBy + " " + r.Ready.Message
		},
		sort: map[string]func(a, b Run) int{
			"name":    name,
			"created": func(a, b Run) int { return cmp.Or(a.Created.Compare(b.Created), name(a, b)) },
			"pipeline": func(a, b Run) int {
				return cmp.Or(cmp.Compare(a.Pipeline, b.Pipeline), a.Created.Compare(b.Created), name(a, b))
			},
			"phase": func(a, b Run) int {
				return cmp.Or(cmp.Compare(a.Phase, b.Phase), a.Created.Compare(b.Created), name(a, b))
			},
		},
	}
}

type runOutput struct{ Body RunDetail }

func (s *Server) getRun(ctx context.Context, input *named) (*runOutput, error) {
	view := RunDetail{ReadAt: s.now(), Parameters: []Value{}, Stages: []Stage{}}
	found := &v1alpha1.PipelineRun{}
	if err := s.get(ctx, runs, input, found); err != nil {
		return nil, failed(err)
	}
	view.Run = runOf(found)
	for _, parameter := range found.Status.Parameters {
		view.Parameters = append(view.Parameters, s.value(parameter.Name, parameter.Value))
	}
	ranks := ranksOf(found.Status.Stages)
	for i := range found.Status.Stages {
		view.Stages = append(view.Stages, s.stageOf(&found.Status.Stages[i], ranks[i]))
	}
	return &runOutput{view}, nil
}

// get an object as the viewer.
func (s *Server) get(ctx context.Context, resource string, input *named, into runtime.Object) error {
	from, err := s.cluster.resources(identityOf(ctx).viewer)
	if err != nil {
		return err
	}
	return from.Get().Namespace(input.Namespace).Resource(resource).Name(input.Name).Do(ctx).Into(into)
}

// value of a name, which can show that the value is a secret.
func (s *Server) value(name, text string) Value {
	name = printable.Line(name)
	_, text, _ = strings.Cut(s.redactor.Text(name+"="+text), "=")
	return Value{Name: name, Value: printable.Block(text)}
}

func (s *Server) stageOf(stage *v1alpha1.StageStatus, rank int) Stage {
	view := Stage{
		Name: stage.Name, Type: string(stage.Type), After: notNil(stage.After), Rank: rank, Finally: stage.Finally,
		Phase:   string(stage.Phase),
		Outcome: outcomeOf(stage.Phase), Reason: stage.Reason, Message: printable.Block(stage.Message), Attempt: stage.Attempt,
		Started: timeOf(stage.StartTime), Ended: timeOf(stage.CompletionTime), Retry: timeOf(stage.RetryTime),
		Link:    linkOf(stage.ExternalURL),
		Outputs: []Value{}, Diagnosis: []string{},
	}
	for name, text := range stage.Outputs {
		view.Outputs = append(view.Outputs, s.value(name, text))
	}
	slices.SortFunc(view.Outputs, func(a, b Value) int { return cmp.Compare(a.Name, b.Name) })
	for _, line := range stage.Diagnosis {
		view.Diagnosis = append(view.Diagnosis, printable.Block(line))
	}
	return view
}

// outcomeOf a phase.
func outcomeOf(phase v1alpha1.StagePhase) string {
	switch {
	case phase == v1alpha1.StageSucceeded:
		return "succeeded"
	case phase == v1alpha1.StageSkipped:
		return "skipped"
	case phase.Failed():
		return "failed"
	case phase == v1alpha1.StageWaiting || phase == "":
		return "waiting"
	}
	return "active"
}

// linkOf an address that a system returned. Only http and https can be opened.
func linkOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.User != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return ""
	}
	return parsed.String()
}

// ranksOf stages: 0 without earlier ones, or one more than the highest rank of those. A reference to a stage that does not exist, or back,
// is ignored: the status is what was written. Every pass settles at least one rank, so there are at most as many as stages.
func ranksOf(stages []v1alpha1.StageStatus) []int {
	ranks := make([]int, len(stages))
	at := map[string]int{}
	for i := range stages {
		at[stages[i].Name] = i
	}
	last := 0
	for range stages {
		changed := false
		for i := range stages {
			for _, before := range stages[i].After {
				j, ok := at[before]
				if ok && ranks[j]+1 > ranks[i] && ranks[j]+1 < len(stages) {
					ranks[i] = ranks[j] + 1
					changed = true
				}
			}
			last = max(last, ranks[i])
		}
		if !changed {
			break
		}
	}
	for i := range stages {
		if stages[i].Finally {
			ranks[i] = last + 1
		}
	}
	return ranks
}
