package explain

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// harmless reports whether a suggested command may be shown: one kubectl or helm command that reads or fixes something, without shell
// syntax. Hostile text in a cluster may make a model suggest running an image, granting permissions, deleting namespaces or
// downloading something; such commands are never shown, even though users are warned to read before they copy.
func harmless(command string) bool {
	if command == "" || len(command) > maxText || strings.ContainsAny(command, ";|&`$<>\n\r\\") {
		return false
	}
	if onlyReads(command) {
		return true
	}
	words, ok := wordsOf(command)
	if !ok || len(words) < 2 || strings.Contains(command, "://") || grantsPower(command) || bringsCode(command) {
		return false
	}
	if words[0] == "helm" {
		redirected := slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "--kube") })
		return !redirected && slices.Contains([]string{"get", "history", "list", "rollback", "status", "test"}, words[1])
	}
	if words[0] != "kubectl" || !plainFlags(words) {
		return false
	}
	for _, word := range words { // flags that choose files or all objects
		if name, _, _ := strings.Cut(word, "="); slices.Contains([]string{"-f", "-k", "-A", "--all", "--all-namespaces"}, name) {
			return false
		}
	}
	verb, what := verbOf(words[1:])
	switch verb {
	case "rollout", "autoscale", "cordon", "uncordon", "taint":
		return true
	case "scale", "patch", "edit", "label", "annotate":
		return onlyKinds(words, what, changeable())
	case "set":
		return slices.Contains([]string{"resources", "env", "selector"}, what) && !strings.Contains(command, "--from")
	case "delete":
		return onlyKinds(words, what, []string{"pod", "pods", "po", "job", "jobs"})
	case "create":
		kinds := []string{"configmap", "cm", "secret", "namespace", "ns", "quota", "poddisruptionbudget", "pdb"}
		return slices.Contains(kinds, kindOf(what))
	}
	return false
}

// onlyReads reports whether a command is a single call of kubectl that only reads, with the user's own server and credentials, and shows
// no value of a Secret.
func onlyReads(command string) bool {
	words, ok := wordsOf(command)
	if !ok || len(words) < 2 || words[0] != "kubectl" || strings.ContainsAny(command, ";|&`$<>\n\r\\") || len(command) > maxText ||
		strings.Contains(command, "://") || !plainFlags(words) {
		return false
	}
	verb, what := verbOf(words[1:])
	reads := slices.Contains([]string{"get", "describe", "logs", "top", "events", "explain", "api-resources", "version"}, verb) ||
		verb == "rollout" && (what == "status" || what == "history") || verb == "auth" && what == "can-i"
	printed := slices.ContainsFunc(words, func(word string) bool {
		output := strings.HasPrefix(word, "-o") || strings.HasPrefix(word, "--output") || strings.HasPrefix(word, "--template")
		return output && word != "-owide"
	})
	files := slices.Contains(words, "-f") && verb != "logs"
	names := strings.Contains(strings.ToLower(strings.Join(words, " ")), "secret")
	return reads && !files && !(names && printed)
}

// kindOf returns the kind of pod, pod/name or deployments.apps/name.
func kindOf(what string) string {
	kind, _, _ := strings.Cut(strings.ToLower(what), "/")
	kind, _, _ = strings.Cut(kind, ".")
	return kind
}

// harmlessPatch reports whether a suggested patch may be shown. Escapes and aliases could hide a field.
func harmlessPatch(patch string) bool {
	hides := regexp.MustCompile(`\\[xuU\n]|(?:^|[\s\[{,:])\*\w`)
	return patch != "" && len([]rune(patch)) <= maxPatch && !strings.Contains(patch, "://") && !hides.MatchString(patch) &&
		!grantsPower(patch) && !bringsCode(patch)
}

// bare is a text in lower case without spaces and quotes, which mean nothing to YAML, JSON or a shell.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '"' || r == '\'' {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// bringsCode reports whether a text changes an image, an account or a policy: what runs, as whom, and what is checked.
func bringsCode(text string) bool {
	text = bare(text)
	if regexp.MustCompile(`/image(?:[^a-z0-9_-]|-?op:|value:|from:|$)`).MatchString(text) { // the path of a JSON patch
		return true
	}
	return slices.ContainsFunc([]string{
		"image:", "image=", "serviceaccount", "pod-security", "networkpolic", "netpol", "webhookconfiguration", "admissionpolic",
		"imagepullsecret", "subjects", "ephemeralcontainers",
	}, func(part string) bool { return strings.Contains(text, part) })
}

// grantsPower reports whether a text grants privileges that an attacker wants, as a field or by the path of a JSON patch.
func grantsPower(text string) bool {
	text = bare(text)
	switches := `(?:privileged|hostpid|hostnetwork|hostipc|allowprivilegeescalation|automountserviceaccounttoken)`
	text = regexp.MustCompile(switches+`:false`).ReplaceAllString(text, "")
	if regexp.MustCompile(switches + `:|runasuser:[+-]?0|/(?:` + switches + `|hostpath|runasuser|runasnonroot|capabilities|verbs/|rules)|` +
		`capabilities:.*add:`).MatchString(text) {
		return true
	}
	for _, power := range []string{
		"cluster-admin", "hostpath:", "system:masters", "system:anonymous", "sys_admin", "rolebinding", "apigroups:", "verbs:",
		"aggregate-to-", "unconfined", "runasnonroot:false",
	} {
		if strings.Contains(text, power) {
			return true
		}
	}
	return false
}
