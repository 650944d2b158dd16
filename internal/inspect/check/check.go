// Package check -
package check

import (
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/sizing"
)

// Check is one kind of problem that can be found.
type Check struct {
	// ID in kebab-case, for example pod-crash-looping. It is part of the identity of findings: never change one.
	ID string
	// Category of the problem.
	Category v1alpha1.Category
	// Severity of its findings, unless one states another.
	Severity v1alpha1.Severity
	// Summary is one sentence: what is wrong when the check finds something.
	Summary string
	// Meaning says how the check judges, and why it matters.
	Meaning string
	// Remediation says what to do about a finding.
	Remediation string
	// Link to the documentation of the matter.
	Link string
	// Needs are the kinds without which the check cannot run.
	Needs []facts.Kind
	// Uses are kinds with which it says more or errs less.
	Uses []facts.Kind
	// Sources are facts of back ends without which the check cannot run. Where the inspection names no such back end it does not
	// run, and that is no gap; where the back end fails, the stage that asks it reports one.
	Sources []facts.Source
	// ExplainedBy are the checks whose findings, on the same object or on one it depends on, may be the cause of this one.
	ExplainedBy []string
	// Leaks says that the check judges the leaks of Pod specs and ConfigMaps. Only with such a check are they looked for.
	Leaks bool
	// Run finds the problems. It must return them in a fixed order. Custom checks have none: they judge objects.
	Run func(*facts.Graph, Params) []Finding

	// Static says that Run judges specs alone, so that it runs on manifests as well (`kubeops inspect -f`). Set it on a check
	// that is right about a graph made of files, in which
	//   - no object has a status, conditions, events, times or a node, and nothing runs: Deployments have a template and no
	//     Pods, StatefulSets no claims; Specs() and the templates tell what there will be;
	//   - defaults of the API are filled in as the API server does it;
	//   - what is not in the files may exist in the cluster: Complete is false, unless the user says --complete, and then true
	//     for what people write into namespaces (Services, ConfigMaps, workloads) and never for Pods, EndpointSlices, Events,
	//     and kinds without a namespace.
	// A check that reads a condition, a count of ready Pods, an event, an age, a phase or managedFields is not static.
	Static bool
	// OnManifests stands in for Run on manifests, for a check that judges what runs but can tell the same problem from specs;
	// nil for all others.
	OnManifests func(*facts.Graph, Params) []Finding
}

// OnFiles is the function that judges manifests, or nil for a check that cannot.
func (c Check) OnFiles() func(*facts.Graph, Params) []Finding {
	if c.OnManifests == nil && c.Static {
		return c.Run
	}
	return c.OnManifests
}

// Params are the patience of the checks. The zero value is not useful; see DefaultParams.
type Params struct {
	// StartupGrace is how long something may be pending, starting or not ready.
	StartupGrace time.Duration
	// TerminatingGrace is how long something may take to go away beyond its own grace period.
	TerminatingGrace time.Duration
	// RecentWindow is how far back a past failure still counts.
	RecentWindow time.Duration
	// AllowedRegistries are the registries, or beginnings of image names such as registry.example.com/team, from which images
	// may come. Empty means that all may.
	AllowedRegistries []string
	// Margins on what containers use, for what they should request.
	Margins sizing.Margins
	// Prices of what containers request; zero prices are none.
	Prices sizing.Prices
}

// DefaultParams is the patience when nothing else is said.
func DefaultParams() Params {
	return Params{StartupGrace: time.Minute, TerminatingGrace: 5 * time.Minute, RecentWindow: time.Hour, Margins: sizing.DefaultMargins()}
}

// Finding is one problem on one object, before it is put into a report.
type Finding struct {
	// Check that found it; set by Run.
	Check string
	// Object that has the problem.
	Object facts.Ref
	// APIVersion of the object, where it is not the one that its kind is read at.
	APIVersion string
	// Discriminator tells several findings of one check on one object apart, for example the container's name. It must
	// not hold anything that changes while the problem stays: no Pod names, no times, no counts.
	Discriminator string
	// Severity, where it differs from the check's own.
	Severity v1alpha1.Severity
	// Message says what is wrong, without anything that changes from run to run.
	Message string
	// Remediation, where something better than the check's own text can be said.
	Remediation string
	// Evidence proves the finding, the most telling piece first.
	Evidence []Evidence
	// Culprits are objects that the evidence names as culprits, beyond the edges of the graph.
	Culprits []facts.Ref
	// RestrictToCulprits keeps the search for causes to the object itself and to Culprits, and to what those depend on: what else
	// the object depends on may be in trouble, and has nothing to do with this finding.
	RestrictToCulprits bool
	// IsRoot says that no cause is looked for: the object only stands for something else, such as all that a back end tells.
	IsRoot bool
	// Logs that would show more; read later, for root causes only.
	Logs *LogRef
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
	// Ended is about when the container ended, for a log back end; zero means not long ago.
	Ended time.Time
	// PodPrefix is how the names of the Pods begin, where none of them is left and Pod is empty: only a log back end may know.
	PodPrefix string
}

// Later is the later of two times; one that is not told comes first.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
