package manifests

import (
	"iter"
	"maps"
	"regexp"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/similar"
)

// join adds a key to a path; keys that are no plain words are put in brackets.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, "./[] ") || len(key) > 100 {
		return path + "[" + clip(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// explained is the argument of `kubectl explain` for a path: deployment.spec.template.
func explained(kind, path string) string {
	plain := regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(path, "")
	return strings.TrimSuffix(strings.ToLower(kind)+"."+plain, ".")
}

// clip shortens what a document says for a text.
func clip(text string) string { return facts.Clip(text, 80) }

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// distance is the edit distance of two words. Long ones are never near.
func distance(a, b string) int {
	const long = 64
	if len(a) > long || len(b) > long {
		return long
	}
	return similar.Distance(a, b)
}
