package event

import (
	"cmp"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

// fields of a JSON line that matter. The values are raw, with their escapes.
type fields struct {
	level, message, err, errType, stack string
	// number is the severity number of OpenTelemetry.
	number string
	// gelf is set for the messages of Graylog, whose level is that of syslog.
	gelf bool
}

// readJSON reads the fields of a JSON line; false if it is not a valid object.
func readJSON(line string) (fields, bool) {
	var f fields
	_, ok := f.object(line, 0, "", 0)
	return f, ok
}

// innermost returns the fields of the line of a program that a collector has put into its own line, as its message.
func innermost(outer fields) fields {
	message := plain(outer.message)
	if !strings.HasPrefix(message, "{") {
		return outer
	}
	inner, ok := readJSON(message)
	if !ok || inner.message == "" {
		return outer
	}
	inner.gelf = inner.gelf || inner.level == "" && outer.gelf
	inner.level = cmp.Or(inner.level, outer.level)
	inner.number = cmp.Or(inner.number, outer.number)
	return inner
}

// declared returns the level that the fields state.
func (f fields) declared() Level {
	if l := header.Named(f.level); l != Unknown {
		return l
	}
	if l := header.Short(f.level); l != Unknown {
		return l
	}
	if f.number != "" {
		return telemetry(f.number)
	}
	if f.gelf && len(f.level) == 1 && digit(f.level[0]) && f.level[0] <= '7' {
		return header.Severity(int(f.level[0] - '0'))
	}
	return Unknown
}

// worded returns the level by the words of the message, or by an error in another field.
func (f fields) worded() Level {
	if l := worded(f.message); l != Unknown {
		return l
	}
	if l := chinese(f.message); l != Unknown {
		return l
	}
	if f.err != "" || f.stack != "" {
		return Error
	}
	return Unknown
}

// object reads the members of an object at i and returns its end. It reads nested objects only for errors.
func (f *fields) object(s string, i int, within string, depth int) (int, bool) {
	i = blank(s, i+1)
	if i < len(s) && s[i] == '}' {
		return i + 1, true
	}
	for i < len(s) {
		key, next, ok := text(s, i)
		if !ok {
			return 0, false
		}
		if i = blank(s, next); i >= len(s) || s[i] != ':' {
			return 0, false
		}
		if i = blank(s, i+1); i >= len(s) {
			return 0, false
		}
		switch {
		case s[i] == '"':
			value, next, ok := text(s, i)
			if !ok {
				return 0, false
			}
			f.set(within, key, value)
			i = next
		case s[i] == '{' && depth == 0 && (errorKey(key) || key == "log" || key == "exception"):
			next, ok := f.object(s, i, key, depth+1)
			if !ok {
				return 0, false
			}
			i = next
		case s[i] == '{' || s[i] == '[':
			next, ok := skip(s, i)
			if !ok {
				return 0, false
			}
			i = next
		default: // a number or a word
			start := i
			for i < len(s) && strings.IndexByte(",} \t", s[i]) < 0 {
				i++
			}
			f.set(within, key, s[start:i])
		}
		if i = blank(s, i); i >= len(s) {
			return 0, false
		}
		switch s[i] {
		case '}':
			return i + 1, true
		case ',':
			i = blank(s, i+1)
		default:
			return 0, false
		}
	}
	return 0, false
}

func errorKey(key string) bool { return key == "err" || key == "error" }

// set stores a member if it matters.
func (f *fields) set(within, key, value string) {
	if within != "" && within != "log" {
		switch key {
		case "message", "msg":
			f.err = value
		case "type", "class", "name", "kind":
			f.errType = value
		case "stack", "stack_trace", "stackTrace", "stacktrace":
			f.stack = value
		}
		return
	}
	switch key {
	case "level", "lvl", "severity", "log.level", "levelname", "@l", "loglevel", "severity_text", "severityText",
		"SeverityText":
		f.level = value
	case "severityNumber", "severity_number", "SeverityNumber":
		f.number = value
	case "s": // MongoDB
		if len(value) == 1 && f.level == "" {
			f.level = value
		}
	case "msg", "message", "@m", "@mt", "event", "log", "short_message", "body", "Body":
		f.gelf = f.gelf || key == "short_message"
		if f.message == "" || key != "event" && !strings.EqualFold(key, "body") {
			f.message = value
		}
	case "err", "error", "exception", "error.message", "exception.message", "exc_info", "@x":
		if value != "null" && value != "false" && value != "true" {
			f.err = value
		}
	case "error.type", "exception.type", "exception_class":
		f.errType = value
	case "stack", "stack_trace", "stacktrace", "stackTrace", "error.stack_trace", "exception.stacktrace":
		f.stack = value
	}
}

// text reads a string at i without its quotes and returns its end.
func text(s string, i int) (value string, next int, ok bool) {
	if i >= len(s) || s[i] != '"' {
		return "", 0, false
	}
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"':
			return s[i+1 : j], j + 1, true
		}
	}
	return "", 0, false
}

// skip skips an object or a list by counting brackets.
func skip(s string, i int) (int, bool) {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			_, next, ok := text(s, i)
			if !ok {
				return 0, false
			}
			i = next
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
		i++
	}
	return 0, false
}

func blank(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// plain resolves the escapes of a JSON string.
func plain(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
		case 'u':
			if i+4 < len(raw) {
				if n, err := strconv.ParseUint(raw[i+1:i+5], 16, 16); err == nil {
					b.WriteRune(rune(n))
					i += 4
					continue
				}
			}
			b.WriteString(`\u`)
		default:
			b.WriteByte(raw[i])
		}
	}
	return b.String()
}
