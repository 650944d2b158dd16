package render

import (
	"encoding/xml"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func parsedJUnit(t *testing.T, report *v1alpha1.InspectionReport) junitSuites {
	t.Helper()
	text := rendered(t, "junit", report, sampleOptions())
	var suites junitSuites
	if err := xml.Unmarshal([]byte(text), &suites); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, c := range text {
		if c < ' ' && c != '\n' || c == '\uFFFD' || c == '\u202e' {
			t.Fatalf("the file contains %q", c)
		}
	}
	var tests, failures, errors int
	for _, s := range suites.Suites {
		if s.Tests != len(s.Cases) {
			t.Errorf("suite %s has tests=%d and %d test cases", s.Name, s.Tests, len(s.Cases))
		}
		names := map[string]bool{}
		for _, c := range s.Cases {
			if names[c.ClassName+c.Name] {
				t.Errorf("duplicate test case %s", c.Name)
			}
			names[c.ClassName+c.Name] = true
		}
		tests += s.Tests
		failures += s.Failures
		errors += s.Errors
	}
	if suites.Tests != tests || suites.Failures != failures || suites.Errors != errors {
		t.Errorf("totals are %d %d %d, want %d %d %d", suites.Tests, suites.Failures, suites.Errors, tests, failures, errors)
	}
	return suites
}

func TestJUnitHasAFailureForEachProblemAndAnErrorForEachGapThatIsNotOptional(t *testing.T) {
	suites := parsedJUnit(t, incomplete())
	if suites.Failures != 6 || suites.Tests != 10 || suites.Errors != 1 || suites.Skipped != 1 || len(suites.Suites) != 6 {
		t.Fatalf("%d failures, %d errors, %d skipped, %d suites", suites.Failures, suites.Errors, suites.Skipped, len(suites.Suites))
	}
	first := suites.Suites[0].Cases[0]
	if first.ClassName != "secret-missing" || first.Failure.Type != "secret-missing" ||
		first.File != "deploy/base files/web.yaml" || first.Line != 12 ||
		first.Name != "Deployment shop/web: Container web needs Secret shop/payments-key, which does not exist." {
		t.Errorf("first case: %+v", first)
	}
	for _, want := range []string{"causes: 3 other findings\n", "event: Failed", "fix: Create the Secret", "severity: critical"} {
		if !strings.Contains(first.Failure.Text, want) {
			t.Errorf("the failure does not contain %q:\n%s", want, first.Failure.Text)
		}
	}
	gaps := suites.Suites[5]
	if gaps.Name != "gaps" || gaps.Cases[0].Skipped.Type != "Forbidden" || gaps.Cases[1].Error.Type != "NotServed" ||
		!strings.Contains(gaps.Cases[0].Skipped.Text, "affected checks: secret-missing, secret-key-missing") {
		t.Errorf("gaps: %+v", gaps)
	}
}

func TestJUnitRecommendationsFailOnlyIfTheCommandFailsOnThem(t *testing.T) {
	const medium, low, info = v1alpha1.SeverityMedium, v1alpha1.SeverityLow, v1alpha1.SeverityInfo
	for failOn, want := range map[v1alpha1.Severity]int{"": 6, medium: 6, low: 7, info: 8} {
		options := sampleOptions()
		options.FailOn = failOn
		var suites junitSuites
		if err := xml.Unmarshal([]byte(rendered(t, "junit", sample(), options)), &suites); err != nil {
			t.Fatal(err)
		}
		if suites.Failures != want {
			t.Errorf("--fail-on %q: %d failures, want %d", failOn, suites.Failures, want)
		}
		for _, suite := range suites.Suites {
			for _, c := range suite.Cases {
				if c.Failure == nil && c.Error == nil && c.Skipped == nil && !strings.Contains(c.Output, "class: Recommendation") {
					t.Errorf("--fail-on %q: the passed case %s does not have the text of its recommendation", failOn, c.Name)
				}
			}
		}
	}
}

func TestJUnitWithoutFindingsHasOnePassedTestUnlessItIsIncomplete(t *testing.T) {
	blind := nothing()
	blind.Gaps = incomplete().Gaps
	blind.Summary.Score = nil
	if suites := parsedJUnit(t, blind); suites.Tests != 2 || suites.Errors != 1 {
		t.Errorf("%+v", suites)
	}
	if suites := parsedJUnit(t, nothing()); suites.Tests != 1 || suites.Failures+suites.Errors != 0 {
		t.Errorf("%+v", suites)
	}
}

func TestJUnitNamesAreUnique(t *testing.T) {
	if suites := parsedJUnit(t, large()); suites.Tests != 502 {
		t.Errorf("%d tests", suites.Tests)
	}
}
