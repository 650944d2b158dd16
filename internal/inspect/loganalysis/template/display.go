package template

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

// headerText is the readable form of a header: the level and its key as they are, marks for the time and numbers, and wildcards for the
// rest.
func headerText(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); {
		if separator(line[i]) {
			i++
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		i = headerToken(&b, line, i)
	}
	return b.String()
}

// separator reports whether a byte is between the parts of a header.
func separator(c byte) bool { return classOf(c) == space || c == '|' || c == ',' }

// headerToken writes a part of a header and returns its end.
func headerToken(b *strings.Builder, line string, i int) int {
	if line[i] == '[' {
		b.WriteByte('[')
		i++
		// What is in brackets is one part, unless it starts with a time or is a level.
		if n := strings.IndexByte(line[i:], ']'); n >= 0 && timeAt(line, i) == 0 && strings.IndexByte(line[i:i+n], ' ') >= 0 {
			b.WriteString(wildcard + "]")
			return i + n + 1
		}
	}
	for prefix := range 2 { // E0102 15:04:05 of klog has the level before the date
		if end := timeAt(line, i+prefix); end > 0 {
			b.WriteString(line[i : i+prefix])
			b.WriteString("<time>")
			i = end
			if i < len(line) && strings.IndexByte("])", line[i]) >= 0 {
				b.WriteByte(line[i])
				i++
			}
			return i
		}
	}
	end := i
	for end < len(line) && !separator(line[end]) {
		end++
	}
	token := line[i:end]
	name := strings.Trim(token, "[]()<>:!./")
	key, value, keyed := strings.Cut(name, "=")
	switch {
	case strings.Trim(token, "-:]") == "":
		b.WriteString(token)
	case keyed && header.Named(strings.Trim(value, `"`)) == header.Unknown:
		b.WriteString(key + "=" + wildcard)
	case keyed, header.Named(name) != header.Unknown, len(name) == 1 && name >= "A" && name <= "Z":
		b.WriteString(token)
	case strings.Trim(token, "0123456789") == "":
		b.WriteString("<num>")
	default:
		b.WriteString(wildcard + token[len(strings.TrimRight(token, "])")):])
	}
	return end
}

// timeAt returns the end of the time at i, which may be that of klog; 0 if there is none.
func timeAt(line string, i int) int {
	if end := header.DateAt(line, min(i, len(line))); end > i {
		return end
	}
	const klogDate = len("0102 ")
	if i == 1 && len(line) > i+klogDate && line[klogDate] == ' ' && digit(line[1]) {
		if end := header.DateAt(line, i+klogDate); end > i+klogDate {
			return end
		}
	}
	return 0
}
