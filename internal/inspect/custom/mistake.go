package custom

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/common"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxMistake bounds CEL's words, in runes: a syntax error may list every token that it would have liked.
	maxMistake = 300
	// maxTold is how many mistakes an error names.
	maxTold = 5
)

// Mistake is one thing that is wrong with a custom check.
type Mistake struct {
	// Check is its id, as written.
	Check string
	// Field that the mistake is in, for example expression.
	Field string
	// Line and Column within the field, both from 1; 0 where a field as a whole is wrong.
	Line, Column int
	// Text says what is wrong.
	Text string
	// Snippet is the line of the expression, and a line below with a caret under the place; may be empty.
	Snippet string
}

// String names the place and the mistake in one line.
func (m Mistake) String() string {
	text := fmt.Sprintf("custom check %q: %s", m.Check, m.Field)
	if m.Line > 0 {
		text += fmt.Sprintf(", line %d, column %d", m.Line, m.Column)
	}
	return text + ": " + m.Text
}

// InvalidError says that custom checks cannot be carried out.
type InvalidError struct {
	// Mistakes in the order of the checks; at least one.
	Mistakes []Mistake
}

// Error names the first mistakes in one line.
func (e *InvalidError) Error() string {
	var texts []string
	for i, m := range e.Mistakes {
		if i == maxTold {
			texts = append(texts, fmt.Sprintf("and %d more", len(e.Mistakes)-maxTold))
			break
		}
		texts = append(texts, m.String())
	}
	return strings.Join(texts, "; ")
}

// Detail is every mistake on lines of its own, with the line of the expression that it stands in.
func (e *InvalidError) Detail() string {
	var lines []string
	for _, m := range e.Mistakes {
		lines = append(lines, m.String())
		if m.Snippet != "" {
			lines = append(lines, m.Snippet)
		}
	}
	return strings.Join(lines, "\n")
}

// mistake words an issue of CEL, which counts lines from 1 and columns from 0.
func (c *compiler) mistake(field, expression string, issue *common.Error) Mistake {
	m := Mistake{Check: c.check, Field: field, Line: max(issue.Location.Line(), 1), Column: max(issue.Location.Column(), 0) + 1}
	m.Text = facts.Clip(oneLine(strings.ReplaceAll(issue.Message, " (in container '')", "")), maxMistake)
	_, m.Snippet, _ = strings.Cut(issue.ToDisplayString(common.NewTextSource(expression)), issue.Message+"\n")
	return m
}

// oneLine joins the words of a text by single spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
