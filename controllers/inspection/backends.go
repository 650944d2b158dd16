package inspection

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=metricsbackends;logbackends,verbs=get

// openBackends opens the back ends that the spec names. One that is missing or not Ready is a gap in the report and nothing
// worse: the cluster itself can be inspected without it. Only the end of the manager is an error.
func (r *Reconciler) openBackends(ctx context.Context, i *v1alpha1.Inspection, input *inspect.Input) error {
	if ref := i.Spec.MetricsRef; ref != nil {
		if err := r.openMetrics(ctx, client.ObjectKey{Namespace: i.Namespace, Name: ref.Name}, input); err != nil {
			input.Gaps = append(input.Gaps, gapOf("MetricsBackend", "spec.metricsRef", i.Namespace, ref.Name, err))
		}
	}
	if ref := i.Spec.LogsRef; ref != nil {
		if err := r.openLogs(ctx, client.ObjectKey{Namespace: i.Namespace, Name: ref.Name}, input); err != nil {
			input.Gaps = append(input.Gaps, gapOf("LogBackend", "spec.logsRef", i.Namespace, ref.Name, err))
		}
	}
	if err := ctx.Err(); err != nil {
		closeBackends(*input)
		return err
	}
	return nil
}

// closeBackends lets go of what openBackends opened.
func closeBackends(input inspect.Input) {
	if input.Metrics != nil {
		input.Metrics.Close()
	}
	if input.Logs != nil {
		input.Logs.Close()
	}
}

func (r *Reconciler) openMetrics(ctx context.Context, key client.ObjectKey, input *inspect.Input) error {
	b := &v1alpha1.MetricsBackend{}
	if err := r.Reader.Get(ctx, key, b); err != nil {
		return err
	}
	proven, err := judged(b.Status.Conditions, b.Generation, b.Status.ObservedGeneration)
	if err != nil {
		return err
	}
	opened, err := r.Backends.OpenMetrics(ctx, b)
	if err != nil {
		return err
	}
	if !proven {
		if _, err := opened.Probe(ctx); err != nil {
			opened.Close()
			return err
		}
	}
	input.Metrics = opened.Provider
	input.MetricsBackend = facts.Ref{Kind: facts.CustomKind(v1alpha1.GroupVersion().Group, "MetricsBackend"), Namespace: b.Namespace, Name: b.Name}
	return nil
}

func (r *Reconciler) openLogs(ctx context.Context, key client.ObjectKey, input *inspect.Input) error {
	b := &v1alpha1.LogBackend{}
	if err := r.Reader.Get(ctx, key, b); err != nil {
		return err
	}
	proven, err := judged(b.Status.Conditions, b.Generation, b.Status.ObservedGeneration)
	if err != nil {
		return err
	}
	opened, err := r.Backends.OpenLogs(ctx, b)
	if err != nil {
		return err
	}
	if !proven {
		if _, err := logs.Prove(ctx, opened.Provider, logs.ProbeOptions{ReadOnly: true, Clock: r.Clock}); err != nil {
			opened.Close()
			return err
		}
	}
	input.Logs = opened.Provider
	return nil
}

// judged says whether the controller of back ends has proven this generation, or what kept it. A generation that it has not
// come to yet, as when both resources are applied at once, is proven by whoever needs it.
func judged(conditions []metav1.Condition, generation, observed int64) (proven bool, err error) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || observed != generation {
		return false, nil
	}
	if ready.Status == metav1.ConditionTrue {
		return true, nil
	}
	return false, &problem.Problem{Reason: ready.Reason, Message: ready.Message}
}

// gapOf words why a back end is not read.
func gapOf(kind, field, namespace, name string, err error) facts.Gap {
	resource := strings.ToLower(kind)
	gap := facts.Gap{Source: resource + "s/" + name, Reason: v1alpha1.GapUnavailable}
	object := fmt.Sprintf("%s %s/%s, which %s names,", kind, namespace, name, field)
	p := problem.As(err)
	switch {
	case apierrors.IsNotFound(err):
		gap.Message = object + " does not exist; nothing was read from it"
		gap.Remediation = fmt.Sprintf("Create it, or take %s away.", field)
		return gap
	case p != nil:
		gap.Reason = gapReason(p.Reason)
		gap.Message = fmt.Sprintf("%s is not Ready, and nothing was read from it. %s: %s", object, p.Reason, p.Message)
	case errors.Is(err, context.DeadlineExceeded):
		gap.Reason = v1alpha1.GapTimedOut
		gap.Message = object + " did not answer in time; nothing was read from it"
	default:
		gap.Message = fmt.Sprintf("%s could not be read (%s); nothing was read from the back end", object, brief(err))
	}
	gap.Remediation = fmt.Sprintf("See `kubectl -n %s get %s %s -o wide`; its condition Ready says what to do.", namespace, resource, name)
	return gap
}

func gapReason(reason string) v1alpha1.GapReason {
	switch reason {
	case v1alpha1.ReasonSecretForbidden, v1alpha1.ReasonForbidden, v1alpha1.ReasonUnauthorized:
		return v1alpha1.GapForbidden
	case v1alpha1.ReasonTimeout:
		return v1alpha1.GapTimedOut
	}
	return v1alpha1.GapUnavailable
}
