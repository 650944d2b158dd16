// Package apimessage parses the messages that the API server, admission plugins and the kubelet write into events and conditions.
package apimessage

import (
	"slices"
	"strings"
)

// Refuser is what rejects the creation of objects.
type Refuser int

const (
	// QuotaExceeded means: a ResourceQuota has no room for it.
	QuotaExceeded Refuser = iota
	// QuotaUnspecified means: a ResourceQuota limits a resource that the containers do not set.
	QuotaUnspecified
	// QuotaUncovered means: the cluster requires a ResourceQuota that covers it, and there is none.
	QuotaUncovered
	// WebhookDenies means: an admission webhook rejected it.
	WebhookDenies
	// WebhookFails means: the call to an admission webhook failed.
	WebhookFails
	// PolicyDenies means: a ValidatingAdmissionPolicy rejected it.
	PolicyDenies
	// PodSecurity means: the Pod Security level of the namespace is violated.
	PodSecurity
	// LimitRange means: a LimitRange of the namespace is violated.
	LimitRange
	// ClassMissing means: a PriorityClass or RuntimeClass that the Pods use does not exist.
	ClassMissing
	// InvalidSpec means: the template is not a valid object.
	InvalidSpec
	// Other means: any other admission plugin rejected it.
	Other
)

// Refusal is why the API server rejected an object that a controller created.
type Refusal struct {
	// By is the kind of plugin or object behind the refusal.
	By Refuser
	// Name of the quota, webhook, policy, Pod Security level or class; may be empty.
	Name string
	// Resources of the quota that were requested, or not set; sorted.
	Resources []string
	// Detail that is the same for every attempt; may be empty.
	Detail string
}

// IsQuota reports whether a ResourceQuota caused the refusal.
func (r Refusal) IsQuota() bool {
	return r.By == QuotaExceeded || r.By == QuotaUnspecified || r.By == QuotaUncovered
}

// ParseRefusal parses the message of a FailedCreate event or of a ReplicaFailure condition. It is false for other failures
// (a timeout, a conflict) and for a missing ServiceAccount, which another check reports.
//
// The formats are those of k8s.io/apiserver/pkg/admission (resource quota, webhooks, policies),
// k8s.io/pod-security-admission and k8s.io/kubernetes/plugin/pkg/admission (limit ranges, priority and runtime classes).
func ParseRefusal(message string) (Refusal, bool) {
	if name, ok := QuotedAfter(message, "failed calling webhook "); ok {
		return Refusal{By: WebhookFails, Name: name}, true
	}
	if name, ok := QuotedAfter(message, "admission webhook "); ok && strings.Contains(message, "denied the request") {
		return Refusal{By: WebhookDenies, Name: name}, true
	}
	if strings.Contains(message, `" is invalid: `) {
		return Refusal{By: InvalidSpec}, true
	}
	if _, text, ok := strings.Cut(message, "insufficient quota to match these scopes: "); ok {
		return Refusal{By: QuotaUncovered, Detail: strings.TrimSpace(text)}, true
	}
	_, text, forbidden := strings.Cut(message, " is forbidden: ")
	if !forbidden || strings.Contains(text, "error looking up service account") || strings.Contains(text, "is being terminated") {
		return Refusal{}, false
	}
	if r, ok := parseQuotaRefusal(text); ok {
		return r, true
	}
	return parsePolicyRefusal(text), true
}

func parseQuotaRefusal(text string) (Refusal, bool) {
	if _, rest, ok := strings.Cut(text, "exceeded quota: "); ok {
		name, rest, _ := strings.Cut(rest, ", requested: ")
		requested, _, _ := strings.Cut(rest, ", used: ")
		return Refusal{By: QuotaExceeded, Name: name, Resources: resourceNames(requested, ",")}, true
	}
	if _, rest, ok := strings.Cut(text, "failed quota: "); ok {
		name, rest, _ := strings.Cut(rest, ": must specify ")
		separator := "; " // limits.cpu for: app; limits.memory for: app,proxy
		if !strings.Contains(rest, " for: ") {
			separator = "," // before Kubernetes 1.26: limits.cpu,limits.memory
		}
		return Refusal{By: QuotaUnspecified, Name: name, Resources: resourceNames(rest, separator)}, true
	}
	if _, rest, ok := strings.Cut(text, "insufficient quota to consume: "); ok {
		return Refusal{By: QuotaUncovered, Detail: strings.TrimSpace(rest)}, true
	}
	return Refusal{}, false
}

// resourceNames are the names in a list such as limits.cpu=500m,pods=1.
func resourceNames(list, separator string) []string {
	var names []string
	for entry := range strings.SplitSeq(list, separator) {
		name, _, _ := strings.Cut(entry, "=")
		name, _, _ = strings.Cut(name, " for: ")
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func parsePolicyRefusal(text string) Refusal {
	switch {
	case strings.HasPrefix(text, "violates PodSecurity "):
		level, _ := QuotedAfter(text, "violates PodSecurity ")
		_, list, _ := strings.Cut(text, `": `)
		return Refusal{By: PodSecurity, Name: level, Detail: withoutParentheses(list)}
	case strings.HasPrefix(text, "ValidatingAdmissionPolicy "):
		name, _ := QuotedAfter(text, "ValidatingAdmissionPolicy ")
		return Refusal{By: PolicyDenies, Name: name}
	case strings.Contains(text, " usage per ") || strings.Contains(text, " max limit to request ratio per "):
		return Refusal{By: LimitRange, Detail: strings.Trim(text, "[]")}
	case strings.HasPrefix(text, "no PriorityClass with name "):
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "no PriorityClass with name "), " ")
		return Refusal{By: ClassMissing, Name: "PriorityClass " + name}
	case strings.Contains(text, "RuntimeClass ") && strings.Contains(text, "not found"):
		name, _ := QuotedAfter(text, "RuntimeClass ")
		return Refusal{By: ClassMissing, Name: "RuntimeClass " + name}
	default:
		return Refusal{By: Other}
	}
}

// QuotedAfter returns the text in single or double quotes directly after the words.
func QuotedAfter(text, words string) (string, bool) {
	_, rest, ok := strings.Cut(text, words)
	if !ok || rest == "" || (rest[0] != '"' && rest[0] != '\'') {
		return "", false
	}
	quoted, _, closed := strings.Cut(rest[1:], rest[:1])
	return quoted, closed
}

// withoutParentheses removes text in parentheses: in a list of violations, the container and the field.
func withoutParentheses(text string) string {
	var kept strings.Builder
	depth := 0
	for _, r := range text {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth = max(0, depth-1)
		case depth == 0:
			kept.WriteRune(r)
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(kept.String(), " ,", ","))
}
