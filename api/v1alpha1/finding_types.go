package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Severity is the urgency of a finding.
// +kubebuilder:validation:Enum=critical;high;medium;low;info
type Severity string

// Severities, most severe first.
const (
	SeverityCritical Severity = "critical"
	SeverityHigh     Severity = "high"
	SeverityMedium   Severity = "medium"
	SeverityLow      Severity = "low"
	SeverityInfo     Severity = "info"
)

// Severities returns all severities, most severe first.
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityInfo}
}

// Rank orders severities: 0 is the most severe. An unknown severity ranks last.
func (s Severity) Rank() int {
	for i, known := range Severities() {
		if s == known {
			return i
		}
	}
	return len(Severities())
}

// Category is the kind of impact of a finding.
// +kubebuilder:validation:Enum=reliability;security;configuration;capacity;cost
type Category string

// Categories of findings.
const (
	CategoryReliability   Category = "reliability"
	CategorySecurity      Category = "security"
	CategoryConfiguration Category = "configuration"
	CategoryCapacity      Category = "capacity"
	CategoryCost          Category = "cost"
)

// DefaultClass is the class of findings of this category: Problem for reliability, Recommendation for others. It applies to checks that
// set no class, and to reports that were written before findings had one.
func (c Category) DefaultClass() FindingClass {
	if c == CategoryReliability {
		return ClassProblem
	}
	return ClassRecommendation
}

// FindingClass separates what does not work now from advice.
// +kubebuilder:validation:Enum=Problem;Recommendation
type FindingClass string

// Classes of findings.
const (
	// ClassProblem: something does not work now, or causes that something else does not work.
	ClassProblem FindingClass = "Problem"
	// ClassRecommendation: advice about security, good practice, capacity or cost. Everything works without it.
	ClassRecommendation FindingClass = "Recommendation"
)

// EvidenceSource is where a piece of evidence was read.
// +kubebuilder:validation:Enum=spec;condition;event;log;metric
type EvidenceSource string

// Sources of evidence.
const (
	EvidenceSpec      EvidenceSource = "spec"
	EvidenceCondition EvidenceSource = "condition"
	EvidenceEvent     EvidenceSource = "event"
	EvidenceLog       EvidenceSource = "log"
	EvidenceMetric    EvidenceSource = "metric"
)

// FindingState compares a finding with the previous reports of its Inspection.
// +kubebuilder:validation:Enum=new;persisting;flapping
type FindingState string

// States of a finding.
const (
	FindingNew        FindingState = "new"
	FindingPersisting FindingState = "persisting"
	// FindingFlapping: the finding disappeared and returned at least twice within a day.
	FindingFlapping FindingState = "flapping"
)

// FlappingReturns is the number of returns within FlappingWindow from which a finding is flapping.
const FlappingReturns = 2

// FlappingWindow is how long reports remember fixed findings.
const FlappingWindow = 24 * time.Hour

// ObjectReference identifies the object of a finding.
type ObjectReference struct {
	// apiVersion of the object, for example apps/v1.
	// +kubebuilder:validation:MaxLength=253
	APIVersion string `json:"apiVersion"`
	// kind of the object, for example Deployment.
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// namespace of the object. Empty for cluster-scoped objects.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Evidence is one observed fact that supports a finding.
type Evidence struct {
	// id of the evidence, unique in its finding, for example e1.
	// +kubebuilder:validation:MaxLength=16
	ID string `json:"id"`
	// source of the text: spec, condition, event, log or metric.
	Source EvidenceSource `json:"source"`
	// text as it was read, trimmed. Secrets in it are redacted.
	// +kubebuilder:validation:MaxLength=4096
	Text string `json:"text"`
}

// RelatedFinding is another finding about the same subject of the same object, which its fix may resolve too.
type RelatedFinding struct {
	// id of the finding.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// check that reported the finding.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// severity of the finding.
	Severity Severity `json:"severity"`
	// message describes it.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
}

// Finding is one problem of one object, or one recommendation for it.
type Finding struct {
	// id of the finding. The same problem of the same object has the same id in every report.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// check that reported the finding. `kubeops checks` lists all checks.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// category of the impact: reliability, security, configuration, capacity or cost.
	Category Category `json:"category"`
	// class of the finding: Problem for what does not work now or causes that, Recommendation for advice. A recommendation
	// that causes a problem is a problem. Reports without it: the category decides.
	// +optional
	Class FindingClass `json:"class,omitempty"`
	// severity of the finding: critical, high, medium, low or info.
	Severity Severity `json:"severity"`
	// cluster of the object. "local" is the cluster that KubeOps runs in. Empty for a difference between clusters that belongs to
	// no single one.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// object that has the problem. Pods with the same problem are reported once, on their workload.
	Object ObjectReference `json:"object"`
	// message describes the problem.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
	// evidence that supports the message.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=id
	// +optional
	Evidence []Evidence `json:"evidence,omitempty"`
	// also lists less severe recommendations about the same subject of the same object, such as the security of its
	// containers. They are not counted.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=id
	// +optional
	Also []RelatedFinding `json:"also,omitempty"`
	// causedBy is the id of the finding that causes this one. Empty for a root cause.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
	// affects is the number of findings that this one causes, directly or indirectly.
	// +optional
	Affects int32 `json:"affects,omitempty"`
	// remediation describes how to fix the problem.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Remediation string `json:"remediation,omitempty"`
	// state of the finding: new; persisting if the previous report had it; flapping if it disappeared and returned at least
	// twice within a day.
	// +optional
	State FindingState `json:"state,omitempty"`
	// returns is how often the finding returned within a day after it had disappeared.
	// +optional
	Returns int32 `json:"returns,omitempty"`
	// firstSeen is the time of the first report of the uninterrupted series that has this finding.
	// +optional
	FirstSeen *metav1.Time `json:"firstSeen,omitempty"`
	// previously is set if the finding had another severity or class in the previous report, or has become a root cause or a
	// symptom since.
	// +optional
	Previously *PreviousFinding `json:"previously,omitempty"`
}

// ClassOrDefault returns the class of the finding. In a report that was written before findings had one, the category decides.
func (f *Finding) ClassOrDefault() FindingClass {
	if f.Class != "" {
		return f.Class
	}
	return f.Category.DefaultClass()
}

// IsProblem reports whether the class of the finding is Problem.
func (f *Finding) IsProblem() bool { return f.ClassOrDefault() == ClassProblem }

// PreviousFinding is the state of a finding in the previous report.
type PreviousFinding struct {
	// class in the earlier report.
	// +optional
	Class FindingClass `json:"class,omitempty"`
	// severity in the earlier report.
	Severity Severity `json:"severity"`
	// causedBy is the id of the finding that caused it. Empty for a root cause.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
}

// GapReason is the reason why something could not be inspected.
// +kubebuilder:validation:Enum=Forbidden;NotServed;Unavailable;TimedOut;Incomplete;IgnoreRuleExpired;CheckFailed;Unreadable
type GapReason string

// Reasons of gaps.
const (
	// GapForbidden: the ServiceAccount or user lacks the permission (RBAC).
	GapForbidden GapReason = "Forbidden"
	// GapNotServed: the cluster does not serve the API.
	GapNotServed GapReason = "NotServed"
	// GapUnavailable: the API server, or a server behind it, returned an error.
	GapUnavailable GapReason = "Unavailable"
	// GapTimedOut: no answer before the deadline.
	GapTimedOut GapReason = "TimedOut"
	// GapIncomplete: only a part could be read.
	GapIncomplete GapReason = "Incomplete"
	// GapIgnoreRuleExpired: an ignore rule has expired and no longer applies.
	GapIgnoreRuleExpired GapReason = "IgnoreRuleExpired"
	// GapCheckFailed: a check failed. This is a bug in KubeOps or, for a custom check, in the check.
	GapCheckFailed GapReason = "CheckFailed"
	// GapUnreadable: a file could not be read, or is not YAML.
	GapUnreadable GapReason = "Unreadable"
)

// Gap is something that could not be inspected, with the affected checks.
type Gap struct {
	// cluster of the gap.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// source that could not be read, for example pods or pods/log.
	// +kubebuilder:validation:MaxLength=253
	Source string `json:"source"`
	// reason of the gap: Forbidden, NotServed, Unavailable, TimedOut, Incomplete, IgnoreRuleExpired, CheckFailed or
	// Unreadable.
	Reason GapReason `json:"reason"`
	// checks that did not run, or ran on a part of the objects only.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Checks []string `json:"checks,omitempty"`
	// message describes what could not be read, and why.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
	// remediation describes what to grant, install or fix.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Remediation string `json:"remediation,omitempty"`
	// optional is true if what was not read only supports the result and was not asked for: Secrets and custom resources without
	// the additional role for them, the server's version where the Inspection names namespaces, log lines as evidence, a history
	// of metrics that is too short to compare with, and an expired ignore rule. A report with any other gap is incomplete and has
	// no score.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// RootCauseCounts is the number of findings that no other finding causes, in total and by severity.
type RootCauseCounts struct {
	// total of all severities.
	Total          int32 `json:"total"`
	SeverityCounts `json:",inline"`
}

// Add counts a finding of the given severity.
func (c *RootCauseCounts) Add(severity Severity) {
	c.Total++
	c.SeverityCounts.Add(severity)
}

// SeverityCounts is the number of findings by severity.
type SeverityCounts struct {
	// critical findings.
	Critical int32 `json:"critical"`
	// high findings.
	High int32 `json:"high"`
	// medium findings.
	Medium int32 `json:"medium"`
	// low findings.
	Low int32 `json:"low"`
	// info findings.
	Info int32 `json:"info"`
}

// Add counts a finding of the given severity. An unknown severity counts as info.
func (c *SeverityCounts) Add(severity Severity) {
	switch severity {
	case SeverityCritical:
		c.Critical++
	case SeverityHigh:
		c.High++
	case SeverityMedium:
		c.Medium++
	case SeverityLow:
		c.Low++
	default:
		c.Info++
	}
}

// BySeverity returns the counts in the order of Severities.
func (c SeverityCounts) BySeverity() []int32 {
	return []int32{c.Critical, c.High, c.Medium, c.Low, c.Info}
}

// Total returns the number of findings of all severities.
func (c SeverityCounts) Total() int32 {
	return c.Critical + c.High + c.Medium + c.Low + c.Info
}

// ChangeCounts compares a report with the previous one.
type ChangeCounts struct {
	// new is the number of findings that the previous report did not have, including symptoms.
	New int32 `json:"new"`
	// fixed is the number of findings of the previous report that this one does not have, including symptoms.
	Fixed int32 `json:"fixed"`
	// persisting is the number of findings that both reports have.
	Persisting int32 `json:"persisting"`
	// flapping is the number of findings that disappear and return. They count neither as new nor as persisting.
	// +optional
	Flapping int32 `json:"flapping,omitempty"`
	// newRootCauses is the part of new that no other finding causes, as problems and recommendations are counted.
	// +optional
	NewRootCauses int32 `json:"newRootCauses"`
	// fixedRootCauses is the part of fixed that no other finding caused.
	// +optional
	FixedRootCauses int32 `json:"fixedRootCauses"`
}

// OmittedFindings is the number of findings of one check that were omitted to limit the size of the report.
type OmittedFindings struct {
	// check that reported the findings.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// severity of the most severe of them.
	Severity Severity `json:"severity"`
	// count of omitted findings.
	Count int32 `json:"count"`
}
