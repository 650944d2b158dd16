package remedies

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// minBroken and minHealthy are how many applications there are at least.
	minBroken, minHealthy = 12, 10
	// maxAdvice is how many lines of advice an application without problems gets in the default output.
	maxAdvice = 3
	// settled is how long a healthy application is inspected again and again.
	settled = 20 * time.Second
)

// testBrokenApplications expects that the first problem of each namespace is what is wrong with its application.
func testBrokenApplications(t *testing.T, c *cluster) {
	all := readManifests(t, "broken", minBroken)
	c.create(t, all)
	found := map[string]bool{}
	var report *v1alpha1.InspectionReport
	c.eventually(t, 5*time.Minute, func() bool {
		report = c.inspect(t)
		for _, m := range all {
			first, ok := firstProblem(report, m.namespace)
			if !found[m.name] && ok && title(first) == m.one("first") && strings.Contains(words(first), m.one("says")) {
				found[m.name] = true
				t.Logf("%-16s %s: %s", m.name, first.Check, first.Message)
			}
		}
		return len(found) == len(all)
	})
	for _, m := range all {
		if first, _ := firstProblem(report, m.namespace); !found[m.name] {
			t.Errorf("%s: the first problem is\n%s: %s\nwant %s, saying %q; all: %v", m.name, title(first), words(first), m.one("first"),
				m.one("says"), titles(report, m.namespace))
		}
	}
}

// testHealthyApplications expects no problem in any inspection of an application that works, and little advice.
func testHealthyApplications(t *testing.T, c *cluster) {
	all := readManifests(t, "healthy", minHealthy)
	c.create(t, all)
	for _, m := range all {
		c.must(t, m.one("ready"), "")
	}
	from := time.Now()
	c.eventually(t, patience, func() bool {
		report := c.inspect(t)
		for _, m := range all {
			if first, ok := firstProblem(report, m.namespace); ok {
				t.Errorf("%s: %s: %s", m.name, title(first), words(first))
			}
		}
		return time.Since(from) > settled || t.Failed()
	})
	for _, m := range all {
		text := c.kubeops(t, "inspect", "-n", m.namespace, "--startup-grace", "5s")
		if lines := advice(text); len(lines) > maxAdvice {
			t.Errorf("%s: %d lines of advice, want at most %d:\n%s", m.name, len(lines), maxAdvice, strings.Join(lines, "\n"))
		}
	}
}

// firstProblem is the first root cause of a namespace that is a problem.
func firstProblem(report *v1alpha1.InspectionReport, namespace string) (v1alpha1.Finding, bool) {
	for _, f := range report.Findings {
		if f.CausedBy == "" && f.IsProblem() && f.Object.Namespace == namespace {
			return f, true
		}
	}
	return v1alpha1.Finding{}, false
}

func title(f v1alpha1.Finding) string { return f.Check + " " + f.Object.Kind + "/" + f.Object.Name }

// words are the message and the evidence of a finding.
func words(f v1alpha1.Finding) string {
	text := f.Message
	for _, e := range f.Evidence {
		text += "\n- " + e.Text
	}
	return text
}

// advice are the lines below the heading of the recommendations.
func advice(output string) []string {
	_, rest, found := strings.Cut(output, "\nRecommendations: ")
	if !found {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	lines := strings.Split(strings.TrimRight(rest, "\n"), "\n")
	return lines[1:]
}
