package aiprovider

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/provider/ai"
)

// maxShort is the length in runes of what a server tells in a word or two.
const maxShort = 64

// probe looks for the model and, where the last answer proves it no more, asks the small question. Looking costs nothing; the
// question is paid from the budget like any other.
func (r *Reconciler) probe(ctx context.Context, p *v1alpha1.AIProvider, opened *backends.Model) (message string, err error) {
	status, before := &p.Status, p.Status.DeepCopy()
	health, err := opened.Probe(ctx)
	if err != nil {
		status.Latency = nil
		return "", err
	}
	status.Version, status.Model = opened.Clean(health.Version, maxShort), opened.Clean(health.Model, 256)
	status.ContextLength = health.ContextLength
	if p.Spec.ContextLength != nil {
		status.ContextLength = p.Spec.ContextLength
	}
	message = "model " + p.Spec.Model + " answers"
	if !r.wantsProof(p, opened.Meter) {
		return message, nil
	}
	proving := *opened.Limited
	proving.Unqueued = true
	took, err := ai.Prove(ctx, &proving, r.Clock, min(p.Spec.AnswerTokens(), 256))
	if err != nil {
		status.Latency = nil
		return "", err
	}
	status.Latency = backend.Steady(before.Latency, took, time.Millisecond, 5*time.Millisecond)
	answered := metav1.NewTime(r.Clock.Now().Truncate(time.Second))
	status.LastAnswerTime = &answered
	return message, nil
}

// wantsProof says whether the question is to be asked: the model was not Ready, or of another generation, somebody asks for it, or
// the last answer is long ago. Answers to other questions count.
func (r *Reconciler) wantsProof(p *v1alpha1.AIProvider, meter *ai.Meter) bool {
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || p.Status.ObservedGeneration != p.Generation || p.Status.LastAnswerTime == nil {
		return true
	}
	if backend.Requested(p) != p.Status.LastHandledRequest {
		return true
	}
	last := p.Status.LastAnswerTime.Time
	if answered := meter.Answered(); answered.After(last) {
		last = answered
	}
	return r.Clock.Since(last) >= proofHolds
}
