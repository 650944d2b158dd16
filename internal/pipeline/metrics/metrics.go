// Package metrics is the stage that compares values of a MetricsBackend with a limit, over some measurements. It starts nothing outside:
// its handle is what was measured so far.
package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// reasonMeasuring of a stage that has measurements left.
	reasonMeasuring = "Measuring"
	// maxShown series of a failed measurement.
	maxShown = 10
)

// Driver measures. Open is required.
type Driver struct {
	// Open a MetricsBackend, which the driver closes. Errors are problems.
	Open func(ctx context.Context, key client.ObjectKey) (*backends.Metrics, error)
}

// progress is the handle.
type progress struct {
	// Passed, Failed and Unknown measurements.
	Passed  int `json:"passed,omitempty"`
	Failed  int `json:"failed,omitempty"`
	Unknown int `json:"unknown,omitempty"`
	// Next is when to measure again, in Unix milliseconds.
	Next int64 `json:"next,omitempty"`
}

func (p progress) encode() string {
	content, _ := json.Marshal(p) // numbers have no errors
	return string(content)
}

// measure queries the backend once.
func (d *Driver) measure(ctx context.Context, attempt pipeline.Attempt) (measurement, error) {
	stage := attempt.Stage.Metrics
	condition, err := parseCondition(stage.Condition)
	if err != nil {
		return measurement{}, err
	}
	backend, err := d.Open(ctx, client.ObjectKey{Namespace: attempt.Namespace, Name: stage.BackendRef.Name})
	if err != nil {
		return measurement{}, err
	}
	defer backend.Close()
	vector, err := backend.Query(ctx, stage.Query, time.Time{})
	if err != nil {
		return measurement{}, err
	}
	return condition.judge(vector, func(text string) string { return backend.Redact(text, maxSeries) }), nil
}

// Check implements pipeline.Driver: the backend answers the query, with data or without.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	_, err := d.measure(ctx, attempt)
	return problem.In("stage "+attempt.Stage.Name, err)
}

// Start implements pipeline.Driver.
func (d *Driver) Start(context.Context, pipeline.Attempt) (string, error) {
	return progress{}.encode(), nil
}

// Find implements pipeline.Driver.
func (d *Driver) Find(context.Context, pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Found, Handle: progress{}.encode()}, nil
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// Get implements pipeline.Driver: it measures if it is time.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	stage := attempt.Stage.Metrics
	var p progress
	if err := json.Unmarshal([]byte(handle), &p); err != nil {
		lost := pipeline.Observation{State: pipeline.Lost, Message: "the measurements so far cannot be read"}
		return lost, nil //nolint:nilerr // a result
	}
	next := time.UnixMilli(p.Next)
	if attempt.Now.Before(next) {
		return p.running(stage, next.Sub(attempt.Now)), nil
	}
	m, err := d.measure(ctx, attempt)
	if found := problem.As(err); found != nil && found.Reason == v1alpha1.ReasonInvalidQuery {
		return pipeline.Observation{State: pipeline.Failed, Reason: found.Reason, Message: found.Message}, nil
	}
	if err != nil {
		return pipeline.Observation{}, err
	}
	p.Next = attempt.Now.Add(stage.Period()).UnixMilli()
	switch {
	case m.series == 0 && stage.NoData != v1alpha1.NoDataWait:
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonNoData,
			Message: "the query has no value; set metrics.noData: Wait to wait for one",
		}, nil
	case m.series == 0:
		p.Unknown++
	case len(m.outside) > 0:
		p.Failed++
	default:
		p.Passed++
	}
	return p.result(stage, m), nil
}

// result of the measurements so far.
func (p progress) result(stage *v1alpha1.MetricsStage, m measurement) pipeline.Observation {
	switch {
	case p.Failed > int(stage.MaxFailures):
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonConditionNotMet, Diagnosis: m.outside[:min(len(m.outside), maxShown)],
			Message: fmt.Sprintf("value %s does not meet %s in %d of %d series; %s", m.worst, stage.Condition, len(m.outside), m.series,
				p.counts(stage)),
		}
	case p.Passed+p.Failed >= stage.Measurements():
		return pipeline.Observation{
			State: pipeline.Succeeded, Message: fmt.Sprintf("last value %s meets %s; %s", m.worst, stage.Condition, p.counts(stage)),
			Outputs: map[string]string{v1alpha1.OutputValue: m.worst},
		}
	}
	return p.running(stage, stage.Period())
}

func (p progress) running(stage *v1alpha1.MetricsStage, after time.Duration) pipeline.Observation {
	o := pipeline.Observation{Handle: p.encode(), Reason: reasonMeasuring, Message: p.counts(stage), After: after}
	if p.Unknown > 0 && p.Passed+p.Failed == 0 {
		o.Reason = v1alpha1.ReasonNoData
	}
	return o
}

func (p progress) counts(stage *v1alpha1.MetricsStage) string {
	text := fmt.Sprintf("%d of %d measurements passed, %d failed", p.Passed, stage.Measurements(), p.Failed)
	if p.Unknown > 0 {
		text += fmt.Sprintf(", %d had no value", p.Unknown)
	}
	return text
}
