package pipelinerun

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
)

// watch adds what wakes a run beside its own changes.
func watch(b *ctrl.Builder, cache client.Reader) *ctrl.Builder {
	ofPipeline := func(name func(client.Object) string) handler.EventHandler {
		return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
			return unfinished(ctx, cache, o.GetNamespace(), name(o))
		})
	}
	pipelineOf := func(o client.Object) string {
		run, ok := o.(*v1alpha1.PipelineRun)
		if !ok {
			return ""
		}
		return run.Spec.PipelineRef.Name
	}
	ended := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		previous, isRun := e.ObjectOld.(*v1alpha1.PipelineRun)
		current, isAlso := e.ObjectNew.(*v1alpha1.PipelineRun)
		return isRun && isAlso && previous.Status.Phase != current.Status.Phase && current.Status.Phase.Ended()
	}}
	created := predicate.Funcs{
		UpdateFunc: func(event.UpdateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	toRun := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		approval, ok := o.(*v1alpha1.Approval)
		if !ok {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: approval.Namespace, Name: approval.Spec.Run}}}
	})
	return b.
		Watches(&v1alpha1.PipelineRun{}, ofPipeline(pipelineOf), builder.WithPredicates(ended)).
		Watches(&v1alpha1.Pipeline{}, ofPipeline(client.Object.GetName), builder.WithPredicates(
			predicate.Or(predicate.GenerationChangedPredicate{}, servedAgain()))).
		Watches(&v1alpha1.Approval{}, toRun, builder.WithPredicates(created))
}

// servedAgain passes Pipelines that a quota no longer leaves out, for which their runs wait. Their generation does not change.
func servedAgain() predicate.Predicate {
	isServed := func(o client.Object) bool {
		p, ok := o.(*v1alpha1.Pipeline)
		return ok && pipeline.CheckServed(p) == nil
	}
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return !isServed(e.ObjectOld) && isServed(e.ObjectNew) },
	}
}

// unfinished are the runs of a Pipeline that have not ended.
func unfinished(ctx context.Context, cache client.Reader, namespace, name string) (requests []reconcile.Request) {
	list := &v1alpha1.PipelineRunList{}
	if err := cache.List(ctx, list, client.InNamespace(namespace)); err != nil {
		log.FromContext(ctx).Error(err, "PipelineRuns not listed")
		return nil
	}
	for i := range list.Items {
		if run := &list.Items[i]; run.Spec.PipelineRef.Name == name && !run.Status.Phase.Ended() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(run)})
		}
	}
	return requests
}
