package metrics

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// backend answers each query with the next of some vectors.
type backend struct {
	metrics.Provider
	answers []metrics.Vector
	queries int
	err     error
}

func (b *backend) Query(context.Context, string, time.Time) (metrics.Vector, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.queries++
	return b.answers[min(b.queries, len(b.answers))-1], nil
}

func (b *backend) Close() {}

func values(list ...float64) metrics.Vector {
	var vector metrics.Vector
	for _, value := range list {
		vector = append(vector, metrics.Sample{Labels: metrics.Labels{"__name__": "errors", "job": "shop"}, Value: value})
	}
	return vector
}

// measure a stage to its end, every 30 s, at most ten times.
func measure(t *testing.T, b *backend, stage v1alpha1.MetricsStage) pipeline.Observation {
	t.Helper()
	d := &Driver{Open: func(context.Context, client.ObjectKey) (*backends.Metrics, error) {
		return &backends.Metrics{Provider: b, Redactor: func(text string, _ int) string { return text }}, nil
	}}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	attempt := pipeline.Attempt{Stage: &v1alpha1.PipelineStage{Name: "gate", Metrics: &stage}, Now: now}
	handle, err := d.Start(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	var o pipeline.Observation
	for range 10 {
		if o, err = d.Get(t.Context(), attempt, handle); err != nil {
			t.Fatal(err)
		}
		if o.State != pipeline.Running {
			return o
		}
		queries := b.queries
		handle = o.Handle
		if again, err := d.Get(t.Context(), attempt, handle); err != nil || b.queries != queries || again.After != o.After {
			t.Errorf("it measures before it is time: %+v, %v", again, err)
		}
		attempt.Now = attempt.Now.Add(o.After)
	}
	return o
}

func TestAGateHasThreeAnswers(t *testing.T) {
	nan := values(math.NaN())
	for name, tc := range map[string]struct {
		answers []metrics.Vector
		change  func(*v1alpha1.MetricsStage)
		state   pipeline.State
		reason  string
		queries int
	}{
		"all measurements pass":       {answers: []metrics.Vector{values(0.01)}, state: pipeline.Succeeded, queries: 3},
		"one fails":                   {[]metrics.Vector{values(0.01), values(0.2)}, nil, pipeline.Failed, v1alpha1.ReasonConditionNotMet, 2},
		"one series of several fails": {[]metrics.Vector{values(0.01, 0.2)}, nil, pipeline.Failed, v1alpha1.ReasonConditionNotMet, 1},
		"an infinite value fails":     {[]metrics.Vector{values(math.Inf(1))}, nil, pipeline.Failed, v1alpha1.ReasonConditionNotMet, 1},
		"no value fails":              {[]metrics.Vector{nil}, nil, pipeline.Failed, v1alpha1.ReasonNoData, 1},
		"not a number is no value":    {[]metrics.Vector{nan}, nil, pipeline.Failed, v1alpha1.ReasonNoData, 1},
		"no value is waited for, as it was told": {
			[]metrics.Vector{nil, nan, values(0.01)}, func(s *v1alpha1.MetricsStage) { s.NoData = v1alpha1.NoDataWait },
			pipeline.Succeeded, "", 5,
		},
		"no value never passes": {
			[]metrics.Vector{nil}, func(s *v1alpha1.MetricsStage) { s.NoData = v1alpha1.NoDataWait }, pipeline.Running, v1alpha1.ReasonNoData, 10,
		},
		"one failure is permitted": {
			[]metrics.Vector{values(0.2), values(0.01)}, func(s *v1alpha1.MetricsStage) { s.MaxFailures = 1 }, pipeline.Succeeded, "", 3,
		},
		"two are too many": {
			[]metrics.Vector{values(0.2)}, func(s *v1alpha1.MetricsStage) { s.MaxFailures = 1 }, pipeline.Failed,
			v1alpha1.ReasonConditionNotMet, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			stage := v1alpha1.MetricsStage{Query: "errors", Condition: "< 0.05", Count: 3}
			if tc.change != nil {
				tc.change(&stage)
			}
			b := &backend{answers: tc.answers}
			o := measure(t, b, stage)
			if o.State != tc.state || o.Reason != tc.reason || b.queries != tc.queries {
				t.Errorf("after %d queries: %+v", b.queries, o)
			}
			if o.State == pipeline.Succeeded && o.Outputs[v1alpha1.OutputValue] != "0.01" {
				t.Errorf("outputs %v", o.Outputs)
			}
			if tc.reason == v1alpha1.ReasonConditionNotMet && !strings.HasPrefix(o.Diagnosis[0], `errors{job="shop"} `) {
				t.Errorf("diagnosis %q", o.Diagnosis)
			}
		})
	}
}

func TestAnInvalidQueryFailsAndAnUnreachableBackendDoesNot(t *testing.T) {
	stage := v1alpha1.MetricsStage{Query: "errors", Condition: "< 0.05"}
	o := measure(t, &backend{err: problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "parse error")}, stage)
	if o.State != pipeline.Failed || o.Reason != v1alpha1.ReasonInvalidQuery {
		t.Errorf("got %+v", o)
	}
	d := &Driver{Open: func(context.Context, client.ObjectKey) (*backends.Metrics, error) {
		return nil, problem.Retrying(v1alpha1.ReasonUnreachable, nil, "no answer")
	}}
	attempt := pipeline.Attempt{Stage: &v1alpha1.PipelineStage{Name: "gate", Metrics: &stage}, Now: time.Now()}
	if _, err := d.Get(t.Context(), attempt, "{}"); problem.As(err) == nil {
		t.Errorf("got %v", err)
	}
}

func TestConditionsCompare(t *testing.T) {
	for text, want := range map[string][3]bool{ // of 1, 2 and 3
		"< 2": {true, false, false}, "<= 2": {true, true, false}, "> 2": {false, false, true}, ">=2": {false, true, true},
		"== 2.0": {false, true, false}, "!= 2": {true, false, true}, "> -1": {true, true, true},
	} {
		c, err := parseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, wanted := range want {
			value := float64(i + 1)
			if c.meets(value) != wanted || (c.excess(value) > 0) && wanted {
				t.Errorf("%g %s: got %t, excess %g", value, text, c.meets(value), c.excess(value))
			}
		}
	}
	for _, text := range []string{"", "2", "< x", "< NaN", "< Inf", "=~ 2"} {
		if _, err := parseCondition(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
