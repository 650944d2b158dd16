package inspection

import (
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"kubeops.io/kubeops/api/v1alpha1"
)

// ReportChanged lets through what a controller of reports acts on: an Inspection that is new, has a new report, or whose spec
// changed.
func ReportChanged() predicate.Predicate {
	return predicate.Funcs{
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, okBefore := e.ObjectOld.(*v1alpha1.Inspection)
			after, okAfter := e.ObjectNew.(*v1alpha1.Inspection)
			return okBefore && okAfter &&
				(before.Generation != after.Generation || before.Status.LastReport != after.Status.LastReport)
		},
	}
}
