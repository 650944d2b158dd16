package remedy

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/printable"
)

// Quote returns a value as one word of a shell, or as a part of a word. A value of harmless characters stays as it is. Other values stand
// in single quotes, which sh, bash, zsh and fish read alike. What a reader would not see, a line break, a backquote and the marker of a
// CI command become octal escapes in $'...' (POSIX.1-2024; bash, zsh, ksh and busybox): pasted, they neither end a line nor a remedy's
// command. A shell without $'...', such as dash, reads another name then, but no command: the quotes contain no quote and no backslash
// before one.
func Quote(value string) string {
	switch {
	case value == "":
		return "''"
	case !printable.Is(value) || strings.Contains(value, "`") || printable.HasCommand(value):
		return ansi(value)
	case strings.TrimLeft(value, safe) == "" && value[0] != '=': // zsh expands =name to a path
		return value
	}
	// Adjacent quotes keep a run of spaces from becoming one where a text is wrapped.
	escaped := strings.NewReplacer(`'`, `'\''`, `\`, `'\\'`).Replace(value)
	for strings.Contains(escaped, "  ") {
		escaped = strings.ReplaceAll(escaped, "  ", " '' ")
	}
	return "'" + escaped + "'"
}

// safe characters have no meaning in a shell within a word.
const safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:@%+=,"

// ansi writes a value in $'...'.
func ansi(value string) string {
	command := printable.HasCommand(value)
	var b strings.Builder
	b.WriteString("$'")
	for i, r := range value {
		size := len(string(r))
		if r == '\uFFFD' && !strings.HasPrefix(value[i:], "\uFFFD") {
			size = 1 // an invalid byte
		}
		bytes := value[i : i+size]
		switch {
		case !printable.Is(bytes), strings.ContainsAny(bytes, "'\\`"), command && strings.ContainsAny(bytes, "#:"),
			r == ' ' && i > 0 && value[i-1] == ' ':
			for _, c := range []byte(bytes) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteString(bytes)
		}
	}
	b.WriteString("'")
	return b.String()
}
