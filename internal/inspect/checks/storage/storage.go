// Package storage checks PersistentVolumeClaims and PersistentVolumes.
package storage

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks returns all checks of claims and volumes, in no fixed order.
func Checks() []check.Check { return append(claimChecks(), volumeChecks()...) }

// claimChecks are about claims without a volume. claimJudge decides between them: a claim is never reported by two of them.
func claimChecks() []check.Check {
	needs := []facts.Kind{facts.PVC, facts.StorageClass}
	uses := []facts.Kind{facts.PV, facts.Pod, facts.Event}
	return []check.Check{
		{
			ID: claimClassMissing, Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim requests a StorageClass that does not exist, or sets none and there is no " +
				"default.",
			Meaning: "The claim is pending. Either its StorageClass does not exist and no PersistentVolume has that " +
				"class name; or it sets no class, the cluster has no default, and there is no PersistentVolume without a " +
				"class. Its volume will never be created, and Pods that use it do not start.",
			Remediation: "List the classes with `kubectl get storageclass`. A claim's class is immutable: delete the " +
				"pending claim and create it with an existing class, or create the StorageClass. For a StatefulSet, correct " +
				"volumeClaimTemplates as well (`kubectl delete statefulset <name> --cascade=orphan`, then apply it again).",
			Link:  "https://kubernetes.io/docs/concepts/storage/storage-classes/",
			Needs: needs, Uses: uses, Run: claimsWith(claimClassMissing),
		},
		{
			ID: claimNoProvisioner, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim waits for a provisioner that does not respond.",
			Meaning: "The claim's StorageClass exists and sets a provisioner, but for more than five times the startup " +
				"grace there has been neither a volume nor an error; or Kubernetes reports that it has no such provisioner. " +
				"The provisioner (usually a CSI driver) is not installed, not running, or registered under another name. " +
				"Claims that wait for their first Pod (WaitForFirstConsumer) are skipped.",
			Remediation: "Check that the driver is installed (`kubectl get csidrivers`) and that its controller Pods run " +
				"(`kubectl get pods -A | grep -i csi`). Install or fix it, or use another StorageClass.",
			Link:  "https://kubernetes.io/docs/concepts/storage/dynamic-provisioning/",
			Needs: needs, Uses: uses, Run: claimsWith(claimNoProvisioner),
		},
		{
			ID: claimProvisioningFailed, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The provisioner failed to create the volume of a PersistentVolumeClaim.",
			Meaning: "The claim is pending, and its latest ProvisioningFailed event gives the reason: the storage is " +
				"full, a limit is reached, a parameter of the StorageClass is wrong, or the storage backend rejected the " +
				"request. The provisioner keeps retrying.",
			Remediation: "`kubectl describe pvc <name>` shows the event with the reason. The log of the provisioner's " +
				"controller has the details.",
			Link:  "https://kubernetes.io/docs/concepts/storage/dynamic-provisioning/",
			Needs: append(needs, facts.Event), Uses: uses, Run: claimsWith(claimProvisioningFailed),
		},
		{
			ID: claimNoMatchingVolume, Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim needs a manually created PersistentVolume, and none matches.",
			Meaning: "Nothing provisions volumes for this claim: it requests a volume without a class, its class has no " +
				"provisioner, or it requests one specific PersistentVolume. No existing volume is available and matches class, " +
				"size and access mode. The evidence lists those that miss by one property.",
			Remediation: "Create a PersistentVolume that matches, or change the claim. `kubectl get pv` shows sizes, " +
				"modes, classes and claims. To reuse a Released volume, remove its spec.claimRef: the claim that binds it then " +
				"gets the old data and may overwrite it.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding",
			Needs: needs, Uses: uses, ExplainedBy: []string{"pv-failed"}, Run: claimsWith(claimNoMatchingVolume),
		},
		{
			ID: claimPending, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A PersistentVolumeClaim stays pending.",
			Meaning: "The claim has been pending for longer than the startup grace, and the collected facts do not show " +
				"which of the usual reasons applies: no StorageClass, no provisioner, no matching volume. Claims that wait for " +
				"their first Pod (WaitForFirstConsumer) are skipped.",
			Remediation: "`kubectl describe pvc <name>` shows its events. Grant the inspection permission to list " +
				"StorageClasses and PersistentVolumes for a more precise finding.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding",
			Needs: []facts.Kind{facts.PVC}, Uses: append(uses, facts.StorageClass), Run: claimsWith(claimPending),
		},
		{
			ID: "pvc-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A Pod uses a PersistentVolumeClaim that does not exist.",
			Meaning: "The Pod cannot be scheduled or started until a claim of that name exists in its namespace. Pods of one " +
				"workload are " +
				"reported once, on the workload.",
			Remediation: "Create the claim, or correct claimName in the Pod template.",
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
			Meaning: "The PersistentVolume that the claim was bound to was deleted, or is bound to another claim. " +
				"Kubernetes never binds a lost claim again, and Pods that use it do not start. The data may still exist on the " +
				"storage.",
			Remediation: "Find the data on the storage first. Then create a PersistentVolume for it, delete the claim, " +
				"and create the claim again with spec.volumeName set to that volume; or restore from a backup.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reserving-a-persistentvolume",
			Needs: []facts.Kind{facts.PVC}, Uses: []facts.Kind{facts.PV, facts.Event}, ExplainedBy: []string{"pv-failed"}, Run: claimLost,
		},
		{
			ID: "pv-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A PersistentVolume could not be reclaimed.",
			Meaning: "The volume's claim was deleted, and deleting or recycling the volume failed: it is in phase " +
				"Failed, or stays Released with recent failures. It cannot be reused, and the storage behind it may still " +
				"incur cost.",
			Remediation: "Fix the reason given in the event, or delete the storage by hand and then the object: `kubectl " +
				"delete pv <name>`. Deleting the storage deletes its data.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
			Needs: []facts.Kind{facts.PV}, Uses: []facts.Kind{facts.Event}, Run: volumeFailed,
		},
		{
			ID: "pvc-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A PersistentVolumeClaim is stuck terminating.",
			Meaning: "The claim was deleted longer ago than the terminating grace, and finalizers block its removal. " +
				"kubernetes.io/pvc-protection stays while a Pod that has a node uses the claim, finished Pods included; other " +
				"finalizers wait for the controllers that set them.",
			Remediation: "Delete the Pods that use the claim, or the workload that creates them. Removing a finalizer by " +
				"hand can lose data.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection",
			Needs: []facts.Kind{facts.PVC}, Uses: append(facts.WorkloadKinds(), facts.Pod),
			ExplainedBy: []string{"pod-stuck-terminating"}, Run: claimStuckTerminating,
		},
		resizeCheck(),
	}
}
