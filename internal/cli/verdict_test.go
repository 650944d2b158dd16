package cli

import (
	"errors"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
)

func TestFindingsComeBeforeGapsInTheExitCode(t *testing.T) {
	complete := v1alpha1.ReportSummary{Score: new(int32(88)), Counts: v1alpha1.SeverityCounts{High: 1}}
	incomplete := v1alpha1.ReportSummary{RequiredGaps: 2, Gaps: 3, Counts: v1alpha1.SeverityCounts{High: 1}}
	for name, tc := range map[string]struct {
		summary    v1alpha1.ReportSummary
		severity   v1alpha1.Severity
		failOnGaps bool
		want       int
		text       string
	}{
		"complete":                                {complete, "", true, exitOK, ""},
		"complete, with findings":                 {complete, v1alpha1.SeverityHigh, true, exitFindings, "1 finding with severity high"},
		"incomplete":                              {incomplete, "", true, exitError, "2 gaps, so the report is incomplete; with --fail-on-gaps=false"},
		"incomplete, with findings":               {incomplete, v1alpha1.SeverityHigh, true, exitFindings, "2 gaps, so the report is incomplete"},
		"incomplete, without such findings":       {incomplete, v1alpha1.SeverityCritical, true, exitError, "2 gaps"},
		"incomplete, which is accepted":           {incomplete, "", false, exitOK, ""},
		"incomplete, accepted, but with findings": {incomplete, v1alpha1.SeverityLow, false, exitFindings, "1 finding"},
	} {
		t.Run(name, func(t *testing.T) {
			err := verdict(tc.severity, tc.failOnGaps, &v1alpha1.InspectionReport{Summary: tc.summary})
			code := exitOK
			var findings *command.FindingsError
			var gaps *command.GapsError
			switch {
			case errors.As(err, &findings):
				code = exitFindings
			case errors.As(err, &gaps):
				code = exitError
			}
			if code != tc.want || err != nil && !strings.Contains(err.Error(), tc.text) {
				t.Errorf("exit code %d, %v; want %d and %q", code, err, tc.want, tc.text)
			}
		})
	}
}
