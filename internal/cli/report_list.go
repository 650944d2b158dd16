package cli

import (
	"cmp"
	"context"
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

// listedReport is a report as `kubeops report --list -o json` prints it.
type listedReport struct {
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	Inspection string `json:"inspection,omitempty"`
	// Latest is set on the report that the status of the Inspection refers to.
	Latest    bool        `json:"latest"`
	StartTime metav1.Time `json:"startTime"`
	// Trigger is schedule, request, generation or cli.
	Trigger string `json:"trigger,omitempty"`
	// Score is absent if the run was incomplete.
	Score *int32 `json:"score,omitempty"`
	// Problems and Recommendations are the numbers in the summary of the report.
	Problems        int32 `json:"problems"`
	Recommendations int32 `json:"recommendations"`
	// Findings is the number of all findings, including symptoms and those omitted from the report.
	Findings int32                   `json:"findings"`
	Changes  v1alpha1.ChangeCounts   `json:"changes"`
	Counts   v1alpha1.SeverityCounts `json:"counts"`
	Gaps     int32                   `json:"gaps"`
}

// printList lists the reports of an Inspection, or all of them, latest first.
func (o *reportOptions) printList(ctx context.Context, streams command.Streams, s *connect.Store, argument string) error {
	inspection := ""
	if argument != "" {
		ref, err := connect.ParseReference(argument, connect.InspectionKind())
		if err != nil {
			return err
		}
		inspection = ref.Name
		if _, err := s.Inspection(ctx, inspection); err != nil {
			return err
		}
	}
	reports, err := listedReports(ctx, s, inspection)
	if err != nil {
		return err
	}
	switch o.print.output {
	case "json":
		return render.JSON(streams.Out, reports)
	case "yaml":
		return render.YAML(streams.Out, reports)
	}
	if len(reports) == 0 {
		text := &terminal.Writer{W: streams.Err, Width: terminal.Width(streams.Err)}
		text.Line("no reports in %s of context %q", s.Where(), s.Target.Cluster)
		return text.Err
	}
	return tableOfReports(streams.Out, reports, o.allNamespaces)
}

// listedReports reads the reports, of one Inspection unless the name is empty.
func listedReports(ctx context.Context, s *connect.Store, inspection string) ([]listedReport, error) {
	inspections, err := s.Inspections(ctx)
	if err != nil {
		return nil, err
	}
	latest := map[string]bool{}
	for _, i := range inspections {
		latest[i.Namespace+"/"+i.Status.LastReport] = true
	}
	reports := []listedReport{}
	err = s.Each(ctx, connect.ReportKind(), "", func(o connect.APIObject) {
		report := o.(*v1alpha1.InspectionReport)
		if inspection != "" && report.Summary.Inspection != inspection {
			return
		}
		reports = append(reports, listed(report, latest[report.Namespace+"/"+report.Name]))
	})
	slices.SortStableFunc(reports, func(a, b listedReport) int {
		return cmp.Or(b.StartTime.Compare(a.StartTime.Time), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return reports, err
}

func listed(report *v1alpha1.InspectionReport, latest bool) listedReport {
	summary := report.Summary
	return listedReport{
		Namespace: report.Namespace, Name: report.Name, Inspection: summary.Inspection, Latest: latest, StartTime: summary.StartTime,
		Trigger: summary.Trigger, Score: summary.Score, Problems: summary.Problems.Total, Recommendations: summary.Recommendations.Total,
		Findings: summary.Counts.Total(), Changes: summary.Changes, Counts: summary.Counts, Gaps: summary.Gaps,
	}
}

// scoreColumn is a score, or - for an incomplete run.
func scoreColumn(score *int32) string {
	if score == nil {
		return "-"
	}
	return fmt.Sprint(*score)
}

func tableOfReports(w io.Writer, reports []listedReport, namespaces bool) error {
	rows := [][]string{{"REPORT", "TIME", "TRIGGER", "SCORE", "PROBLEMS", "RECOMMENDATIONS", "NEW", "FIXED", "GAPS"}}
	for _, r := range reports {
		rows = append(rows, []string{
			r.Name, r.StartTime.UTC().Format(time.RFC3339), r.Trigger, scoreColumn(r.Score), fmt.Sprint(r.Problems),
			fmt.Sprint(r.Recommendations), fmt.Sprint(r.Changes.NewRootCauses), fmt.Sprint(r.Changes.FixedRootCauses), fmt.Sprint(r.Gaps),
		})
	}
	if namespaces {
		rows[0] = append([]string{"NAMESPACE"}, rows[0]...)
		for i, r := range reports {
			rows[i+1] = append([]string{r.Namespace}, rows[i+1]...)
		}
	}
	return terminal.PrintColumns(w, rows)
}
