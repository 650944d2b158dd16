package remedy

import (
	"slices"
	"strings"
)

// guardFlags moves words that a value made begin with a dash behind "--", in each command of a text.
func guardFlags(text string, code bool) string {
	if !strings.Contains(text, flagMark) {
		return text
	}
	parts := strings.Split(text, "`") // values contain no backquote
	for i := range parts {
		if code != (i%2 == 1) {
			parts[i] = guardCommand(parts[i])
		}
	}
	return strings.Join(parts, "`")
}

// guardCommand treats each simple command of a pipeline or list.
func guardCommand(command string) string {
	words := split(command)
	var out []string
	for start := 0; start < len(words); {
		end := start
		for end < len(words) && !separates(words[end]) {
			end++
		}
		out = append(out, guardWords(words[start:end])...)
		if end < len(words) {
			out = append(out, words[end])
		}
		start = end + 1
	}
	return strings.ReplaceAll(strings.Join(out, " "), flagMark, "")
}

// guardWords inserts "--" before the first argument that begins with a dash, and moves flags before it. Where "--" follows, as in
// kubectl exec, the argument becomes TYPE/NAME.
func guardWords(words []string) []string {
	for i, word := range words {
		if word == "--" {
			return words
		}
		if !strings.HasPrefix(word, flagMark) || i > 0 && takesValue(words[i-1]) {
			continue
		}
		if i > 0 && slices.Contains(words[i:], "--") {
			return slices.Concat(words[:i-1], []string{words[i-1] + "/" + word}, words[i+1:])
		}
		var flags, arguments []string
		for rest := words[i:]; len(rest) > 0; rest = rest[1:] {
			if !strings.HasPrefix(rest[0], "-") {
				arguments = append(arguments, rest[0])
				continue
			}
			flags = append(flags, rest[0])
			if takesValue(rest[0]) && len(rest) > 1 {
				flags = append(flags, rest[1])
				rest = rest[1:]
			}
		}
		return slices.Concat(words[:i], flags, []string{"--"}, arguments)
	}
	return words
}

// takesValue reports whether the next word is the value of a flag. Remedies write the values of long flags after "=", with the
// exceptions below.
func takesValue(word string) bool {
	if len(word) == 2 && word[0] == '-' {
		return word != "-A" && word != "-w" && word != "--"
	}
	return slices.Contains([]string{"--field-selector", "--selector", "--output-version"}, word)
}

func separates(word string) bool { return slices.Contains([]string{"|", "||", "&&", ";"}, word) }

// split a command at the spaces outside of quotes.
func split(command string) []string {
	var words []string
	start := 0
	var quote byte
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case quote == 0 && c == '\\':
			i++
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && c == ' ':
			words = append(words, command[start:i])
			start = i + 1
		}
	}
	return append(words, command[start:])
}
