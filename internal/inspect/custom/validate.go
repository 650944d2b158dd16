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

func tooMany(checks []v1alpha1.CustomCheck) []Mistake {
	if len(checks) <= v1alpha1.MaxCustomChecks {
		return nil
	}
	return []Mistake{{
		Check: checks[v1alpha1.MaxCustomChecks].ID, Field: "id",
		Text: fmt.Sprintf("there are %d checks, and at most %d are allowed", len(checks), v1alpha1.MaxCustomChecks),
	}}
}

// validate finds what is wrong with a check apart from its expressions; before are the checks ahead of it in the list.
func validate(check v1alpha1.CustomCheck, before []v1alpha1.CustomCheck) []Mistake {
	var mistakes []Mistake
	wrong := func(field, format string, args ...any) {
		mistakes = append(mistakes, Mistake{Check: check.ID, Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if len(check.ID) > maxID || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(check.ID) {
		wrong("id", "must be in kebab-case, for example owner-label, and have at most %d characters", maxID)
	}
	if slices.ContainsFunc(before, func(other v1alpha1.CustomCheck) bool { return other.ID == check.ID }) {
		wrong("id", "stands in the list twice")
	}
	for _, m := range resourceMistakes(check.Resource) {
		wrong("resource", "%s", m)
	}
	if check.Expression == "" {
		wrong("expression", "is missing")
	}
	if check.Message == "" && check.MessageExpression == "" {
		wrong("message", "set message or messageExpression, so that a finding says what is wrong")
	}
	for _, text := range []struct {
		field, value string
		most         int
	}{
		{"match", check.Match, maxExpression}, {"expression", check.Expression, maxExpression},
		{"messageExpression", check.MessageExpression, maxExpression}, {"message", check.Message, maxText},
		{"remediation", check.Remediation, maxAdvice}, {"link", check.Link, maxText},
	} {
		if utf8.RuneCountInString(text.value) > text.most {
			wrong(text.field, "is longer than %d characters", text.most)
		}
	}
	if check.Link != "" && (!strings.HasPrefix(check.Link, "https://") || strings.ContainsFunc(check.Link, notInLinks)) {
		wrong("link", "must begin with https:// and have no spaces")
	}
	if check.Severity != "" && !slices.Contains(v1alpha1.Severities(), check.Severity) {
		wrong("severity", "must be critical, high, medium, low or info, not %q", check.Severity)
	}
	switch check.Category {
	case "", v1alpha1.CategoryReliability, v1alpha1.CategorySecurity, v1alpha1.CategoryConfiguration, v1alpha1.CategoryCapacity, v1alpha1.CategoryCost:
	default:
		wrong("category", "must be reliability, security, configuration, capacity or cost, not %q", check.Category)
	}
	return mistakes
}

func notInLinks(r rune) bool { return r <= ' ' || r == 0x7f }

func resourceMistakes(resource v1alpha1.CustomResource) []string {
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	var texts []string
	switch {
	case resource.Resource == "secrets" && resource.Group == "":
		texts = append(texts, "custom checks do not read Secrets, since their values could end in a report")
	case !label.MatchString(resource.Resource):
		texts = append(texts, fmt.Sprintf("resource must be a plural in lower case, for example deployments, not %q", resource.Resource))
	}
	if resource.Version != "" && !label.MatchString(resource.Version) {
		texts = append(texts, fmt.Sprintf("version must be that of an API, for example v1, not %q", resource.Version))
	}
	if resource.Group != "" && (len(resource.Group) > 253 || slices.ContainsFunc(strings.Split(resource.Group, "."), func(part string) bool { return !label.MatchString(part) })) {
		texts = append(texts, fmt.Sprintf("group must be that of an API, for example apps or argoproj.io, not %q; the core group is empty", resource.Group))
	}
	return texts
}
