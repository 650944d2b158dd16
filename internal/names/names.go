// Package names checks names of a spec before they become part of a request to the API server. The CRDs have the same patterns, but
// objects that were stored before a pattern existed keep their values, and some clients join names to a path without a check: a name
// with a slash or dots would request another object with the manager's own permissions.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// maxQuote is how many runes of a value a message quotes.
const maxQuote = 64

// Object checks the name of a Secret, ServiceAccount or resource of KubeOps: an RFC 1123 subdomain of at most 253 characters. The
// field of the spec and the kind are for the message. The error is a problem with reason InvalidSpec.
func Object(field, kind, name string) error {
	return check(field, name, "name of a "+kind, validation.IsDNS1123Subdomain(name))
}

// Namespace checks the name of a namespace: an RFC 1123 label of at most 63 characters.
func Namespace(field, name string) error {
	return check(field, name, "name of a namespace", validation.IsDNS1123Label(name))
}

// Namespaces checks an entry of a list of namespaces: the name of one, or a glob with *, ? and [...] in the syntax of path.Match.
func Namespaces(field, entry string) error {
	if !strings.ContainsAny(entry, "*?[") {
		return Namespace(field, entry)
	}
	var reasons []string
	if _, err := path.Match(entry, ""); err != nil || len(entry) > validation.DNS1123LabelMaxLength ||
		strings.Trim(entry, "abcdefghijklmnopqrstuvwxyz0123456789-*?^[]") != "" {
		reasons = []string{"must be lowercase letters, digits, '-', *, ? and [...], at most 63 characters"}
	}
	return check(field, entry, "glob of namespaces", reasons)
}

// SecretKey checks a key of a Secret or ConfigMap: letters, digits, '-', '_' and '.', at most 253 characters.
func SecretKey(field, key string) error {
	return check(field, key, "key of a Secret", validation.IsConfigMapKey(key))
}

// Label checks a label key and its value.
func Label(field, key, value string) error {
	if err := check(field, key, "label key", validation.IsQualifiedName(key)); err != nil {
		return err
	}
	return check(field, value, "label value", validation.IsValidLabelValue(value))
}

// LabelValue is a name as the value of a label, which may have 63 characters: a longer name is cut and ends in a hash.
func LabelValue(name string) string {
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:validation.LabelValueMaxLength-9] + "-" + hex.EncodeToString(sum[:4])
}

// Segments checks names that the manager itself joins to a path and that any kind of object may have, such as the colons of
// RBAC. An empty namespace is that of cluster-scoped objects.
func Segments(namespace, name string) error {
	if namespace != "" {
		if err := Namespace("namespace", namespace); err != nil {
			return err
		}
	}
	if name == "" {
		return check("name", name, "name of an object", []string{"must not be empty"})
	}
	return check("name", name, "name of an object", content.IsPathSegmentName(name))
}

// Quote returns a value for a message: printable, in quotes, and at most 64 characters of it.
func Quote(value string) string { return strconv.Quote(text.Clip(value, maxQuote)) }

func check(field, value, what string, reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s: %s is not a valid %s: %s", field, Quote(value), what, reasons[0])
}
