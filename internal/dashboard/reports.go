package dashboard

import (
	"context"
	"net/http"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
)

// Evidence of a finding.
type Evidence struct {
	ID     string `json:"id" doc:"Identifier in the finding, for example e1."`
	Source string `json:"source" doc:"spec, condition, event, log or metric."`
	Text   string `json:"text" doc:"Text as it was read, with secrets redacted."`
}

// Finding of a report, in the order of the tree of causes.
type Finding struct {
	ID               string       `json:"id" doc:"Identifier, the same in every report."`
	Check            string       `json:"check" doc:"Check that reported it."`
	Severity         string       `json:"severity" doc:"critical, high, medium, low or info."`
	PreviousSeverity string       `json:"previousSeverity" doc:"Severity in the previous report, if it was another one."`
	State            string       `json:"state" doc:"new, persisting or flapping. Empty without a previous report."`
	Returns          int32        `json:"returns" doc:"How often it returned within a day."`
	Cluster          string       `json:"cluster" doc:"Cluster of the object. Empty if the report is about one cluster."`
	Object           Object       `json:"object" doc:"Object that has the problem."`
	Message          string       `json:"message" doc:"What is wrong."`
	Evidence         []Evidence   `json:"evidence" nullable:"false" doc:"Evidence for the message."`
	Remedy           string       `json:"remedy" doc:"How to fix it, with commands in backquotes."`
	CausedBy         string       `json:"causedBy" doc:"Identifier of its cause. Empty for a root cause."`
	Depth            int          `json:"depth" doc:"Distance to the root cause."`
	Affects          int32        `json:"affects" doc:"Number of findings that it causes, directly and indirectly."`
	FirstSeen        *time.Time   `json:"firstSeen,omitempty" doc:"First report of the uninterrupted series that has it."`
	Explanation      *Explanation `json:"explanation,omitempty" doc:"Explanation by a language model, if the Inspection has one."`
}

// CheckGroup is the recommendations of one check.
type CheckGroup struct {
	Check    string    `json:"check" doc:"Check that reported them."`
	Summary  string    `json:"summary" doc:"What the check is about."`
	Severity string    `json:"severity" doc:"Severity of the most severe one."`
	Findings []Finding `json:"findings" nullable:"false" doc:"Recommendations, in the order of the report."`
}

// FixedFinding is a finding that disappeared.
type FixedFinding struct {
	ID       string    `json:"id" doc:"Identifier."`
	Check    string    `json:"check" doc:"Check that reported it."`
	Severity string    `json:"severity" doc:"Severity in the earlier report."`
	Cluster  string    `json:"cluster" doc:"Cluster of the object."`
	Object   Object    `json:"object" doc:"Object that had the problem."`
	Message  string    `json:"message" doc:"What was wrong."`
	FixedAt  time.Time `json:"fixedAt" doc:"Time of the first report without it."`
}

// Gap is something that could not be inspected.
type Gap struct {
	Cluster  string   `json:"cluster" doc:"Cluster of the gap."`
	Source   string   `json:"source" doc:"What could not be read, for example pods/log."`
	Reason   string   `json:"reason" doc:"Reason in one word, for example Forbidden or Unavailable."`
	Message  string   `json:"message" doc:"What could not be read, and why."`
	Remedy   string   `json:"remedy" doc:"What to grant, install or fix, with commands in backquotes."`
	Checks   []string `json:"checks" nullable:"false" doc:"Checks that did not run, or only on a part."`
	Optional bool     `json:"optional" doc:"True if the report is complete without it."`
}

// Report is an InspectionReport.
type Report struct {
	Namespace       string         `json:"namespace" doc:"Namespace of the report."`
	Name            string         `json:"name" doc:"Name of the report."`
	Inspection      string         `json:"inspection" doc:"Inspection that created it."`
	Latest          bool           `json:"latest" doc:"True if it was read as the last report of its Inspection."`
	Trigger         string         `json:"trigger" doc:"schedule, request, generation or cli."`
	StartTime       time.Time      `json:"startTime" doc:"Start of the run."`
	Seconds         float64        `json:"seconds" doc:"Duration of the run in seconds."`
	Score           *int32         `json:"score,omitempty" doc:"0 to 100. Absent if the run was incomplete."`
	Headline        string         `json:"headline" doc:"Counts of problems and recommendations in one sentence."`
	Incomplete      string         `json:"incomplete" doc:"Why the report is incomplete. Empty if it is complete."`
	Problems        Counts         `json:"problems" doc:"Root causes of what does not work."`
	Recommendations Counts         `json:"recommendations" doc:"Recommendations."`
	New             int32          `json:"new" doc:"Findings that the previous report did not have."`
	Fixed           int32          `json:"fixed" doc:"Findings of the previous report that this one does not have."`
	Objects         int32          `json:"objects" doc:"Number of objects read."`
	Checks          int32          `json:"checks" doc:"Number of checks that ran."`
	Ignored         int32          `json:"ignored" doc:"Findings excluded by ignore rules."`
	Omitted         int32          `json:"omitted" doc:"Findings that did not fit into the report."`
	Causes          []Finding      `json:"causes" nullable:"false" doc:"Problems: each root cause is followed by what it causes."`
	Advice          []CheckGroup   `json:"advice" nullable:"false" doc:"Recommendations by check."`
	FixedFindings   []FixedFinding `json:"fixedFindings" nullable:"false" doc:"Findings that disappeared within a day, latest first."`
	Gaps            []Gap          `json:"gaps" nullable:"false" doc:"What could not be inspected."`
	Explanation     *Explanation   `json:"explanation,omitempty" doc:"Explanation of the whole report by a language model."`
	History         []HistoryEntry `json:"history" nullable:"false" doc:"Reports of the same Inspection, oldest first."`
	ReadAt          time.Time      `json:"readAt" doc:"Time when the API server was read."`
}

// named is an object of a namespace.
type named struct {
	Namespace string `path:"namespace" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" doc:"Namespace."`
	Name      string `path:"name" maxLength:"253" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" doc:"Name."`
}

type reportOutput struct{ Body Report }

// getReport answers with a report by its name.
func (s *Server) getReport(ctx context.Context, input *named) (*reportOutput, error) {
	return s.report(ctx, input.Namespace, input.Name, false)
}

// getLatestReport answers with the last report of an Inspection.
func (s *Server) getLatestReport(ctx context.Context, input *named) (*reportOutput, error) {
	found := &v1alpha1.Inspection{}
	if err := s.get(ctx, inspections, input, found); err != nil {
		return nil, failed(err)
	}
	if found.Status.LastReport == "" {
		return nil, problem(http.StatusNotFound, "Inspection "+input.Namespace+"/"+input.Name+" has no report yet.")
	}
	return s.report(ctx, input.Namespace, found.Status.LastReport, true)
}

func (s *Server) report(ctx context.Context, namespace, name string, latest bool) (*reportOutput, error) {
	readAt := s.now()
	from, err := s.cluster.resources(identityOf(ctx).viewer)
	if err != nil {
		return nil, failed(err)
	}
	found := &v1alpha1.InspectionReport{}
	if err := from.Get().Namespace(namespace).Resource(reports).Name(name).Do(ctx).Into(found); err != nil {
		return nil, failed(err)
	}
	view := reportOf(found, s.checks)
	view.Latest, view.ReadAt = latest, readAt
	if view.History, err = history(ctx, from, namespace, found.Labels[v1alpha1.LabelInspection]); err != nil {
		return nil, failed(err)
	}
	return &reportOutput{view}, nil
}

func reportOf(r *v1alpha1.InspectionReport, checks checkSummaries) Report {
	s := &r.Summary
	view := Report{
		Namespace: r.Namespace, Name: r.Name, Inspection: s.Inspection, Trigger: s.Trigger, StartTime: s.StartTime.UTC(),
		Seconds: s.Duration.Seconds(), Score: s.Score, Headline: render.Headline(*s), Incomplete: render.Incomplete(r),
		Problems: countsOf(s.Problems), Recommendations: countsOf(s.Recommendations), New: s.Changes.New, Fixed: s.Changes.Fixed,
		Objects: s.Objects, Checks: s.ChecksRun, Ignored: s.Ignored, Causes: []Finding{}, FixedFindings: []FixedFinding{}, Gaps: []Gap{},
		History: []HistoryEntry{},
	}
	for _, omitted := range r.Omitted {
		view.Omitted += omitted.Count
	}
	explanations := explanationsOf(r)
	view.Explanation = explanations[v1alpha1.OverallExplanation]
	problems, recommendations := treesOf(r)
	compared := render.Compared(*s)
	for _, f := range problems {
		view.Causes = append(view.Causes, findingOf(f, explanations, compared))
	}
	view.Advice = adviceOf(recommendations, checks, explanations, compared)
	for _, f := range r.Fixed {
		view.FixedFindings = append(view.FixedFindings, FixedFinding{
			ID: f.ID, Check: f.Check, Severity: string(f.Severity), Cluster: f.Cluster, Object: objectOf(f.Object),
			Message: printable.Block(f.Message), FixedAt: f.FixedAt.UTC(),
		})
	}
	for _, g := range r.Gaps {
		view.Gaps = append(view.Gaps, Gap{
			Cluster: g.Cluster, Source: g.Source, Reason: string(g.Reason), Message: printable.Block(g.Message),
			Remedy: printable.Block(g.Remediation), Checks: notNil(g.Checks), Optional: g.Optional,
		})
	}
	return view
}

// notNil returns an empty slice for nil, which JSON shows as [] and not as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
