package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionExplained is set on an Inspection with spec.ai. It is True once the model was asked about every selected root
// cause of the last report, and False with a reason while requests fail. It does not affect Ready, since the report is
// already saved.
const ConditionExplained = "Explained"

// ReasonProviderNotFound says that the AIProvider in spec.ai.providerRef does not exist.
const ReasonProviderNotFound = "ProviderNotFound"

// Language of explanations.
// +kubebuilder:validation:Enum=en;zh
type Language string

// Languages of explanations.
const (
	LanguageEnglish Language = "en"
	LanguageChinese Language = "zh"
)

// DefaultExplanations is the default of spec.ai.maxExplanations.
const DefaultExplanations = 10

// OverallExplanation is the id of the explanation of the report as a whole.
const OverallExplanation = "report"

// AIUse requests explanations of the findings. They are added to the saved report, which they do not change otherwise.
type AIUse struct {
	// providerRef references an AIProvider in this namespace.
	ProviderRef LocalReference `json:"providerRef"`
	// language of the explanations: en or zh. Defaults to en.
	// +optional
	Language Language `json:"language,omitempty"`
	// maxExplanations is the maximum number of root causes to explain per report, most severe first. One more request is
	// sent for a summary of the report. Unchanged findings that an earlier report explained are not sent again. Defaults to
	// 10.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	// +optional
	MaxExplanations int32 `json:"maxExplanations,omitempty"`
	// investigate permits the model to read more about a problem, with the permissions of serviceAccountName and within namespaces: at
	// most 8 reads, 15,000 tokens and 2 minutes for a problem. No values of Secrets and ConfigMaps are read. Unknown investigates problems
	// whose cause the model does not know, or with low confidence only; HighOrWorse also those of severity high and critical. Has no
	// effect on an Inspection of several clusters. Defaults to Never.
	// +optional
	Investigate Investigate `json:"investigate,omitempty"`
}

// Investigate is when a model may read more.
// +kubebuilder:validation:Enum=Never;Unknown;HighOrWorse
type Investigate string

// Values of spec.ai.investigate.
const (
	InvestigateNever       Investigate = "Never"
	InvestigateUnknown     Investigate = "Unknown"
	InvestigateHighOrWorse Investigate = "HighOrWorse"
)

// Investigates reports whether a problem is investigated after an explanation with a confidence.
func (i Investigate) Investigates(severity Severity, confidence Confidence) bool {
	unknown := confidence == ConfidenceLow || confidence == ConfidenceUnknown
	switch i {
	case InvestigateUnknown:
		return unknown
	case InvestigateHighOrWorse:
		return unknown || severity == SeverityHigh || severity == SeverityCritical
	}
	return false
}

// Explanations returns maxExplanations or its default.
func (u *AIUse) Explanations() int {
	if u.MaxExplanations > 0 {
		return int(u.MaxExplanations)
	}
	return DefaultExplanations
}

// LanguageOrDefault returns language or its default.
func (u *AIUse) LanguageOrDefault() Language {
	if u.Language != "" {
		return u.Language
	}
	return LanguageEnglish
}

// Confidence is the confidence of the model in its explanation.
// +kubebuilder:validation:Enum=high;medium;low;unknown
type Confidence string

// Levels of confidence. ConfidenceUnknown means that the evidence is not sufficient.
const (
	ConfidenceHigh    Confidence = "high"
	ConfidenceMedium  Confidence = "medium"
	ConfidenceLow     Confidence = "low"
	ConfidenceUnknown Confidence = "unknown"
)

// ExplainedClaim is one step of the reasoning with its evidence.
type ExplainedClaim struct {
	// claim in one or two sentences.
	// +kubebuilder:validation:MaxLength=1024
	Claim string `json:"claim"`
	// evidence that supports the claim: ids of evidence of the finding or of the explanation, or ids of findings in the
	// explanation of the whole report. Lines that the model read have the id of the call, with or without their numbers: t3:5-8.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +listType=set
	Evidence []string `json:"evidence"`
	// quote is a part of that evidence, which KubeOps found in it word by word. Absent if the model quoted nothing, or something else.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Quote string `json:"quote,omitempty"`
}

// RuledOut is another possible cause that the model considers excluded.
type RuledOut struct {
	// cause that is excluded, and why.
	// +kubebuilder:validation:MaxLength=512
	Cause string `json:"cause"`
	// evidence that excludes it, by id.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +listType=set
	// +optional
	Evidence []string `json:"evidence,omitempty"`
}

// SuggestedFix is a fix that the model suggests. KubeOps never executes it. Review it before you do.
type SuggestedFix struct {
	// description of the fix.
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description"`
	// target is the object to change, as Kind/namespace/name.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Target string `json:"target,omitempty"`
	// evidence that supports the fix, by id.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +listType=set
	// +optional
	Evidence []string `json:"evidence,omitempty"`
	// command line that applies the fix.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Command string `json:"command,omitempty"`
	// removed says that the model suggested a command or a patch that KubeOps does not show, since it could do harm.
	// +optional
	Removed bool `json:"removed,omitempty"`
	// patch of a manifest that applies the fix.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Patch string `json:"patch,omitempty"`
}

// Explanation is the model's explanation of one root cause or of the whole report. No decision of KubeOps depends on it.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an explanation is immutable"
type Explanation struct {
	// id of the explained finding, or "report" for the whole report.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// key of the question: a hash of the finding, its evidence, the AIProvider, the model, the language and the version of
	// the prompt. The same question is not sent again.
	// +kubebuilder:validation:MaxLength=64
	Key string `json:"key"`
	// provider is the name of the AIProvider that answered.
	// +kubebuilder:validation:MaxLength=253
	Provider string `json:"provider"`
	// model that answered.
	// +kubebuilder:validation:MaxLength=256
	Model string `json:"model"`
	// language that was requested.
	Language Language `json:"language"`
	// dropped is the reason for discarding the answer, for example InvalidJSON or UnknownEvidence. All other fields of the
	// answer are empty then.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Dropped string `json:"dropped,omitempty"`
	// summary in a few sentences. For a root cause, it is the cause.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Summary string `json:"summary,omitempty"`
	// why lists the steps of the reasoning, each with its evidence.
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	Why []ExplainedClaim `json:"why,omitempty"`
	// ruledOut lists other possible causes that the model considers excluded.
	// +kubebuilder:validation:MaxItems=3
	// +listType=atomic
	// +optional
	RuledOut []RuledOut `json:"ruledOut,omitempty"`
	// missing lists what the model would need to know to be certain.
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	// +optional
	Missing []string `json:"missing,omitempty"`
	// next lists commands that only read, and that may show what is missing.
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	// +optional
	Next []string `json:"next,omitempty"`
	// evidence that was read for this explanation and that it cites, beside the evidence of the finding. Secrets in it are redacted.
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	Evidence []Evidence `json:"evidence,omitempty"`
	// investigation lists what the model read before it gave this explanation. Absent if it read nothing.
	// +optional
	Investigation *Investigation `json:"investigation,omitempty"`
	// droppedClaims is the number of claims of the answer that were discarded, since they cite no evidence or evidence that does not
	// exist.
	// +optional
	DroppedClaims int32 `json:"droppedClaims,omitempty"`
	// alsoFor lists the ids of other findings that the explanation holds for: the same recommendation for other objects.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=32
	// +listType=set
	// +optional
	AlsoFor []string `json:"alsoFor,omitempty"`
	// fix lists suggested fixes, none of which was executed.
	// +kubebuilder:validation:MaxItems=5
	// +listType=atomic
	// +optional
	Fix []SuggestedFix `json:"fix,omitempty"`
	// confidence of the model in this explanation: high, medium, low, or unknown if the evidence is not sufficient.
	// +optional
	Confidence Confidence `json:"confidence,omitempty"`
}

// Investigation is what a model read about a problem. It changes no finding.
type Investigation struct {
	// calls of tools, in their order, refused ones too.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=id
	Calls []ToolCall `json:"calls"`
	// tokens that were used for it, without those of the explanation.
	Tokens int64 `json:"tokens"`
	// ended is why the model read no more: Done if it wanted to, or a limit: Calls, Tokens, Time or Requests; Failed if the model did not
	// answer.
	// +kubebuilder:validation:Enum=Done;Calls;Tokens;Time;Requests;Failed
	Ended InvestigationEnd `json:"ended"`
}

// InvestigationEnd is why a model read no more.
type InvestigationEnd string

// Ends of investigations.
const (
	InvestigationDone     InvestigationEnd = "Done"
	InvestigationCalls    InvestigationEnd = "Calls"
	InvestigationTokens   InvestigationEnd = "Tokens"
	InvestigationTime     InvestigationEnd = "Time"
	InvestigationRequests InvestigationEnd = "Requests"
	InvestigationFailed   InvestigationEnd = "Failed"
)

// ToolCall is one read of a model.
type ToolCall struct {
	// id by which the explanation cites it, for example t1.
	// +kubebuilder:validation:MaxLength=8
	ID string `json:"id"`
	// tool that was called.
	// +kubebuilder:validation:MaxLength=128
	Tool string `json:"tool"`
	// arguments in JSON as the model wrote them, redacted.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Arguments string `json:"arguments,omitempty"`
	// time of the call.
	Time metav1.Time `json:"time"`
	// refused is the reason why nothing was read.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Refused string `json:"refused,omitempty"`
	// lines is the number of lines that were read.
	// +optional
	Lines int32 `json:"lines,omitempty"`
	// hash is the SHA-256 of the lines as the model saw them.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Hash string `json:"hash,omitempty"`
	// text has the lines, if the explanation cites them. Secrets in it are redacted.
	// +kubebuilder:validation:MaxLength=8192
	// +optional
	Text string `json:"text,omitempty"`
}

// EvidenceRead is the source of the lines that a model read, where they are shown as evidence. Findings have none.
const EvidenceRead EvidenceSource = "read"

// Cited returns the evidence that an explanation cites and that its finding does not have: what was read for it, and the lines that the
// model read, with the call on their first line.
func (e *Explanation) Cited() []Evidence {
	cited := slices.Clone(e.Evidence)
	if e.Investigation == nil {
		return cited
	}
	for _, call := range e.Investigation.Calls {
		if call.Text != "" {
			cited = append(cited, Evidence{ID: call.ID, Source: EvidenceRead, Text: call.Tool + " " + call.Arguments + "\n" + call.Text})
		}
	}
	return cited
}

// Refused returns the number of calls that were refused.
func (i *Investigation) Refused() int {
	refused := 0
	for _, call := range i.Calls {
		if call.Refused != "" {
			refused++
		}
	}
	return refused
}

// Explained returns the explanations of a report by the id of each finding that they hold for, and by OverallExplanation. Those that were
// dropped are among them.
func (r *InspectionReport) Explained() map[string]*Explanation {
	explained := map[string]*Explanation{}
	for i := range r.Explanations {
		for _, id := range r.Explanations[i].AlsoFor {
			explained[id] = &r.Explanations[i]
		}
	}
	for i := range r.Explanations {
		explained[r.Explanations[i].ID] = &r.Explanations[i]
	}
	return explained
}

// ExplainedReport is the progress of the explanations of a report.
type ExplainedReport struct {
	// report is the name of the InspectionReport.
	Report string `json:"report"`
	// done is true when no question is left.
	// +optional
	Done bool `json:"done,omitempty"`
	// tries is the number of consecutive failed attempts. The model is asked again with increasing delays until the next
	// report.
	// +optional
	Tries int32 `json:"tries,omitempty"`
	// lastTry is the time of the last failed attempt.
	// +optional
	LastTry *metav1.Time `json:"lastTry,omitempty"`
	// requests is the number of requests sent for this report.
	Requests int32 `json:"requests"`
	// cached is the number of explanations reused from an earlier report.
	Cached int32 `json:"cached"`
	// dropped is the number of discarded answers.
	// +optional
	Dropped int32 `json:"dropped,omitempty"`
	// tokens is the number of tokens used for this report.
	Tokens int64 `json:"tokens"`
	// redacted is the number of replacements in the last request, by redaction rule.
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=rule
	// +optional
	Redacted []RedactedCount `json:"redacted,omitempty"`
}
