package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Severity says how soon a finding wants attention.
// +kubebuilder:validation:Enum=critical;high;medium;low;info
type Severity string

// Severities, worst first.
const (
	SeverityCritical Severity = "critical"
	SeverityHigh     Severity = "high"
	SeverityMedium   Severity = "medium"
	SeverityLow      Severity = "low"
	SeverityInfo     Severity = "info"
)

// Severities lists every severity, worst first.
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityInfo}
}

// Rank orders severities: 0 is the worst. An unknown severity ranks after all known ones.
func (s Severity) Rank() int {
	for i, known := range Severities() {
		if s == known {
			return i
		}
	}
	return len(Severities())
}

// Category says what kind of harm a finding is about.
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

// EvidenceSource says where a piece of evidence was read.
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

// FindingState says whether the previous reports of the same Inspection had the same finding.
// +kubebuilder:validation:Enum=new;persisting;flapping
type FindingState string

// States of a finding.
const (
	FindingNew        FindingState = "new"
	FindingPersisting FindingState = "persisting"
	// FindingFlapping: it went away and came back at least twice within a day.
	FindingFlapping FindingState = "flapping"
)

// FlappingReturns is how often a finding must have come back within FlappingWindow to be called flapping.
const FlappingReturns = 2

// FlappingWindow is how long reports remember findings that are gone.
const FlappingWindow = 24 * time.Hour

// ObjectReference names the object that a finding is about.
type ObjectReference struct {
	// apiVersion of the object, for example apps/v1.
	// +kubebuilder:validation:MaxLength=253
	APIVersion string `json:"apiVersion"`
	// kind of the object, for example Deployment.
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// namespace of the object; empty for cluster-scoped ones.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// Evidence is one observed fact that a finding rests on.
type Evidence struct {
	// id of the evidence within its finding, for example e1.
	// +kubebuilder:validation:MaxLength=16
	ID string `json:"id"`
	// source says where the text was read: spec, condition, event, log or metric.
	Source EvidenceSource `json:"source"`
	// text as it was read, trimmed; secrets in it are replaced.
	// +kubebuilder:validation:MaxLength=4096
	Text string `json:"text"`
}

// Finding is one problem on one object.
type Finding struct {
	// id is stable: the same problem on the same object keeps it from report to report.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// check that found it; `kubeops checks` lists them all.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// category of harm: reliability, security, configuration, capacity or cost.
	Category Category `json:"category"`
	// severity: critical, high, medium, low or info.
	Severity Severity `json:"severity"`
	// cluster that holds the object; "local" is the cluster KubeOps runs in.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// object that has the problem. Pods that fail alike are reported once, on their workload.
	Object ObjectReference `json:"object"`
	// message says what is wrong.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
	// evidence that the message rests on.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=id
	// +optional
	Evidence []Evidence `json:"evidence,omitempty"`
	// causedBy is the id of the finding that explains this one. A finding without it is a root cause.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
	// affects counts the findings that this one explains, directly or through others.
	// +optional
	Affects int32 `json:"affects,omitempty"`
	// remediation says what to do about it.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Remediation string `json:"remediation,omitempty"`
	// state is new, persisting when the previous report had the same finding, or flapping when it went away and came back at
	// least twice within a day.
	// +optional
	State FindingState `json:"state,omitempty"`
	// returns counts how often it came back within a day after it had been gone.
	// +optional
	Returns int32 `json:"returns,omitempty"`
	// firstSeen is the time of the first report, without a break, that had this finding.
	// +optional
	FirstSeen *metav1.Time `json:"firstSeen,omitempty"`
	// previously is what the report before said of it, where it had another severity then, or became a root cause or a symptom since.
	// +optional
	Previously *PreviousFinding `json:"previously,omitempty"`
}

// PreviousFinding is what the report before said of a finding that is judged differently now.
type PreviousFinding struct {
	// severity that it had.
	Severity Severity `json:"severity"`
	// causedBy is the id of the finding that explained it; empty for a root cause.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
}

// GapReason says why something could not be inspected.
// +kubebuilder:validation:Enum=Forbidden;NotServed;Unavailable;TimedOut;Incomplete;IgnoreRuleExpired;CheckFailed;Unreadable
type GapReason string

// Reasons for gaps.
const (
	// GapForbidden: the ServiceAccount or user may not read it.
	GapForbidden GapReason = "Forbidden"
	// GapNotServed: the cluster does not serve that API.
	GapNotServed GapReason = "NotServed"
	// GapUnavailable: the API server, or what stands behind it, answered with an error.
	GapUnavailable GapReason = "Unavailable"
	// GapTimedOut: the answer did not come within the deadline.
	GapTimedOut GapReason = "TimedOut"
	// GapIncomplete: a part was read and a part was not.
	GapIncomplete GapReason = "Incomplete"
	// GapIgnoreRuleExpired: an ignore rule is past its expiry and no longer applies.
	GapIgnoreRuleExpired GapReason = "IgnoreRuleExpired"
	// GapCheckFailed: a check failed in itself, which is a defect of KubeOps or, if it is a custom one, of the check.
	GapCheckFailed GapReason = "CheckFailed"
	// GapUnreadable: a file could not be read, or holds no YAML.
	GapUnreadable GapReason = "Unreadable"
)

// Gap is something that could not be inspected, and what that hides.
type Gap struct {
	// cluster in which it could not be read.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// source that could not be read, for example pods or pods/log.
	// +kubebuilder:validation:MaxLength=253
	Source string `json:"source"`
	// reason: Forbidden, NotServed, Unavailable, TimedOut, Incomplete, IgnoreRuleExpired, CheckFailed or Unreadable.
	Reason GapReason `json:"reason"`
	// checks that did not run, or ran on a part only, because of it.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Checks []string `json:"checks,omitempty"`
	// message says what could not be read, and why.
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message"`
	// remediation says what to grant, install or mend.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Remediation string `json:"remediation,omitempty"`
}

// SeverityCounts counts findings by severity.
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

// Add counts one more finding of the given severity. An unknown severity is counted as info.
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

// Total is the number of findings of all severities.
func (c SeverityCounts) Total() int32 {
	return c.Critical + c.High + c.Medium + c.Low + c.Info
}

// ChangeCounts compares a report with the one before it.
type ChangeCounts struct {
	// new findings that the previous report did not have.
	New int32 `json:"new"`
	// fixed findings that the previous report had and this one has not.
	Fixed int32 `json:"fixed"`
	// persisting findings that both have.
	Persisting int32 `json:"persisting"`
	// flapping findings, which come and go; they are counted as neither new nor persisting.
	// +optional
	Flapping int32 `json:"flapping,omitempty"`
}

// FixedFinding is a finding that earlier reports had and that is gone.
type FixedFinding struct {
	// id of the finding.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// check that had found it.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// category of the check.
	// +optional
	Category Category `json:"category,omitempty"`
	// causedBy is the finding that explained it; empty for a root cause.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
	// severity that it had.
	Severity Severity `json:"severity"`
	// object that had the problem.
	Object ObjectReference `json:"object"`
	// message that it had, in short.
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message"`
	// fixedAt is the time of the first report without it.
	FixedAt metav1.Time `json:"fixedAt"`
	// returns counts how often it had come back before.
	// +optional
	Returns int32 `json:"returns,omitempty"`
}

// OmittedFindings counts the findings of one check that were left out of a report because it would have become too large.
type OmittedFindings struct {
	// check that found them.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// severity of the worst of them.
	Severity Severity `json:"severity"`
	// count of them.
	Count int32 `json:"count"`
}
