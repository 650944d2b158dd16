package doctor

import (
	"context"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/remedy"
)

// veleroLabel is on every object that Velero restored.
const veleroLabel = "velero.io/restore-name"

// restored finds objects that are copies of those of a backup, and what they refer to and is gone.
func (e *examination) restored(ctx context.Context) error {
	runs := map[string]bool{}
	err := e.store.Each(ctx, connect.PipelineRunKind(), "", func(object connect.APIObject) {
		run := object.(*v1alpha1.PipelineRun)
		runs[run.Namespace+"/"+run.Name] = true
		if !isCopy(run) {
			return
		}
		e.warn(checkRestored, fmt.Sprintf("PipelineRun %s/%s", run.Namespace, run.Name),
			"was restored from a backup, so it does not start",
			remedy.Sprintf("If its work is still wanted, start a new run: `kubeops pipeline run %s -n %s`. Then delete the copy: "+
				"`kubectl -n %s delete pipelinerun %s`.", run.Spec.PipelineRef.Name, run.Namespace, run.Namespace, run.Name))
	})
	if err != nil {
		return err
	}
	err = e.store.Each(ctx, connect.ApprovalKind(), "", func(object connect.APIObject) {
		approval := object.(*v1alpha1.Approval)
		if !isLeftCopy(approval, runs) {
			return
		}
		e.warn(checkRestored, fmt.Sprintf("Approval %s/%s", approval.Namespace, approval.Name),
			fmt.Sprintf("was restored, and is of PipelineRun %s, which does not exist: it counts for no run", approval.Spec.Run),
			remedy.Sprintf("Delete it: `kubectl -n %s delete approval %s`.", approval.Namespace, approval.Name))
	})
	if err != nil {
		return err
	}
	return e.inventories(ctx)
}

// isCopy reports whether a run is the copy of another object.
func isCopy(run *v1alpha1.PipelineRun) bool {
	marked := run.Annotations[v1alpha1.AnnotationRunUID]
	byVelero := run.Labels[veleroLabel] != "" && run.Status.StartTime == nil
	return marked != "" && marked != string(run.UID) || byVelero
}

// isLeftCopy reports whether an Approval was restored without its run. Approvals outlive the runs that spec.keepRuns does not keep: one
// without a run need not be a copy.
func isLeftCopy(approval *v1alpha1.Approval, runs map[string]bool) bool {
	return approval.Labels[veleroLabel] != "" && !runs[approval.Namespace+"/"+approval.Spec.Run]
}

// inventories finds inventories of ResourceBundles that do not exist: what they list is applied, and no one manages it.
func (e *examination) inventories(ctx context.Context) error {
	bundles := map[string]bool{}
	err := e.store.Each(ctx, connect.BundleKind(), "", func(object connect.APIObject) {
		bundles[object.GetNamespace()+"/"+object.GetName()] = true
	})
	if err != nil {
		return err
	}
	return e.store.Each(ctx, connect.InventoryKind(), "", func(object connect.APIObject) {
		inventory := object.(*v1alpha1.BundleInventory)
		if bundles[inventory.Namespace+"/"+inventory.Bundle] || !inventory.DeletionTimestamp.IsZero() {
			return
		}
		e.warn(checkRestored, fmt.Sprintf("BundleInventory %s/%s", inventory.Namespace, inventory.Name),
			fmt.Sprintf("belongs to ResourceBundle %s, which does not exist: %d objects in cluster %s are managed by no one",
				inventory.Bundle, len(inventory.Entries), inventory.Cluster),
			remedy.Sprintf("Restore the ResourceBundle from its source, or delete the inventory and keep the objects: "+
				"`kubectl -n %s delete bundleinventory %s`.", inventory.Namespace, inventory.Name))
	})
}
