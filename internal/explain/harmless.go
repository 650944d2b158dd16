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
	if strings.Contains(command, "://") || grantsPower(command) {
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
		name, _, _ := strings.Cut(word, "=")
		if slices.Contains(restricted, name) && !readsOnly(words) {
			return false
		}
	}
	verb, what := verbOf(words[1:])
	switch verb {
	case "get", "describe", "logs", "top", "events", "explain", "rollout", "scale", "autoscale", "set", "patch", "edit", "label",
		"annotate", "cordon", "uncordon", "taint", "expose":
		return true
	case "delete":
		return slices.Contains([]string{"pod", "pods", "po", "job", "jobs"}, kindOf(what))
	case "create":
		kinds := []string{"configmap", "cm", "secret", "serviceaccount", "sa", "namespace", "ns", "quota", "poddisruptionbudget", "pdb"}
		return slices.Contains(kinds, kindOf(what))
	}
	return false
}

// readsOnly reports whether a command only reads, with the user's own server and credentials.
func readsOnly(words []string) bool {
	verb, _ := verbOf(words[1:])
	redirected := slices.ContainsFunc(words, func(word string) bool {
		return slices.ContainsFunc([]string{"--server", "--token", "--kubeconfig", "--raw", "--as"}, func(flag string) bool {
			return strings.HasPrefix(word, flag)
		})
	})
	return !redirected && slices.Contains([]string{"get", "describe", "logs", "top", "events"}, verb)
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
	return patch != "" && len([]rune(patch)) <= maxPatch && !strings.Contains(patch, "://") && !grantsPower(patch)
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
