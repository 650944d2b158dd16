package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// reconcileDeadline is how long after its creation a resource has been reconciled by a manager that works.
const reconcileDeadline = 5 * time.Minute

// probing is a resource that describes a server.
type probing interface{ Probing() v1alpha1.Probing }

// connections lists the resources that describe servers, and reports all resources that are stalled or that no manager reconciles.
func (e *examination) connections(ctx context.Context) error {
	for _, kind := range append(connect.ReconciledKinds(), connect.PipelineKind()) {
		idle := 0
		var first string
		err := e.store.Each(ctx, kind, "", func(object connect.APIObject) {
			lifecycle := object.(connect.Reconciled).Lifecycle()
			if p, ok := object.(probing); ok {
				e.report.Connections = append(e.report.Connections, connectionOf(kind, object, p.Probing(), *lifecycle.Conditions))
			}
			e.stalled(kind, object, *lifecycle.Conditions)
			if len(*lifecycle.Conditions) == 0 && e.now.Sub(object.GetCreationTimestamp().Time) > reconcileDeadline {
				if idle++; first == "" {
					first = object.GetNamespace() + "/" + object.GetName()
				}
			}
		})
		if err != nil {
			e.gap(checkResources, err)
		}
		if idle > 0 {
			e.problem(checkResources, kind.Kind+" "+first, fmt.Sprintf("has no conditions %s after its creation, as %s of this kind: "+
				"no manager reconciles them", reconcileDeadline, text.Count(idle-1, "other")),
				remedy.Sprintf("See the log of the manager, which names the CustomResourceDefinition or permission that it waits for: "+
					"`kubectl logs -A -l %s=%s --tail=100`.", nameLabel, managerName))
		}
	}
	return nil
}

func connectionOf(kind connect.ResourceKind, object connect.APIObject, p v1alpha1.Probing, conditions []metav1.Condition) Connection {
	c := Connection{Kind: kind.Kind, Namespace: object.GetNamespace(), Name: object.GetName(), Ready: "Unknown"}
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil {
		c.Ready = string(ready.Status)
		c.Reason = ready.Reason
		c.Message = text.Clip(ready.Message, maxMessage)
	}
	if last := *p.LastProbeTime; last != nil {
		c.LastProbe = &last.Time
	}
	return c
}

// stalled reports a resource that no retry fixes.
func (e *examination) stalled(kind connect.ResourceKind, object connect.APIObject, conditions []metav1.Condition) {
	condition := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	if condition == nil || condition.Status != metav1.ConditionTrue {
		return
	}
	e.problem(checkResources, fmt.Sprintf("%s %s/%s", kind.Kind, object.GetNamespace(), object.GetName()),
		fmt.Sprintf("is Stalled (%s): %s", condition.Reason, text.Clip(condition.Message, maxMessage)),
		remedy.Sprintf("Correct its spec, or what it refers to: `kubectl -n %s describe %s %s`.", object.GetNamespace(),
			strings.ToLower(kind.Kind), object.GetName()))
}
