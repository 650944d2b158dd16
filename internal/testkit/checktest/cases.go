package checktest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// Case is a check over documents, and its expected findings.
type Case struct {
	// ID of the check, and the Documents that it judges.
	ID, Documents string
	// Elsewhere are kinds that are read only in another namespace.
	Elsewhere []facts.Kind
	// Want are the lines of its findings, as Text prints them.
	Want []string
}

// RunCases runs each case as a subtest.
func RunCases(t *testing.T, checks []check.Check, cases map[string]Case) {
	t.Helper()
	for name, c := range cases {
		t.Run(c.ID+": "+name, func(t *testing.T) {
			if diff := cmp.Diff(Lines(c.Want...), Text(t, checks, c.ID, c.Documents, c.Elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Findings runs checks over YAML; every kind is completely read except those in unread.
func Findings(t *testing.T, checks []check.Check, documents string, unread ...facts.Kind) []check.Finding {
	t.Helper()
	judge := func(documents string) []check.Finding {
		findings, _, gaps := check.Run(testkit.Graph(t, documents, unread...), checks, check.DefaultParams())
		for _, gap := range gaps {
			t.Errorf("a check failed: %s", gap.Message)
		}
		return findings
	}
	RequireQuotedRemedies(t, documents, judge)
	return judge(documents)
}

// TextCase is the documents for one check, and the text of its findings.
type TextCase = struct{ Documents, Want string }

// RunTextCases runs the check of an id over each case as a subtest.
func RunTextCases(t *testing.T, checks []check.Check, id string, cases map[string]TextCase, elsewhere ...facts.Kind) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.Want, Text(t, checks, id, tc.Documents, elsewhere...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
