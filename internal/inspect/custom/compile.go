// Package custom runs the checks that users write in CEL. The checks are compiled before anything is read. After the built-in checks,
// their objects are listed again, in full, and checked one at a time.
//
// The cost of an expression is limited per evaluation, per check and run, and by the deadline of the run.
package custom

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/pattern"
)

// Variables of the expressions.
const (
	varObject = "object"
	varFacts  = "facts"
	varNow    = "now"
)

// Program is a compiled custom check. It is immutable and safe for concurrent use.
type Program struct {
	check v1alpha1.CustomCheck
	// match and message are nil if the check has none.
	match, expression, message cel.Program
	// fields of facts that the expressions use, sorted.
	fields []string
}

// ID is the id of the check in findings and selections: custom-<id>.
func (p Program) ID() string { return p.check.CheckID() }

// Compile compiles checks, in order. If any is invalid, the error is an *InvalidError with all issues, or with those up to
// maxReported. It also applies the validation of the API server for Inspections, since the command line reads checks from files. Without
// checks it does not create the environment of Kubernetes, which takes some megabytes and milliseconds. It ends with ctx.
func Compile(ctx context.Context, checks []v1alpha1.CustomCheck) ([]Program, error) {
	if len(checks) == 0 {
		return nil, nil
	}
	env, err := newEnv(checkVariables()...)
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	functions, err := newLimiter(env)
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	limits := &compileLimits{literals: &pattern.Budget{}}
	issues := tooMany(checks)
	programs := make([]Program, 0, len(checks))
	for i, check := range checks[:min(len(checks), v1alpha1.MaxCustomChecks)] {
		c := compiler{ctx: ctx, env: env, functions: functions, limits: limits, check: check.ID}
		c.issues = validate(check, checks[:i])
		programs = append(programs, c.program(check))
		if issues = append(issues, c.issues...); len(issues) > maxReported || limits.nodes > maxTotalNodes {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compile the custom checks: %w", ctx.Err())
	}
	if len(issues) > 0 {
		return nil, &InvalidError{Issues: issues}
	}
	return programs, nil
}

// maxReported is the number of issues after which compiling ends.
const maxReported = 20

// compileLimits are shared by the checks of an Inspection.
type compileLimits struct {
	// nodes of the expressions so far.
	nodes int
	// literals is the budget of the regular expressions that are literals.
	literals *pattern.Budget
}

// checkVariables are those of custom checks.
func checkVariables() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable(varObject, cel.DynType), cel.Variable(varFacts, cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable(varNow, cel.TimestampType),
	}
}

// newEnv returns the environment of Kubernetes for stored expressions over variables, with its libraries and its cost limit per
// evaluation.
func newEnv(variables ...cel.EnvOption) (*cel.Env, error) {
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: variables,
		ProgramOptions: []cel.ProgramOption{cel.InterruptCheckFrequency(celconfig.CheckFrequency)},
	})
	if err != nil {
		return nil, err
	}
	env := set.StoredExpressionsEnv()
	return env.Extend(cel.Macros(boundedMacros(env)...))
}

// compiler compiles the expressions of a check and collects its issues.
type compiler struct {
	ctx       context.Context
	env       *cel.Env
	functions *limiter
	limits    *compileLimits
	check     string
	issues    []Issue
	fields    []string
	// references are the variables that the last expression uses.
	references []string
}

func (c *compiler) program(check v1alpha1.CustomCheck) Program {
	p := Program{check: withDefaults(check)}
	p.match = c.compile("match", check.Match, cel.BoolType)
	p.expression = c.compile("expression", check.Expression, cel.BoolType)
	p.message = c.compile("messageExpression", check.MessageExpression, cel.StringType)
	slices.Sort(c.fields)
	p.fields = slices.Compact(c.fields)
	return p
}

// compile returns nil for an empty or invalid expression. A panic of CEL is an issue: its validators do not expect [?dyn(1)], for example.
func (c *compiler) compile(field, expression string, want *cel.Type) (program cel.Program) {
	defer func() {
		if recovered := recover(); recovered != nil {
			text := facts.Clip(oneLine(fmt.Sprintf("CEL cannot compile the expression: %v", recovered)), maxIssue)
			c.issues = append(c.issues, Issue{Check: c.check, Field: field, Text: text})
		}
	}()
	if expression == "" || utf8.RuneCountInString(expression) > maxExpression {
		return nil // validate reports it
	}
	if c.ctx.Err() != nil {
		return nil // Compile reports it
	}
	ast := c.parse(field, expression)
	if ast == nil {
		return nil
	}
	ast, issues := c.env.Check(ast)
	if issues.Err() != nil {
		c.addErrors(field, expression, issues)
		return nil
	}
	if !ast.OutputType().IsExactType(want) {
		c.issues = append(c.issues, c.newIssue(field, expression, &common.Error{
			Location: common.NewLocation(1, 0), Message: wrongType(ast.OutputType(), want),
		}))
		return nil
	}
	c.references = variablesOf(ast.NativeRep())
	used, unknown := usedFacts(ast.NativeRep())
	for _, err := range unknown {
		c.issues = append(c.issues, c.newIssue(field, expression, err))
	}
	c.fields = append(c.fields, used...)
	program, err := c.env.Program(ast, c.functions.option(ast.NativeRep()))
	if err != nil {
		c.issues = append(c.issues, Issue{Check: c.check, Field: field, Text: err.Error()})
		return nil
	}
	return program
}

func wrongType(got, want *cel.Type) string {
	switch {
	case !got.IsExactType(cel.DynType):
		return fmt.Sprintf("must evaluate to %s, not %s", want, got)
	case want.IsExactType(cel.BoolType):
		return "must evaluate to bool, but its type is unknown: compare it with a value, or convert it with bool(...)"
	default:
		return fmt.Sprintf("must evaluate to %s, but its type is unknown: convert it with %s(...)", want, want)
	}
}

func withDefaults(check v1alpha1.CustomCheck) v1alpha1.CustomCheck {
	if check.Severity == "" {
		check.Severity = v1alpha1.SeverityMedium
	}
	if check.Category == "" {
		check.Category = v1alpha1.CategoryConfiguration
	}
	return check
}

// uses reports whether the expressions use any of the fields of facts.
func (p Program) uses(fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(p.fields, f) })
}

// kinds returns the kinds required for the facts that the expressions use, and to find the owners of Pods.
func (p Program) kinds() []facts.Kind {
	var kinds []facts.Kind
	if p.check.Resource.Group == "" && p.check.Resource.Resource == facts.Pod.Resource() {
		kinds = append(kinds, facts.ReplicaSet, facts.Job)
	}
	for _, field := range p.fields {
		kinds = append(kinds, kindsFor(field)...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
