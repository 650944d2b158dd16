package custom

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Limits of the API type, in runes.
const (
	maxID         = 53
	maxExpression = 4096
	maxText       = 512
	maxAdvice     = 1024
)

func tooMany(checks []v1alpha1.CustomCheck) []Issue {
	if len(checks) <= v1alpha1.MaxCustomChecks {
		return nil
	}
	return []Issue{{
		Check: checks[v1alpha1.MaxCustomChecks].ID, Field: "id",
		Text: fmt.Sprintf("too many checks: got %d, at most %d are allowed", len(checks), v1alpha1.MaxCustomChecks),
	}}
}

// validate checks all fields except the expressions; before are the preceding checks in the list.
func validate(check v1alpha1.CustomCheck, before []v1alpha1.CustomCheck) []Issue {
	var issues []Issue
	add := func(field, format string, args ...any) {
		issues = append(issues, Issue{Check: check.ID, Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if len(check.ID) > maxID || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(check.ID) {
		add("id", "must be kebab-case, for example owner-label, with at most %d characters", maxID)
	}
	if slices.ContainsFunc(before, func(other v1alpha1.CustomCheck) bool { return other.ID == check.ID }) {
		add("id", "duplicate")
	}
	for _, text := range invalidResource(check.Resource) {
		add("resource", "%s", text)
	}
	if check.Expression == "" {
		add("expression", "is required")
	}
	if check.Message == "" && check.MessageExpression == "" {
		add("message", "message or messageExpression is required")
	}
	for _, text := range []struct {
		field, value string
		maxLength    int
	}{
		{"match", check.Match, maxExpression}, {"expression", check.Expression, maxExpression},
		{"messageExpression", check.MessageExpression, maxExpression}, {"message", check.Message, maxText},
		{"remediation", check.Remediation, maxAdvice}, {"link", check.Link, maxText},
	} {
		if utf8.RuneCountInString(text.value) > text.maxLength {
			add(text.field, "is longer than %d characters", text.maxLength)
		}
	}
	if check.Link != "" && (!strings.HasPrefix(check.Link, "https://") || strings.ContainsFunc(check.Link, notInLinks)) {
		add("link", "must start with https:// and contain no spaces")
	}
	if check.Severity != "" && !slices.Contains(v1alpha1.Severities(), check.Severity) {
		add("severity", "must be critical, high, medium, low or info, not %q", check.Severity)
	}
	switch check.Category {
	case "", v1alpha1.CategoryReliability, v1alpha1.CategorySecurity, v1alpha1.CategoryConfiguration,
		v1alpha1.CategoryCapacity, v1alpha1.CategoryCost:
	default:
		add("category", "must be reliability, security, configuration, capacity or cost, not %q", check.Category)
	}
	return issues
}

func notInLinks(r rune) bool { return r <= ' ' || r == 0x7f }

func invalidResource(resource v1alpha1.CustomResource) []string {
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	var texts []string
	switch {
	case resource.Resource == "secrets" && resource.Group == "":
		texts = append(texts, "custom checks cannot read Secrets, since their values could appear in a report")
	case !label.MatchString(resource.Resource):
		texts = append(texts, fmt.Sprintf("resource must be a lowercase plural, for example deployments, not %q", resource.Resource))
	}
	if resource.Version != "" && !label.MatchString(resource.Version) {
		texts = append(texts, fmt.Sprintf("version must be an API version, for example v1, not %q", resource.Version))
	}
	invalidPart := func(part string) bool { return !label.MatchString(part) }
	if resource.Group != "" && (len(resource.Group) > 253 || slices.ContainsFunc(strings.Split(resource.Group, "."), invalidPart)) {
		texts = append(texts, fmt.Sprintf("group must be an API group, for example apps or argoproj.io, not %q; the core group is empty",
			resource.Group))
	}
	return texts
}
