// Package custom carries out the checks that users write in CEL. They are compiled before anything is read; then, after
// the built-in checks, the objects that they are about are listed a second time, whole, and judged one at a time.
//
// What an expression may cost is limited three times: each evaluation, each check in one run, and by the run's deadline.
package custom

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Variables of the expressions.
const (
	varObject = "object"
	varFacts  = "facts"
	varNow    = "now"
)

// Program is a custom check that can be carried out. It does not change, and may be used by several runs at once.
type Program struct {
	check v1alpha1.CustomCheck
	// match and message are nil where the check has none.
	match, expression, message cel.Program
	// fields of facts that the expressions name, sorted.
	fields []string
}

// ID is the id under which findings and selections name the check: custom-<id>.
func (p Program) ID() string { return p.check.CheckID() }

// Compile makes programs of checks, in their order, or says what is wrong with them: the error is an *InvalidError with all
// mistakes. What the API server would refuse in an Inspection is refused here too, since the command line reads checks from
// files. The environment of Kubernetes takes some megabytes and milliseconds, and is made only when there is a check.
func Compile(checks []v1alpha1.CustomCheck) ([]Program, error) {
	if len(checks) == 0 {
		return nil, nil
	}
	env, err := newEnv()
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	mistakes := tooMany(checks)
	programs := make([]Program, 0, len(checks))
	for i, check := range checks {
		c := compiler{env: env, check: check.ID}
		c.mistakes = validate(check, checks[:i])
		programs = append(programs, c.program(check))
		mistakes = append(mistakes, c.mistakes...)
	}
	if len(mistakes) > 0 {
		return nil, &InvalidError{Mistakes: mistakes}
	}
	return programs, nil
}

// newEnv is the environment that Kubernetes gives to stored expressions: its libraries and its limit for one evaluation.
func newEnv() (*cel.Env, error) {
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, 37)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			cel.Variable(varObject, cel.DynType),
			cel.Variable(varFacts, cel.MapType(cel.StringType, cel.DynType)),
			cel.Variable(varNow, cel.TimestampType),
		},
		ProgramOptions: []cel.ProgramOption{cel.InterruptCheckFrequency(celconfig.CheckFrequency)},
	})
	if err != nil {
		return nil, err
	}
	return set.StoredExpressionsEnv(), nil
}

// compiler compiles the expressions of one check and gathers what is wrong with them.
type compiler struct {
	env      *cel.Env
	check    string
	mistakes []Mistake
	fields   []string
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

// compile is nil for an expression that is not there, or that is wrong.
func (c *compiler) compile(field, expression string, want *cel.Type) cel.Program {
	if expression == "" || len([]rune(expression)) > maxExpression {
		return nil // validate tells
	}
	ast, issues := c.env.Compile(expression)
	if issues.Err() != nil {
		for _, issue := range issues.Errors() {
			c.mistakes = append(c.mistakes, c.mistake(field, expression, issue))
		}
		return nil
	}
	if !ast.OutputType().IsExactType(want) {
		c.mistakes = append(c.mistakes, c.mistake(field, expression, &common.Error{
			Location: common.NewLocation(1, 0), Message: wrongType(ast.OutputType(), want),
		}))
		return nil
	}
	named, unknown := factsNamed(ast.NativeRep())
	for _, issue := range unknown {
		c.mistakes = append(c.mistakes, c.mistake(field, expression, issue))
	}
	c.fields = append(c.fields, named...)
	program, err := c.env.Program(ast)
	if err != nil {
		c.mistakes = append(c.mistakes, Mistake{Check: c.check, Field: field, Text: err.Error()})
		return nil
	}
	return program
}

func wrongType(got, want *cel.Type) string {
	switch {
	case !got.IsExactType(cel.DynType):
		return fmt.Sprintf("must evaluate to %s, but evaluates to %s", want, got)
	case want.IsExactType(cel.BoolType):
		return "must evaluate to bool, but may evaluate to anything: compare it with something, or write bool(...) around it"
	default:
		return fmt.Sprintf("must evaluate to %s, but may evaluate to anything: write %s(...) around it", want, want)
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

// names says whether the expressions name any of the fields of facts.
func (p Program) names(fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(p.fields, f) })
}

// kinds are what must have been read for the facts that the expressions name, and to find the owners of Pods.
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
