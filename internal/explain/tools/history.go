package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	clipping "kubeops.io/kubeops/internal/text"
)

// MaxReports are read for one call of tool history. A report can have more than a megabyte.
const MaxReports = 10

func historyTool() Tool {
	return Tool{
		Name:        "history",
		Description: "What earlier reports of this Inspection said about an object: since when it has which problem, with evidence.",
		Arguments: []Argument{
			required(text("kind", "kind of the object, for example Deployment")), namespaceArgument(),
			required(text("name", "name of the object")), text("check", "only findings of this check, for example pod-crash-looping"),
		},
		run: history,
	}
}

// pastState is what consecutive reports say in the same words.
type pastState struct {
	lines []string
	// newest and oldest of these reports, and their number.
	newest, oldest metav1.Time
	reports        int
}

// history returns what checks found. What a model wrote about it is left out: it may be wrong, and would be quoted as evidence.
func history(ctx context.Context, s *Set, a arguments) (Output, error) {
	kind, err := kindOf(a.text("kind"))
	if err != nil {
		return Output{}, err
	}
	if err := place(kind, a.text("namespace")); err != nil {
		return Output{}, err
	}
	object := v1alpha1.ObjectReference{Kind: kind.Kind, Namespace: a.text("namespace"), Name: a.text("name")}
	// A report may be older than a permission that was withdrawn: only an account that may read the object reads what was found. An object
	// that does not exist any more has a history, too.
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(kind.GroupVersionKind)
	err = s.cluster.Get(ctx, client.ObjectKey{Namespace: object.Namespace, Name: object.Name}, meta)
	if client.IgnoreNotFound(err) != nil {
		return Output{}, err
	}
	gone := apierrors.IsNotFound(err)
	shows := s.evidenceShown(ctx, object.Namespace)
	var states []pastState
	read := 0
	err = s.sources.History.Earlier(ctx, func(report *v1alpha1.InspectionReport) bool {
		read++
		states = remember(states, report, object, a.text("check"), shows)
		return read < MaxReports
	})
	if err != nil {
		return Output{}, refuse("earlier reports could not be read")
	}
	found := Output{Names: []string{object.Namespace, object.Name}}
	if gone {
		found.Lines = append(found.Lines, missing(kind.Kind, client.ObjectKey{Namespace: object.Namespace, Name: object.Name}))
	}
	if read == 0 {
		found.Lines = append(found.Lines, "There are no earlier reports.")
	}
	for _, state := range states {
		found.Lines = append(found.Lines, state.describe()...)
	}
	return found, nil
}

// evidenceShown returns a function that says whether the account may read now what evidence of a source was read from: logs and Events need
// permissions of their own.
func (s *Set) evidenceShown(ctx context.Context, namespace string) func(v1alpha1.EvidenceSource) bool {
	logs := sync.OnceValue(func() bool { return namespace != "" && s.readsLogs(ctx, namespace) == nil })
	events := sync.OnceValue(func() bool {
		return s.cluster.List(ctx, &corev1.EventList{}, client.InNamespace(namespace), client.Limit(1)) == nil
	})
	return func(source v1alpha1.EvidenceSource) bool {
		switch source {
		case v1alpha1.EvidenceLog:
			return logs()
		case v1alpha1.EvidenceEvent:
			return events()
		}
		return true
	}
}

// remember adds what a report says, which is older than those before, with the evidence that is shown.
func remember(
	states []pastState, report *v1alpha1.InspectionReport, object v1alpha1.ObjectReference, check string,
	shows func(v1alpha1.EvidenceSource) bool,
) []pastState {
	var lines []string
	for _, f := range report.Findings {
		same := f.Object.Kind == object.Kind && f.Object.Namespace == object.Namespace && f.Object.Name == object.Name
		if !same || check != "" && f.Check != check || f.Cluster != "" && f.Cluster != v1alpha1.LocalCluster {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", f.Severity, f.Check, oneLine(f.Message)))
		for _, e := range f.Evidence {
			text := "(cannot be read now)"
			if shows(e.Source) {
				text = clipping.Clip(oneLine(e.Text), 300) //nolint:mnd // runes of 4 KiB for all
			}
			lines = append(lines, "  "+string(e.Source)+": "+text)
		}
	}
	lines = append(lines, unproven(report, object, check)...)
	at := report.CreationTimestamp
	if n := len(states); n > 0 && slices.Equal(states[n-1].lines, lines) {
		states[n-1].oldest = at
		states[n-1].reports++
		return states
	}
	return append(states, pastState{lines: lines, newest: at, oldest: at, reports: 1})
}

// unproven are findings about an object that a report names outside of its findings, or that it may lack: only a run that read everything
// says that there is no such finding.
func unproven(report *v1alpha1.InspectionReport, object v1alpha1.ObjectReference, check string) []string {
	wanted := func(of v1alpha1.ObjectReference, cluster, by string) bool {
		return of.Kind == object.Kind && of.Namespace == object.Namespace && of.Name == object.Name && (check == "" || by == check) &&
			(cluster == "" || cluster == v1alpha1.LocalCluster)
	}
	var lines []string
	for _, f := range report.Unverified {
		if wanted(f.Object, f.Cluster, f.Check) {
			lines = append(lines, fmt.Sprintf("%s %s: may persist, what the check needs could not be read", f.Severity, f.Check))
		}
	}
	for _, f := range report.Ignored {
		if wanted(f.Object, f.Cluster, f.Check) {
			lines = append(lines, fmt.Sprintf("%s %s: %s (ignored by a rule)", f.Severity, f.Check, oneLine(f.Message)))
		}
	}
	skipped := slices.ContainsFunc(report.Gaps, func(gap v1alpha1.Gap) bool { return check != "" && slices.Contains(gap.Checks, check) })
	if skipped || report.Summary.RequiredGaps > 0 || len(report.Omitted) > 0 {
		lines = append(lines, "the report is incomplete: there may be more")
	}
	return lines
}

// describe says in how many reports it was so, and when.
func (p pastState) describe() []string {
	when := "report of " + clock(p.newest.Time)
	if p.reports > 1 {
		when = fmt.Sprintf("%d reports from %s to %s", p.reports, clock(p.oldest.Time), clock(p.newest.Time))
	}
	if len(p.lines) == 0 {
		return []string{when + ": no such finding"}
	}
	return append([]string{when + ":"}, strings.Split("  "+strings.Join(p.lines, "\n  "), "\n")...)
}
