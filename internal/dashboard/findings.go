package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
)

// checkSummaries are the checks whose summaries head groups of recommendations.
type checkSummaries []check.Check

// placed is a finding in the tree of causes.
type placed struct {
	*v1alpha1.Finding
	depth int
}

// treesOf a report: each root cause, followed by what it causes. A finding whose cause is not in the report, or that causes itself, is a
// root: anyone who can write reports can write such ones.
func treesOf(r *v1alpha1.InspectionReport) (problems, recommendations []placed) {
	effects := map[string][]*v1alpha1.Finding{}
	known := map[string]bool{}
	for i := range r.Findings {
		known[r.Findings[i].ID] = true
	}
	var roots []*v1alpha1.Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.CausedBy == "" || !known[f.CausedBy] {
			roots = append(roots, f)
			continue
		}
		effects[f.CausedBy] = append(effects[f.CausedBy], f)
	}
	shown := map[string]bool{}
	var walk func(f *v1alpha1.Finding, depth int, into *[]placed)
	walk = func(f *v1alpha1.Finding, depth int, into *[]placed) {
		if shown[f.ID] {
			return
		}
		shown[f.ID] = true
		*into = append(*into, placed{f, depth})
		for _, effect := range effects[f.ID] {
			walk(effect, depth+1, into)
		}
	}
	plant := func(f *v1alpha1.Finding) {
		if f.IsProblem() {
			walk(f, 0, &problems)
		} else {
			walk(f, 0, &recommendations)
		}
	}
	for _, root := range roots {
		plant(root)
	}
	for i := range r.Findings { // loops
		if !shown[r.Findings[i].ID] {
			plant(&r.Findings[i])
		}
	}
	return problems, recommendations
}

func findingOf(f placed, explanations map[string]*Explanation, compared bool) Finding {
	view := Finding{
		ID: f.ID, Check: f.Check, Severity: string(f.Severity), State: string(f.State), Returns: f.Returns, Cluster: f.Cluster,
		Object: objectOf(f.Object), Message: printable.Block(f.Message), Evidence: []Evidence{}, Remedy: printable.Block(f.Remediation),
		CausedBy: f.CausedBy, Depth: f.depth, Affects: f.Affects, FirstSeen: timeOf(f.FirstSeen), Explanation: explanations[f.ID],
	}
	if !compared && f.State == v1alpha1.FindingNew {
		view.State = "" // everything is new in the first report
	}
	if f.Previously != nil && f.Previously.Severity != f.Severity {
		view.PreviousSeverity = string(f.Previously.Severity)
	}
	for _, e := range f.Finding.Evidence {
		view.Evidence = append(view.Evidence, Evidence{ID: e.ID, Source: string(e.Source), Text: printable.Block(e.Text)})
	}
	return view
}

// adviceOf groups recommendations by check. What a recommendation causes is in the group of its own check.
func adviceOf(recommendations []placed, checks checkSummaries, explanations map[string]*Explanation, compared bool) []CheckGroup {
	findings := make([]v1alpha1.Finding, 0, len(recommendations))
	for _, f := range recommendations {
		findings = append(findings, *f.Finding)
	}
	advice := []CheckGroup{}
	for _, group := range render.GroupByCheck(findings, checks) {
		view := CheckGroup{Check: group.Check, Summary: printable.Block(group.Summary), Severity: string(group.Severity),
			Findings: []Finding{}}
		for i := range group.Findings {
			view.Findings = append(view.Findings, findingOf(placed{&group.Findings[i], 0}, explanations, compared))
		}
		advice = append(advice, view)
	}
	return advice
}

// HistoryEntry is one report of an Inspection.
type HistoryEntry struct {
	Report   string    `json:"report" doc:"Name of the report."`
	Time     time.Time `json:"time" doc:"Time when the report was saved."`
	Score    *int32    `json:"score,omitempty" doc:"0 to 100. Absent if the run was incomplete."`
	Problems int32     `json:"problems" doc:"Root causes of what did not work."`
	New      int32     `json:"new" doc:"New findings."`
	Fixed    int32     `json:"fixed" doc:"Fixed findings."`
}

// history lists the reports of an Inspection as a table: a whole report can have 512 KiB. Who can get a report, and not list reports, sees
// no history.
func history(ctx context.Context, from rest.Interface, namespace, label string) ([]HistoryEntry, error) {
	all := []HistoryEntry{}
	if label == "" {
		return all, nil
	}
	raw, err := from.Get().Namespace(namespace).Resource(reports).Param("labelSelector", v1alpha1.LabelInspection+"="+label).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(ctx).Raw()
	if apierrors.IsForbidden(err) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, c := range table.ColumnDefinitions {
		column[c.Name] = i
	}
	for _, row := range table.Rows {
		var object metav1.PartialObjectMetadata
		if err := json.Unmarshal(row.Object.Raw, &object); err != nil {
			return nil, errors.New("the table of reports has a row without metadata")
		}
		number := func(name string) *int32 {
			i, ok := column[name]
			if !ok || i >= len(row.Cells) {
				return nil
			}
			value, ok := row.Cells[i].(float64)
			if !ok {
				return nil
			}
			n := int32(value)
			return &n
		}
		all = append(all, HistoryEntry{
			Report: object.Name, Time: object.CreationTimestamp.UTC(), Score: number("Score"), Problems: value(number("Problems")),
			New: value(number("New")), Fixed: value(number("Fixed")),
		})
	}
	slices.SortStableFunc(all, func(a, b HistoryEntry) int { return a.Time.Compare(b.Time) })
	return all, nil
}

func value(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
