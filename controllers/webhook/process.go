package webhook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/trigger"
)

// replayPeriod is how long a delivery is remembered.
const replayPeriod = 24 * time.Hour

// process a delivery that was read.
func (h *Handler) process(ctx context.Context, to target, header http.Header, body []byte) response {
	definition, err := h.definition(ctx, to)
	if err != nil {
		log.FromContext(ctx).Error(err, "Pipeline of a webhook not read", "namespace", to.Namespace, "pipeline", to.Name)
		return unavailable()
	}
	var of *v1alpha1.PipelineTrigger
	if definition != nil {
		of = definition.Spec.Trigger(to.trigger)
	}
	if of == nil || of.Webhook == nil {
		_ = trigger.Verify(v1alpha1.WebhookGitHub, h.decoy, header, body, h.Clock.Now()) // takes the time that it takes for others
		return notAuthentic()
	}
	if err := h.authenticate(ctx, definition, of, header, body); err != nil {
		p := problem.As(err)
		if p == nil || p.Action == problem.Retry {
			log.FromContext(ctx).Error(err, "Secret of a webhook not read", "namespace", to.Namespace, "pipeline", to.Name)
			return unavailable()
		}
		if h.mayRecord(to) {
			h.record(ctx, to, definition.UID, h.refusal(p.Reason, p.Message))
		}
		return notAuthentic()
	}
	event, err := trigger.Parse(of.Webhook.Source, header, body)
	if err != nil {
		return h.refuse(ctx, to, definition, "", http.StatusBadRequest, resultRefused, err)
	}
	if err := trigger.Select(of.Webhook, event); err != nil {
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusOK, resultIgnored, err)
	}
	if definition.Spec.Suspend {
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusOK, resultIgnored, problem.UserError(v1alpha1.ReasonSuspended, nil,
			"the Pipeline is suspended; to resume it, remove its spec.suspend"))
	}
	if err := pipeline.CheckServed(definition); err != nil {
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusOK, resultIgnored, err)
	}
	return h.create(ctx, to, definition, of, event, body)
}

// definition of the Pipeline; nil if it does not exist, or is not one that the manager serves.
func (h *Handler) definition(ctx context.Context, to target) (*v1alpha1.Pipeline, error) {
	if names.Segments(to.Namespace, to.Name) != nil || to.Namespace == "" {
		return nil, nil //nolint:nilerr // no Pipeline has such a name
	}
	found := &v1alpha1.Pipeline{}
	err := h.Reader.Get(ctx, to.ObjectKey, found)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err), apierrors.IsInvalid(err), problem.As(err) != nil:
		return nil, nil //nolint:nilerr // a Pipeline that is not there for the sender
	case err != nil:
		return nil, err
	case found.DeletionTimestamp != nil:
		return nil, nil
	}
	return found, nil
}

// authenticate checks the signature of a delivery.
func (h *Handler) authenticate(
	ctx context.Context, definition *v1alpha1.Pipeline, of *v1alpha1.PipelineTrigger, header http.Header, body []byte,
) error {
	const field = "webhook.secretRef"
	secrets := h.Secrets.For(definition.Namespace, definition.Spec.Account())
	secret, err := secrets.Text(ctx, of.Webhook.SecretRef, "trigger "+of.Name+": "+field)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(secret) < v1alpha1.MinWebhookSecret {
		return problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
			"key %s of Secret %s (referenced by trigger %s: %s) has fewer than %d characters; set a longer one, here and at the sender",
			of.Webhook.SecretRef.Key, of.Webhook.SecretRef.Name, of.Name, field, v1alpha1.MinWebhookSecret)
	}
	return trigger.Verify(of.Webhook.Source, secret, header, body, h.Clock.Now())
}

// create the run of an event. Its name is that of the event: the one who creates it first has it, and everyone else finds it.
func (h *Handler) create(
	ctx context.Context, to target, definition *v1alpha1.Pipeline, of *v1alpha1.PipelineTrigger, event *trigger.Event, body []byte,
) response {
	name := trigger.RunName(definition.Name, definition.UID, of.Name, event)
	if h.known(definition, of.Name, name) {
		return response{status: http.StatusOK, Result: resultDuplicate, Run: name}
	}
	switch count, err := h.unended(ctx, to.ObjectKey); {
	case err != nil:
		log.FromContext(ctx).Error(err, "PipelineRuns not listed")
		return unavailable()
	case count >= v1alpha1.MaxUnendedRuns:
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusTooManyRequests, resultRefused, problem.UserError(
			v1alpha1.ReasonTooManyRuns, nil, "%d runs of the Pipeline have not ended; cancel some, or set spec.concurrency: ReplaceQueued",
			v1alpha1.MaxUnendedRuns))
	}
	var parameters []v1alpha1.ParameterValue
	err := h.places.evaluate(ctx, to.Namespace, func() (err error) {
		parameters, err = pipeline.TriggerParameters(ctx, h.Expressions, &definition.Spec, of, event.Values(body))
		return err
	})
	if p := problem.As(err); err != nil {
		if p == nil || p.Action == problem.Retry {
			log.FromContext(ctx).Error(err, "Expressions of a trigger not evaluated")
			return unavailable()
		}
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusUnprocessableEntity, resultRefused, err)
	}
	run := pipeline.NewRun(definition, of.Name, name, h.Clock.Now())
	run.Spec.Parameters = parameters
	if event.Delivery != "" {
		run.Annotations[v1alpha1.AnnotationDelivery] = event.Delivery
	}
	pipeline.SetCommitTime(run, event.CommitTime)
	err = h.Client.Create(ctx, run)
	switch {
	case apierrors.IsAlreadyExists(err): // its creator may have ended before it was remembered
		h.record(ctx, to, definition.UID, remember(name))
		return response{status: http.StatusOK, Result: resultDuplicate, Run: name}
	case apierrors.IsForbidden(err): // such as by a quota: the parameters are not to blame
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusForbidden, resultRefused, problem.UserError(
			v1alpha1.ReasonForbidden, err, "PipelineRun %s cannot be created (%s); check ResourceQuotas and admission policies of "+
				"namespace %s, then deliver again", name, apierror.Describe(err), to.Namespace))
	case apierrors.IsInvalid(err):
		return h.refuse(ctx, to, definition, event.Delivery, http.StatusUnprocessableEntity, resultRefused, problem.UserError(
			v1alpha1.ReasonInvalidParameter, err, "PipelineRun %s cannot be created (%s)", name, apierror.Describe(err)))
	case err != nil:
		log.FromContext(ctx).Error(err, "PipelineRun not created", "namespace", to.Namespace, "run", name)
		return unavailable()
	}
	log.FromContext(ctx).Info("PipelineRun created", "namespace", to.Namespace, "pipeline", to.Name, "trigger", of.Name, "run", name)
	h.record(ctx, to, definition.UID, func(s *v1alpha1.TriggerStatus, now metav1.Time) {
		s.LastDelivery = event.Delivery
		s.LastDeliveryTime = &now
		s.LastRun = name
		remember(name)(s, now)
	})
	return response{status: http.StatusAccepted, Result: resultCreated, Run: name}
}

// known reports whether the trigger created the run within replayPeriod.
func (h *Handler) known(definition *v1alpha1.Pipeline, of, run string) bool {
	for _, s := range definition.Status.Triggers {
		if s.Name == of {
			return slices.ContainsFunc(s.RecentRuns, func(r v1alpha1.TriggeredRun) bool {
				return r.Name == run && h.Clock.Since(r.Time.Time) < replayPeriod
			})
		}
	}
	return false
}

// refuse an authentic delivery, for a reason that the owner of the Pipeline and the sender can read.
func (h *Handler) refuse(
	ctx context.Context, to target, definition *v1alpha1.Pipeline, delivery string, status int, result string, err error,
) response {
	p := problem.As(err)
	if p == nil {
		p = problem.UserError(v1alpha1.ReasonInvalidPayload, err, "the delivery cannot be read")
	}
	refusal := h.refusal(p.Reason, p.Message)
	h.record(ctx, to, definition.UID, func(s *v1alpha1.TriggerStatus, now metav1.Time) {
		refusal(s, now)
		s.LastDelivery = delivery
		s.LastDeliveryTime = &now
	})
	return response{status: status, Result: result, Reason: p.Reason, Message: h.Redact(p.Message)}
}

func unavailable() response {
	return response{status: http.StatusServiceUnavailable, Result: resultError}
}

var errStale = errors.New("the status was changed by others all the time")
