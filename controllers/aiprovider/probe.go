package aiprovider

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/provider/ai"
)

const (
	// maxShort and maxModel are lengths in runes of what a server reports: its version, and the name of the model.
	maxShort, maxModel = 64, 256
	// proofHolds is how long an answer proves a model, if nothing else happens.
	proofHolds = time.Hour
	// maxProofTokens that the answer to the small question may have.
	maxProofTokens = 256
)

type prober struct {
	clock  clock.PassiveClock
	meters *backends.Meters
}

// prove looks for the model and, where the last answer no longer proves it, asks a small question. Looking costs nothing; the
// question is paid from the budget like any other.
func (p prober) prove(ctx context.Context, scope *kind.Scope[*v1alpha1.AIProvider], c *backends.Model) (probe.Result, error) {
	result, err := p.ask(ctx, scope, c)
	if err != nil {
		scope.Object.Status.Latency = nil
	}
	if saveErr := p.meters.SaveChanged(ctx, scope.Object); saveErr != nil && err == nil {
		err = saveErr
	}
	return result, err
}

func (p prober) ask(ctx context.Context, scope *kind.Scope[*v1alpha1.AIProvider], c *backends.Model) (probe.Result, error) {
	spec, status := &scope.Object.Spec, &scope.Object.Status
	health, err := c.Probe(ctx)
	if err != nil {
		return probe.Result{}, err
	}
	status.Version, status.Model = c.Redact(health.Version, maxShort), c.Redact(health.Model, maxModel)
	status.ContextLength = health.ContextLength
	if spec.ContextLength != nil {
		status.ContextLength = spec.ContextLength
	}
	result := probe.Result{Message: "model " + spec.Model + " answers"}
	if !p.needsProof(scope, c.Meter) {
		return result, nil
	}
	unqueued := *c.Limited
	unqueued.Unqueued = true
	took, err := ai.Prove(ctx, &unqueued, p.clock, min(spec.AnswerTokens(), maxProofTokens))
	if err != nil {
		return probe.Result{}, err
	}
	status.Latency = probe.Steady(scope.Stored.Status.Latency, took, time.Millisecond, 5*time.Millisecond)
	answered := metav1.NewTime(p.clock.Now().Truncate(time.Second))
	status.LastAnswerTime = &answered
	result.Changed = true
	return result, nil
}

// needsProof reports whether to ask the question: the model was not Ready, or of another generation, the user requested it, or
// the last answer is old. Answers to other questions count.
func (p prober) needsProof(scope *kind.Scope[*v1alpha1.AIProvider], meter *ai.Meter) bool {
	status := &scope.Object.Status
	ready := scope.Condition(v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || status.ObservedGeneration != scope.Object.Generation ||
		status.LastAnswerTime == nil || scope.Requested() {
		return true
	}
	last := status.LastAnswerTime.Time
	if answered := meter.Answered(); answered.After(last) {
		last = answered
	}
	return p.clock.Since(last) >= proofHolds
}
