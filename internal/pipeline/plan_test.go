package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/problem"
)

func when(s v1alpha1.PipelineStage, expression string) v1alpha1.PipelineStage {
	s.When = expression
	return s
}

func TestWhatCannotRunIsRefusedBeforeTheFirstStage(t *testing.T) {
	build := stage("build")
	build.Job.Outputs = []string{"image"}
	for name, tc := range map[string]struct {
		stages, finally []v1alpha1.PipelineStage
		reason, want    string
	}{
		"valid":                     {stages: []v1alpha1.PipelineStage{build, when(stage("b", "build"), "stages.build.outputs.image != ''")}},
		"over another stage":        {stages: []v1alpha1.PipelineStage{build, stage("b", "build"), when(stage("c", "b"), "stages.build.outputs.image != ''")}},
		"in finally":                {stages: []v1alpha1.PipelineStage{build}, finally: []v1alpha1.PipelineStage{when(stage("f"), "run.failed && stages.build.phase == 'Failed'")}},
		"a cycle":                   {stages: []v1alpha1.PipelineStage{stage("a", "c"), stage("b", "a"), stage("c", "b")}, reason: "InvalidPipeline", want: "stages wait for each other: a after c after b after a"},
		"itself":                    {stages: []v1alpha1.PipelineStage{stage("a", "a")}, reason: "InvalidPipeline", want: "a after a"},
		"an unknown stage":          {stages: []v1alpha1.PipelineStage{build, stage("b", "buil")}, reason: "InvalidPipeline", want: `stage b: after: stage "buil" does not exist; did you mean "build"?`},
		"a stage of finally":        {stages: []v1alpha1.PipelineStage{stage("a", "f")}, finally: []v1alpha1.PipelineStage{stage("f")}, reason: "InvalidPipeline", want: "does not exist"},
		"a name twice":              {stages: []v1alpha1.PipelineStage{stage("a")}, finally: []v1alpha1.PipelineStage{stage("a")}, reason: "InvalidPipeline", want: "stage a exists twice"},
		"an output of no earlier":   {stages: []v1alpha1.PipelineStage{build, when(stage("b"), "stages.build.outputs.image != ''")}, reason: "InvalidExpression", want: "stage b, when: stages.build.outputs.image does not exist when stage b starts; add build to after of stage b"},
		"an unknown output":         {stages: []v1alpha1.PipelineStage{build, when(stage("b", "build"), "stages.build.outputs.tag != ''")}, reason: "InvalidExpression", want: "undeclared reference"},
		"another type":              {stages: []v1alpha1.PipelineStage{when(stage("a"), "1 + 1")}, reason: "InvalidExpression", want: "must evaluate to bool, not int"},
		"the result before the end": {stages: []v1alpha1.PipelineStage{when(stage("a"), "run.failed")}, reason: "InvalidExpression", want: "in stages of finally only"},
		"another stage of finally":  {stages: []v1alpha1.PipelineStage{stage("a")}, finally: []v1alpha1.PipelineStage{stage("f"), when(stage("g"), "stages.f.phase == ''")}, reason: "InvalidExpression", want: "stages of finally cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := NewPlan(&v1alpha1.PipelineSpec{Stages: tc.stages, Finally: tc.finally})
			if err == nil {
				err = plan.CheckExpressions(t.Context(), expression.Local{})
			}
			switch p := problem.As(err); {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (p == nil || p.Reason != tc.reason || !strings.Contains(p.Message, tc.want)):
				t.Errorf("got %v, want %s with %q", err, tc.reason, tc.want)
			}
		})
	}
}

func TestALongChainOfStagesIsChecked(t *testing.T) {
	stages := []v1alpha1.PipelineStage{stage("s")}
	for range 49 {
		last := stages[len(stages)-1].Name
		stages = append(stages, stage(last+"x", last))
	}
	if _, err := NewPlan(&v1alpha1.PipelineSpec{Stages: stages}); err != nil {
		t.Error(err)
	}
}

func TestParametersHaveTheirTypesAndDefaults(t *testing.T) {
	three, yes := "3", "true"
	spec := &v1alpha1.PipelineSpec{Parameters: []v1alpha1.PipelineParameter{
		{Name: "image"}, {Name: "replicas", Type: v1alpha1.ParameterInteger, Default: &three},
		{Name: "deploy", Type: v1alpha1.ParameterBoolean, Default: &yes},
	}}
	value := func(name, text string) v1alpha1.ParameterValue {
		return v1alpha1.ParameterValue{Name: name, Value: text}
	}
	for name, tc := range map[string]struct {
		given []v1alpha1.ParameterValue
		want  []v1alpha1.ParameterValue
		err   string
	}{
		"defaults":       {[]v1alpha1.ParameterValue{value("image", "a")}, []v1alpha1.ParameterValue{value("image", "a"), value("replicas", "3"), value("deploy", "true")}, ""},
		"an empty text":  {[]v1alpha1.ParameterValue{value("image", "")}, []v1alpha1.ParameterValue{value("image", ""), value("replicas", "3"), value("deploy", "true")}, ""},
		"missing":        {nil, nil, "parameter image has no default"},
		"unknown":        {[]v1alpha1.ParameterValue{value("imag", "a")}, nil, `no parameter "imag"; did you mean "image"?`},
		"not an integer": {[]v1alpha1.ParameterValue{value("image", "a"), value("replicas", "three")}, nil, `parameter replicas: "three" is not an integer`},
		"not a boolean":  {[]v1alpha1.ParameterValue{value("image", "a"), value("deploy", "yes")}, nil, "must be true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parameters(spec, tc.given)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAKeyIsANameOfAnObjectAndDiffersByRunStageAndAttempt(t *testing.T) {
	long := strings.Repeat("a", 40)
	seen := map[string]bool{}
	for _, key := range []string{
		Key("u", "a", 1), Key("u", "a", 2), Key("u", "b", 1), Key("v", "a", 1), Key("u", "a", 11), Key("u", "a-1", 1), Key("u", long, 100),
	} {
		if seen[key] || len(validation.IsDNS1035Label(key)) > 0 || len(key) > 53 {
			t.Errorf("key %q", key)
		}
		seen[key] = true
	}
}
