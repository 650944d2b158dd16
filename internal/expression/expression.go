// Package expression evaluates CEL expressions of tenants over typed variables, with the bounds of custom checks: in this process, or in a
// child process whose memory and time the kernel limits.
package expression

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	utiljson "k8s.io/apimachinery/pkg/util/json"

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
	// Objects are values of the one variable of type object, as JSON. All sources are evaluated for each of them: the results are those
	// of the first object, then those of the second. Values must be nil then.
	Objects []string
}

// results is the number of results.
func (r Request) results() int { return len(r.Sources) * max(len(r.Objects), 1) }

// bindings are the values of each evaluation of all sources.
func (r Request) bindings() ([]map[string]string, error) {
	if len(r.Objects) == 0 {
		return []map[string]string{r.Values}, nil
	}
	if len(r.Variables) != 1 || r.Variables[0].Type != custom.Object || r.Values != nil {
		return nil, errors.New("objects need one variable of type object")
	}
	var all []map[string]string
	for _, object := range r.Objects {
		all = append(all, map[string]string{r.Variables[0].Name: object})
	}
	return all, nil
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
	bindings, err := request.bindings()
	if err != nil {
		return nil, &InvalidError{err.Error()}
	}
	results := make([]Result, 0, request.results())
	for _, texts := range bindings {
		values, err := convert(request.Variables, texts)
		if err != nil {
			return nil, &InvalidError{err.Error()}
		}
		evaluated, err := evaluate(ctx, compiled, texts != nil, values)
		if err != nil {
			return nil, err
		}
		results = append(results, evaluated...)
	}
	return results, nil
}

// evaluate compiled expressions over values, or only find their references.
func evaluate(ctx context.Context, compiled []custom.Expression, hasValues bool, values map[string]any) ([]Result, error) {
	results := make([]Result, len(compiled))
	for i, expression := range compiled {
		results[i].References = expression.References()
		if !hasValues {
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
func convert(variables []custom.Variable, texts map[string]string) (map[string]any, error) {
	values := make(map[string]any, len(texts))
	for _, variable := range variables {
		text, ok := texts[variable.Name]
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

// Parse reads a value of a type: a string, an int64, a bool, or a map with values of JSON.
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
	case custom.Object:
		var object map[string]any
		if err := utiljson.Unmarshal([]byte(text), &object); err != nil {
			return nil, errors.New("the object is not one of JSON")
		}
		return object, nil
	default:
		return text, nil
	}
}
