package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AIProviderType is the kind of server that a model runs on.
// +kubebuilder:validation:Enum=openai;ollama
type AIProviderType string

// Types of an AIProvider.
const (
	// AIProviderOpenAI is OpenAI, or what speaks its chat completions API: Azure OpenAI, vLLM, LM Studio, LiteLLM.
	AIProviderOpenAI AIProviderType = "openai"
	// AIProviderOllama is Ollama by its own API.
	AIProviderOllama AIProviderType = "ollama"
)

// Reasons of an AIProvider's conditions, besides those of all back ends.
const (
	// ReasonPaymentRequired: the account has no credit left, or its quota is used up (402, or 429 with insufficient_quota).
	ReasonPaymentRequired = "PaymentRequired"
	// ReasonModelNotFound: the server does not have the model that spec.model names.
	ReasonModelNotFound = "ModelNotFound"
	// ReasonContextTooLong: the prompt is longer than the model can take.
	ReasonContextTooLong = "ContextTooLong"
	// ReasonAnswerCutOff: the model used up spec.maxAnswerTokens before its answer was complete.
	ReasonAnswerCutOff = "AnswerCutOff"
	// ReasonModelRefused: the model, or a filter of its server, refused to answer.
	ReasonModelRefused = "ModelRefused"
	// ReasonInvalidAnswer: the model answered something that does not fit the schema that it was given.
	ReasonInvalidAnswer = "InvalidAnswer"
	// ReasonFallbackLoop: spec.fallbackRef leads back to an AIProvider that is asked already, or through too many.
	ReasonFallbackLoop = "FallbackLoop"
)

// AnswerFormat is how a server is told to keep to the schema of an answer.
// +kubebuilder:validation:Enum=jsonSchema;jsonObject
type AnswerFormat string

// Formats of an answer.
const (
	// AnswerJSONSchema gives the schema to the server, which then lets the model write nothing else.
	AnswerJSONSchema AnswerFormat = "jsonSchema"
	// AnswerJSONObject asks the server for JSON, and the model for the schema; for servers that do not know schemas.
	AnswerJSONObject AnswerFormat = "jsonObject"
)

// AIHeader is a header that is sent with each request: a value, or the key of a Secret that holds it.
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.valueFrom)",message="set exactly one of value and valueFrom"
type AIHeader struct {
	// name of the header, for example api-key, as Azure OpenAI wants it.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9-]*$`
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['authorization', 'host', 'content-length', 'content-type', 'connection', 'transfer-encoding', 'user-agent', 'cookie', 'proxy-authorization'])",message="this header is set by KubeOps; put an API key into apiKey"
	Name string `json:"name"`
	// value of the header; nothing secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[ -~]+$`
	// +optional
	Value string `json:"value,omitempty"`
	// valueFrom names the key of a Secret that holds the value.
	// +optional
	ValueFrom *SecretKeyReference `json:"valueFrom,omitempty"`
}

// OpenAIServer is where a server that speaks OpenAI's API is.
type OpenAIServer struct {
	// url of the API with its version, for example https://api.openai.com/v1, https://NAME.openai.azure.com/openai/v1 or
	// http://vllm.models:8000/v1. Default https://api.openai.com/v1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	// +optional
	URL string `json:"url,omitempty"`
	// apiKey names the key of a Secret that holds the API key, sent as "Authorization: Bearer". Default: none is sent.
	// +optional
	APIKey *SecretKeyReference `json:"apiKey,omitempty"`
	// organization that requests count for, sent as OpenAI-Organization.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-]+$`
	// +optional
	Organization string `json:"organization,omitempty"`
	// headers to send with each request.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Headers []AIHeader `json:"headers,omitempty"`
	// answerFormat is how the server is told to keep to the schema of an answer. Default jsonSchema.
	// +optional
	AnswerFormat AnswerFormat `json:"answerFormat,omitempty"`
}

// OllamaServer is where an Ollama is.
type OllamaServer struct {
	// url of the server, for example http://ollama.models:11434.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// token names the key of a Secret that holds a token, sent as "Authorization: Bearer", for an Ollama behind a proxy that
	// wants one. Default: none is sent.
	// +optional
	Token *SecretKeyReference `json:"token,omitempty"`
}

// TokenBudget bounds what is spent. Days and months are those of UTC. A request is not sent when what it may cost at most would
// exceed what is left.
// +kubebuilder:validation:XValidation:rule="has(self.daily) || has(self.monthly)",message="set daily, monthly or both"
type TokenBudget struct {
	// daily tokens, of prompts and answers together.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	// +optional
	Daily *int64 `json:"daily,omitempty"`
	// monthly tokens, of prompts and answers together.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	// +optional
	Monthly *int64 `json:"monthly,omitempty"`
}

// AIRedaction says what is hidden from the model besides secrets, which always are. What is hidden has the same pseudonym each time.
type AIRedaction struct {
	// emails hides e-mail addresses.
	// +optional
	Emails bool `json:"emails,omitempty"`
	// ipAddresses hides IP addresses.
	// +optional
	IPAddresses bool `json:"ipAddresses,omitempty"`
	// names hides the names of namespaces and of the objects that findings are about. They are put back into the answer.
	// +optional
	Names bool `json:"names,omitempty"`
}

// RedactedCount counts what a rule replaced.
type RedactedCount struct {
	// rule that found it, for example private-key or email.
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule"`
	// count of what it replaced.
	Count int32 `json:"count"`
}

// AIProviderSpec says which model to ask, where, and how much.
// +kubebuilder:validation:XValidation:rule="has(self.openai) == (self.type == 'openai')",message="set openai with type openai, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.ollama) == (self.type == 'ollama')",message="set ollama with type ollama, and only then"
type AIProviderSpec struct {
	// suspend stops all requests; nothing is explained meanwhile.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: openai (or what speaks its chat completions API, such as Azure OpenAI, vLLM, LM Studio and LiteLLM)
	// or ollama.
	Type AIProviderType `json:"type"`
	// openai is where the server is; for type openai.
	// +optional
	OpenAI *OpenAIServer `json:"openai,omitempty"`
	// ollama is where the server is; for type ollama.
	// +optional
	Ollama *OllamaServer `json:"ollama,omitempty"`
	// model to ask, as the server names it, for example gpt-4o-mini or llama3.2:3b.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`
	Model string `json:"model"`
	// contextLength is how many tokens a prompt and its answer may have together. Default: what the server tells, else 8192.
	// With type ollama, the model is loaded with it.
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=10000000
	// +optional
	ContextLength *int64 `json:"contextLength,omitempty"`
	// maxAnswerTokens bounds one answer. A model that thinks before it answers wants more. Default 1024.
	// +kubebuilder:validation:Minimum=128
	// +kubebuilder:validation:Maximum=32768
	// +optional
	MaxAnswerTokens int32 `json:"maxAnswerTokens,omitempty"`
	// serviceAccountName is the ServiceAccount of this namespace whose rights the Secrets of the spec are read with. It needs
	// get on these Secrets only. Default kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// tls says whom to trust. Default: the system's certificates.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one request, its answer included. Default 2m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('15m')",message="timeout must be between 1s and 15m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between two looks whether the model is there. A question is asked when it was not Ready, when the spec changed,
	// on request by the annotation kubeops.io/requested-at, and else once an hour. Default 10m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// concurrency is how many requests are under way at once. Default 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Concurrency int32 `json:"concurrency,omitempty"`
	// requestsPerMinute that are sent at most. Default 60.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	RequestsPerMinute int32 `json:"requestsPerMinute,omitempty"`
	// tokensPerMinute that are spent at most, of prompts and answers together. Default: no limit.
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	TokensPerMinute *int64 `json:"tokensPerMinute,omitempty"`
	// budget of tokens. Default: no limit.
	// +optional
	Budget *TokenBudget `json:"budget,omitempty"`
	// redaction says what is hidden from the model besides secrets.
	// +optional
	Redaction *AIRedaction `json:"redaction,omitempty"`
	// fallbackRef names another AIProvider of this namespace, which is asked where this one cannot answer: when it is down,
	// refuses the credentials, asks for fewer requests, or its budget is spent. Its own fallbackRef counts, too.
	// +optional
	FallbackRef *LocalReference `json:"fallbackRef,omitempty"`
}

// DroppedAnswers counts answers that were thrown away.
type DroppedAnswers struct {
	// reason why, for example InvalidJSON, NoEvidence or UnknownEvidence.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`
	// count of them since the AIProvider was made.
	Count int64 `json:"count"`
}

// AIUsage is what was spent. Times are those of UTC.
type AIUsage struct {
	// day that tokensToday speaks of, for example 2026-01-15.
	// +kubebuilder:validation:MaxLength=10
	// +optional
	Day string `json:"day,omitempty"`
	// tokensToday were spent on prompts and answers. A request that is under way counts as the most that it may cost.
	TokensToday int64 `json:"tokensToday"`
	// month that tokensThisMonth speaks of, for example 2026-01.
	// +kubebuilder:validation:MaxLength=7
	// +optional
	Month string `json:"month,omitempty"`
	// tokensThisMonth were spent on prompts and answers.
	TokensThisMonth int64 `json:"tokensThisMonth"`
	// tokensLeft until the budget of the day or of the month is spent, whichever comes first; absent without a budget.
	// +optional
	TokensLeft *int64 `json:"tokensLeft,omitempty"`
	// requests that were sent since the AIProvider was made.
	Requests int64 `json:"requests"`
	// cacheHits are answers that were not asked for, because an earlier report had them.
	CacheHits int64 `json:"cacheHits"`
	// droppedAnswers by reason.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=reason
	// +optional
	DroppedAnswers []DroppedAnswers `json:"droppedAnswers,omitempty"`
}

// AIProviderStatus is what the last look found.
type AIProviderStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastProbeTime is when the last look began.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// lastAnswerTime is when the model answered the last question that proves it.
	// +optional
	LastAnswerTime *metav1.Time `json:"lastAnswerTime,omitempty"`
	// lastHandledRequest is the value of the annotation kubeops.io/requested-at that was handled last.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// version of the server, where it tells.
	// +optional
	Version string `json:"version,omitempty"`
	// model that was found, as the server names it.
	// +optional
	Model string `json:"model,omitempty"`
	// contextLength in tokens, where the server or the spec tells.
	// +optional
	ContextLength *int64 `json:"contextLength,omitempty"`
	// latency of the last question, to the millisecond.
	// +optional
	Latency *metav1.Duration `json:"latency,omitempty"`
	// usage is what was spent.
	// +optional
	Usage *AIUsage `json:"usage,omitempty"`
}

// AIProvider is a language model that explains what inspections find. It is Ready after the model was found and answered a small
// question in the form that was asked for.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=aip,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.spec.model`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Tokens Today",type=integer,priority=1,JSONPath=`.status.usage.tokensToday`
// +kubebuilder:printcolumn:name="Tokens Left",type=integer,priority=1,JSONPath=`.status.usage.tokensLeft`
type AIProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which model to ask, where, and how much.
	Spec AIProviderSpec `json:"spec"`
	// status is what the last look found.
	// +kubebuilder:default={observedGeneration:-1}
	Status AIProviderStatus `json:"status,omitempty"`
}

// AIProviderList is a list of AIProviders.
//
// +kubebuilder:object:root=true
type AIProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AIProvider `json:"items"`
}

// Defaults of an AIProvider.
const (
	// DefaultOpenAIURL is where type openai is asked when the spec names no URL.
	DefaultOpenAIURL = "https://api.openai.com/v1"
	// DefaultAITimeout of one request.
	DefaultAITimeout = 2 * time.Minute
	// DefaultAIInterval between two looks.
	DefaultAIInterval = 10 * time.Minute
	// DefaultAnswerTokens of one answer.
	DefaultAnswerTokens = 1024
	// DefaultContextLength of a model of which nobody tells one.
	DefaultContextLength = 8192
	// DefaultRequestsPerMinute that are sent at most.
	DefaultRequestsPerMinute = 60
)

// RequestTimeout of one request.
func (s *AIProviderSpec) RequestTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultAITimeout
}

// ProbeInterval between two looks.
func (s *AIProviderSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultAIInterval
}

// AnswerTokens of one answer, at most.
func (s *AIProviderSpec) AnswerTokens() int {
	if s.MaxAnswerTokens > 0 {
		return int(s.MaxAnswerTokens)
	}
	return DefaultAnswerTokens
}
