// Package storage checks PersistentVolumeClaims and PersistentVolumes.
package storage

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks are all checks of claims and volumes, in no fixed order.
func Checks() []check.Check { return append(claimChecks(), volumeChecks()...) }

// claimChecks are about claims that get no volume. One judgement (judgeClaim) tells them apart, so that a claim is never
// reported by two of them.
func claimChecks() []check.Check {
	needs := []facts.Kind{facts.PVC, facts.StorageClass}
	uses := []facts.Kind{facts.PV, facts.Pod, facts.Event}
	return []check.Check{
		{
			ID: claimClassMissing, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim asks for a StorageClass that does not exist, or for none where there is no default.",
			Meaning: "The claim is pending, the StorageClass that it names does not exist and no PersistentVolume carries that class name; " +
				"or the claim names no class, the cluster has no default one, and there is no PersistentVolume without a class. Nobody " +
				"will ever make its volume, and Pods that use it do not start.",
			Remediation: "List the classes with `kubectl get storageclass`. A claim's class cannot be changed: delete the claim and create it " +
				"with a class that exists, or create the StorageClass. For a StatefulSet, correct volumeClaimTemplates as well (delete the set with " +
				"--cascade=orphan and apply it again).",
			Link:  "https://kubernetes.io/docs/concepts/storage/storage-classes/",
			Needs: needs, Uses: uses, Run: claimsWith(claimClassMissing),
		},
		{
			ID: claimNoProvisioner, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim waits for a provisioner that does not answer.",
			Meaning: "The claim's StorageClass exists and names a provisioner, but for more than five times the startup grace there has " +
				"been neither a volume nor an error of it; or Kubernetes itself says that it has no such provisioner. The provisioner " +
				"(usually a CSI driver) is not installed, does not run, or is registered under another name. Claims that wait for " +
				"their first Pod on purpose are left out.",
			Remediation: "See whether the driver is there (`kubectl get csidrivers`) and whether its controller Pods run " +
				"(`kubectl get pods -A | grep -i csi`); install or repair it, or use another StorageClass.",
			Link:  "https://kubernetes.io/docs/concepts/storage/dynamic-provisioning/",
			Needs: needs, Uses: uses, Run: claimsWith(claimNoProvisioner),
		},
		{
			ID: claimProvisioningFailed, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The provisioner could not make the volume of a PersistentVolumeClaim.",
			Meaning: "The claim is pending, and its newest ProvisioningFailed event says why: the storage is full, a limit is reached, a " +
				"parameter of the StorageClass is wrong, or the storage back end refused. The provisioner keeps trying.",
			Remediation: "The event names the reason; the log of the provisioner's controller says more. `kubectl describe pvc <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/storage/dynamic-provisioning/",
			Needs:       append(needs, facts.Event), Uses: uses, Run: claimsWith(claimProvisioningFailed),
		},
		{
			ID: claimNoMatchingVolume, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim waits for a PersistentVolume by hand, and none fits.",
			Meaning: "Nothing provisions volumes for this claim: it asks for none of any class, its class has no provisioner, or it names " +
				"one PersistentVolume. Among the volumes that exist none is free and fits by class, size and access mode; the evidence " +
				"names those that miss by one property.",
			Remediation: "Create a PersistentVolume that fits, free one that is Released (remove spec.claimRef once its data is no longer needed), or " +
				"change the claim. `kubectl get pv` shows sizes, modes, classes and claims.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding",
			Needs: needs, Uses: uses, ExplainedBy: []string{"pv-failed"}, Run: claimsWith(claimNoMatchingVolume),
		},
		{
			ID: claimPending, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim stays pending.",
			Meaning: "The claim has been pending for longer than the startup grace, and what was read does not tell which of the usual " +
				"reasons it is: no StorageClass, no provisioner, no matching volume. Claims that wait for their first Pod on purpose " +
				"are left out.",
			Remediation: "`kubectl describe pvc <name>` shows its events; allow the inspection to read StorageClasses and PersistentVolumes to be told more.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding",
			Needs:       []facts.Kind{facts.PVC}, Uses: append(uses, facts.StorageClass), Run: claimsWith(claimPending),
		},
		{
			ID: "pvc-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityHigh,
			Summary: "A Pod uses a PersistentVolumeClaim that does not exist.",
			Meaning: "The Pod cannot be scheduled or started until a claim of that name exists in its namespace. Pods of one workload are " +
				"reported once, on the workload.",
			Remediation: "Create the claim, or correct the claimName in the Pod template.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#claims-as-volumes",
			Needs:       []facts.Kind{facts.Pod, facts.PVC}, Uses: facts.WorkloadKinds(), Run: claimMissing, OnManifests: plannedClaim,
		},
	}
}

func volumeChecks() []check.Check {
	return []check.Check{
		{
			ID: "pvc-lost", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical,
			Summary: "A PersistentVolumeClaim has lost its volume.",
			Meaning: "The PersistentVolume that the claim was bound to was deleted, or belongs to another claim. Kubernetes never binds a " +
				"lost claim again, and Pods that use it do not start. The data may still be on the storage.",
			Remediation: "Find the data on the storage first. Then create a PersistentVolume for it, delete the claim, and create the claim again " +
				"with spec.volumeName set to that volume; or restore from a backup.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reserving-a-persistentvolume",
			Needs: []facts.Kind{facts.PVC}, Uses: []facts.Kind{facts.PV, facts.Event}, ExplainedBy: []string{"pv-failed"}, Run: claimLost,
		},
		{
			ID: "pv-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A PersistentVolume could not be reclaimed.",
			Meaning: "The volume's claim is gone, and deleting or recycling the volume failed: it is in phase Failed, or stays Released " +
				"with recent failures. It cannot be used again, and what lies behind it may still cost money.",
			Remediation: "The event names the reason; mend it, or delete the storage by hand and then the object: `kubectl delete pv <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
			Needs:       []facts.Kind{facts.PV}, Uses: []facts.Kind{facts.Event}, Run: volumeFailed,
		},
		{
			ID: "pvc-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A PersistentVolumeClaim is being deleted and does not go.",
			Meaning: "The claim was deleted longer ago than the terminating grace, and finalizers hold it. kubernetes.io/pvc-protection " +
				"stays while a Pod that has a node names the claim, finished Pods included; other finalizers wait for the controllers " +
				"that set them.",
			Remediation: "Delete the Pods that use the claim, or the workload that makes them. Removing a finalizer by hand may lose data.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection",
			Needs:       []facts.Kind{facts.PVC}, Uses: append(facts.WorkloadKinds(), facts.Pod),
			ExplainedBy: []string{"pod-stuck-terminating"}, Run: claimStuckTerminating,
		},
	}
}
