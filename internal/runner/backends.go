package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/remedy"
)

// openBackends opens the backends that the spec names; all lines of the cluster have logLabels. One that is missing or not Ready is a gap
// in the report and no error: the cluster itself can be inspected without it. Only the end of the manager is an error.
func (l *Local) openBackends(
	ctx context.Context, inspection *v1alpha1.Inspection, logLabels map[string]string, input *inspect.Input,
) error {
	if ref := inspection.Spec.MetricsRef; ref != nil {
		if err := l.openMetrics(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: ref.Name}, input); err != nil {
			input.Gaps = append(input.Gaps, gapOf("MetricsBackend", "spec.metricsRef", inspection.Namespace, ref.Name, err))
		}
	}
	if ref := inspection.Spec.LogsRef; ref != nil {
		if err := l.openLogs(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: ref.Name}, logLabels, input); err != nil {
			input.Gaps = append(input.Gaps, gapOf("LogBackend", "spec.logsRef", inspection.Namespace, ref.Name, err))
		}
	}
	if err := ctx.Err(); err != nil {
		closeBackends(*input)
		return err
	}
	return nil
}

// closeBackends closes what openBackends opened.
func closeBackends(input inspect.Input) {
	if input.Metrics != nil {
		input.Metrics.Close()
	}
	if input.Logs != nil {
		input.Logs.Close()
	}
}

func (l *Local) openMetrics(ctx context.Context, key client.ObjectKey, input *inspect.Input) error {
	b, proven, err := backends.ReadMetrics(ctx, l.Reader, key)
	if err != nil {
		return err
	}
	opened, err := l.Backends.OpenMetrics(ctx, b)
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
	input.MetricsBackend = facts.Ref{
		Kind:      facts.CustomKind(v1alpha1.GroupVersion().Group, "MetricsBackend"),
		Namespace: b.Namespace,
		Name:      b.Name,
	}
	return nil
}

// openLogs of lines that have some labels; all lines if there are none.
func (l *Local) openLogs(ctx context.Context, key client.ObjectKey, selected map[string]string, input *inspect.Input) error {
	b, proven, err := backends.ReadLogs(ctx, l.Reader, key)
	if err != nil {
		return err
	}
	opened, err := l.Backends.OpenLogs(ctx, b)
	if err != nil {
		return err
	}
	if !proven {
		if _, err := logs.Prove(ctx, opened.Provider, logs.ProbeOptions{ReadOnly: true, Clock: l.Clock}); err != nil {
			opened.Close()
			return err
		}
	}
	input.Logs = logs.Only(opened.Provider, selected)
	return nil
}

// gapOf describes why a backend is not read.
func gapOf(kindName, field, namespace, name string, err error) facts.Gap {
	resource := strings.ToLower(kindName)
	if invalid := problem.As(names.Object(field+".name", kindName, name)); invalid != nil {
		return facts.Gap{
			Source: resource + "s/" + names.Quote(name), Reason: v1alpha1.GapUnavailable,
			Message: invalid.Message + ", so nothing was read from it", Remediation: remedy.Sprintf("Fix the name, or remove %s.", field),
		}
	}
	gap := facts.Gap{Source: resource + "s/" + name, Reason: v1alpha1.GapUnavailable}
	object := fmt.Sprintf("%s %s/%s (%s)", kindName, namespace, name, field)
	p := problem.As(err)
	switch {
	case apierrors.IsNotFound(err):
		gap.Message = object + " does not exist, so nothing was read from it"
		gap.Remediation = remedy.Sprintf("Create it, or remove %s.", field)
		return gap
	case p != nil:
		gap.Reason = gapReason(p.Reason)
		gap.Message = fmt.Sprintf("%s is not Ready, so nothing was read from it. %s: %s", object, p.Reason, p.Message)
	case errors.Is(err, context.DeadlineExceeded):
		gap.Reason = v1alpha1.GapTimedOut
		gap.Message = object + " did not answer in time, so nothing was read from it"
	default:
		gap.Message = fmt.Sprintf("cannot read %s (%s), so nothing was read from the backend", object,
			apierror.DescribeWithMessage(err, MaxQuote))
	}
	gap.Remediation = remedy.Sprintf("Run `kubectl -n %s get %s %s -o wide`; its condition Ready says what to do.", namespace, resource,
		name)
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
