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
	if r.manifest.inJSON.MatchString(text) {
		text = r.manifest.dataInJSON.ReplaceAllStringFunc(text, func(data string) string {
			return r.manifest.valueInJSON.ReplaceAllStringFunc(data, func(pair string) string {
				m := r.manifest.valueInJSON.FindStringSubmatch(pair)
				return m[1] + replaceValue(m[2], counts) + `"`
			})
		})
	}
	if !r.manifest.inYAML.MatchString(text) {
		return text
	}
	documents := strings.Split(text, "\n---")
	for i, document := range documents {
		if r.manifest.inYAML.MatchString(document) {
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
		case trimmed == "" || trimmed[0] == '#' || strings.HasPrefix(trimmed, "{{") || strings.Contains(key, "[redacted"):
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

// manifestPatterns find Secrets in YAML and JSON, and their values.
type manifestPatterns struct{ inYAML, inJSON, dataInJSON, valueInJSON *regexp.Regexp }

func newManifestPatterns() manifestPatterns {
	return manifestPatterns{
		inYAML:      regexp.MustCompile(`(?m)^\s*(?:- )?kind: ["']?[Ss]ecret["']?\s*$`),
		inJSON:      regexp.MustCompile(`"kind"\s*:\s*"Secret"`),
		dataInJSON:  regexp.MustCompile(`"(?:data|stringData)"\s*:\s*\{[^{}]*\}`),
		valueInJSON: regexp.MustCompile(`("[^"]+"\s*:\s*")((?:[^"\\]|\\.)+)"`),
	}
}
