package webhook

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxMessage of a refusal, in characters.
	maxMessage = 1024
	// maxTries of a status that others change, too.
	maxTries = 10
	// recordInterval between two deliveries that are not authentic and are recorded: anyone can send them.
	recordInterval = time.Minute
	// maxRecorded triggers are remembered for recordInterval.
	maxRecorded = 1000
)

// change of the status of a trigger.
type change func(s *v1alpha1.TriggerStatus, now metav1.Time)

// refusal is the change that says why a delivery created no run.
func (h *Handler) refusal(reason, message string) change {
	return func(s *v1alpha1.TriggerStatus, now metav1.Time) {
		s.LastRefusalTime = &now
		s.LastRefusalReason = reason
		s.LastRefusalMessage = text.Clip(h.Redact(message), maxMessage)
	}
}

// remember is the change that keeps other deliveries of a run from creating it again once it is deleted.
func remember(run string) change {
	return func(s *v1alpha1.TriggerStatus, now metav1.Time) {
		if !slices.ContainsFunc(s.RecentRuns, func(r v1alpha1.TriggeredRun) bool { return r.Name == run }) {
			s.RecentRuns = append([]v1alpha1.TriggeredRun{{Name: run, Time: now}}, s.RecentRuns...)
		}
	}
}

// mayRecord reports whether a delivery that is not authentic may change the status now.
func (h *Handler) mayRecord(to target) bool {
	now := h.Clock.Now()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if last, known := h.recorded[to]; known && now.Sub(last) < recordInterval {
		return false
	}
	if len(h.recorded) >= maxRecorded {
		for other, last := range h.recorded {
			if now.Sub(last) >= recordInterval {
				delete(h.recorded, other)
			}
		}
	}
	if len(h.recorded) >= maxRecorded {
		return false
	}
	h.recorded[to] = now
	return true
}

// record changes the status of a trigger, also if the sender is gone. A status that cannot be written is logged: the run is what counts.
func (h *Handler) record(ctx context.Context, to target, uid types.UID, apply change) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), processTimeout)
	defer cancel()
	if err := h.write(ctx, to, uid, apply); err != nil {
		log.FromContext(ctx).Error(err, "Status of a trigger not written", "namespace", to.Namespace, "pipeline", to.Name)
	}
}

func (h *Handler) write(ctx context.Context, to target, uid types.UID, apply change) error {
	for range maxTries {
		stored := &v1alpha1.Pipeline{}
		if err := h.Reader.Get(ctx, to.ObjectKey, stored); err != nil || stored.UID != uid {
			return client.IgnoreNotFound(err)
		}
		changed := stored.DeepCopy()
		list := slices.DeleteFunc(changed.Status.Triggers, func(s v1alpha1.TriggerStatus) bool {
			return stored.Spec.Trigger(s.Name) == nil
		})
		at := slices.IndexFunc(list, func(s v1alpha1.TriggerStatus) bool { return s.Name == to.trigger })
		if at < 0 {
			at = len(list)
			list = append(list, v1alpha1.TriggerStatus{Name: to.trigger})
		}
		apply(&list[at], metav1.NewTime(h.Clock.Now()))
		list[at].RecentRuns = h.recent(list[at].RecentRuns)
		changed.Status.Triggers = list
		err := outcome.PatchStatus(ctx, h.Client, stored, changed, "triggers")
		if err == nil || !outcome.IsStale(err) {
			return err
		}
	}
	return errStale
}

// recent are the runs of the last replayPeriod.
func (h *Handler) recent(runs []v1alpha1.TriggeredRun) []v1alpha1.TriggeredRun {
	runs = slices.DeleteFunc(runs, func(r v1alpha1.TriggeredRun) bool { return h.Clock.Since(r.Time.Time) >= replayPeriod })
	return runs[:min(len(runs), v1alpha1.MaxRecentRuns)]
}
