package message

import (
	"context"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// meter counts what one execution of a template uses.
type meter struct {
	ctx   context.Context
	steps int
	depth int
	// text of the arguments and results of functions, in bytes.
	text int
}

// counters are the functions that the instrumentation calls.
func (m *meter) counters() template.FuncMap {
	return template.FuncMap{
		callStep: func(steps int) (string, error) { return "", m.step(steps) },
		callEnter: func() (string, error) {
			if m.depth++; m.depth > maxDepth {
				return "", errTooDeep
			}
			return "", nil
		},
		callLeave: func() string {
			m.depth--
			return ""
		},
		callFormat: m.formatTime,
	}
}

func (m *meter) step(steps int) error {
	if m.steps += steps; m.steps > maxSteps {
		return errTooManySteps
	}
	return m.ctx.Err()
}

// call creates a text of at most size bytes, from arguments of a number of bytes.
func (m *meter) call(function string, arguments, size int, create func() string) (string, error) {
	if size > maxCallText {
		return "", fmt.Errorf("the text of %s could exceed 1 MiB", function)
	}
	text := create()
	if len(text) > maxOutput {
		return "", errTooLong
	}
	if m.text += arguments + len(text); m.text > maxTotalText {
		return "", errTooMuchText
	}
	return text, nil
}

// functions of templates besides the comparisons, and, or, not, index, slice, len and call of Go, which create no text. They only compute
// text, of bounded length.
func (m *meter) functions() template.FuncMap {
	return template.FuncMap{
		"upper":    m.unary("upper", 3, strings.ToUpper),
		"lower":    m.unary("lower", 3, strings.ToLower),
		"truncate": m.truncate,
		"print":    m.variadic("print", 1, fmt.Sprint),
		"println":  m.variadic("println", 1, fmt.Sprintln),
		"html":     m.variadic("html", 6, template.HTMLEscaper),         // " becomes &#34;, NUL a character of 3 bytes
		"js":       m.variadic("js", 6, template.JSEscaper),             // < becomes \u003C
		"urlquery": m.variadic("urlquery", 3, template.URLQueryEscaper), // & becomes %26
		"printf":   m.printf,
	}
}

// variadic bounds a function of several values. growth is the maximum number of bytes for each byte of their texts.
func (m *meter) variadic(name string, growth int, format func(...any) string) func(...any) (string, error) {
	return func(args ...any) (string, error) {
		p := printed{limit: maxCallText}
		for _, arg := range args {
			p.add(arg)
		}
		return m.call(name, p.size(), growth*p.size(), func() string { return format(args...) })
	}
}

// unary bounds a function of one value.
func (m *meter) unary(name string, growth int, convert func(string) string) func(any) (string, error) {
	bounded := m.variadic(name, growth, func(args ...any) string { return convert(fmt.Sprint(args...)) })
	return func(arg any) (string, error) { return bounded(arg) }
}

func (m *meter) truncate(maxLength int, text any) (string, error) {
	return m.variadic("truncate", 1, func(args ...any) string { return truncate(maxLength, args[0]) })(text)
}

func (m *meter) printf(format string, args ...any) (string, error) {
	arguments, size, err := formattedSize(format, args)
	if err != nil {
		return "", err
	}
	return m.call("printf", arguments, size, func() string { return fmt.Sprintf(format, args...) })
}

// formatTime is the method Format of a time with a layout of bounded length.
func (m *meter) formatTime(value any, layout string) (string, error) {
	const maxLayout = 100
	if len(layout) > maxLayout {
		return "", fmt.Errorf("the layout of Format has %d bytes, at most %d are allowed", len(layout), maxLayout)
	}
	switch t := value.(type) {
	case time.Time:
		return t.Format(layout), nil
	case *time.Time:
		if t == nil {
			return "", nil
		}
		return t.Format(layout), nil
	default:
		return "", fmt.Errorf("%T has no method Format", value)
	}
}
