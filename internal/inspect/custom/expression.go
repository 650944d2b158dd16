package custom

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/pattern"
)

const (
	// maxNodes of an expression after its macros were expanded. The time to check types can grow with the square of it.
	maxNodes = 2000
	// maxTotalNodes of all expressions of the checks.
	maxTotalNodes = 10_000
	// maxLevels of lists, maps, loops and function calls within each other. The time to check types grows with the cube of it: 240 lists
	// within lists took 4 s and 1 GiB.
	maxLevels = 40
	// maxCopied is the number of nodes that a macro may copy. Some macros copy their target, so each one in a chain doubles the expression.
	maxCopied = 500
	// maxErrors that are reported for one expression. Each has the line of the expression.
	maxErrors = 10
	// maxQuoted of a regular expression in an error, in runes.
	maxQuoted = 60
)

// boundedMacros returns the macros that copy their target, with a limit. The parser expands them before the expression can be counted.
func boundedMacros(env *cel.Env) []cel.Macro {
	var bounded []cel.Macro
	for _, macro := range env.Macros() {
		if !slices.Contains(copyingMacros(), macro.MacroKey()) {
			continue
		}
		expand := func(factory cel.MacroExprFactory, target celast.Expr, args []celast.Expr) (celast.Expr, *cel.Error) {
			if c := (counter{limit: maxCopied}); c.count(target) > maxCopied {
				return nil, factory.NewError(target.ID(), fmt.Sprintf(
					"%s() is applied to an expression of more than %d nodes: simplify the expression", macro.Function(), maxCopied))
			}
			return macro.Expander()(factory, target, args)
		}
		bounded = append(bounded, cel.ReceiverMacro(macro.Function(), macro.ArgCount(), expand))
	}
	return bounded
}

// copyingMacros are the keys of the macros that copy their target.
func copyingMacros() []string { return []string{"optMap:2:true", "optFlatMap:2:true"} }

// counter counts the nodes of an expression up to a limit.
type counter struct {
	limit, nodes int
	// levels of lists, maps, loops and function calls, and the current level.
	levels, level int
	// visit is called for each node; may be nil.
	visit func(celast.Expr)
}

func (c *counter) count(expr celast.Expr) int {
	if c.nodes++; c.nodes > c.limit {
		return c.nodes
	}
	if c.visit != nil {
		c.visit(expr)
	}
	if nests(expr) {
		c.level++
		c.levels = max(c.levels, c.level)
		defer func() { c.level-- }()
	}
	for _, child := range children(expr) {
		if c.count(child) > c.limit {
			break
		}
	}
	return c.nodes
}

// nests reports whether an expression is a level of types that contain each other. Operators are not: a + b + c has the type of a.
func nests(expr celast.Expr) bool {
	switch expr.Kind() {
	case celast.ListKind, celast.MapKind, celast.ComprehensionKind:
		return true
	case celast.CallKind:
		_, operator := operators.FindReverse(expr.AsCall().FunctionName())
		return !operator
	default:
		return false
	}
}

func children(expr celast.Expr) []celast.Expr {
	switch expr.Kind() {
	case celast.CallKind:
		if call := expr.AsCall(); call.IsMemberFunction() {
			return append([]celast.Expr{call.Target()}, call.Args()...)
		}
		return expr.AsCall().Args()
	case celast.ListKind:
		return expr.AsList().Elements()
	case celast.MapKind:
		var all []celast.Expr
		for _, entry := range expr.AsMap().Entries() {
			all = append(all, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return all
	case celast.SelectKind:
		return []celast.Expr{expr.AsSelect().Operand()}
	case celast.ComprehensionKind:
		loop := expr.AsComprehension()
		return []celast.Expr{loop.IterRange(), loop.AccuInit(), loop.LoopCondition(), loop.LoopStep(), loop.Result()}
	default:
		return nil
	}
}

// parse parses an expression and checks its limits before types are checked and constants are compiled. It returns nil and adds issues if
// the expression is invalid.
func (c *compiler) parse(field, expression string) *cel.Ast {
	ast, issues := c.env.Parse(expression)
	if issues.Err() != nil {
		c.addErrors(field, expression, issues)
		return nil
	}
	info := ast.NativeRep().SourceInfo()
	before := len(c.issues)
	report := func(expr celast.Expr, format string, args ...any) {
		if len(c.issues) < before+maxErrors {
			location := info.GetStartLocation(expr.ID())
			err := &common.Error{Location: location, Message: fmt.Sprintf(format, args...)}
			c.issues = append(c.issues, c.newIssue(field, expression, err))
		}
	}
	root := ast.NativeRep().Expr()
	nodes := counter{limit: maxNodes, visit: func(expr celast.Expr) {
		switch expr.Kind() {
		case celast.StructKind:
			report(expr, "type %s is not available: use maps", expr.AsStruct().TypeName())
		case celast.CallKind:
			if literal, source, ok := literalPattern(expr.AsCall()); ok {
				_, err := pattern.Parse(source, c.limits.literals)
				var invalid *syntax.Error
				switch {
				case errors.As(err, &invalid):
					report(literal, "the regular expression is invalid: %s: %s", invalid.Code, facts.Clip(oneLine(invalid.Expr), maxQuoted))
				case err != nil:
					report(literal, "%s", err)
				}
			}
		}
	}}
	if nodes.count(root) > maxNodes {
		report(root, "the expression has more than %d nodes after its macros are expanded: simplify it", maxNodes)
	}
	if nodes.levels > maxLevels {
		report(root, "lists, maps, loops and function calls are nested %d levels deep, at most %d are allowed", nodes.levels, maxLevels)
	}
	if c.limits.nodes += nodes.nodes; c.limits.nodes > maxTotalNodes {
		report(root, "the expressions of all checks have more than %d nodes: split the checks into several Inspections", maxTotalNodes)
	}
	if len(c.issues) > before {
		return nil
	}
	return ast
}

// loopConditions returns the ids of the conditions of all loops.
func loopConditions(root celast.Expr) map[int64]bool {
	ids := map[int64]bool{}
	all := counter{limit: maxNodes, visit: func(expr celast.Expr) {
		if expr.Kind() == celast.ComprehensionKind {
			ids[expr.AsComprehension().LoopCondition().ID()] = true
		}
	}}
	all.count(root)
	return ids
}

// literalPattern returns the regular expression of a call of matches, find or findAll, if it is a literal. The validators of CEL and
// Kubernetes compile it when types are checked.
func literalPattern(call celast.CallExpr) (expr celast.Expr, source string, ok bool) {
	if !slices.Contains([]string{"matches", "find", "findAll"}, call.FunctionName()) {
		return nil, "", false
	}
	position := 1
	if call.IsMemberFunction() {
		position = 0
	}
	if len(call.Args()) <= position || call.Args()[position].Kind() != celast.LiteralKind {
		return nil, "", false
	}
	literal, ok := call.Args()[position].AsLiteral().(types.String)
	return call.Args()[position], string(literal), ok
}

// addErrors adds the first errors of CEL.
func (c *compiler) addErrors(field, expression string, issues *cel.Issues) {
	errors := issues.Errors()
	for _, err := range errors[:min(len(errors), maxErrors)] {
		c.issues = append(c.issues, c.newIssue(field, expression, err))
	}
}
