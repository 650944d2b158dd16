package message

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxOutput of a template in bytes.
	maxOutput = 64 << 10
	// maxSteps bounds how often a template may enter the body of a range or a named template. It stops nested ranges, ranges over
	// large numbers and recursive templates.
	maxSteps = 20_000
	// step is the name of the counting function. Users' templates do not know it.
	step = "kubeopsStep"
)

var (
	errTooLong      = errors.New("the output exceeds 64 KiB")
	errTooManySteps = errors.New("more than 20000 iterations; check for nested ranges or a recursive template")
	errTooWide      = errors.New("printf width or precision exceeds 999")
)

// boundedTemplate is a template with bounded run time and output.
type boundedTemplate struct {
	field  string
	parsed *template.Template
}

// compile parses the template in a field of the spec. Errors are problems.
func compile(field, text string) (*boundedTemplate, error) {
	t, err := template.New(field).Option("missingkey=error").Funcs(functions(new(int))).Parse(text)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s does not parse: %s", field, reason(field, err))
	}
	for _, each := range t.Templates() {
		if each.Tree == nil || each.Root == nil {
			continue
		}
		countRanges(each.Tree, each.Root)
		if each.Name() != field {
			prepend(each.Tree, each.Root)
		}
	}
	return &boundedTemplate{field: field, parsed: t}, nil
}

// render executes the template. Errors are problems.
func (b *boundedTemplate) render(data any) (string, error) {
	steps := 0
	t, err := b.parsed.Clone()
	if err == nil {
		out := &limitedWriter{}
		err = t.Funcs(functions(&steps)).Execute(out, data)
		if err == nil {
			return strings.TrimSpace(strings.ToValidUTF8(out.text.String(), "")), nil
		}
	}
	return "", problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s failed: %s", b.field, reason(b.field, err))
}

// reason returns a template error on one line, without the prefix that repeats the field.
func reason(field string, err error) string {
	const maxLength = 300
	return truncate(maxLength, strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "template: "+field+":")), " "))
}

// countRanges inserts a step call into the body of every range below a node.
func countRanges(tree *parse.Tree, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			countRanges(tree, child)
		}
	case *parse.RangeNode:
		countRanges(tree, n.List)
		countRanges(tree, n.ElseList)
		prepend(tree, n.List)
	case *parse.IfNode:
		countRanges(tree, n.List)
		countRanges(tree, n.ElseList)
	case *parse.WithNode:
		countRanges(tree, n.List)
		countRanges(tree, n.ElseList)
	}
}

// prepend inserts a step call before the first node of a list.
func prepend(tree *parse.Tree, list *parse.ListNode) {
	call := parse.NewIdentifier(step).SetTree(tree).SetPos(list.Pos)
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Pos: list.Pos, Cmds: []*parse.CommandNode{
		{NodeType: parse.NodeCommand, Pos: list.Pos, Args: []parse.Node{call}},
	}}
	list.Nodes = append([]parse.Node{&parse.ActionNode{NodeType: parse.NodeAction, Pos: list.Pos, Pipe: pipe}}, list.Nodes...)
}

// functions of templates besides comparisons. They only compute text, of bounded length.
func functions(steps *int) template.FuncMap {
	bounded := func(format func(...any) string) func(...any) (string, error) {
		return func(args ...any) (string, error) { return limit(format(args...)) }
	}
	return template.FuncMap{
		step: func() (string, error) {
			if *steps++; *steps > maxSteps {
				return "", errTooManySteps
			}
			return "", nil
		},
		"upper":    func(s any) (string, error) { return limit(strings.ToUpper(fmt.Sprint(s))) },
		"lower":    func(s any) (string, error) { return limit(strings.ToLower(fmt.Sprint(s))) },
		"truncate": truncate,
		"print":    bounded(fmt.Sprint), "println": bounded(fmt.Sprintln),
		"html": bounded(template.HTMLEscaper), "js": bounded(template.JSEscaper), "urlquery": bounded(template.URLQueryEscaper),
		"printf": func(format string, args ...any) (string, error) {
			if regexp.MustCompile(`\d{4,}|\*`).MatchString(format) {
				return "", errTooWide
			}
			return limit(fmt.Sprintf(format, args...))
		},
	}
}

func limit(text string) (string, error) {
	if len(text) > maxOutput {
		return "", errTooLong
	}
	return text, nil
}

// truncate shortens a text to a number of characters.
func truncate(maxLength int, text any) string {
	s := fmt.Sprint(text)
	if maxLength < 1 || utf8.RuneCountInString(s) <= maxLength {
		return s
	}
	return string([]rune(s)[:maxLength-1]) + "…"
}

// limitedWriter fails once the output exceeds maxOutput.
type limitedWriter struct{ text strings.Builder }

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.text.Len()+len(p) > maxOutput {
		return 0, errTooLong
	}
	return l.text.Write(p)
}
