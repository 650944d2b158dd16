package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConditionExplained is on an Inspection with spec.ai: True once every root cause of the last report that was to be explained was
// asked about, False with the reason while some could not be. It takes no part in Ready: the report was saved before.
const ConditionExplained = "Explained"

// ReasonProviderNotFound says that the AIProvider that spec.ai.providerRef names does not exist.
const ReasonProviderNotFound = "ProviderNotFound"

// Language of explanations.
// +kubebuilder:validation:Enum=en;zh
type Language string

// Languages of explanations.
const (
	LanguageEnglish Language = "en"
	LanguageChinese Language = "zh"
)

// DefaultExplanations is how many root causes of a report are explained when the Inspection does not say.
const DefaultExplanations = 10

// OverallExplanation is the id of the explanation of the whole report.
const OverallExplanation = "report"

// AIUse asks for explanations of what an inspection finds. They are added to the report after it was saved, and never change it
// otherwise.
type AIUse struct {
	// providerRef names an AIProvider of this namespace.
	ProviderRef LocalReference `json:"providerRef"`
	// language of the explanations: en or zh. Default en.
	// +optional
	Language Language `json:"language,omitempty"`
	// maxExplanations is how many root causes of a report are explained, worst first. One request more is sent for the summary
	// of the whole. What an earlier report has explained and did not change is not asked again. Default 10.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	// +optional
	MaxExplanations int32 `json:"maxExplanations,omitempty"`
}

// Explanations is how many root causes are explained.
func (u *AIUse) Explanations() int {
	if u.MaxExplanations > 0 {
		return int(u.MaxExplanations)
	}
	return DefaultExplanations
}

// LanguageOrDefault of the explanations.
func (u *AIUse) LanguageOrDefault() Language {
	if u.Language != "" {
		return u.Language
	}
	return LanguageEnglish
}

// Confidence of a model in its own explanation.
// +kubebuilder:validation:Enum=high;medium;low;unknown
type Confidence string

// Confidences, and unknown, with which a model says that the evidence does not tell.
const (
	ConfidenceHigh    Confidence = "high"
	ConfidenceMedium  Confidence = "medium"
	ConfidenceLow     Confidence = "low"
	ConfidenceUnknown Confidence = "unknown"
)

// ExplainedClaim is one step of a reasoning, with what it rests on.
type ExplainedClaim struct {
	// claim in one or two sentences.
	// +kubebuilder:validation:MaxLength=1024
	Claim string `json:"claim"`
	// evidence that the claim rests on: ids of evidence of the finding, or of findings where the whole report is explained.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=32
	// +listType=set
	Evidence []string `json:"evidence"`
}

// SuggestedFix is what a model suggests to do. KubeOps never carries it out: read it before you do.
type SuggestedFix struct {
	// description of what it does.
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description"`
	// command line that would do it.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Command string `json:"command,omitempty"`
	// patch of a manifest that would do it.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Patch string `json:"patch,omitempty"`
}

// Explanation is what a model says about one root cause, or about the whole report. It is never the reason for anything that
// KubeOps does.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an explanation is written once and cannot be changed"
type Explanation struct {
	// id of the finding that is explained, or report.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// key of the question: a hash of the finding, its evidence, the AIProvider, the model, the language and the version of
	// KubeOps' question. The same question is not asked again.
	// +kubebuilder:validation:MaxLength=64
	Key string `json:"key"`
	// provider is the AIProvider that answered.
	// +kubebuilder:validation:MaxLength=253
	Provider string `json:"provider"`
	// model that answered.
	// +kubebuilder:validation:MaxLength=256
	Model string `json:"model"`
	// language that was asked for.
	Language Language `json:"language"`
	// dropped says why the answer was thrown away, for example InvalidJSON or UnknownEvidence; nothing of it is kept then.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Dropped string `json:"dropped,omitempty"`
	// summary in a few sentences.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Summary string `json:"summary,omitempty"`
	// why: the steps of the reasoning, each with the evidence that it rests on.
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	Why []ExplainedClaim `json:"why,omitempty"`
	// fix: suggestions, none of which was carried out.
	// +kubebuilder:validation:MaxItems=5
	// +listType=atomic
	// +optional
	Fix []SuggestedFix `json:"fix,omitempty"`
	// confidence that the model has in this: high, medium, low, or unknown where the evidence does not tell.
	// +optional
	Confidence Confidence `json:"confidence,omitempty"`
}

// ExplainedReport says how far the explanation of a report came.
type ExplainedReport struct {
	// report that is explained.
	Report string `json:"report"`
	// done is set once nothing of it is left to ask.
	// +optional
	Done bool `json:"done,omitempty"`
	// tries that failed in a row. A model that is down is asked again, ever less often, until the next report.
	// +optional
	Tries int32 `json:"tries,omitempty"`
	// lastTry is when the last one failed.
	// +optional
	LastTry *metav1.Time `json:"lastTry,omitempty"`
	// requests that were sent to models for it.
	Requests int32 `json:"requests"`
	// cached explanations that an earlier report had already.
	Cached int32 `json:"cached"`
	// dropped answers.
	// +optional
	Dropped int32 `json:"dropped,omitempty"`
	// tokens that were spent on it.
	Tokens int64 `json:"tokens"`
	// redacted counts by rule what was hidden from the model that was asked last.
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=rule
	// +optional
	Redacted []RedactedCount `json:"redacted,omitempty"`
}
