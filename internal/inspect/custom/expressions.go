package custom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/pattern"
)

// ValueType is the type of a variable, or of the result of an expression.
type ValueType string

// Types of values. In Go they are string, int64 and bool.
const (
	String  ValueType = "string"
	Integer ValueType = "integer"
	Boolean ValueType = "boolean"
	// Object is a map of values of any type, which the types of expressions are not checked for. A result cannot be one.
	Object ValueType = "object"
)

// Variable of expressions that are not about an object. Its name can have dots: params.image.
type Variable struct {
	Name string
	Type ValueType
}

// Source of an expression.
type Source struct {
	// Field that has the expression, for errors.
	Field string
	// Text is at most 4096 characters long.
	Text string
	// Type of the result.
	Type ValueType
}

// Expression is compiled, with the bounds of custom checks. It is immutable and safe for concurrent use.
type Expression struct {
	program    cel.Program
	references []string
}

// References are the names of the variables that the expression uses, sorted.
func (e Expression) References() []string { return e.references }

// CompileExpressions compiles expressions over variables, in order. The error names the first ones that are invalid, each with its field
// and position. It ends with ctx.
func CompileExpressions(ctx context.Context, variables []Variable, sources []Source) ([]Expression, error) {
	options := make([]cel.EnvOption, 0, len(variables))
	for _, variable := range variables {
		options = append(options, cel.Variable(variable.Name, celType(variable.Type)))
	}
	env, err := newEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	functions, err := newLimiter(env)
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	c := compiler{ctx: ctx, env: env, functions: functions, limits: &compileLimits{literals: &pattern.Budget{}}}
	compiled := make([]Expression, 0, len(sources))
	for _, source := range sources {
		c.references = nil
		if n := utf8.RuneCountInString(source.Text); n == 0 || n > maxExpression {
			return nil, fmt.Errorf("%s: must have 1 to %d characters, not %d", source.Field, maxExpression, n)
		}
		program := c.compile(source.Field, source.Text, celType(source.Type))
		// The variables of loops are references of CEL as well.
		declared := slices.DeleteFunc(c.references, func(name string) bool {
			return !slices.ContainsFunc(variables, func(v Variable) bool { return v.Name == name })
		})
		compiled = append(compiled, Expression{program: program, references: declared})
		if len(c.issues) > maxReported || c.limits.nodes > maxTotalNodes {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compile the expressions: %w", ctx.Err())
	}
	return compiled, describeIssues(c.issues)
}

func describeIssues(issues []Issue) error {
	if len(issues) == 0 {
		return nil
	}
	var texts []string
	for i, issue := range issues {
		if i == maxIssues {
			texts = append(texts, fmt.Sprintf("and %d more", len(issues)-maxIssues))
			break
		}
		place := issue.Field
		if issue.Line > 0 {
			place += fmt.Sprintf(", line %d, column %d", issue.Line, issue.Column)
		}
		texts = append(texts, place+": "+issue.Text)
	}
	return errors.New(strings.Join(texts, "; "))
}

func celType(of ValueType) *cel.Type {
	switch of {
	case Integer:
		return cel.IntType
	case Boolean:
		return cel.BoolType
	case Object:
		return cel.DynType
	default:
		return cel.StringType
	}
}

// variablesOf are the names of the variables that a checked expression uses, sorted.
func variablesOf(ast *celast.AST) []string {
	var names []string
	for _, reference := range ast.ReferenceMap() {
		if reference.Name != "" && len(reference.OverloadIDs) == 0 && reference.Value == nil {
			names = append(names, strings.TrimPrefix(reference.Name, "."))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Evaluate returns the value of the expression: a string, an int64 or a bool. The error says that an evaluation exceeds a limit, uses a
// value that does not exist, or that ctx has ended.
func (e Expression) Evaluate(ctx context.Context, values map[string]any) (any, error) {
	b := &bindings{values: values, meter: meter{ctx: ctx}}
	result, _, err := e.program.ContextEval(ctx, b)
	var cancelled interpreter.EvalCancelledError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case b.meter.exceeded != nil:
		return nil, b.meter.exceeded
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return nil, errTooExpensive
	case err != nil:
		return nil, errors.New(facts.Clip(oneLine(start(err.Error())), maxIssue))
	}
	switch value := result.(type) {
	case types.String:
		return string(value), nil
	case types.Int:
		return int64(value), nil
	case types.Bool:
		return bool(value), nil
	}
	return nil, fmt.Errorf("the value has type %s", result.Type().TypeName())
}

// bindings are the variables of one evaluation.
type bindings struct {
	values map[string]any
	meter  meter
}

// ResolveName returns the value of a variable.
func (b *bindings) ResolveName(name string) (any, bool) {
	if name == varMeter {
		return &b.meter, true
	}
	value, ok := b.values[name]
	return value, ok
}

// Parent is nil: there are no further variables.
func (b *bindings) Parent() cel.Activation { return nil }
