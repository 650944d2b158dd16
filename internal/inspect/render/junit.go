package render

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// The parts of JUnit XML that GitLab, Jenkins and their like read.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	File      string        `xml:"file,attr,omitempty"`
	Line      int           `xml:"line,attr,omitempty"`
	Failure   *junitOutcome `xml:"failure"`
	Error     *junitOutcome `xml:"error"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// noTime is the duration of a test case: checks are not timed one by one.
const noTime = "0"

// writeJUnit writes JUnit XML: a suite for each category, in which every finding is a test case that failed, and a suite for
// the gaps, which are errors. A report without either is one test case that passed, since a file without any counts as an
// error in continuous integration.
func writeJUnit(w io.Writer, report *v1alpha1.InspectionReport, options Options) error {
	root := junitSuites{Name: "kubeops", Time: fmt.Sprintf("%.3f", report.Summary.Duration.Seconds())}
	add := func(suite junitSuite) {
		suite.Time = noTime
		if start := report.Summary.StartTime; !start.IsZero() {
			suite.Timestamp = start.UTC().Format("2006-01-02T15:04:05")
		}
		for _, c := range suite.Cases {
			suite.Tests++
			if c.Failure != nil {
				suite.Failures++
			}
			if c.Error != nil {
				suite.Errors++
			}
		}
		root.Tests, root.Failures, root.Errors = root.Tests+suite.Tests, root.Failures+suite.Failures, root.Errors+suite.Errors
		root.Suites = append(root.Suites, suite)
	}
	for _, suite := range junitFindings(report, options) {
		add(suite)
	}
	if len(report.Gaps) > 0 {
		add(junitSuite{Name: "gaps", Cases: junitGaps(report.Gaps)})
	}
	if root.Tests == 0 {
		add(junitSuite{Name: "inspection", Cases: []junitCase{{Name: "nothing found", ClassName: "kubeops", Time: noTime}}})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junitFindings are suites by category, in the order in which the report first names one.
func junitFindings(report *v1alpha1.InspectionReport, options Options) []junitSuite {
	place := map[v1alpha1.Category]int{}
	byID := map[string]v1alpha1.Finding{}
	for _, f := range report.Findings {
		byID[f.ID] = f
	}
	names := map[string]int{}
	for _, f := range report.Findings {
		names[f.Check+" "+junitName(f)]++
	}
	var suites []junitSuite
	for _, f := range report.Findings {
		at, known := place[f.Category]
		if !known {
			at = len(suites)
			place[f.Category] = at
			suites = append(suites, junitSuite{Name: oneLine(cmp.Or(string(f.Category), "other"))})
		}
		c := junitCase{
			Name: junitName(f), ClassName: oneLine(f.Check), Time: noTime,
			Failure: &junitOutcome{Message: oneLine(f.Message), Type: oneLine(f.Check), Text: junitText(f, byID)},
		}
		if names[f.Check+" "+c.Name] > 1 {
			c.Name += " (" + f.ID + ")" // cases of one name would be taken for one
		}
		if file, line, ok := options.locate(f.Object); ok {
			c.File, c.Line = oneLine(file), line
		}
		suites[at].Cases = append(suites[at].Cases, c)
	}
	return suites
}

// junitName is the same from run to run, so that continuous integration can tell what is new.
func junitName(f v1alpha1.Finding) string { return oneLine(objectName(f.Object) + ": " + f.Message) }

func junitText(f v1alpha1.Finding, byID map[string]v1alpha1.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\nseverity: %s\n", objectName(f.Object), f.Message, f.Severity)
	if cause, known := byID[f.CausedBy]; known && f.CausedBy != "" {
		fmt.Fprintf(&b, "caused by: %s\n", sentence(cause))
	}
	if f.Affects > 0 {
		fmt.Fprintf(&b, "breaks: %s\n", count(int(f.Affects), "other thing", "other things"))
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(&b, "%s: %s\n", e.Source, e.Text)
	}
	if f.Remediation != "" {
		fmt.Fprintf(&b, "what to do: %s\n", f.Remediation)
	}
	return clean(b.String())
}

func junitGaps(gaps []v1alpha1.Gap) []junitCase {
	cases := make([]junitCase, 0, len(gaps))
	for _, gap := range gaps {
		text := gap.Message + "\n"
		if len(gap.Checks) > 0 {
			text += "hurts: " + strings.Join(gap.Checks, ", ") + "\n"
		}
		if gap.Remediation != "" {
			text += "what to do: " + gap.Remediation + "\n"
		}
		cases = append(cases, junitCase{
			Name: oneLine(gap.Source + ": " + gap.Message), ClassName: "gap." + oneLine(string(gap.Reason)), Time: noTime,
			Error: &junitOutcome{Message: oneLine(gap.Message), Type: oneLine(string(gap.Reason)), Text: clean(text)},
		})
	}
	return cases
}
