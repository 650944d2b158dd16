package explain

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// wordsOf splits a command like a shell. It is not ok if a quote is open, or if a shell would expand braces into further words.
func wordsOf(command string) (words []string, ok bool) {
	var word strings.Builder
	var quote rune
	started := false
	for _, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote = r
			started = true
		case unicode.IsSpace(r):
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		case r == '{' && !strings.Contains(word.String(), "="):
			return nil, false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words, quote == 0
}

// plainFlags reports whether a call of kubectl has no flag that chooses another server, other credentials, or files, as far as the flag
// does not depend on the verb. Short flags can be joined, so that only known ones are plain.
func plainFlags(words []string) bool {
	restricted := []string{
		"--as", "--cache-dir", "--certificate", "--client-", "--cluster", "--filename", "--insecure", "--kube", "--kustomize", "--log-",
		"--password", "--profile", "--raw", "--server", "--storage-driver", "--tls", "--token", "--user", "--vmodule",
	}
	short := regexp.MustCompile(`^-(?:[nlocL].*|p(?:\W.*)?|[fAw])$`)
	for _, word := range words {
		switch {
		case strings.HasPrefix(word, "--"):
			if slices.ContainsFunc(restricted, func(flag string) bool { return strings.HasPrefix(word, flag) }) {
				return false
			}
		case regexp.MustCompile(`^-[A-Za-z]`).MatchString(word) && !short.MatchString(word):
			return false
		}
	}
	return true
}

// verbOf returns the first two words of a command that are not flags. Another flag may take the next word as its value: after one, they
// are unknown, and empty.
func verbOf(words []string) (verb, what string) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case slices.Contains([]string{"-n", "--namespace", "--context"}, word):
			i++
		case strings.HasPrefix(word, "-n") || strings.HasPrefix(word, "--") && strings.Contains(word, "="):
		case strings.HasPrefix(word, "-"):
			return verb, ""
		case verb == "":
			verb = word
		default:
			return verb, word
		}
	}
	return verb, ""
}

// onlyKinds reports whether a command names objects of these kinds only: as its first argument, and as kind/name in further ones.
func onlyKinds(words []string, what string, kinds []string) bool {
	if !slices.Contains(kinds, kindOf(what)) {
		return false
	}
	for i, word := range words {
		value := i > 0 && slices.Contains([]string{"-p", "--patch", "-n", "--namespace", "--context", "-l", "--selector"}, words[i-1])
		if value || strings.HasPrefix(word, "-") || strings.HasSuffix(word, "-") || strings.Contains(word, "=") {
			continue // a value, a flag, or a label that is removed or set
		}
		if strings.Contains(word, "/") && !slices.Contains(kinds, kindOf(word)) {
			return false
		}
	}
	return true
}

// changeable are the kinds that suggestions may change. Roles, accounts, namespaces and policies, of any vendor, are none.
func changeable() []string {
	return strings.Fields("pod pods po deployment deployments deploy statefulset statefulsets sts daemonset daemonsets ds replicaset " +
		"replicasets rs replicationcontroller replicationcontrollers rc job jobs cronjob cronjobs cj service services svc ingress " +
		"ingresses ing ingressclass configmap configmaps cm secret secrets persistentvolumeclaim persistentvolumeclaims pvc " +
		"persistentvolume persistentvolumes pv storageclass storageclasses sc node nodes no horizontalpodautoscaler " +
		"horizontalpodautoscalers hpa poddisruptionbudget poddisruptionbudgets pdb resourcequota resourcequotas quota limitrange " +
		"limitranges limits certificate certificates")
}
