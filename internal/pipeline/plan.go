package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// maxTemplate is the size of the template of a Job in bytes.
const maxTemplate = 64 << 10

// Plan is a checked spec.
type Plan struct {
	spec   *v1alpha1.PipelineSpec
	stages map[string]*v1alpha1.PipelineStage
	// before are all stages that end before a stage starts.
	before map[string][]string
	// windows in which stages may start.
	windows []window
	// final has the stages of finally.
	final map[string]bool
}

// NewPlan checks the stages of a spec: their names, references, that they have an order, and the windows. The error is a problem of reason
// InvalidPipeline, or InvalidSchedule for a window.
func NewPlan(spec *v1alpha1.PipelineSpec) (*Plan, error) {
	p := &Plan{
		spec: spec, stages: map[string]*v1alpha1.PipelineStage{}, before: map[string][]string{}, final: map[string]bool{},
	}
	for _, stage := range All(spec) {
		if p.stages[stage.Name] != nil {
			return nil, invalid("stage %s exists twice", stage.Name)
		}
		if stage.Job != nil && len(stage.Job.Template.Raw) > maxTemplate {
			return nil, invalid("stage %s: job.template has %d bytes, at most %d are allowed", stage.Name, len(stage.Job.Template.Raw),
				maxTemplate)
		}
		p.stages[stage.Name] = stage
	}
	names := stageNames(spec.Stages)
	for i := range spec.Stages {
		for _, earlier := range spec.Stages[i].After {
			if !slices.Contains(names, earlier) {
				return nil, invalid("stage %s: after: stage %q does not exist%s", spec.Stages[i].Name, earlier, suggestion(names, earlier))
			}
		}
	}
	for _, name := range names {
		if _, err := p.order(name, nil); err != nil {
			return nil, err
		}
	}
	var err error
	if p.windows, err = parseWindows(spec, names); err != nil {
		return nil, err
	}
	if err := p.checkOverruns(); err != nil {
		return nil, err
	}
	for i := range spec.Finally {
		p.final[spec.Finally[i].Name] = true
		p.before[spec.Finally[i].Name] = names
	}
	return p, p.checkSources()
}

// order computes what ends before a stage; path is how it was reached.
func (p *Plan) order(name string, path []string) ([]string, error) {
	if at := slices.Index(path, name); at >= 0 {
		return nil, invalid("stages wait for each other: %s", strings.Join(append(path[at:], name), " after "))
	}
	if known, ok := p.before[name]; ok {
		return known, nil
	}
	before := []string{}
	for _, earlier := range p.stages[name].After {
		inherited, err := p.order(earlier, append(slices.Clone(path), name))
		if err != nil {
			return nil, err
		}
		before = append(append(before, earlier), inherited...)
	}
	slices.Sort(before)
	p.before[name] = slices.Compact(before)
	return p.before[name], nil
}

// All stages of a spec, those of finally last.
func All(spec *v1alpha1.PipelineSpec) []*v1alpha1.PipelineStage {
	all := make([]*v1alpha1.PipelineStage, 0, len(spec.Stages)+len(spec.Finally))
	for i := range spec.Stages {
		all = append(all, &spec.Stages[i])
	}
	for i := range spec.Finally {
		all = append(all, &spec.Finally[i])
	}
	return all
}

func stageNames(stages []v1alpha1.PipelineStage) []string {
	names := make([]string, len(stages))
	for i := range stages {
		names[i] = stages[i].Name
	}
	return names
}

func invalid(format string, args ...any) error {
	return problem.UserError(v1alpha1.ReasonInvalidPipeline, nil, format, args...)
}

func suggestion(names []string, misspelt string) string {
	if similar := text.Similar(names, misspelt); similar != "" {
		return fmt.Sprintf("; did you mean %q?", similar)
	}
	return ""
}

// CheckExpressions checks the types of all expressions of the spec, and that each uses outputs only of stages that end before.
func (p *Plan) CheckExpressions(ctx context.Context, evaluator expression.Evaluator) error {
	var owners []*v1alpha1.PipelineStage
	request := expression.Request{Variables: p.variables()}
	for _, stage := range All(p.spec) {
		for _, source := range sources(stage) {
			request.Sources = append(request.Sources, source)
			owners = append(owners, stage)
		}
	}
	if len(request.Sources) == 0 {
		return nil
	}
	results, err := evaluator.Evaluate(ctx, request)
	var wrong *expression.InvalidError
	switch {
	case errors.As(err, &wrong):
		return problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s", wrong.Text)
	case err != nil:
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the expressions cannot be checked now")
	}
	for i, result := range results {
		for _, name := range result.References {
			if err := p.permitted(owners[i], request.Sources[i].Field, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// permitted refuses variables that have no value when a stage starts.
func (p *Plan) permitted(user *v1alpha1.PipelineStage, field, variable string) error {
	if variable == variableFailed && !p.final[user.Name] {
		return problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s: %s can be used in stages of finally only", field, variable)
	}
	parts := strings.Split(variable, ".")
	if parts[0] != "stages" {
		return nil
	}
	for name := range p.stages {
		if identifier(name) != parts[1] || slices.Contains(p.before[user.Name], name) {
			continue
		}
		next := fmt.Sprintf("add %s to after of stage %s", name, user.Name)
		if p.final[name] {
			next = "stages of finally cannot be used in expressions"
		}
		return problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s: %s does not exist when stage %s starts; %s", field, variable,
			user.Name, next)
	}
	return nil
}

// variableFailed says in finally whether a stage failed.
const variableFailed = "run.failed"

// identifier is the name of a stage in expressions.
func identifier(stage string) string { return strings.ReplaceAll(stage, "-", "_") }

func variableParameter(name string) string { return "params." + name }
func variablePhase(stage string) string    { return "stages." + identifier(stage) + ".phase" }
func variableOutput(stage, key string) string {
	return "stages." + identifier(stage) + ".outputs." + key
}
func whenField(stage string) string        { return "stage " + stage + ", when" }
func valueField(stage, name string) string { return "stage " + stage + ", " + name }
func typeOf(parameter v1alpha1.ParameterType) custom.ValueType {
	switch parameter {
	case v1alpha1.ParameterInteger:
		return custom.Integer
	case v1alpha1.ParameterBoolean:
		return custom.Boolean
	default:
		return custom.String
	}
}

// variables of all expressions.
func (p *Plan) variables() []custom.Variable {
	list := []custom.Variable{{Name: variableFailed, Type: custom.Boolean}}
	for _, parameter := range p.spec.Parameters {
		list = append(list, custom.Variable{Name: variableParameter(parameter.Name), Type: typeOf(parameter.Type)})
	}
	for _, stage := range All(p.spec) {
		list = append(list, custom.Variable{Name: variablePhase(stage.Name), Type: custom.String})
		for _, key := range stage.Outputs() {
			list = append(list, custom.Variable{Name: variableOutput(stage.Name, key), Type: custom.String})
		}
	}
	return list
}

// sources are the expressions of a stage: when, if it has one, comes first.
func sources(stage *v1alpha1.PipelineStage) []custom.Source {
	var list []custom.Source
	if stage.When != "" {
		list = append(list, custom.Source{Field: whenField(stage.Name), Text: stage.When, Type: custom.Boolean})
	}
	for _, value := range stage.Values() {
		if value.Expression != "" {
			list = append(list, custom.Source{Field: valueField(stage.Name, value.Name), Text: value.Expression, Type: custom.String})
		}
	}
	return list
}

// Parameters are the values of all parameters of a spec. The error is a problem of reason InvalidParameter.
func Parameters(spec *v1alpha1.PipelineSpec, given []v1alpha1.ParameterValue) ([]v1alpha1.ParameterValue, error) {
	var known []string
	for _, parameter := range spec.Parameters {
		known = append(known, parameter.Name)
	}
	values := map[string]string{}
	for _, value := range given {
		if !slices.Contains(known, value.Name) {
			return nil, problem.UserError(v1alpha1.ReasonInvalidParameter, nil, "the Pipeline has no parameter %q%s", value.Name,
				suggestion(known, value.Name))
		}
		values[value.Name] = value.Value
	}
	var complete []v1alpha1.ParameterValue
	for _, parameter := range spec.Parameters {
		value, ok := values[parameter.Name]
		switch {
		case ok:
		case parameter.Default == nil:
			return nil, problem.UserError(v1alpha1.ReasonInvalidParameter, nil, "parameter %s has no default; set it in spec.parameters",
				parameter.Name)
		default:
			value = *parameter.Default
		}
		if _, err := expression.Parse(typeOf(parameter.Type), value); err != nil {
			return nil, problem.UserError(v1alpha1.ReasonInvalidParameter, nil, "parameter %s: %s", parameter.Name, err)
		}
		complete = append(complete, v1alpha1.ParameterValue{Name: parameter.Name, Value: value})
	}
	return complete, nil
}

// CheckDefaults refuses defaults of another type.
func CheckDefaults(spec *v1alpha1.PipelineSpec) error {
	for _, parameter := range spec.Parameters {
		if parameter.Default == nil {
			continue
		}
		if _, err := expression.Parse(typeOf(parameter.Type), *parameter.Default); err != nil {
			return problem.UserError(v1alpha1.ReasonInvalidPipeline, nil, "parameter %s: default: %s", parameter.Name, err)
		}
	}
	return nil
}

// Concurrency is the policy of the spec.
func (p *Plan) Concurrency() v1alpha1.ConcurrencyPolicy {
	if p.spec.Concurrency == "" {
		return v1alpha1.ConcurrencyQueue
	}
	return p.spec.Concurrency
}
