package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/problem"
)

// maxParameter is the length of the value of a parameter, in characters.
const maxParameter = 1024

// eventVariable is the name of what a trigger knows, in the expressions of its parameters.
func eventVariable(name string) string { return "event." + name }

// eventVariables of the expressions of triggers.
func eventVariables() []custom.Variable {
	list := []custom.Variable{{Name: eventVariable("payload"), Type: custom.Object}}
	for _, name := range []string{"type", "time", "source", "delivery", "repository", "ref", "branch", "tag", "commit"} {
		list = append(list, custom.Variable{Name: eventVariable(name), Type: custom.String})
	}
	return list
}

// triggerSources are the expressions of the parameters of a trigger.
func triggerSources(trigger *v1alpha1.PipelineTrigger) []custom.Source {
	var list []custom.Source
	for _, value := range trigger.Parameters {
		if value.Expression != "" {
			list = append(list, custom.Source{Field: triggerField(trigger, value.Name), Text: value.Expression, Type: custom.String})
		}
	}
	return list
}

func triggerField(trigger *v1alpha1.PipelineTrigger, parameter string) string {
	return "trigger " + trigger.Name + ", parameter " + parameter
}

// CheckTriggers refuses triggers that set parameters which do not exist, or set one that has no default not at all, and expressions that do
// not compile.
func CheckTriggers(ctx context.Context, spec *v1alpha1.PipelineSpec, evaluator expression.Evaluator) error {
	request := expression.Request{Variables: eventVariables()}
	for i := range spec.Triggers {
		trigger := &spec.Triggers[i]
		if err := checkTrigger(spec, trigger); err != nil {
			return err
		}
		request.Sources = append(request.Sources, triggerSources(trigger)...)
	}
	if len(request.Sources) == 0 {
		return nil
	}
	_, err := evaluator.Evaluate(ctx, request)
	var wrong *expression.InvalidError
	switch {
	case errors.As(err, &wrong):
		return problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s", wrong.Text)
	case err != nil:
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the expressions cannot be checked now")
	}
	return nil
}

func checkTrigger(spec *v1alpha1.PipelineSpec, trigger *v1alpha1.PipelineTrigger) error {
	var known []string
	for _, parameter := range spec.Parameters {
		known = append(known, parameter.Name)
		at := slices.IndexFunc(trigger.Parameters, func(v v1alpha1.StageValue) bool { return v.Name == parameter.Name })
		switch {
		case at < 0 && parameter.Default == nil:
			return invalid("trigger %s does not set parameter %s, which has no default", trigger.Name, parameter.Name)
		case at < 0 || trigger.Parameters[at].Value == nil:
			continue
		}
		if _, err := expression.Parse(typeOf(parameter.Type), *trigger.Parameters[at].Value); err != nil {
			return invalid("%s: %s", triggerField(trigger, parameter.Name), err)
		}
	}
	for _, value := range trigger.Parameters {
		if !slices.Contains(known, value.Name) {
			return invalid("trigger %s: the Pipeline has no parameter %q%s", trigger.Name, value.Name, suggestion(known, value.Name))
		}
	}
	return nil
}

// TriggerParameters are the parameters of a run that a trigger creates. The event has the values of event.NAME: type, time, source,
// delivery, repository, ref, branch, tag, commit, and payload as JSON, as far as there are any. Errors that a person must resolve are
// problems of reason InvalidExpression or InvalidParameter.
func TriggerParameters(
	ctx context.Context, evaluator expression.Evaluator, spec *v1alpha1.PipelineSpec, trigger *v1alpha1.PipelineTrigger,
	event map[string]string,
) ([]v1alpha1.ParameterValue, error) {
	computed := map[string]string{}
	if list := triggerSources(trigger); len(list) > 0 {
		values := map[string]string{}
		for name, value := range event {
			values[eventVariable(name)] = value
		}
		results, err := evaluator.Evaluate(ctx, expression.Request{Variables: eventVariables(), Sources: list, Values: values})
		var wrong *expression.InvalidError
		switch {
		case errors.As(err, &wrong):
			return nil, problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s", wrong.Text)
		case err != nil:
			return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the expressions cannot be evaluated now")
		}
		for i, result := range results {
			switch {
			case result.Failure != "":
				return nil, problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s: %s", list[i].Field, result.Failure)
			case len(result.Missing) > 0:
				return nil, problem.UserError(v1alpha1.ReasonInvalidExpression, nil, "%s: %s has no value", list[i].Field,
					strings.Join(result.Missing, ", "))
			}
			computed[list[i].Field] = result.Value
		}
	}
	var given []v1alpha1.ParameterValue
	for _, value := range trigger.Parameters {
		field := triggerField(trigger, value.Name)
		text := computed[field]
		if value.Value != nil {
			text = *value.Value
		}
		if strings.Count(text, "")-1 > maxParameter {
			return nil, problem.UserError(v1alpha1.ReasonInvalidParameter, nil, "%s has more than %d characters", field, maxParameter)
		}
		given = append(given, v1alpha1.ParameterValue{Name: value.Name, Value: text})
	}
	if _, err := Parameters(spec, given); err != nil {
		return nil, err
	}
	return given, nil
}

// SetCommitTime records when the commit was made that a run is about. The zero time is unknown.
func SetCommitTime(run *v1alpha1.PipelineRun, at time.Time) {
	if !at.IsZero() {
		metav1.SetMetaDataAnnotation(&run.ObjectMeta, v1alpha1.AnnotationCommitTime, at.UTC().Format(time.RFC3339))
	}
}

// NewRun is a run that a trigger of a Pipeline creates, without parameters. It belongs to the Pipeline, and is deleted with it. No one
// requested it.
func NewRun(of *v1alpha1.Pipeline, trigger, name string, now time.Time) *v1alpha1.PipelineRun {
	at := metav1.NewTime(now)
	return &v1alpha1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.Namespace, Name: name, Annotations: map[string]string{v1alpha1.AnnotationTrigger: trigger},
			Labels: map[string]string{v1alpha1.LabelPipeline: Label(of.Name)},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion().String(), Kind: "Pipeline", Name: of.Name, UID: of.UID,
			}},
		},
		Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: of.Name}, RequestedAt: &at},
	}
}
