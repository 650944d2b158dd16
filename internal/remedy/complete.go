package remedy

import (
	"slices"
	"strings"
)

// InNamespace adds a namespace to the calls of kubectl that name none and that concern reports as being about objects in namespaces.
// concern gets the words of a command, as Rewrite passes them.
func InNamespace(text Text, namespace string, concern func(words []string) bool) Text {
	if namespace == "" {
		return text
	}
	return eachCommand(text, func(command string, words []string) string {
		rest, ok := strings.CutPrefix(command, "kubectl ")
		named := slices.ContainsFunc(words, func(word string) bool {
			return slices.Contains([]string{"-n", "-A", "--all-namespaces", "--namespace"}, word) || strings.HasPrefix(word, "--namespace=")
		})
		if !ok || named || !concern(words) {
			return command
		}
		return "kubectl -n " + Quote(namespace) + " " + rest
	})
}

// Note adds a note after the commands that of selects, for example what they need.
func Note(text, note Text, of func(words []string) bool) Text {
	parts := strings.Split(string(text), "`") // values contain no backquote
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('`')
		}
		if i > 1 && i%2 == 0 && of(unquoted(parts[i-1])) {
			b.WriteString(string(note))
		}
		b.WriteString(part)
	}
	return Text(b.String())
}

// eachCommand replaces the commands of a text, which replace gets as they are and as the words that a shell reads.
func eachCommand(text Text, replace func(command string, words []string) string) Text {
	parts := strings.Split(string(text), "`")
	for i := 1; i+1 < len(parts); i += 2 {
		parts[i] = replace(parts[i], unquoted(parts[i]))
	}
	return Text(strings.Join(parts, "`"))
}

// unquoted are the words of a command as a shell reads them.
func unquoted(command string) []string {
	words := split(command)
	for i, word := range words {
		words[i] = unquote(word)
	}
	return words
}
