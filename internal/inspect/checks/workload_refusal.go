package checks

import (
	"slices"
	"strings"
)

// refusedBy says who keeps objects from being created.
type refusedBy int

const (
	// quotaExceeded: a ResourceQuota has no room for it.
	quotaExceeded refusedBy = iota
	// quotaUnspecified: a ResourceQuota counts a resource that the containers do not state.
	quotaUnspecified
	// quotaUncovered: the cluster allows it only where a ResourceQuota covers it, and none does.
	quotaUncovered
	// webhookDenies: an admission webhook said no.
	webhookDenies
	// webhookFails: an admission webhook that must be asked could not be.
	webhookFails
	// policyDenies: a ValidatingAdmissionPolicy said no.
	policyDenies
	// podSecurity: the Pod Security level of the namespace is violated.
	podSecurity
	// limitRange: a LimitRange of the namespace is violated.
	limitRange
	// podClassMissing: a PriorityClass or RuntimeClass that the Pods name does not exist.
	podClassMissing
	// invalidSpec: what the template says is no valid object.
	invalidSpec
	// refusedOtherwise: any other admission plugin said no.
	refusedOtherwise
)

// refusal is why the API server did not take an object that a controller wanted to create.
type refusal struct {
	by refusedBy
	// name of the quota, webhook, policy, Pod Security level or class; may be empty.
	name string
	// resources that the quota counts and that were asked for, or not stated; sorted.
	resources []string
	// detail in words that hold still from try to try; may be empty.
	detail string
}

// isQuota says whether a ResourceQuota is behind the refusal.
func (r refusal) isQuota() bool {
	return r.by == quotaExceeded || r.by == quotaUnspecified || r.by == quotaUncovered
}

// parseRefusal reads the message of a FailedCreate event or of a ReplicaFailure condition. It is false for failures that
// are no refusal (a timeout, a conflict) and for a missing ServiceAccount, which has a check of its own.
//
// The formats are those of k8s.io/apiserver/pkg/admission (resource quota, webhooks, policies),
// k8s.io/pod-security-admission and k8s.io/kubernetes/plugin/pkg/admission (limit ranges, priority and runtime classes).
func parseRefusal(message string) (refusal, bool) {
	if name, ok := quotedAfter(message, "failed calling webhook "); ok {
		return refusal{by: webhookFails, name: name}, true
	}
	if name, ok := quotedAfter(message, "admission webhook "); ok && strings.Contains(message, "denied the request") {
		return refusal{by: webhookDenies, name: name}, true
	}
	if strings.Contains(message, `" is invalid: `) {
		return refusal{by: invalidSpec}, true
	}
	if _, text, ok := strings.Cut(message, "insufficient quota to match these scopes: "); ok {
		return refusal{by: quotaUncovered, detail: strings.TrimSpace(text)}, true
	}
	_, text, forbidden := strings.Cut(message, " is forbidden: ")
	if !forbidden || strings.Contains(text, "error looking up service account") || strings.Contains(text, "is being terminated") {
		return refusal{}, false
	}
	if r, ok := parseQuotaRefusal(text); ok {
		return r, true
	}
	return parsePolicyRefusal(text), true
}

func parseQuotaRefusal(text string) (refusal, bool) {
	if _, rest, ok := strings.Cut(text, "exceeded quota: "); ok {
		name, rest, _ := strings.Cut(rest, ", requested: ")
		requested, _, _ := strings.Cut(rest, ", used: ")
		return refusal{by: quotaExceeded, name: name, resources: resourceNames(requested, ",")}, true
	}
	if _, rest, ok := strings.Cut(text, "failed quota: "); ok {
		name, rest, _ := strings.Cut(rest, ": must specify ")
		separator := "; " // limits.cpu for: app; limits.memory for: app,proxy
		if !strings.Contains(rest, " for: ") {
			separator = "," // before Kubernetes 1.26: limits.cpu,limits.memory
		}
		return refusal{by: quotaUnspecified, name: name, resources: resourceNames(rest, separator)}, true
	}
	if _, rest, ok := strings.Cut(text, "insufficient quota to consume: "); ok {
		return refusal{by: quotaUncovered, detail: strings.TrimSpace(rest)}, true
	}
	return refusal{}, false
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

func parsePolicyRefusal(text string) refusal {
	switch {
	case strings.HasPrefix(text, "violates PodSecurity "):
		level, _ := quotedAfter(text, "violates PodSecurity ")
		_, list, _ := strings.Cut(text, `": `)
		return refusal{by: podSecurity, name: level, detail: withoutParentheses(list)}
	case strings.HasPrefix(text, "ValidatingAdmissionPolicy "):
		name, _ := quotedAfter(text, "ValidatingAdmissionPolicy ")
		return refusal{by: policyDenies, name: name}
	case strings.Contains(text, " usage per ") || strings.Contains(text, " max limit to request ratio per "):
		return refusal{by: limitRange, detail: strings.Trim(text, "[]")}
	case strings.HasPrefix(text, "no PriorityClass with name "):
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "no PriorityClass with name "), " ")
		return refusal{by: podClassMissing, name: "PriorityClass " + name}
	case strings.Contains(text, "RuntimeClass ") && strings.Contains(text, "not found"):
		name, _ := quotedAfter(text, "RuntimeClass ")
		return refusal{by: podClassMissing, name: "RuntimeClass " + name}
	default:
		return refusal{by: refusedOtherwise}
	}
}

// quotedAfter returns what stands in quotes, single or double, right after the words.
func quotedAfter(text, words string) (string, bool) {
	_, rest, ok := strings.Cut(text, words)
	if !ok || rest == "" || (rest[0] != '"' && rest[0] != '\'') {
		return "", false
	}
	quoted, _, closed := strings.Cut(rest[1:], rest[:1])
	return quoted, closed
}

// withoutParentheses leaves out what stands in parentheses: in a list of violations, which container and field it is.
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
