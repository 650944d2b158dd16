// Package remedy formats texts with commands that run as pasted. Every value that a cluster, a file or a user named is quoted for the
// shell by where it stands in the command, as html/template escapes by where a value stands in a page. The types keep other strings out:
// only constants, Sprintf and Command make a Text or Words.
package remedy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/printable"
)

// Text is a remedy: prose with commands in backquotes.
type Text string

// Repeatable ends a "kubectl create" of a role or binding, which fails if the object exists: with it, the command adds what is missing.
const Repeatable Words = " --dry-run=client -o yaml | kubectl auth reconcile -f -"

// Words are words of a command, already quoted: part of a command, or a whole one.
type Words string

// Code returns the words as a command within a Text.
func (w Words) Code() Text {
	if w == "" {
		return ""
	}
	return "`" + Text(w) + "`"
}

// Sprintf formats a Text as fmt.Sprintf does. Outside of backquotes, values are printed on one line, and a backquote in them becomes \x60.
// Between backquotes they are quoted:
//
//	delete rolebinding %s                a word, or part of one; a word that begins with "-" goes after "--", since it would be a flag
//	-p '{"metadata":{"name":"%s"}}'      a string of JSON within single quotes
//	-o jsonpath='{.data.%s}'             text within single quotes
//
// Words are inserted as they are in both places, and a Text outside of backquotes.
func Sprintf(format string, args ...any) Text {
	wrap(args, places(format, false))
	return Text(guardFlags(fmt.Sprintf(format, args...), false))
}

// Command formats words of a command: all of the format stands where Sprintf has text between backquotes.
func Command(format string, args ...any) Words {
	wrap(args, places(format, true))
	return Words(guardFlags(fmt.Sprintf(format, args...), true))
}

// Quoted returns each value as one word, for the end of a command: if one begins with a dash, all of them follow "--".
func Quoted(values ...string) Words {
	var words []string
	if slices.ContainsFunc(values, func(value string) bool { return strings.HasPrefix(value, "-") }) {
		words = append(words, "--")
	}
	for _, value := range values {
		words = append(words, Quote(value))
	}
	return Words(strings.Join(words, " "))
}

// Join joins texts.
func Join(texts []Text, separator Text) Text {
	list := make([]string, 0, len(texts))
	for _, text := range texts {
		list = append(list, string(text))
	}
	return Text(strings.Join(list, string(separator)))
}

// place is where a value stands in a format.
type place struct {
	code           bool // between backquotes
	single, double bool // within quotes of the shell
	json           bool // within a JSON string in single quotes
	begins         bool // at the start of a word
}

// places of the verbs of a format, in order.
func places(format string, code bool) []place {
	var list []place
	at := place{code: code, begins: true}
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case c == '%' && strings.HasPrefix(format[i:], "%%"):
			i++
			at.begins = false
		case c == '%':
			list = append(list, at)
			i += strings.IndexFunc(format[i+1:], isVerb) + 1
			at.begins = false
		case c == '`':
			at = place{code: !at.code, begins: true}
		case !at.code:
		case at.single:
			at.json = at.json != (c == '"')
			at.single = c != '\''
		case at.double:
			at.double = c != '"'
		default:
			at = place{code: true, single: c == '\'', double: c == '"', begins: c == ' '}
		}
	}
	return list
}

func isVerb(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

// wrap replaces each argument by one that is escaped for the place at which it is printed.
func wrap(args []any, places []place) {
	next := 0
	for i, arg := range args {
		args[i] = argument{value: arg, places: places, next: &next}
	}
}

// argument prints a value for the place of the next verb.
type argument struct {
	value  any
	places []place
	next   *int
}

// flagMark precedes a word that begins with a dash but is no flag. Values cannot contain it.
const flagMark = "\x00"

// Format implements fmt.Formatter.
func (a argument) Format(state fmt.State, verb rune) {
	var at place
	if *a.next < len(a.places) {
		at = a.places[*a.next]
	}
	*a.next++
	text, words := a.text(state, verb, at)
	switch {
	case words:
	case !at.code:
		text = strings.ReplaceAll(printable.Line(text), "`", `\x60`)
	case at.single:
		text = inSingleQuotes(text, at.json)
	case at.double:
		text = `"` + Quote(text) + `"`
	case at.begins && strings.HasPrefix(text, "-"):
		text = flagMark + Quote(text)
	default:
		text = Quote(text)
	}
	_, _ = state.Write([]byte(text)) // a buffer of fmt
}

// text of a value, and whether it is printed as it is.
func (a argument) text(state fmt.State, verb rune, at place) (text string, asIs bool) {
	switch value := a.value.(type) {
	case Words:
		return string(value), true
	case Text:
		if !at.code {
			return string(value), true
		}
	}
	if verb == 'q' && at.code {
		verb = 's'
	}
	return fmt.Sprintf(fmt.FormatString(state, verb), a.value), false
}

// inSingleQuotes is a value as a part of a word in single quotes. What cannot stand there is a part of its own.
func inSingleQuotes(value string, inJSON bool) string {
	if inJSON {
		var encoded strings.Builder
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		if encoder.Encode(value) == nil { // strings have no errors
			value = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(encoded.String(), "\n"), `"`), `"`)
		}
	}
	if printable.Is(value) && !printable.HasCommand(value) && !strings.ContainsAny(value, "'\\`") && !strings.Contains(value, "  ") {
		return value
	}
	return "'" + Quote(value) + "'"
}

// Replace replaces a placeholder in a text, for example EDIT.
func Replace(text Text, placeholder string, by Text) Text {
	return Text(strings.ReplaceAll(string(text), placeholder, string(by)))
}

// Authored returns a text as its author wrote it, for example the remediation of a custom check. Never pass it what a cluster says.
func Authored(text string) Text { return Text(text) }
