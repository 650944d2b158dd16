// Package remedies breaks objects on a real node and runs what the findings advise, as a user pastes it. It needs bin/cluster and
// bin/kubeops; `make test-remedies` builds them.
package remedies

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// minimum of findings whose remedies are run.
	minimum = 40
	// atOnce is how long a finding may stay whose remedy names no time: controllers have to react to the change.
	atOnce = 20 * time.Second
	// patience of the whole test; an object counts as stuck after five minutes.
	patience = 8 * time.Minute
)

func TestOnARealNode(t *testing.T) {
	c := newCluster(t)
	t.Run("broken applications", func(t *testing.T) { testBrokenApplications(t, c) })
	t.Run("healthy applications", func(t *testing.T) { testHealthyApplications(t, c) })
	t.Run("remedies", func(t *testing.T) { testRemedies(t, c) })
}

// broken is an object with one finding, from a file of testdata/findings whose name begins with the check.
type broken struct {
	name, namespace     string
	check, kind, object string
	// leaves are checks of problems that show once this one is fixed.
	leaves []string

	finding *v1alpha1.Finding
	before  []string // ids of the problems of the namespace when the remedy ran
	ran     time.Time
	took    time.Duration
	gone    bool
}

func brokenBy(files []manifests) []*broken {
	all := make([]*broken, 0, len(files))
	for _, m := range files {
		b := &broken{name: m.name, namespace: m.namespace}
		b.check, _, _ = strings.Cut(m.name, ".")
		b.kind, b.object, _ = strings.Cut(m.one("on"), "/")
		b.leaves = strings.Fields(m.one("leaves"))
		all = append(all, b)
	}
	return all
}

// testRemedies runs the remedy of each finding as soon as it is reported, and inspects until the finding is gone.
func testRemedies(t *testing.T, c *cluster) {
	files := readManifests(t, "findings", minimum)
	c.create(t, files)
	all := brokenBy(files)
	c.eventually(t, patience, func() bool {
		report, at := c.inspectAt(t)
		lookAtAll(all, report, at)
		for _, b := range all {
			if b.finding == nil && b.find(report) {
				b.run(t, c)
				report, at = c.inspectAt(t) // the next run
				lookAtAll(all, report, at)
			}
		}
		return !slices.ContainsFunc(all, func(b *broken) bool { return !b.gone })
	})
	last := c.inspect(t)
	fixed := 0
	for _, b := range all {
		if b.judge(t, last) {
			fixed++
		}
	}
	t.Logf("%d of %d findings are gone after their remedies", fixed, len(all))
}

// find looks for the finding in a report.
func (b *broken) find(report *v1alpha1.InspectionReport) bool {
	for i, f := range report.Findings {
		if f.Check == b.check && f.Object.Kind == b.kind && f.Object.Name == b.object &&
			(f.Object.Namespace == "" || f.Object.Namespace == b.namespace) {
			b.finding = &report.Findings[i]
			b.before = problems(report, b.namespace)
			return true
		}
	}
	return false
}

// lookAtAll looks for the findings whose remedies were run.
func lookAtAll(all []*broken, report *v1alpha1.InspectionReport, at time.Time) {
	for _, b := range all {
		if b.finding != nil {
			b.look(report, at)
		}
	}
}

// look notes that the finding is gone from the report of an inspection that began at a time.
func (b *broken) look(report *v1alpha1.InspectionReport, at time.Time) {
	if b.gone || at.Before(b.ran) {
		return
	}
	b.gone = !slices.ContainsFunc(report.Findings, func(f v1alpha1.Finding) bool { return f.ID == b.finding.ID })
	b.took = at.Sub(b.ran)
}

// run runs the commands of a remedy, up to the first that changes something.
func (b *broken) run(t *testing.T, c *cluster) {
	t.Helper()
	changed := false
	for _, command := range commands(b.finding.Remediation) {
		out, err := c.shell(t, command, "")
		if err != nil {
			t.Errorf("%s: `%s` fails: %v\n%s", b.name, command, err, out)
		}
		if changed = changes(command); changed {
			break
		}
	}
	if !changed {
		t.Errorf("%s: no command changes anything: %s", b.name, b.finding.Remediation)
	}
	b.ran = time.Now()
}

// judge reports what is wrong with a remedy.
func (b *broken) judge(t *testing.T, last *v1alpha1.InspectionReport) bool {
	t.Helper()
	if b.finding == nil {
		t.Errorf("%s: not found; the problems of its namespace: %v", b.name, titles(last, b.namespace))
		return false
	}
	promised := promise(b.finding.Remediation)
	if !b.gone || b.took > promised {
		t.Errorf("%s: still there %s after its remedy, which promises %s: %s", b.name, b.took.Round(time.Second), promised, b.finding.Remediation)
		return false
	}
	if slices.ContainsFunc(last.Findings, func(f v1alpha1.Finding) bool { return f.ID == b.finding.ID }) {
		t.Errorf("%s: it was gone %s after its remedy, and is back at the end: %s", b.name, b.took.Round(time.Second), b.finding.Remediation)
		return false
	}
	t.Logf("%-45s gone from an inspection that began %4.1f s after its remedy; promised: %s", b.name, b.took.Seconds(), promised)
	for _, f := range last.Findings {
		if f.IsProblem() && f.Object.Namespace == b.namespace && !slices.Contains(b.before, f.ID) && !slices.Contains(b.leaves, f.Check) {
			t.Errorf("%s: its remedy leaves a new problem: %s %s", b.name, f.Check, f.Message)
			return false
		}
	}
	return true
}

// problems are the ids of what is broken in a namespace.
func problems(report *v1alpha1.InspectionReport, namespace string) []string {
	var ids []string
	for _, f := range report.Findings {
		if f.IsProblem() && f.Object.Namespace == namespace {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// titles are the root causes among the problems of a namespace, first one first.
func titles(report *v1alpha1.InspectionReport, namespace string) []string {
	var all []string
	for _, f := range report.Findings {
		if f.IsProblem() && f.CausedBy == "" && f.Object.Namespace == namespace {
			all = append(all, f.Check+" "+f.Object.Kind+"/"+f.Object.Name)
		}
	}
	return all
}

// commands are those that a user runs on a machine with kubectl; others are for the node.
func commands(remediation string) []string {
	var all []string
	for i, part := range strings.Split(remediation, "`") {
		if i%2 == 1 && strings.Contains(part, "kubectl ") {
			all = append(all, part)
		}
	}
	return all
}

// changes reports whether a command changes something. One with a placeholder or an editor needs a person.
func changes(command string) bool {
	if strings.Contains(command, "--dry-run=server") || strings.Contains(command, " edit ") || strings.Contains(command, "<") {
		return false
	}
	verbs := regexp.MustCompile(`kubectl( -n \S+)? (annotate|apply|autoscale|cordon|create|delete|label|patch|replace|rollout|scale|set|taint|uncordon) `)
	return verbs.MatchString(command)
}

// promise is the time after which a remedy says that its effect shows.
func promise(remediation string) time.Duration {
	found := regexp.MustCompile(`within (?:about )?(\d+) (second|minute)`).FindStringSubmatch(remediation)
	if found == nil {
		return atOnce
	}
	number, err := strconv.Atoi(found[1])
	if err != nil {
		return atOnce
	}
	if found[2] == "minute" {
		return time.Duration(number) * time.Minute
	}
	return time.Duration(number) * time.Second
}
