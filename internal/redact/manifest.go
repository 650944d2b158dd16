package redact

import (
	"regexp"
	"strings"
)

// manifests replaces every value of Kubernetes Secrets that a text contains as YAML or JSON.
func (r *Redactor) manifests(text string, counts Counts) string {
	if !strings.Contains(text, "ecret") {
		return text
	}
	if secretInJSON().MatchString(text) {
		text = dataInJSON().ReplaceAllStringFunc(text, func(data string) string {
			return valueInJSON().ReplaceAllStringFunc(data, func(pair string) string {
				m := valueInJSON().FindStringSubmatch(pair)
				return m[1] + replaceValue(m[2], counts) + `"`
			})
		})
	}
	if !secretInYAML().MatchString(text) {
		return text
	}
	documents := strings.Split(text, "\n---")
	for i, document := range documents {
		if secretInYAML().MatchString(document) {
			documents[i] = redactSecretYAML(document, counts)
		}
	}
	return strings.Join(documents, "\n---")
}

func replaceValue(value string, counts Counts) string {
	if !isValue("", value) {
		return value
	}
	counts.add(RuleSecretData, 1)
	return pseudonym("redacted", value)
}

// redactSecretYAML replaces the values of data and stringData, including block scalars.
func redactSecretYAML(document string, counts Counts) string {
	lines := strings.Split(document, "\n")
	within, block := -1, -1 // indentation of data, and of a key with a block scalar
	for i, line := range lines {
		trimmed := strings.TrimLeft(line, " \t")
		indent := len(line) - len(trimmed)
		key, value, pair := strings.Cut(trimmed, ":")
		value = strings.TrimSpace(value)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case within >= 0 && block >= 0 && indent > block:
			lines[i] = line[:indent] + replaceValue(strings.TrimSpace(trimmed), counts)
		case pair && (key == "data" || key == "stringData") && value == "":
			within = indent
			block = -1
		case within >= 0 && indent > within && pair:
			block = -1
			if value == "" || value[0] == '|' || value[0] == '>' {
				block = indent
				continue
			}
			quoted := strings.Trim(value, `"'`)
			lines[i] = strings.Replace(line, quoted, replaceValue(quoted, counts), 1)
			if at := strings.Index(line, ":"); strings.Contains(line[:at], quoted) { // the key contains the value
				lines[i] = line[:at+1] + strings.Replace(line[at+1:], quoted, replaceValue(quoted, nil), 1)
			}
		default:
			within, block = -1, -1
		}
	}
	return strings.Join(lines, "\n")
}

func secretInYAML() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\s*(?:- )?kind: ["']?[Ss]ecret["']?\s*$`)
}
func secretInJSON() *regexp.Regexp { return regexp.MustCompile(`"kind"\s*:\s*"Secret"`) }
func dataInJSON() *regexp.Regexp {
	return regexp.MustCompile(`"(?:data|stringData)"\s*:\s*\{[^{}]*\}`)
}
func valueInJSON() *regexp.Regexp {
	return regexp.MustCompile(`("[^"]+"\s*:\s*")((?:[^"\\]|\\.)+)"`)
}
