package storage

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAClaimThatCannotGrowIsFound(t *testing.T) {
	bound := func(metadata, request, conditions string) string {
		return checktest.Document("v1", "PersistentVolumeClaim", "name: data, namespace: shop, uid: c1"+metadata,
			"spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: "+request+"}}}\n"+
				"status: {phase: Bound, capacity: {storage: 10Gi}, conditions: ["+conditions+"]}")
	}
	condition := func(conditionType, since, message string) string {
		return `{type: ` + conditionType + `, status: "True", reason: ResizeFailed, lastTransitionTime: "` + since + `", message: "` +
			message + `"}`
	}
	const old = "2026-01-15T09:00:00Z"
	expandable := class("fast", "provisioner: csi.example.com\nallowVolumeExpansion: true")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"a driver that needs the volume to be free": {
			ID: "pvc-resize-failed", Documents: expandable + bound("", "30Gi", condition("ControllerResizeError", old, "volume is in use")),
			Want: []string{
				"medium PersistentVolumeClaim/shop/data: PersistentVolumeClaim data cannot grow from 10Gi to 30Gi: its driver cannot " +
					"expand a volume that is in use.",
				"  condition: ControllerResizeError=True (ResizeFailed): volume is in use",
				"  condition: since 2026-01-15T09:00:00Z",
				"  spec: requests 30Gi, capacity 10Gi",
			},
		},
		"a quota, from an event only": {
			ID: "pvc-resize-failed", Documents: expandable + bound("", "30Gi", "") +
				claimEvent("VolumeResizeFailed", "disk quota reached", "2026-01-15T11:50:00Z"),
			Want: []string{
				"medium PersistentVolumeClaim/shop/data: PersistentVolumeClaim data cannot grow from 10Gi to 30Gi: the storage has no " +
					"room or its quota is used up.",
				"  event: VolumeResizeFailed: disk quota reached",
				"  spec: requests 30Gi, capacity 10Gi",
			},
		},
		"a class that does not allow it": {
			ID: "pvc-resize-failed", Documents: class("fast", "provisioner: csi.example.com") +
				bound("", "30Gi", condition("NodeResizeError", old, "x")),
			Want: []string{
				"medium PersistentVolumeClaim/shop/data: PersistentVolumeClaim data cannot grow from 10Gi to 30Gi: StorageClass fast " +
					"does " +
					"not allow expansion.",
				"  condition: NodeResizeError=True (ResizeFailed): x",
				"  condition: since 2026-01-15T09:00:00Z",
				"  spec: requests 30Gi, capacity 10Gi",
			},
		},
		"a volume that is being expanded": {
			ID: "pvc-resize-failed", Documents: expandable + bound("", "30Gi", condition("Resizing", old, "")),
		},
		"a volume that has grown since": {
			ID: "pvc-resize-failed", Documents: expandable + bound("", "10Gi", condition("ControllerResizeError", old, "in use")),
		},
		"an event of yesterday": {
			ID: "pvc-resize-failed", Documents: expandable + bound("", "30Gi", "") +
				claimEvent("VolumeResizeFailed", "disk quota reached", "2026-01-14T11:50:00Z"),
		},
		"within the grace": {
			ID: "pvc-resize-failed", Documents: expandable + bound("", "30Gi", condition("ControllerResizeError",
				"2026-01-15T11:59:50Z", "in use")),
		},
		"being deleted": {
			ID: "pvc-resize-failed", Documents: expandable + bound(`, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [a/b]`, "30Gi",
				condition("ControllerResizeError", old, "in use")),
		},
	})
}
