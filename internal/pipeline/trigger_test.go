package pipeline_test

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

// triggered is a spec with the parameters version, count (default 1) and a trigger with parameters.
func triggered(parameters ...v1alpha1.StageValue) *v1alpha1.PipelineSpec {
	return &v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{
			{Name: "version"}, {Name: "count", Type: v1alpha1.ParameterInteger, Default: ptr.To("1")},
		},
		Triggers: []v1alpha1.PipelineTrigger{{Name: "push", Type: v1alpha1.TriggerWebhook, Parameters: parameters}},
	}
}

func TestTriggersAreCheckedBeforeTheirFirstDelivery(t *testing.T) {
	version := v1alpha1.StageValue{Name: "version", Expression: "event.commit"}
	for name, c := range map[string]struct {
		parameters   []v1alpha1.StageValue
		reason, text string
	}{
		"valid":   {parameters: []v1alpha1.StageValue{version}},
		"missing": {reason: v1alpha1.ReasonInvalidPipeline, text: "trigger push does not set parameter version"},
		"unknown": {
			parameters: []v1alpha1.StageValue{version, {Name: "vresion", Value: ptr.To("1")}}, reason: v1alpha1.ReasonInvalidPipeline,
			text: `no parameter "vresion"; did you mean "version"?`,
		},
		"another type": {
			parameters: []v1alpha1.StageValue{version, {Name: "count", Value: ptr.To("many")}}, reason: v1alpha1.ReasonInvalidPipeline,
			text: `"many" is not an integer`,
		},
		"does not compile": {
			parameters: []v1alpha1.StageValue{{Name: "version", Expression: "event.commit +"}}, reason: v1alpha1.ReasonInvalidExpression,
			text: "trigger push, parameter version, line 1",
		},
		"a stage's output": {
			parameters: []v1alpha1.StageValue{{Name: "version", Expression: "stages.build.outputs.x"}}, reason: v1alpha1.ReasonInvalidExpression,
			text: "trigger push, parameter version",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := pipeline.CheckTriggers(t.Context(), triggered(c.parameters...), expression.Local{})
			p := problem.As(err)
			if c.reason == "" && err != nil || c.reason != "" && (p == nil || p.Reason != c.reason || !strings.Contains(p.Message, c.text)) {
				t.Errorf("got %v, want %s %s", err, c.reason, c.text)
			}
		})
	}
}

func TestTheParametersOfATriggerComeFromTheEvent(t *testing.T) {
	event := map[string]string{"commit": "abc", "payload": `{"n": 3, "text": "x", "head": {"id": "0123456789"}}`}
	for name, c := range map[string]struct{ expression, count, want, reason string }{
		"a field":       {expression: "event.commit", want: "abc"},
		"of payload":    {expression: "string(event.payload.head.id).substring(0, 7)", want: "0123456"},
		"a number":      {expression: "string(event.payload.n)", want: "3"},
		"no string":     {expression: "event.payload.n", reason: v1alpha1.ReasonInvalidExpression},
		"a missing one": {expression: "string(event.payload.missing)", reason: v1alpha1.ReasonInvalidExpression},
		"no value":      {expression: "event.tag", reason: v1alpha1.ReasonInvalidExpression},
		"another type":  {expression: "event.commit", count: "string(event.payload.text)", reason: v1alpha1.ReasonInvalidParameter},
	} {
		t.Run(name, func(t *testing.T) {
			parameters := []v1alpha1.StageValue{{Name: "version", Expression: c.expression}}
			if c.count != "" {
				parameters = append(parameters, v1alpha1.StageValue{Name: "count", Expression: c.count})
			}
			spec := triggered(parameters...)
			got, err := pipeline.TriggerParameters(t.Context(), expression.Local{}, spec, &spec.Triggers[0], event)
			if c.reason != "" {
				if p := problem.As(err); p == nil || p.Reason != c.reason {
					t.Errorf("%v, %v; want %s", got, err, c.reason)
				}
				return
			}
			if err != nil || len(got) != 1 || got[0].Value != c.want {
				t.Errorf("%v, %v; want %s", got, err, c.want)
			}
		})
	}
	spec := triggered(v1alpha1.StageValue{Name: "version", Expression: "event.tag"})
	long := map[string]string{"tag": strings.Repeat("x", 1025)}
	_, err := pipeline.TriggerParameters(t.Context(), expression.Local{}, spec, &spec.Triggers[0], long)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidParameter {
		t.Errorf("a value that is too long: %v", err)
	}
}
