// Package tools are the reads that a language model may ask for: typed questions about a cluster, its metrics, its logs and earlier
// reports, none of which changes anything. They read with the permissions and in the scope of the Cluster that they are given, a bounded
// amount for each call. They read no values of Secrets and ConfigMaps. What they return is not redacted.
package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/internal/explain/background"
)

// Limits of one call. docs/limits.md names them.
const (
	// MaxArguments is the size of the arguments of a call in bytes.
	MaxArguments = 2 << 10
	// callTimeout bounds one call.
	callTimeout = 20 * time.Second
	// maxOutput is the size of what a call returns before it is redacted, in bytes.
	maxOutput = 64 << 10
	// maxListed objects of one list are read, maxRows of them are returned.
	maxListed, maxRows = 500, 60
)

// Tool is one kind of question.
type Tool struct {
	// Name that a model calls it by.
	Name        string
	Description string
	Arguments   []Argument
	run         func(ctx context.Context, s *Set, a arguments) (Output, error)
}

// Argument of a tool.
type Argument struct {
	Name, Description string
	// Type in JSON Schema: string, integer or boolean.
	Type     string
	Required bool
	// Enum are the permitted values; empty permits all.
	Enum []string
}

// Schema of the arguments in JSON Schema.
func (t Tool) Schema() json.RawMessage {
	properties := map[string]any{}
	required := []string{}
	for _, a := range t.Arguments {
		property := map[string]any{"type": a.Type, "description": a.Description}
		if len(a.Enum) > 0 {
			property["enum"] = a.Enum
		}
		properties[a.Name] = property
		if a.Required {
			required = append(required, a.Name)
		}
	}
	content, err := json.Marshal(map[string]any{
		"type": "object", "properties": properties, "required": required, "additionalProperties": false,
	})
	if err != nil {
		return nil // cannot happen for strings
	}
	return content
}

// Output of a call.
type Output struct {
	// Lines of the answer. At least one.
	Lines []string
	// Names of objects in them, for masking.
	Names []string
	// KeepEnd says that of a long output the end is worth more than the start.
	KeepEnd bool
}

// Refusal is the reason why a call was not executed, or failed. It is for the model and for people.
type Refusal struct{ Reason string }

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, values ...any) error { return &Refusal{fmt.Sprintf(format, values...)} }

// Set is the tools for one cluster. It is safe for concurrent use if its cluster is.
type Set struct {
	cluster background.Cluster
	now     func() time.Time
	tools   []Tool
	sources Sources
}

// New returns the tools for a cluster alone; With adds others. now is the present time.
func New(cluster background.Cluster, now func() time.Time) *Set {
	return &Set{cluster: cluster, now: now, tools: []Tool{
		getTool(), listTool(), logsTool(), eventsTool(), rolloutTool(), relatedTool(), changesTool(), hostTool(), accessTool(),
	}}
}

// Tools in a fixed order.
func (s *Set) Tools() []Tool { return slices.Clone(s.tools) }

// Call calls a tool with the arguments of a model, a JSON object. Errors are *Refusal; that an object does not exist is an answer, not an
// error.
func (s *Set) Call(ctx context.Context, name string, raw json.RawMessage) (Output, error) {
	i := slices.IndexFunc(s.tools, func(t Tool) bool { return t.Name == name })
	if i < 0 {
		var known []string
		for _, t := range s.tools {
			known = append(known, t.Name)
		}
		return Output{}, refuse("there is no such tool; the tools, all of which only read, are %s", strings.Join(known, ", "))
	}
	a, err := parse(s.tools[i], raw)
	if err != nil {
		return Output{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	output, err := s.tools[i].run(ctx, s, a)
	if err != nil {
		return Output{}, refusalOf(err)
	}
	return output.bounded(), nil
}

// bounded limits an output before it is redacted: a line is cut at a word, since redaction may not know a part of a secret.
func (o Output) bounded() Output {
	const maxLine = 8 << 10
	if len(o.Lines) == 0 {
		o.Lines = []string{"nothing found"}
	}
	lines := make([]string, len(o.Lines))
	for i, line := range o.Lines {
		line = strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
		if len(line) > maxLine {
			line = line[:strings.LastIndexAny(line[:maxLine], " \t,;")+1] + "…"
		}
		lines[i] = line
	}
	o.Lines = Clip(lines, maxOutput, o.KeepEnd)
	return o
}

// Clip leaves out lines, at the end or the start, until they take at most so many bytes, and says how many. If the line that has to stay is
// too long, it is cut.
func Clip(lines []string, maxBytes int, keepEnd bool) []string {
	const note = 32 // bytes of the line that says how many are left out
	lines = slices.Clone(lines)
	if keepEnd {
		slices.Reverse(lines)
	}
	size := 0
	for i := range lines {
		if i == 0 && len(lines[0]) > maxBytes-2*note {
			lines[0] = strings.ToValidUTF8(lines[0][:maxBytes-2*note], "") + "…"
		}
		if size += len(lines[i]) + 1; size > maxBytes-note {
			left := len(lines) - i
			lines = append(lines[:i], fmt.Sprintf("(%d lines left out)", left))
			break
		}
	}
	if keepEnd {
		slices.Reverse(lines)
	}
	return lines
}

// refusalOf describes an error for the model, without words of the server: they may be hostile, and may contain anything.
func refusalOf(err error) error {
	var refusal *Refusal
	var scope background.ScopeError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &scope):
		return refuse("%s", scope.Error())
	case apierrors.IsForbidden(err):
		return refuse("%s", forbidden(err))
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return refuse("the API server did not respond in time")
	}
	if reason := apierrors.ReasonForError(err); reason != "" {
		return refuse("the API server rejected the read (%s)", reason)
	}
	return refuse("the read failed")
}

// forbidden names the resource that cannot be read.
func forbidden(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind != "" {
		return "cannot read " + status.Status().Details.Kind + " (RBAC)"
	}
	return "cannot read this (RBAC)"
}
