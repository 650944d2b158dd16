// Package expression evaluates CEL expressions of tenants over typed variables, with the bounds of custom checks: in this process, or in a
// child process whose memory and time the kernel limits.
package expression

import (
	"context"
	"fmt"
	"strconv"

	"kubeops.io/kubeops/internal/inspect/custom"
)

// Evaluator compiles and evaluates expressions.
type Evaluator interface {
	// Evaluate compiles all sources, and evaluates them if the request has values. An *InvalidError is an expression that does not compile,
	// and any other error one that can be retried.
	Evaluate(ctx context.Context, request Request) ([]Result, error)
}

// Request is a set of expressions over the same variables.
type Request struct {
	Variables []custom.Variable
	Sources   []custom.Source
	// Values of variables, as text: "3" for an integer, and "true" for a boolean. Nil only compiles. A variable may have none.
	Values map[string]string
}

// Result of one source.
type Result struct {
	// References are the variables that the expression uses.
	References []string
	// Missing are those of them that have no value. The expression is not evaluated then.
	Missing []string
	// Value as text. Empty if the request has no values.
	Value string
	// Failure is why the evaluation failed; empty if it did not.
	Failure string
}

// InvalidError says which expressions do not compile.
type InvalidError struct{ Text string }

// Error names the first expressions, each with its field and position.
func (e *InvalidError) Error() string { return e.Text }

// Local evaluates in this process.
type Local struct{}

// Evaluate implements Evaluator.
func (Local) Evaluate(ctx context.Context, request Request) ([]Result, error) {
	compiled, err := custom.CompileExpressions(ctx, request.Variables, request.Sources)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &InvalidError{err.Error()}
	}
	values, err := convert(request)
	if err != nil {
		return nil, &InvalidError{err.Error()}
	}
	results := make([]Result, len(compiled))
	for i, expression := range compiled {
		results[i].References = expression.References()
		if request.Values == nil {
			continue
		}
		for _, name := range expression.References() {
			if _, ok := values[name]; !ok {
				results[i].Missing = append(results[i].Missing, name)
			}
		}
		if len(results[i].Missing) > 0 {
			continue
		}
		value, err := expression.Evaluate(ctx, values)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			results[i].Failure = err.Error()
		default:
			results[i].Value = fmt.Sprint(value)
		}
	}
	return results, nil
}

// convert the values to the types of their variables.
func convert(request Request) (map[string]any, error) {
	values := make(map[string]any, len(request.Values))
	for _, variable := range request.Variables {
		text, ok := request.Values[variable.Name]
		if !ok {
			continue
		}
		value, err := Parse(variable.Type, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable.Name, err)
		}
		values[variable.Name] = value
	}
	return values, nil
}

// Parse reads a value of a type: a string, an int64 or a bool.
func Parse(as custom.ValueType, text string) (any, error) {
	switch as {
	case custom.Integer:
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not an integer", text)
		}
		return value, nil
	case custom.Boolean:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q is not a boolean: must be true or false", text)
		}
		return text == "true", nil
	default:
		return text, nil
	}
}
