package custom

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/common"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxIssue is the maximum length of a CEL message, in runes: a syntax error may list every token that was expected.
	maxIssue = 300
	// maxIssues in the message of an error.
	maxIssues = 5
)

// Issue is an error in a custom check.
type Issue struct {
	// Check is the id as written.
	Check string
	// Field with the error, for example expression.
	Field string
	// Line and Column within the field, from 1; 0 if the whole field is invalid.
	Line, Column int
	// Text describes the error.
	Text string
	// Snippet is the line of the expression, and a line with a caret below the error; may be empty.
	Snippet string
}

// String returns the location and the error in one line.
func (i Issue) String() string {
	text := fmt.Sprintf("custom check %q: %s", i.Check, i.Field)
	if i.Line > 0 {
		text += fmt.Sprintf(", line %d, column %d", i.Line, i.Column)
	}
	return text + ": " + i.Text
}

// InvalidError means that custom checks are invalid.
type InvalidError struct {
	// Issues in the order of the checks; at least one.
	Issues []Issue
}

// Error lists the first issues in one line.
func (e *InvalidError) Error() string {
	var texts []string
	for i, issue := range e.Issues {
		if i == maxIssues {
			texts = append(texts, fmt.Sprintf("and %d more", len(e.Issues)-maxIssues))
			break
		}
		texts = append(texts, issue.String())
	}
	return strings.Join(texts, "; ")
}

// Detail lists all issues, each with its snippet.
func (e *InvalidError) Detail() string {
	var lines []string
	for _, issue := range e.Issues {
		lines = append(lines, issue.String())
		if issue.Snippet != "" {
			lines = append(lines, issue.Snippet)
		}
	}
	return strings.Join(lines, "\n")
}

// newIssue converts an error of CEL, which counts lines from 1 and columns from 0.
func (c *compiler) newIssue(field, expression string, err *common.Error) Issue {
	issue := Issue{Check: c.check, Field: field, Line: max(err.Location.Line(), 1), Column: max(err.Location.Column(), 0) + 1}
	issue.Text = facts.Clip(oneLine(strings.ReplaceAll(err.Message, " (in container '')", "")), maxIssue)
	_, issue.Snippet, _ = strings.Cut(err.ToDisplayString(common.NewTextSource(expression)), err.Message+"\n")
	return issue
}

// oneLine replaces each run of white space by a space.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
