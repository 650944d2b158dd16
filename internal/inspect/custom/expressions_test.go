package custom

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func variables() []Variable {
	return []Variable{
		{"params.image", String}, {"params.replicas", Integer}, {"params.deploy", Boolean},
		{"stages.build_it.outputs.digest", String}, {"stages.build_it.phase", String},
	}
}

func TestExpressionsAreTypeCheckedBeforeTheyAreEvaluated(t *testing.T) {
	values := map[string]any{
		"params.image": "shop", "params.replicas": int64(3), "params.deploy": true, "stages.build_it.outputs.digest": "sha256:ab",
	}
	for name, tc := range map[string]struct {
		source Source
		want   any
		// err is a part of the error when the expression is compiled, or evaluated.
		err string
	}{
		"a parameter":             {Source{"when", "params.deploy", Boolean}, true, ""},
		"parameters of two types": {Source{"when", "params.deploy && params.replicas > 2", Boolean}, true, ""},
		"an output":               {Source{"env", "params.image + '@' + stages.build_it.outputs.digest", String}, "shop@sha256:ab", ""},
		"a number":                {Source{"env", "params.replicas * 2", Integer}, int64(6), ""},
		"another type":            {Source{"when", "params.image", Boolean}, nil, "must evaluate to bool, not string"},
		"a comparison of types":   {Source{"when", "params.replicas == '3'", Boolean}, nil, "no matching overload"},
		"an unknown parameter":    {Source{"when", "params.imagee == ''", Boolean}, nil, "when, line 1, column 1: undeclared reference to 'params'"},
		"an unknown output":       {Source{"when", "stages.build_it.outputs.tag == ''", Boolean}, nil, "undeclared reference"},
		"the whole map":           {Source{"when", "size(params) > 0", Boolean}, nil, "undeclared reference"},
		"a value without a value": {Source{"when", "stages.build_it.phase == ''", Boolean}, nil, "no such attribute"},
		"a syntax error":          {Source{"when", "params.deploy &&", Boolean}, nil, "Syntax error"},
		"no text":                 {Source{"when", "", Boolean}, nil, "must have 1 to 4096 characters"},
		"a long text":             {Source{"when", strings.Repeat("a", 5000), Boolean}, nil, "must have 1 to 4096 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			compiled, err := CompileExpressions(t.Context(), variables(), []Source{tc.source})
			var got any
			if err == nil {
				got, err = compiled[0].Evaluate(t.Context(), values)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("got %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExpressionsNameTheVariablesTheyUse(t *testing.T) {
	compiled, err := CompileExpressions(t.Context(), variables(), []Source{
		{"when", "params.deploy || stages.build_it.outputs.digest == '' || params.deploy", Boolean}, {"when", "true", Boolean},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"params.deploy", "stages.build_it.outputs.digest"}, compiled[0].References()); diff != "" {
		t.Error(diff)
	}
	if len(compiled[1].References()) != 0 {
		t.Error(compiled[1].References())
	}
}

func TestAnExpressionCannotUseMoreThanACustomCheck(t *testing.T) {
	hostile := "[1,2,3,4,5,6,7,8,9,0].map(a, [1,2,3,4,5,6,7,8,9,0].map(b, [1,2,3,4,5,6,7,8,9,0].map(c, [1,2,3,4,5,6,7,8,9,0].map(d, " +
		"[1,2,3,4,5,6,7,8,9,0].map(e, [1,2,3,4,5,6,7,8,9,0].map(f, params.image)))))).size() > 0"
	compiled, err := CompileExpressions(t.Context(), variables(), []Source{{"when", hostile, Boolean}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compiled[0].Evaluate(t.Context(), map[string]any{"params.image": "x"}); err == nil {
		t.Error("a million steps are evaluated")
	}
	nested := strings.Repeat("[", 100) + strings.Repeat("]", 100) + " == []"
	if _, err := CompileExpressions(t.Context(), nil, []Source{{"when", nested, Boolean}}); err == nil {
		t.Error("100 levels are compiled")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CompileExpressions(ended, nil, []Source{{"when", "true", Boolean}}); err == nil {
		t.Error("an ended context compiles")
	}
}
