// Package check defines checks and findings, selects checks and runs them over the facts.
package check

import (
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/sizing"
	"kubeops.io/kubeops/internal/remedy"
)

// Check is one kind of problem that can be found.
type Check struct {
	// ID in kebab-case, for example pod-crash-looping. It is part of the identity of findings: never change one.
	ID string
	// Category of the problem.
	Category v1alpha1.Category
	// Class of its findings, unless one states another. Empty is the default of the category; see ClassOrDefault. A problem does not
	// work now; everything else is a recommendation, even if it may become a problem.
	Class v1alpha1.FindingClass
	// Subject groups recommendations that agree about the same thing, such as the security of containers: of several about one
	// object, a report shows the most severe, which lists the others. Empty for none.
	Subject string
	// Severity of its findings, unless one states another.
	Severity v1alpha1.Severity
	// Summary is one sentence: what is wrong when the check finds something.
	Summary string
	// Meaning describes what the check detects, and why it matters.
	Meaning string
	// Remediation is the fix for its findings.
	Remediation remedy.Text
	// Link to the documentation of the problem.
	Link string
	// Needs are the kinds without which the check cannot run.
	Needs []facts.Kind
	// Uses are optional kinds that make findings more precise.
	Uses []facts.Kind
	// Sources are facts of backends without which the check cannot run. If the inspection has no such backend, the check is skipped
	// without a gap; if the backend fails, the stage that queries it reports the gap.
	Sources []facts.Source
	// ExplainedBy are the checks whose findings, on the same object or on one it depends on, may be the cause of this one.
	ExplainedBy []string
	// Terminating is set on checks that report Pods that are not removed. Findings of other checks on a Pod that is being deleted are
	// dropped: it is going away with them.
	Terminating bool
	// Leaks is set on checks that judge leaked credentials in Pod specs and ConfigMaps, which are searched only for such a check.
	Leaks bool
	// Run finds the problems. It must return them in a fixed order. It is nil for custom checks, which judge objects, and for checks
	// that compare clusters.
	Run func(*facts.Graph, Params) []Finding
	// Compare finds differences between clusters that were inspected together, in a fixed order. Needs and Uses are then the kinds that
	// must be read of each.
	Compare func(*comparison.Clusters) []ClusterFinding

	// Static marks a Run that judges specs only, and therefore works on manifests (`kubeops inspect -f`). Set it on a check
	// that is correct for a graph built from files, in which
	//   - no object has a status, conditions, events, times or a node, and nothing runs: Deployments have a template and no
	//     Pods, StatefulSets no claims; Specs() and the templates describe the planned Pods;
	//   - API defaults are set as the API server does;
	//   - what is not in the files may exist in the cluster: Complete is false; with --complete it is true
	//     for what users create in namespaces (Services, ConfigMaps, workloads) and never for Pods, EndpointSlices, Events,
	//     and kinds without a namespace.
	// A check that reads a condition, a count of ready Pods, an event, an age, a phase or managedFields is not static.
	Static bool
	// OnManifests replaces Run on manifests, for a check that judges running objects but can detect the same problem in specs;
	// nil for all others.
	OnManifests func(*facts.Graph, Params) []Finding
}

// ClassOrDefault returns the class of the findings that state none.
func (c Check) ClassOrDefault() v1alpha1.FindingClass {
	if c.Class != "" {
		return c.Class
	}
	return c.Category.DefaultClass()
}

// OnFiles returns the function that judges manifests, or nil if the check cannot.
func (c Check) OnFiles() func(*facts.Graph, Params) []Finding {
	if c.OnManifests == nil && c.Static {
		return c.Run
	}
	return c.OnManifests
}

// Params are the thresholds of the checks. The zero value is not useful; see DefaultParams.
type Params struct {
	// StartupGrace is how long an object may be pending, starting or not ready.
	StartupGrace time.Duration
	// TerminatingGrace is how long a deletion may take beyond the grace period of the object.
	TerminatingGrace time.Duration
	// RecentWindow is how far back a past failure still counts.
	RecentWindow time.Duration
	// AllowedRegistries are the registries, or prefixes of image names such as registry.example.com/team, that images may use.
	// Empty allows all.
	AllowedRegistries []string
	// Margins between the usage of containers and their recommended requests.
	Margins sizing.Margins
	// Prices of requested resources; zero means no price.
	Prices sizing.Prices
}

// DefaultParams returns the default thresholds.
func DefaultParams() Params {
	return Params{StartupGrace: time.Minute, TerminatingGrace: 5 * time.Minute, RecentWindow: time.Hour, Margins: sizing.DefaultMargins()}
}

// Finding is one problem on one object, before it is put into a report.
type Finding struct {
	// Check that found it; set by Run.
	Check string
	// Object that has the problem.
	Object facts.Ref
	// APIVersion of the object, if it differs from the one at which its kind is read.
	APIVersion string
	// Discriminator distinguishes several findings of one check on one object, for example by the container's name. It must
	// not contain anything that changes while the problem persists: no Pod names, no times, no counts.
	Discriminator string
	// Class, if it differs from the check's.
	Class v1alpha1.FindingClass
	// Severity, if it differs from the check's.
	Severity v1alpha1.Severity
	// Message says what is wrong, without anything that changes from run to run.
	Message string
	// Remediation, if it can be more specific than the check's.
	Remediation remedy.Text
	// Evidence proves the finding, the strongest first.
	Evidence []Evidence
	// Culprits are objects that the evidence names as culprits, beyond the edges of the graph.
	Culprits []facts.Ref
	// RestrictToCulprits limits the search for causes to the object, to Culprits, and to their dependencies: problems of the
	// other dependencies of the object are unrelated to this finding.
	RestrictToCulprits bool
	// IsRoot skips the search for causes: the object only represents something else, such as all facts of a backend.
	IsRoot bool
	// Logs that would show more; read later, for root causes only.
	Logs *LogRef
	// Confirm is set for a finding that may have nothing to do with what fails: it is the cause of no other, unless a log confirms it.
	Confirm *Confirmation
}

// Confirmation is how the last log lines of a container confirm a finding.
type Confirmation struct {
	Logs LogRef
	// Host that one of the lines must name.
	Host string
	// Severity of the finding once it is confirmed.
	Severity v1alpha1.Severity
}

// ClusterFinding is a finding of a comparison.
type ClusterFinding struct {
	Finding
	// Cluster of the object; empty for a difference that belongs to no single one.
	Cluster string
}

// Evidence is one observed fact.
type Evidence struct {
	// Source is where the fact comes from.
	Source v1alpha1.EvidenceSource
	// Text of the fact in one line.
	Text string
}

// LogRef names the log of one container.
type LogRef struct {
	// Namespace, Pod and Container whose log it is.
	Namespace, Pod, Container string
	// Previous asks for the log of the container before its last restart.
	Previous bool
	// Ended is about when the container ended, for a log backend; zero means not long ago.
	Ended time.Time
	// PodPrefix is the prefix of the Pod names if no Pod is left and Pod is empty: only a log backend can have the log.
	PodPrefix string
}

// Later returns the later of two times; a zero time is the earliest.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
