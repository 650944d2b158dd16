package render

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// The parts of JUnit XML that CI systems such as GitLab and Jenkins read.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
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
	Output    string        `xml:"system-out,omitempty"`
	Skipped   *junitOutcome `xml:"skipped"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// noTime is the duration of a test case: checks are not timed individually.
const noTime = "0"

// writeJUnit writes a suite for each category, in which every problem is a failed test case, and a suite in which every gap is an
// error, or skipped if it is optional. Recommendations are passed test cases whose output has the text, or failed ones if their severity
// makes the command fail. A report without either has one passed test case, since CI systems treat a file without test cases as an error.
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
			if c.Skipped != nil {
				suite.Skipped++
			}
		}
		root.Tests += suite.Tests
		root.Failures += suite.Failures
		root.Errors += suite.Errors
		root.Skipped += suite.Skipped
		root.Suites = append(root.Suites, suite)
	}
	for _, suite := range junitFindings(report, options) {
		add(suite)
	}
	if len(report.Gaps) > 0 {
		add(junitSuite{Name: "gaps", Cases: junitGaps(report.Gaps)})
	}
	if len(report.Findings) == 0 && report.Summary.Complete() {
		add(junitSuite{Name: "inspection", Cases: []junitCase{{Name: "no findings", ClassName: "kubeops", Time: noTime}}})
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

// junitFindings returns a suite for each category, in the order of the report.
func junitFindings(report *v1alpha1.InspectionReport, options Options) []junitSuite {
	position := map[v1alpha1.Category]int{}
	byID := map[string]v1alpha1.Finding{}
	for _, f := range report.Findings {
		byID[f.ID] = f
	}
	names := map[string]int{}
	for _, f := range report.Findings {
		names[f.Check+" "+junitName(report, f)]++
	}
	var suites []junitSuite
	for _, f := range report.Findings {
		i, known := position[f.Category]
		if !known {
			i = len(suites)
			position[f.Category] = i
			suites = append(suites, junitSuite{Name: oneLine(cmp.Or(string(f.Category), "other"))})
		}
		c := junitCase{
			Name: junitName(report, f), ClassName: oneLine(f.Check), Time: noTime,
		}
		if text := junitText(f, byID); f.IsProblem() || options.fails(f.Severity) {
			c.Failure = &junitOutcome{Message: oneLine(f.Message), Type: oneLine(f.Check), Text: text}
		} else {
			c.Output = text
		}
		if names[f.Check+" "+c.Name] > 1 {
			c.Name += " (" + f.ID + ")" // CI systems merge test cases with the same name
		}
		if file, line, ok := options.locate(f.Object); ok {
			c.File = oneLine(file)
			c.Line = line
		}
		suites[i].Cases = append(suites[i].Cases, c)
	}
	return suites
}

// junitName is stable across runs: CI systems recognize new failures by it.
func junitName(report *v1alpha1.InspectionReport, f v1alpha1.Finding) string {
	name := oneLine(objectName(f.Object) + ": " + f.Message)
	if cluster := clusterOf(report, f); cluster != "" {
		return cluster + ": " + name
	}
	return name
}

func junitText(f v1alpha1.Finding, byID map[string]v1alpha1.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\nclass: %s\nseverity: %s\n", objectName(f.Object), f.Message, f.ClassOrDefault(), f.Severity)
	for _, also := range f.Also {
		fmt.Fprintf(&b, "also: %s (%s)\n", also.Message, also.Check)
	}
	if cause, known := byID[f.CausedBy]; known && f.CausedBy != "" {
		fmt.Fprintf(&b, "caused by: %s\n", sentence(cause))
	}
	if f.Affects > 0 {
		fmt.Fprintf(&b, "causes: %s\n", count(int(f.Affects), "other finding", "other findings"))
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(&b, "%s: %s\n", e.Source, e.Text)
	}
	if f.Remediation != "" {
		fmt.Fprintf(&b, "fix: %s\n", f.Remediation)
	}
	return clean(b.String())
}

func junitGaps(gaps []v1alpha1.Gap) []junitCase {
	cases := make([]junitCase, 0, len(gaps))
	for _, gap := range gaps {
		text := gap.Message + "\n"
		if len(gap.Checks) > 0 {
			text += "affected checks: " + strings.Join(gap.Checks, ", ") + "\n"
		}
		if gap.Remediation != "" {
			text += "fix: " + gap.Remediation + "\n"
		}
		c := junitCase{
			Name: oneLine(gap.Source + ": " + gap.Message), ClassName: "gap." + oneLine(string(gap.Reason)), Time: noTime,
		}
		outcome := &junitOutcome{Message: oneLine(gap.Message), Type: oneLine(string(gap.Reason)), Text: clean(text)}
		if gap.Optional {
			c.Skipped = outcome
		} else {
			c.Error = outcome
		}
		cases = append(cases, c)
	}
	return cases
}
