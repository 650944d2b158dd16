package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
)

// reportDiff compares two reports, as `kubeops report --diff -o json` prints it.
type reportDiff struct {
	From diffSide `json:"from"`
	To   diffSide `json:"to"`
	// New are findings of To that From does not have. Fixed are those of From that To records as fixed, or does not have although
	// nothing hides them there.
	New   []v1alpha1.Finding `json:"new"`
	Fixed []v1alpha1.Finding `json:"fixed"`
	// Changed are findings of both with another severity.
	Changed []changedFinding `json:"changed"`
	// Unchanged is the number of all other findings of both.
	Unchanged int `json:"unchanged"`
	// NoLongerIgnored are findings of To that an ignore rule excluded from From.
	NoLongerIgnored []v1alpha1.Finding `json:"noLongerIgnored"`
	// NotComparable are findings of one report whose check did not run completely for the other one.
	NotComparable []oneSided `json:"notComparable"`
	// NoLongerReported are findings of From that To does not have and that are not known to be fixed: an ignore rule or another scope can
	// hide them.
	NoLongerReported []oneSided `json:"noLongerReported"`
	// NotPrinted is the number of findings in the lists above that --min-severity, --problems or --only-causes left out.
	NotPrinted int `json:"notPrinted"`
}

// diffSide identifies a report.
type diffSide struct {
	Namespace string      `json:"namespace"`
	Name      string      `json:"name"`
	StartTime metav1.Time `json:"startTime"`
	// Score is absent if the run was incomplete.
	Score    *int32 `json:"score,omitempty"`
	Findings int32  `json:"findings"`
}

type changedFinding struct {
	v1alpha1.Finding
	// PreviousSeverity is the severity in From.
	PreviousSeverity v1alpha1.Severity `json:"previousSeverity"`
}

type oneSided struct {
	v1alpha1.Finding
	// MissingIn is the name of the report that does not have the finding.
	MissingIn string `json:"missingIn"`
	// Reason why the finding can be missing there.
	Reason string `json:"reason"`
}

// printDiff compares the two reports that the arguments name, or the last two of one Inspection.
func (o *reportOptions) printDiff(ctx context.Context, streams command.Streams, s *connect.Store, args []string) error {
	from, to, err := comparedReports(ctx, s, args)
	if err != nil {
		return err
	}
	diff := compareReports(from, to, consecutive(ctx, s, from, to))
	diff.filter(&o.print.filter)
	switch o.print.output {
	case "json":
		return render.JSON(streams.Out, diff)
	case "yaml":
		return render.YAML(streams.Out, diff)
	}
	printer, err := newPrinter(streams.Out, o.print.output, o.print.color, "")
	if err != nil {
		return err
	}
	return printer.diff(streams.Out, diff, o.print.filter.String())
}

func comparedReports(ctx context.Context, s *connect.Store, args []string) (from, to *v1alpha1.InspectionReport, err error) {
	if len(args) == 2 {
		if from, err = s.Report(ctx, args[0]); err != nil {
			return nil, nil, err
		}
		to, err = s.Report(ctx, args[1])
		return from, to, err
	}
	name := ""
	if len(args) == 1 {
		ref, err := connect.ParseReference(args[0], connect.InspectionKind(), connect.ReportKind())
		if err != nil {
			return nil, nil, err
		}
		if ref.Kind.Kind != connect.InspectionKind().Kind {
			return nil, nil, errors.New("--diff needs two reports, or one Inspection for its last two reports")
		}
		name = ref.Name
	}
	inspection, err := s.Inspection(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	in := s.In(inspection.Namespace)
	reports, err := listedReports(ctx, in, inspection.Name)
	if err != nil {
		return nil, nil, err
	}
	if len(reports) < 2 {
		return nil, nil, fmt.Errorf("inspection %s/%s has %s; --diff needs two", inspection.Namespace, inspection.Name,
			terminal.Count(len(reports), "report", "reports"))
	}
	if from, err = in.NamedReport(ctx, reports[1].Name); err != nil {
		return nil, nil, err
	}
	to, err = in.NamedReport(ctx, reports[0].Name)
	return from, to, err
}

// filter leaves out the findings that the flags do not select.
func (d *reportDiff) filter(f *filterFlags) {
	leaveOut := func(finding v1alpha1.Finding) bool {
		out := !f.selects(finding) || f.onlyCauses && finding.CausedBy != ""
		if out {
			d.NotPrinted++
		}
		return out
	}
	d.New = slices.DeleteFunc(d.New, leaveOut)
	d.Fixed = slices.DeleteFunc(d.Fixed, leaveOut)
	d.NoLongerIgnored = slices.DeleteFunc(d.NoLongerIgnored, leaveOut)
	d.Changed = slices.DeleteFunc(d.Changed, func(c changedFinding) bool { return leaveOut(c.Finding) })
	d.NotComparable = slices.DeleteFunc(d.NotComparable, func(o oneSided) bool { return leaveOut(o.Finding) })
	d.NoLongerReported = slices.DeleteFunc(d.NoLongerReported, func(o oneSided) bool { return leaveOut(o.Finding) })
}

// diff prints a comparison for people, the most severe findings of each part first.
func (p *printer) diff(w io.Writer, d *reportDiff, filter string) error {
	text := &terminal.Writer{W: w, Width: p.width}
	for _, side := range []struct {
		label string
		diffSide
	}{{"from", d.From}, {"to", d.To}} {
		score := "no score: incomplete"
		if side.Score != nil {
			score = fmt.Sprintf("score %d", *side.Score)
		}
		text.Line("%-4s  %s/%s  %s", side.label, side.Namespace, side.Name, p.colors.Dim(fmt.Sprintf("%s, %s, %s",
			side.StartTime.UTC().Format(time.RFC3339), score, terminal.Count(int(side.Findings), "finding", "findings"))))
	}
	summary := fmt.Sprintf("%d new, %d fixed, %d with another severity, %d unchanged", len(d.New), len(d.Fixed), len(d.Changed),
		d.Unchanged)
	if len(d.NoLongerIgnored) > 0 {
		summary += fmt.Sprintf(", %d no longer ignored", len(d.NoLongerIgnored))
	}
	if len(d.NoLongerReported) > 0 {
		summary += fmt.Sprintf(", %d no longer reported", len(d.NoLongerReported))
	}
	if len(d.NotComparable) > 0 {
		summary += fmt.Sprintf(", %d not comparable", len(d.NotComparable))
	}
	if d.NotPrinted > 0 {
		summary += fmt.Sprintf("; %d not printed (%s)", d.NotPrinted, filter)
	}
	text.Block("", "", summary)
	p.diffPart(text, "New", d.New, nil)
	p.diffPart(text, "Fixed", d.Fixed, nil)
	var changed []v1alpha1.Finding
	notes := map[string]string{}
	for _, c := range d.Changed {
		changed = append(changed, c.Finding)
		notes[c.ID] = "severity was " + string(c.PreviousSeverity)
	}
	p.diffPart(text, "Severity changed", changed, notes)
	p.diffPart(text, "No longer ignored", d.NoLongerIgnored, nil)
	p.oneSidedPart(text, "No longer reported", d.NoLongerReported)
	p.oneSidedPart(text, "Not comparable", d.NotComparable)
	return text.Err
}

// oneSidedPart prints findings of one report, each with the reason why the other one can lack it.
func (p *printer) oneSidedPart(text *terminal.Writer, title string, part []oneSided) {
	var findings []v1alpha1.Finding
	notes := map[string]string{}
	for _, o := range part {
		findings = append(findings, o.Finding)
		notes[o.ID] = o.Reason
	}
	p.diffPart(text, title, findings, notes)
}

func (p *printer) diffPart(text *terminal.Writer, title string, findings []v1alpha1.Finding, notes map[string]string) {
	if len(findings) == 0 {
		return
	}
	slices.SortStableFunc(findings, func(a, b v1alpha1.Finding) int {
		return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), strings.Compare(a.Check, b.Check))
	})
	text.Line("")
	text.Line("%s", p.colors.Bold(title))
	for _, f := range findings {
		p.title(text, f, false)
		text.Block(indent, indent, f.Message)
		if note := notes[f.ID]; note != "" {
			text.Block(indent, indent, note)
		}
	}
}
