package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AIProviderType selects the API that the model server speaks.
// +kubebuilder:validation:Enum=openai;ollama
type AIProviderType string

// Types of an AIProvider.
const (
	// AIProviderOpenAI is OpenAI or any server with its chat completions API: Azure OpenAI, vLLM, LM Studio, LiteLLM.
	AIProviderOpenAI AIProviderType = "openai"
	// AIProviderOllama is Ollama with its native API.
	AIProviderOllama AIProviderType = "ollama"
)

// Reasons of AIProvider conditions, in addition to those that all backends share.
const (
	// ReasonPaymentRequired: the account is out of credit or its quota is exhausted (402, or 429 with insufficient_quota).
	ReasonPaymentRequired = "PaymentRequired"
	// ReasonModelNotFound: the server does not have the model in spec.model.
	ReasonModelNotFound = "ModelNotFound"
	// ReasonContextTooLong: the prompt exceeds the context length of the model.
	ReasonContextTooLong = "ContextTooLong"
	// ReasonToolsNotSupported: the model or its server cannot call tools. It is asked in another way.
	ReasonToolsNotSupported = "ToolsNotSupported"
	// ReasonAnswerCutOff: the answer reached spec.maxAnswerTokens before it was complete.
	ReasonAnswerCutOff = "AnswerCutOff"
	// ReasonModelRefused: the model or a content filter of its server refused to answer.
	ReasonModelRefused = "ModelRefused"
	// ReasonInvalidAnswer: the answer does not match the requested schema.
	ReasonInvalidAnswer = "InvalidAnswer"
	// ReasonFallbackLoop: spec.fallbackRef forms a loop, or the chain of fallbacks is too long.
	ReasonFallbackLoop = "FallbackLoop"
)

// AnswerFormat selects how the server is asked to follow the answer schema.
// +kubebuilder:validation:Enum=jsonSchema;jsonObject
type AnswerFormat string

// Formats of an answer.
const (
	// AnswerJSONSchema sends the schema to the server, which constrains the model to it.
	AnswerJSONSchema AnswerFormat = "jsonSchema"
	// AnswerJSONObject requests JSON mode and puts the schema into the prompt, for servers without schema support.
	AnswerJSONObject AnswerFormat = "jsonObject"
)

// AIHeader is an HTTP header sent with each request. Its value is inline or in a Secret.
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.valueFrom)",message="set exactly one of value and valueFrom"
type AIHeader struct {
	// name of the header, for example api-key, which Azure OpenAI expects.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9-]*$`
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['authorization', 'host', 'content-length', 'content-type', 'connection', 'transfer-encoding', 'user-agent', 'cookie', 'proxy-authorization'])",message="this header is set by KubeOps; use apiKey for an API key"
	Name string `json:"name"`
	// value of the header. Do not put secrets here; use valueFrom.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[ -~]+$`
	// +optional
	Value string `json:"value,omitempty"`
	// valueFrom references the Secret key that holds the value.
	// +optional
	ValueFrom *SecretKeyReference `json:"valueFrom,omitempty"`
}

// OpenAIServer configures a server with the OpenAI API.
type OpenAIServer struct {
	// url of the API including its version, for example https://api.openai.com/v1, https://NAME.openai.azure.com/openai/v1
	// or http://vllm.models:8000/v1. Defaults to https://api.openai.com/v1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	// +optional
	URL string `json:"url,omitempty"`
	// apiKey references the Secret key that holds the API key, sent as "Authorization: Bearer". By default no key is sent.
	// +optional
	APIKey *SecretKeyReference `json:"apiKey,omitempty"`
	// organization that requests are billed to, sent as OpenAI-Organization.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-]+$`
	// +optional
	Organization string `json:"organization,omitempty"`
	// headers sent with each request.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Headers []AIHeader `json:"headers,omitempty"`
	// answerFormat selects how the server is asked to follow the answer schema: jsonSchema, or jsonObject for servers
	// without schema support. Defaults to jsonSchema.
	// +optional
	AnswerFormat AnswerFormat `json:"answerFormat,omitempty"`
}

// OllamaServer configures an Ollama server.
type OllamaServer struct {
	// url of the server, for example http://ollama.models:11434.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// token references the Secret key that holds a token, sent as "Authorization: Bearer", for an Ollama behind an
	// authenticating proxy. By default no token is sent.
	// +optional
	Token *SecretKeyReference `json:"token,omitempty"`
}

// TokenBudget limits token usage per day and per month, in UTC. A request is not sent if its maximum cost would exceed the
// rest of the budget.
// +kubebuilder:validation:XValidation:rule="has(self.daily) || has(self.monthly)",message="set at least one of daily and monthly"
type TokenBudget struct {
	// daily is the maximum number of tokens per day, prompts and answers together.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	// +optional
	Daily *int64 `json:"daily,omitempty"`
	// monthly is the maximum number of tokens per month, prompts and answers together.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	// +optional
	Monthly *int64 `json:"monthly,omitempty"`
}

// AIRedaction selects what is hidden from the model in addition to secrets, which are always redacted. The same value
// always gets the same pseudonym.
type AIRedaction struct {
	// emails hides e-mail addresses.
	// +optional
	Emails bool `json:"emails,omitempty"`
	// ipAddresses hides IP addresses.
	// +optional
	IPAddresses bool `json:"ipAddresses,omitempty"`
	// names hides the names of namespaces and of the objects in findings. They are restored in the answer.
	// +optional
	Names bool `json:"names,omitempty"`
}

// RedactedCount is the number of replacements by one redaction rule.
type RedactedCount struct {
	// rule that matched, for example private-key or email.
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule"`
	// count of replacements.
	Count int32 `json:"count"`
}

// AIProviderSpec defines the model to use, its server and the limits on its use.
// +kubebuilder:validation:XValidation:rule="has(self.openai) == (self.type == 'openai')",message="openai must be set if and only if type is openai"
// +kubebuilder:validation:XValidation:rule="has(self.ollama) == (self.type == 'ollama')",message="ollama must be set if and only if type is ollama"
type AIProviderSpec struct {
	// suspend stops all requests. Nothing is explained while it is true.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: openai (also Azure OpenAI, vLLM, LM Studio, LiteLLM and others with its chat completions API) or
	// ollama.
	Type AIProviderType `json:"type"`
	// openai configures the server. Required for type openai, forbidden otherwise.
	// +optional
	OpenAI *OpenAIServer `json:"openai,omitempty"`
	// ollama configures the server. Required for type ollama, forbidden otherwise.
	// +optional
	Ollama *OllamaServer `json:"ollama,omitempty"`
	// model to use, by the name the server knows it, for example gpt-4o-mini or llama3.2:3b.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`
	Model string `json:"model"`
	// contextLength is the maximum number of tokens of a prompt and its answer together. Defaults to the value the server
	// reports, or 8192 if it reports none. With type ollama, the model is loaded with this context length.
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=10000000
	// +optional
	ContextLength *int64 `json:"contextLength,omitempty"`
	// maxAnswerTokens is the maximum number of tokens of one answer. Reasoning models need more. Defaults to 1024.
	// +kubebuilder:validation:Minimum=128
	// +kubebuilder:validation:Maximum=32768
	// +optional
	MaxAnswerTokens int32 `json:"maxAnswerTokens,omitempty"`
	// serviceAccountName is the ServiceAccount, in this namespace, that reads the Secrets referenced in spec. It needs get
	// on those Secrets only. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// tls configures TLS. Defaults to the system's certificate authorities.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one request, including its answer. Defaults to 2m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('15m')",message="timeout must be between 1s and 15m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between checks that the model is available. A test question is sent only if the AIProvider was not Ready, if
	// the spec changed, when requested with the annotation kubeops.io/requested-at, and otherwise once an hour. Defaults to
	// 10m. The manager's configuration sets a minimum (limits.minProbeInterval, default 10s).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// concurrency is the maximum number of requests in progress. Defaults to 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Concurrency int32 `json:"concurrency,omitempty"`
	// requestsPerMinute is the maximum number of requests per minute. Defaults to 60.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	RequestsPerMinute int32 `json:"requestsPerMinute,omitempty"`
	// tokensPerMinute is the maximum number of tokens per minute, prompts and answers together. Unlimited by default.
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=1000000000
	// +optional
	TokensPerMinute *int64 `json:"tokensPerMinute,omitempty"`
	// budget limits tokens per day and per month. Unlimited by default.
	// +optional
	Budget *TokenBudget `json:"budget,omitempty"`
	// redaction selects what is hidden from the model in addition to secrets.
	// +optional
	Redaction *AIRedaction `json:"redaction,omitempty"`
	// fallbackRef references another AIProvider in this namespace. It is used when this one is unavailable, rejects the
	// credentials, is rate limited, or has exhausted its budget. The fallback's own fallbackRef applies as well.
	// +optional
	FallbackRef *LocalReference `json:"fallbackRef,omitempty"`
}

// DroppedAnswers is the number of answers discarded for one reason.
type DroppedAnswers struct {
	// reason for discarding them, for example InvalidJSON, NoEvidence or UnknownEvidence.
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`
	// count since the AIProvider was created.
	Count int64 `json:"count"`
}

// AIUsage reports token usage. Days and months are in UTC.
type AIUsage struct {
	// day that tokensToday refers to, for example 2026-01-15.
	// +kubebuilder:validation:MaxLength=10
	// +optional
	Day string `json:"day,omitempty"`
	// tokensToday is the number of tokens used on that day. A request in progress counts with its maximum cost.
	TokensToday int64 `json:"tokensToday"`
	// month that tokensThisMonth refers to, for example 2026-01.
	// +kubebuilder:validation:MaxLength=7
	// +optional
	Month string `json:"month,omitempty"`
	// tokensThisMonth is the number of tokens used in that month.
	TokensThisMonth int64 `json:"tokensThisMonth"`
	// tokensLeft is the number of tokens until the daily or monthly budget is exhausted, whichever is less. Not set without
	// a budget.
	// +optional
	TokensLeft *int64 `json:"tokensLeft,omitempty"`
	// requests is the number of requests since the AIProvider was created.
	Requests int64 `json:"requests"`
	// cacheHits is the number of answers reused from an earlier report.
	CacheHits int64 `json:"cacheHits"`
	// droppedAnswers is the number of discarded answers by reason.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=reason
	// +optional
	DroppedAnswers []DroppedAnswers `json:"droppedAnswers,omitempty"`
}

// AIProviderStatus is the observed state of an AIProvider.
type AIProviderStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastProbeTime is the start time of the last check.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// lastAnswerTime is the time of the last successful test answer.
	// +optional
	LastAnswerTime *metav1.Time `json:"lastAnswerTime,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// version of the server, if it reports one.
	// +optional
	Version string `json:"version,omitempty"`
	// model that was found, by the name the server uses.
	// +optional
	Model string `json:"model,omitempty"`
	// contextLength in tokens, from the server or from spec.
	// +optional
	ContextLength *int64 `json:"contextLength,omitempty"`
	// latency of the last test question, in milliseconds resolution.
	// +optional
	Latency *metav1.Duration `json:"latency,omitempty"`
	// usage reports token usage.
	// +optional
	Usage *AIUsage `json:"usage,omitempty"`
}

// AIProvider is a language model that explains the findings of inspections. It is Ready once the model was found and
// answered a test question in the requested format.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=aip,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.spec.model`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Last Probe",type=date,priority=1,JSONPath=`.status.lastProbeTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Tokens Today",type=integer,priority=1,JSONPath=`.status.usage.tokensToday`
// +kubebuilder:printcolumn:name="Tokens Left",type=integer,priority=1,JSONPath=`.status.usage.tokensLeft`
type AIProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the model to use, its server and the limits on its use.
	Spec AIProviderSpec `json:"spec"`
	// status is the observed state.
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
	// DefaultOpenAIURL is used if spec.openai.url is not set.
	DefaultOpenAIURL = "https://api.openai.com/v1"
	// DefaultAITimeout is the default of spec.timeout.
	DefaultAITimeout = 2 * time.Minute
	// DefaultAIInterval is the default of spec.interval.
	DefaultAIInterval = 10 * time.Minute
	// DefaultAnswerTokens is the default of spec.maxAnswerTokens.
	DefaultAnswerTokens = 1024
	// DefaultContextLength is used if neither spec nor the server gives a context length.
	DefaultContextLength = 8192
	// DefaultRequestsPerMinute is the default of spec.requestsPerMinute.
	DefaultRequestsPerMinute = 60
)

// RequestTimeout returns spec.timeout or its default.
func (s *AIProviderSpec) RequestTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultAITimeout
}

// ProbeInterval returns spec.interval or its default.
func (s *AIProviderSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultAIInterval
}

// AnswerTokens returns spec.maxAnswerTokens or its default.
func (s *AIProviderSpec) AnswerTokens() int {
	if s.MaxAnswerTokens > 0 {
		return int(s.MaxAnswerTokens)
	}
	return DefaultAnswerTokens
}
