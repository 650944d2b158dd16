package message

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxOutput of a template, and of each function in it, in bytes.
	maxOutput = 64 << 10
	// maxSteps of a template: texts, commands of pipelines and control structures that it executes, see weigh. It stops nested ranges,
	// ranges over large numbers and recursive templates.
	maxSteps = 20_000
	// maxCallText of one call of a function in bytes: an upper bound of the text that it creates, known before the call.
	maxCallText = 1 << 20
	// maxTotalText of the arguments and results of all calls of a template in bytes. Variables keep results in memory.
	maxTotalText = 16 << 20
	// maxDepth of templates that execute templates.
	maxDepth = 100
	// maxSource of a template in bytes. The API server allows 16384 characters.
	maxSource = 64 << 10
)

var (
	errTooLong      = errors.New("the output exceeds 64 KiB")
	errTooManySteps = errors.New("more than 20000 steps; check for nested ranges or a recursive template")
	errTooMuchText  = errors.New("functions handle more than 16 MiB of text; check for a range that formats long texts")
	errTooDeep      = errors.New("templates are nested more than 100 levels deep; check for a recursive template")
	errTooWide      = errors.New("printf width or precision exceeds 999")
)

// boundedTemplate is a template with bounded run time, memory and output.
type boundedTemplate struct {
	field  string
	parsed *template.Template
}

// compile parses the template in a field of the spec, or its default. Errors are problems.
func compile(field, text, standard string) (*boundedTemplate, error) {
	text = cmp.Or(text, standard)
	if len(text) > maxSource {
		return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s has %d bytes, at most %d are allowed", field, len(text),
			maxSource)
	}
	t, err := template.New(field).Option("missingkey=error").Funcs((&meter{}).functions()).Parse(text)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s does not parse: %s", field, reason(field, err))
	}
	for _, each := range t.Templates() {
		if each.Tree == nil || each.Root == nil {
			continue
		}
		i := instrumentation{tree: each.Tree}
		i.template(each.Root)
		if i.err != nil {
			return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s does not compile: %s", field, i.err)
		}
	}
	return &boundedTemplate{field: field, parsed: t}, nil
}

// render executes the template. It ends with ctx. Errors are problems.
func (b *boundedTemplate) render(ctx context.Context, data any) (string, error) {
	m := &meter{ctx: ctx}
	t, err := b.parsed.Clone()
	if err == nil {
		out := &limitedWriter{}
		err = t.Funcs(m.functions()).Funcs(m.counters()).Execute(out, data)
		if err == nil {
			return strings.TrimSpace(strings.Map(withoutControls, strings.ToValidUTF8(out.text.String(), ""))), nil
		}
	}
	if ctx.Err() != nil {
		return "", problem.Retrying(v1alpha1.ReasonRetrying, ctx.Err(), "%s was not rendered before the deadline of the delivery", b.field)
	}
	return "", problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s failed: %s", b.field, reason(b.field, err))
}

// withoutControls drops control characters but line breaks and tabs. Those of the cluster are escapes already.
func withoutControls(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
		return -1
	}
	return r
}

// reason returns a template error on one line, without the prefix that repeats the field.
func reason(field string, err error) string {
	const maxLength = 300
	const maxNode = 60
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "template: "+field+":")), " ")
	// What failed is quoted before the reason, and may be as long as the template.
	if before, rest, found := strings.Cut(text, " at <"); found {
		if end := strings.LastIndex(rest, ">: "); end >= 0 {
			text = before + " at <" + truncate(maxNode, rest[:end]) + rest[end:]
		}
	}
	return truncate(maxLength, text)
}

// truncate shortens a text to a number of characters.
func truncate(maxLength int, text any) string {
	s := fmt.Sprint(text)
	if maxLength < 1 || utf8.RuneCountInString(s) <= maxLength {
		return s
	}
	characters := 0
	for end := range s {
		if characters++; characters == maxLength {
			return s[:end] + "…"
		}
	}
	return s
}

// limitedWriter fails once the output exceeds maxOutput.
type limitedWriter struct{ text strings.Builder }

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.text.Len()+len(p) > maxOutput {
		return 0, errTooLong
	}
	return l.text.Write(p)
}
