package notification

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
	// maxOutput of a template, in bytes.
	maxOutput = 64 << 10
	// maxSteps of a template: how often the body of a range or of a named template may begin. Ranges within ranges, ranges over
	// large numbers and templates that call themselves end there.
	maxSteps = 20_000
	// step is the name of the function that counts; users cannot write it.
	step = "kubeopsStep"
)

var (
	errTooLong  = errors.New("its text becomes longer than 64 KiB")
	errTooDeep  = errors.New("it takes more than 20000 steps; is there a range within a range too many?")
	errTooLarge = errors.New("the width or precision of a printf is above 999")
)

// words is a template that ends in bounded time and memory, whatever it says.
type words struct {
	field  string
	parsed *template.Template
}

// compile parses the text of a field of the spec. Errors are problems.
func compile(field, text string) (*words, error) {
	t, err := template.New(field).Option("missingkey=error").Funcs(functions(new(int))).Parse(text)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s does not parse: %s", field, plain(field, err))
	}
	for _, each := range t.Templates() {
		if each.Tree == nil || each.Root == nil {
			continue
		}
		counted(each.Tree, each.Root)
		if each.Name() != field {
			prepend(each.Tree, each.Root)
		}
	}
	return &words{field: field, parsed: t}, nil
}

// render carries the template out. Errors are problems.
func (w *words) render(data any) (string, error) {
	steps := 0
	t, err := w.parsed.Clone()
	if err == nil {
		out := &limited{}
		err = t.Funcs(functions(&steps)).Execute(out, data)
		if err == nil {
			return strings.TrimSpace(strings.ToValidUTF8(out.text.String(), "")), nil
		}
	}
	return "", problem.UserError(v1alpha1.ReasonInvalidTemplate, nil, "%s fails: %s", w.field, plain(w.field, err))
}

// plain is an error of a template without what the reader knows already, and on one line.
func plain(field string, err error) string {
	const most = 300
	return truncate(most, strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "template: "+field+":")), " "))
}

// counted puts a step before each body of a range below a node.
func counted(tree *parse.Tree, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			counted(tree, child)
		}
	case *parse.RangeNode:
		counted(tree, n.List)
		counted(tree, n.ElseList)
		prepend(tree, n.List)
	case *parse.IfNode:
		counted(tree, n.List)
		counted(tree, n.ElseList)
	case *parse.WithNode:
		counted(tree, n.List)
		counted(tree, n.ElseList)
	}
}

// prepend puts a step before the first node of a list.
func prepend(tree *parse.Tree, list *parse.ListNode) {
	call := parse.NewIdentifier(step).SetTree(tree).SetPos(list.Pos)
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Pos: list.Pos, Cmds: []*parse.CommandNode{
		{NodeType: parse.NodeCommand, Pos: list.Pos, Args: []parse.Node{call}},
	}}
	list.Nodes = append([]parse.Node{&parse.ActionNode{NodeType: parse.NodeAction, Pos: list.Pos, Pipe: pipe}}, list.Nodes...)
}

// functions that templates have, besides comparisons: they compute text, bounded, and reach nothing else.
func functions(steps *int) template.FuncMap {
	bounded := func(make func(...any) string) func(...any) (string, error) {
		return func(args ...any) (string, error) { return short(make(args...)) }
	}
	return template.FuncMap{
		step: func() (string, error) {
			if *steps++; *steps > maxSteps {
				return "", errTooDeep
			}
			return "", nil
		},
		"upper":    func(s any) (string, error) { return short(strings.ToUpper(fmt.Sprint(s))) },
		"lower":    func(s any) (string, error) { return short(strings.ToLower(fmt.Sprint(s))) },
		"truncate": truncate,
		"print":    bounded(fmt.Sprint), "println": bounded(fmt.Sprintln),
		"html": bounded(template.HTMLEscaper), "js": bounded(template.JSEscaper), "urlquery": bounded(template.URLQueryEscaper),
		"printf": func(format string, args ...any) (string, error) {
			if regexp.MustCompile(`\d{4,}|\*`).MatchString(format) {
				return "", errTooLarge
			}
			return short(fmt.Sprintf(format, args...))
		},
	}
}

func short(text string) (string, error) {
	if len(text) > maxOutput {
		return "", errTooLong
	}
	return text, nil
}

// truncate cuts a text to a number of characters.
func truncate(most int, text any) string {
	s := fmt.Sprint(text)
	if most < 1 || utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// limited is a text that ends with an error where it becomes too long.
type limited struct{ text strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.text.Len()+len(p) > maxOutput {
		return 0, errTooLong
	}
	return l.text.Write(p)
}
