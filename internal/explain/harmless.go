package explain

import (
	"slices"
	"strings"
)

// harmless says whether a suggested command may be shown: one call of kubectl or helm, without a shell's ways to call anything
// else, of a kind that looks or mends. What a text of a cluster may make a model suggest (to run an image, to grant rights, to
// delete namespaces, to fetch from somewhere) does not pass; nor does it help that people are told to read before they copy.
func harmless(command string) bool {
	if command == "" || len(command) > maxText || strings.ContainsAny(command, ";|&`$<>\n\r\\") || strings.Contains(command, "://") || powers(command) {
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
	for _, word := range words { // credentials and servers of another's choice
		name, _, _ := strings.Cut(word, "=")
		if slices.Contains([]string{"--server", "-s", "--token", "--kubeconfig", "--as", "--as-group", "--insecure-skip-tls-verify", "--raw", "-f", "--filename", "-k", "--kustomize", "--all", "-A", "--all-namespaces"}, name) &&
			!looks(words) {
			return false
		}
	}
	verb, what := verbOf(words[1:])
	switch verb {
	case "get", "describe", "logs", "top", "events", "explain", "rollout", "scale", "autoscale", "set", "patch", "edit", "label", "annotate", "cordon", "uncordon", "taint", "expose":
		return true
	case "delete":
		return slices.Contains([]string{"pod", "pods", "po", "job", "jobs"}, kindOf(what))
	case "create":
		return slices.Contains([]string{"configmap", "cm", "secret", "serviceaccount", "sa", "namespace", "ns", "quota", "poddisruptionbudget", "pdb"}, kindOf(what))
	}
	return false
}

// looks says whether a command only looks, at whatever it likes.
func looks(words []string) bool {
	verb, _ := verbOf(words[1:])
	hands := slices.ContainsFunc(words, func(w string) bool {
		return strings.HasPrefix(w, "--server") || strings.HasPrefix(w, "--token") || strings.HasPrefix(w, "--kubeconfig") || strings.HasPrefix(w, "--raw") || strings.HasPrefix(w, "--as")
	})
	return !hands && slices.Contains([]string{"get", "describe", "logs", "top", "events"}, verb)
}

// verbOf is the first word of a command that is no flag, and the one after it. A namespace may stand before.
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

// kindOf is the kind of what a command is about, pod or pod/name.
func kindOf(what string) string {
	kind, _, _ := strings.Cut(strings.ToLower(what), "/")
	return kind
}

// harmlessPatch says whether a suggested patch may be shown.
func harmlessPatch(patch string) bool {
	return patch != "" && len([]rune(patch)) <= maxPatch && !strings.Contains(patch, "://") && !powers(patch)
}

// powers says whether a text hands out what an attacker wants.
func powers(text string) bool {
	text = strings.Map(func(r rune) rune {
		if r == ' ' || r == '"' || r == '\'' || r == '\t' {
			return -1
		}
		return r
	}, strings.ToLower(text))
	for _, power := range []string{
		"cluster-admin", "privileged:true", "hostpid:true", "hostnetwork:true", "hostipc:true", "hostpath:", "system:masters", "system:anonymous", "allowprivilegeescalation:true",
		"runasuser:0", "automountserviceaccounttoken:true", "sys_admin", "clusterrolebinding", "rolebinding",
	} {
		if strings.Contains(text, power) {
			return true
		}
	}
	return false
}
