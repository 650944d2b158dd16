package manifests

import (
	"iter"
	"maps"
	"regexp"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// join appends a key to a path; keys with special characters are put in brackets.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, "./[] ") || len(key) > 100 {
		return path + "[" + clip(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// explainPath is the argument of `kubectl explain` for a path, such as deployment.spec.template.
func explainPath(kind, path string) string {
	plain := regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(path, "")
	return strings.TrimSuffix(strings.ToLower(kind)+"."+plain, ".")
}

// clip truncates text from a document.
func clip(text string) string { return facts.Clip(text, 80) }

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }
