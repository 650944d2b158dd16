package dashboard

import (
	"cmp"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
)

// Inspection as lists show it.
type Inspection struct {
	Namespace       string     `json:"namespace" doc:"Namespace of the Inspection."`
	Name            string     `json:"name" doc:"Name of the Inspection."`
	Schedule        string     `json:"schedule" doc:"Cron expression. Empty if it runs on request only."`
	Suspended       bool       `json:"suspended" doc:"True if no run starts."`
	Running         bool       `json:"running" doc:"True while a run is in progress."`
	Ready           Readiness  `json:"ready" doc:"Condition Ready."`
	Score           *int32     `json:"score,omitempty" doc:"Score of the last report, 0 to 100. Absent if it is incomplete."`
	Problems        Counts     `json:"problems" doc:"Root causes of what does not work, in the last report."`
	Recommendations int32      `json:"recommendations" doc:"Recommendations of the last report."`
	New             int32      `json:"new" doc:"Findings that the report before did not have."`
	Fixed           int32      `json:"fixed" doc:"Findings of the report before that the last one does not have."`
	Gaps            int32      `json:"gaps" doc:"What the last run could not read."`
	LastRun         *time.Time `json:"lastRun,omitempty" doc:"Start of the last run."`
	NextRun         *time.Time `json:"nextRun,omitempty" doc:"Next time of the schedule."`
	Report          string     `json:"report" doc:"Name of the last report. Empty before the first run."`
}

func inspectionOf(i *v1alpha1.Inspection) Inspection {
	status := &i.Status
	view := Inspection{
		Namespace: i.Namespace, Name: i.Name, Schedule: i.Spec.Schedule, Suspended: i.Spec.Suspend, Running: status.ActiveRun != nil,
		Ready: readinessOf(status.Conditions), Score: status.Score, Gaps: status.Gaps, LastRun: timeOf(status.LastRunTime),
		NextRun: timeOf(status.NextRunTime), Report: status.LastReport,
	}
	if status.Problems != nil {
		view.Problems = countsOf(*status.Problems)
	}
	if status.Recommendations != nil {
		view.Recommendations = status.Recommendations.Total
	}
	if status.Changes != nil {
		view.New, view.Fixed = status.Changes.New, status.Changes.Fixed
	}
	return view
}

// inspectionsOf the namespaces that a viewer can list.
func (s *Server) inspectionsOf(ctx context.Context, viewer Viewer, namespace string) (all []v1alpha1.Inspection, err error) {
	err = s.collect(ctx, viewer, inspections, namespace, func() runtime.Object { return &v1alpha1.InspectionList{} },
		func(o runtime.Object) { all = append(all, *o.(*v1alpha1.Inspection)) })
	return all, err
}

type inspectionsOutput struct{ Body Page[Inspection] }

func (s *Server) listInspections(ctx context.Context, query *Query) (*inspectionsOutput, error) {
	readAt := s.now()
	found, err := s.inspectionsOf(ctx, identityOf(ctx).viewer, query.Namespace)
	if err != nil {
		return nil, failed(err)
	}
	rows := make([]Inspection, 0, len(found))
	for i := range found {
		rows = append(rows, inspectionOf(&found[i]))
	}
	body, err := page(*query, rows, inspectionColumns(), readAt)
	return &inspectionsOutput{body}, err
}

func inspectionColumns() columns[Inspection] {
	name := func(a, b Inspection) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}
	then := func(compare func(a, b Inspection) int) func(a, b Inspection) int {
		return func(a, b Inspection) int { return cmp.Or(compare(a, b), name(a, b)) }
	}
	return columns[Inspection]{
		initial: "-problems",
		text:    func(i Inspection) string { return i.Namespace + "/" + i.Name + " " + i.Ready.Message },
		sort: map[string]func(a, b Inspection) int{
			"name": name,
			"problems": then(func(a, b Inspection) int {
				return cmp.Or(cmp.Compare(a.Problems.Critical, b.Problems.Critical), cmp.Compare(a.Problems.High, b.Problems.High),
					cmp.Compare(a.Problems.Total, b.Problems.Total))
			}),
			"score":   then(func(a, b Inspection) int { return cmp.Compare(scoreOrder(a.Score), scoreOrder(b.Score)) }),
			"new":     then(func(a, b Inspection) int { return cmp.Compare(a.New, b.New) }),
			"gaps":    then(func(a, b Inspection) int { return cmp.Compare(a.Gaps, b.Gaps) }),
			"lastRun": then(func(a, b Inspection) int { return compareTimes(a.LastRun, b.LastRun) }),
		},
	}
}

// scoreOrder sorts reports without a score before the lowest one.
func scoreOrder(score *int32) int32 {
	if score == nil {
		return -1
	}
	return *score
}

func compareTimes(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}

// isImpersonation reports whether the dashboard, not the viewer, lacks a permission.
func isImpersonation(err error) bool {
	_, refused := apierror.ImpersonationRefused(err)
	return refused
}
