package explain

import (
	"slices"
	"strings"
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
	if strings.Contains(command, "://") || grantsPower(command) || bringsCode(command) {
		return false
	}
	words := strings.Fields(command)
	if len(words) < 2 {
		return false
	}
	if words[0] == "helm" {
		return slices.Contains([]string{"get", "history", "list", "rollback", "status", "test"}, words[1])
	}
	if words[0] != "kubectl" {
		return false
	}
	// Flags that choose another server, other credentials, files, or all objects.
	restricted := []string{
		"--server", "-s", "--token", "--kubeconfig", "--as", "--as-group", "--insecure-skip-tls-verify", "--raw", "-f", "--filename",
		"-k", "--kustomize", "--all", "-A", "--all-namespaces",
	}
	for _, word := range words {
		if name, _, _ := strings.Cut(word, "="); slices.Contains(restricted, name) {
			return false
		}
	}
	verb, what := verbOf(words[1:])
	switch verb {
	case "rollout", "scale", "autoscale", "patch", "edit", "label", "annotate", "cordon", "uncordon", "taint":
		return true
	case "set":
		return slices.Contains([]string{"resources", "env", "selector"}, what) && !strings.Contains(command, "--from")
	case "delete":
		return slices.Contains([]string{"pod", "pods", "po", "job", "jobs"}, kindOf(what))
	case "create":
		kinds := []string{"configmap", "cm", "secret", "namespace", "ns", "quota", "poddisruptionbudget", "pdb"}
		return slices.Contains(kinds, kindOf(what))
	}
	return false
}

// onlyReads reports whether a command is a single call of kubectl that only reads, with the user's own server and credentials, and shows
// no value of a Secret.
func onlyReads(command string) bool {
	words := strings.Fields(command)
	if len(words) < 2 || words[0] != "kubectl" || strings.ContainsAny(command, ";|&`$<>\n\r\\") || len(command) > maxText {
		return false
	}
	verb, what := verbOf(words[1:])
	redirected := slices.ContainsFunc(words, func(word string) bool {
		return slices.ContainsFunc([]string{"--server", "--token", "--kubeconfig", "--raw", "--as"}, func(flag string) bool {
			return strings.HasPrefix(word, flag)
		})
	})
	reads := slices.Contains([]string{"get", "describe", "logs", "top", "events", "explain", "api-resources", "version"}, verb) ||
		verb == "rollout" && (what == "status" || what == "history") || verb == "auth" && what == "can-i"
	printed := slices.ContainsFunc(words, func(word string) bool {
		output := strings.HasPrefix(word, "-o") || strings.HasPrefix(word, "--output") || strings.HasPrefix(word, "--template")
		return output && word != "-owide"
	})
	names := strings.Contains(strings.ToLower(command), "secret")
	return reads && !redirected && !(names && printed)
}

// verbOf returns the first two words of a command that are not flags, skipping the values of namespace and context.
func verbOf(words []string) (verb, what string) {
	for i := 0; i < len(words); i++ {
		switch {
		case words[i] == "-n" || words[i] == "--namespace" || words[i] == "--context":
			i++
		case strings.HasPrefix(words[i], "-"):
		case verb == "":
			verb = words[i]
		default:
			return verb, words[i]
		}
	}
	return verb, ""
}

// kindOf returns the kind of pod or pod/name.
func kindOf(what string) string {
	kind, _, _ := strings.Cut(strings.ToLower(what), "/")
	return kind
}

// harmlessPatch reports whether a suggested patch may be shown.
func harmlessPatch(patch string) bool {
	return patch != "" && len([]rune(patch)) <= maxPatch && !strings.Contains(patch, "://") && !grantsPower(patch) && !bringsCode(patch)
}

// bringsCode reports whether a text changes an image, an account or a policy: what runs, as whom, and what is checked.
func bringsCode(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{
		"image:", `"image"`, "image=", "serviceaccount", "pod-security", "networkpolic", "netpol", "webhookconfiguration", "admissionpolic",
		"imagepullsecret", "subjects", "ephemeralcontainers",
	}, func(part string) bool { return strings.Contains(text, part) })
}

// grantsPower reports whether a text grants privileges that an attacker wants.
func grantsPower(text string) bool {
	text = strings.Map(func(r rune) rune {
		if r == ' ' || r == '"' || r == '\'' || r == '\t' {
			return -1
		}
		return r
	}, strings.ToLower(text))
	for _, power := range []string{
		"cluster-admin", "privileged:true", "hostpid:true", "hostnetwork:true", "hostipc:true", "hostpath:", "system:masters",
		"system:anonymous", "allowprivilegeescalation:true", "runasuser:0", "automountserviceaccounttoken:true",
		"sys_admin", "clusterrolebinding",
		"rolebinding",
	} {
		if strings.Contains(text, power) {
			return true
		}
	}
	return false
}
