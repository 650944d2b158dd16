// Package event turns log lines into events: it detects levels, reads JSON lines, and folds stack traces into their events.
package event

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

// Level of an event.
type Level = header.Level

// Levels in ascending severity; see package header.
const (
	Unknown = header.Unknown
	Debug   = header.Debug
	Info    = header.Info
	Warn    = header.Warn
	Error   = header.Error
	Fatal   = header.Fatal
)

// Named returns the level of a word, ignoring case; Unknown for other words.
func Named(word string) Level { return header.Named(word) }

// head is the part of a line in bytes that is searched for a level.
const head = 160

// declared returns the level near the start of a line that is not in its header: in capitals, in brackets, before a colon at the start,
// or as the value of a key such as level.
func declared(line string) Level {
	text := line[:min(len(line), head)]
	for i := 0; i < len(text); {
		if !letter(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && letter(text[i]) {
			i++
		}
		if i-start < 3 || i-start > 11 || start > 0 && inIdentifier(text[start-1]) || i < len(line) && inIdentifier(line[i]) {
			continue
		}
		if l := header.Named(text[start:i]); l != Unknown && declares(line, start, i, l) {
			return l
		}
	}
	return Unknown
}

// inIdentifier reports whether a byte next to a word makes it part of an identifier.
func inIdentifier(c byte) bool { return digit(c) || c == '_' }

// declares reports whether the name of a level is in a position that declares a level.
func declares(line string, start, end int, l Level) bool {
	before, after := byte(' '), byte(' ')
	if start > 0 {
		before = line[start-1]
	}
	if end < len(line) {
		after = line[end]
	}
	word := line[start:end]
	switch {
	case before == '[' && after == ']', before == '<' && after == '>', before == '(' && after == ')':
		return true
	case before == '=' || before == '"' || before == ':':
		return keyed(line[:start])
	case start == 0 && after == ':' && l != Info: // "panic: x", but not "log: x"
		return true
	case capitals(word) && word != "LOG" && word != "ALERT" && strings.IndexByte(" |\t", before) >= 0 &&
		strings.IndexByte(" :|\t][", after) >= 0:
		return true
	}
	return false
}

// keyed reports whether a text ends with a key for levels and an equals sign or a colon.
func keyed(before string) bool {
	key := strings.TrimRight(before, `"= :`)
	if len(key) == len(before) {
		return false
	}
	for _, name := range []string{"level", "lvl", "severity", "levelname", "loglevel"} {
		if len(key) >= len(name) && strings.EqualFold(key[len(key)-len(name):], name) {
			return true
		}
	}
	return false
}

func capitals(word string) bool { return word[0] < 'a' && word[1] < 'a' && word[len(word)-1] < 'a' }

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// worded returns Error or Fatal for a line with one of the words error, exception, fatal, panic or traceback, or a name that ends
// with Error or Exception. It is Unknown otherwise, and if the word is negated: 0 errors, error=null, without error.
func worded(line string) Level {
	for i := 0; i < len(line); {
		if !letter(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && letter(line[i]) {
			i++
		}
		if i-start < 5 {
			continue
		}
		if l := keyword(line[start:i]); l != Unknown && !denied(line, start, i) {
			return l
		}
	}
	return Unknown
}

func keyword(word string) Level {
	switch word[len(word)-1] | 0x20 {
	case 'r', 'n', 's', 'l', 'c', 'k':
	default:
		return Unknown
	}
	switch {
	case len(word) == 5 && strings.EqualFold(word, "error"), len(word) == 6 && strings.EqualFold(word, "errors"),
		len(word) == 9 && (strings.EqualFold(word, "exception") || strings.EqualFold(word, "traceback")),
		strings.HasSuffix(word, "Error"), strings.HasSuffix(word, "Exception"):
		return Error
	case len(word) == 5 && (strings.EqualFold(word, "fatal") || strings.EqualFold(word, "panic")):
		return Fatal
	}
	return Unknown
}

// denied reports whether a word is negated by its surroundings.
func denied(line string, start, end int) bool {
	after := strings.TrimLeft(line[end:min(len(line), end+24)], `"'`)
	if rest := strings.TrimLeft(after, "=: "); rest != after || after == "" {
		for _, none := range []string{"0", "null", "nil", "none", "None", "false", `""`, "<nil>", "-"} {
			if tail, ok := strings.CutPrefix(rest, none); ok && (tail == "" || strings.IndexByte(" ,;}])", tail[0]) >= 0) {
				return true
			}
		}
	}
	if end < len(line) && (line[end] == '_' || line[end] == '-') || start > 0 && line[start-1] == '/' { // error_count, error-page, /errors
		return true
	}
	before := strings.TrimRight(line[max(0, start-16):start], " ")
	if len(before) == len(line[max(0, start-16):start]) {
		return false // part of a longer word
	}
	last := before[strings.LastIndexAny(before, " =:(,")+1:]
	switch {
	case last == "0", strings.EqualFold(last, "no"), strings.EqualFold(last, "without"), strings.EqualFold(last, "zero"),
		strings.EqualFold(last, "any"):
		return true
	}
	return false
}
