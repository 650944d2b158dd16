package cli

import (
	"context"
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
)

// consecutive reports whether a report is the next one of its Inspection after another: no report that started between them is stored.
// It is false if the reports cannot be listed.
func consecutive(ctx context.Context, s *connect.Store, from, to *v1alpha1.InspectionReport) bool {
	inspection := to.Summary.Inspection
	if inspection == "" || from.Summary.Inspection != inspection || from.Namespace != to.Namespace {
		return false
	}
	reports, err := listedReports(ctx, s.In(to.Namespace), inspection) // latest first
	at := slices.IndexFunc(reports, func(r listedReport) bool { return r.Name == to.Name })
	return err == nil && at >= 0 && at+1 < len(reports) && reports[at+1].Name == from.Name
}

// compareReports compares by the ids of the findings. With consecutive, To was compared with From when it was created.
func compareReports(from, to *v1alpha1.InspectionReport, consecutive bool) *reportDiff {
	diff := &reportDiff{
		From: sideOf(from), To: sideOf(to), New: []v1alpha1.Finding{}, Fixed: []v1alpha1.Finding{}, Changed: []changedFinding{},
		NoLongerIgnored: []v1alpha1.Finding{}, NotComparable: []oneSided{}, NoLongerReported: []oneSided{},
	}
	ignoredBefore := ignoredIDs(from)
	before, after := findingIDs(from), findingIDs(to)
	incompleteBefore := incompleteChecks(from)
	for _, f := range to.Findings {
		previous, known := before[f.ID]
		switch {
		case !known && ignoredBefore[f.ID]:
			diff.NoLongerIgnored = append(diff.NoLongerIgnored, f)
		case !known && incompleteBefore[f.Check]:
			diff.NotComparable = append(diff.NotComparable, oneSided{
				Finding: f, MissingIn: from.Name, Reason: "check " + f.Check + " is incomplete in report " + from.Name,
			})
		case !known:
			diff.New = append(diff.New, f)
		case previous != f.Severity:
			diff.Changed = append(diff.Changed, changedFinding{Finding: f, PreviousSeverity: previous})
		default:
			diff.Unchanged++
		}
	}
	record := newFixedRecord(from, to, consecutive)
	for _, f := range from.Findings {
		if _, found := after[f.ID]; found {
			continue
		}
		missing := oneSided{Finding: f, MissingIn: to.Name}
		switch fate, reason := record.fate(f); fate {
		case isFixed:
			diff.Fixed = append(diff.Fixed, f)
		case isNotComparable:
			missing.Reason = reason
			diff.NotComparable = append(diff.NotComparable, missing)
		default:
			missing.Reason = reason
			diff.NoLongerReported = append(diff.NoLongerReported, missing)
		}
	}
	return diff
}

// findingIDs are the severities of the findings of a report by id, with those that another finding about the same subject stands for.
func findingIDs(report *v1alpha1.InspectionReport) map[string]v1alpha1.Severity {
	severities := map[string]v1alpha1.Severity{}
	for _, f := range report.Findings {
		for _, also := range f.Also {
			severities[also.ID] = also.Severity
		}
	}
	for _, f := range report.Findings {
		severities[f.ID] = f.Severity
	}
	return severities
}

// ignoredIDs are the ids of the ignored findings that a report lists.
func ignoredIDs(report *v1alpha1.InspectionReport) map[string]bool {
	ids := make(map[string]bool, len(report.Ignored))
	for _, f := range report.Ignored {
		ids[f.ID] = true
	}
	return ids
}

// fate of a finding that a later report does not have.
type fate int

const (
	// isFixed: the later report records it as fixed, or nothing hides it there.
	isFixed fate = iota
	// isNotComparable: its check did not run completely for the later report.
	isNotComparable
	// isHidden: an ignore rule or another scope hides it, or may do so.
	isHidden
)

// fixedRecord is what a report stores about findings that it does not have. It lists a limited number of those that its rules ignore.
type fixedRecord struct {
	report *v1alpha1.InspectionReport
	// fixed are the ids of the findings that were fixed after the earlier report.
	fixed map[string]bool
	// exhaustive: every finding of the earlier report that was fixed is in fixed.
	exhaustive bool
	incomplete map[string]bool
	// ignored are the ids of the ignored findings that the report lists, and unlisted is how many more there are.
	ignored  map[string]bool
	unlisted int
}

func newFixedRecord(from, to *v1alpha1.InspectionReport, consecutive bool) fixedRecord {
	record := fixedRecord{report: to, fixed: map[string]bool{}, incomplete: incompleteChecks(to), ignored: ignoredIDs(to)}
	record.unlisted = max(int(to.Summary.Ignored)-len(to.Ignored), 0)
	if from.Namespace == to.Namespace && from.Summary.Inspection == to.Summary.Inspection {
		for _, f := range to.Fixed {
			if f.FixedAt.After(from.Summary.StartTime.Time) {
				record.fixed[f.ID] = true
			}
		}
	}
	// A report lists a limited number of fixed findings, but counts all.
	record.exhaustive = consecutive && render.Compared(to.Summary) && len(record.fixed) >= int(to.Summary.Changes.Fixed)
	return record
}

// fate of a finding that the report does not have, and the reason unless it is fixed.
func (r fixedRecord) fate(f v1alpha1.Finding) (fate, string) {
	name := r.report.Name
	ignored := r.unlisted
	switch {
	case r.ignored[f.ID]:
		return isHidden, "not fixed: ignored by a rule in report " + name
	case r.fixed[f.ID]:
		return isFixed, ""
	case r.incomplete[f.Check] && ignored > 0:
		return isNotComparable, fmt.Sprintf("report %s ignores %s, and check %s is incomplete there", name,
			terminal.Count(ignored, "finding", "findings"), f.Check)
	case r.incomplete[f.Check]:
		return isNotComparable, "check " + f.Check + " is incomplete in report " + name
	case r.exhaustive && ignored > 0:
		return isHidden, "not fixed: ignored by a rule, or outside the scope of report " + name
	case r.exhaustive:
		return isHidden, "not fixed: outside the scope of report " + name
	case ignored > 0:
		return isHidden, fmt.Sprintf("fixed or ignored: report %s ignores %s", name, terminal.Count(ignored, "finding", "findings"))
	default:
		return isFixed, ""
	}
}

func sideOf(report *v1alpha1.InspectionReport) diffSide {
	return diffSide{
		Namespace: report.Namespace, Name: report.Name, StartTime: report.Summary.StartTime, Score: report.Summary.Score,
		Findings: report.Summary.Counts.Total(),
	}
}

// incompleteChecks are the checks of which a report may lack findings: those with a gap, and those with omitted findings.
func incompleteChecks(report *v1alpha1.InspectionReport) map[string]bool {
	incomplete := map[string]bool{}
	for _, gap := range report.Gaps {
		for _, id := range gap.Checks {
			incomplete[id] = true
		}
	}
	for _, omitted := range report.Omitted {
		incomplete[omitted.Check] = true
	}
	return incomplete
}
