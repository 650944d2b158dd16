package expression_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/inspect/custom"
)

func request(text string, values map[string]string) expression.Request {
	return expression.Request{
		Variables: []custom.Variable{{Name: "params.n", Type: custom.Integer}, {Name: "params.on", Type: custom.Boolean}},
		Sources:   []custom.Source{{Field: "when", Text: text, Type: custom.Boolean}},
		Values:    values,
	}
}

func TestAChildAnswersAsThisProcessDoes(t *testing.T) {
	for name, evaluator := range map[string]expression.Evaluator{
		"this process": expression.Local{},
		"a child": expression.NewChild(child.Command{
			Path: os.Args[0], Args: []string{"child"}, Memory: expression.Memory, Processors: 1,
		}, 1),
	} {
		t.Run(name, func(t *testing.T) {
			values := map[string]string{"params.n": "3"}
			for text, want := range map[string]expression.Result{
				"params.n > 2":                {References: []string{"params.n"}, Value: "true"},
				"params.on || params.n > 2":   {References: []string{"params.n", "params.on"}, Missing: []string{"params.on"}},
				"[1, 2].all(x, x < params.n)": {References: []string{"params.n"}, Value: "true"},
				"1 / (params.n - 3) == 0":     {References: []string{"params.n"}, Failure: "division by zero"},
			} {
				got, err := evaluator.Evaluate(t.Context(), request(text, values))
				if diff := cmp.Diff([]expression.Result{want}, got); diff != "" || err != nil {
					t.Errorf("%s: %v %s", text, err, diff)
				}
			}
			var invalid *expression.InvalidError
			if _, err := evaluator.Evaluate(t.Context(), request("params.n", nil)); !errors.As(err, &invalid) {
				t.Errorf("got %v, want an InvalidError", err)
			}
			if _, err := evaluator.Evaluate(t.Context(), request("true", map[string]string{"params.n": "x"})); !errors.As(err, &invalid) {
				t.Errorf("got %v, want an InvalidError", err)
			}
		})
	}
}

func TestAChildThatNeedsTooMuchMemoryIsAnInvalidExpression(t *testing.T) {
	small := expression.NewChild(child.Command{Path: os.Args[0], Args: []string{"hog"}, Memory: expression.Memory, Processors: 1}, 1)
	var invalid *expression.InvalidError
	if _, err := small.Evaluate(t.Context(), request("true", nil)); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "memory") {
		t.Errorf("got %v", err)
	}
}
