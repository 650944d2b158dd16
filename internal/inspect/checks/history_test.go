package checks

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// TestWhatWasReportedBeforeTheNewestChangeOfAnObjectIsHistory shows each check that reads events or conditions an object that failed at
// 11:50, and whose spec was written before or after that.
func TestWhatWasReportedBeforeTheNewestChangeOfAnObjectIsHistory(t *testing.T) {
	const (
		template = "template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web:1}]}}"
		quota    = `Error creating: pods "web-0" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2`
		account  = `Error creating: pods "web-0" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found`
	)
	object := func(version, kind, rest string) string {
		return checktest.Document(version, kind, `name: web, namespace: shop, uid: u1, creationTimestamp: "2026-01-15T10:00:00Z", managedFields: `+
			`[{manager: kubectl, operation: Update, apiVersion: `+version+`, time: "$CHANGED", fieldsType: FieldsV1, fieldsV1: {"f:spec": {}}}, `+
			`{manager: controller, operation: Update, apiVersion: `+version+`, time: "2026-01-15T11:59:00Z", subresource: status, fieldsType: `+
			`FieldsV1, fieldsV1: {"f:status": {}}}]`, rest)
	}
	event := func(kind, reason, message string) string {
		return checktest.Document("v1", "Event", "name: web.1, namespace: shop", "involvedObject: {kind: "+kind+
			", namespace: shop, name: web, uid: u1}\ntype: Warning\nreason: "+reason+"\nmessage: '"+message+
			"'\nfirstTimestamp: \"2026-01-15T11:40:00Z\"\nlastTimestamp: \"2026-01-15T11:50:00Z\"\ncount: 4")
	}
	const common = "selector: {matchLabels: {app: web}}, " + template + "}\n"
	claim := "spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}, volumeName: $VOLUME}\n"
	fast := checktest.Document("storage.k8s.io/v1", "StorageClass", "name: fast", "provisioner: csi.example.com\nallowVolumeExpansion: true")
	for name, tc := range map[string]struct{ id, documents string }{
		"a StatefulSet over its quota": {"pods-blocked-by-quota", object("apps/v1", "StatefulSet", "spec: {replicas: 2, serviceName: web, "+common+
			"status: {replicas: 0, observedGeneration: 1}") + event("StatefulSet", "FailedCreate", quota)},
		"a DaemonSet over its quota": {"pods-blocked-by-quota", object("apps/v1", "DaemonSet", "spec: {"+common+
			"status: {desiredNumberScheduled: 2, currentNumberScheduled: 0}") + event("DaemonSet", "FailedCreate", quota)},
		"a ReplicaSet without its account": {"serviceaccount-missing", object("apps/v1", "ReplicaSet", "spec: {replicas: 2, "+common+
			"status: {replicas: 0}") +
			event("ReplicaSet", "FailedCreate", account)},
		"a Job over its quota": {"pods-blocked-by-quota", object("batch/v1", "Job", "spec: {"+template+"}\nstatus: {}") +
			event("Job", "FailedCreate", quota)},
		"a CronJob that was too late": {"cronjob-missed-schedule", object("batch/v1", "CronJob", `spec: {schedule: "0 0 1 1 *", `+
			"startingDeadlineSeconds: 5, jobTemplate: {spec: {"+template+"}}}\nstatus: {}") + event("CronJob", "MissSchedule", "Missed")},
		"a claim whose provisioning failed": {"pvc-provisioning-failed", fast + strings.Replace(object("v1", "PersistentVolumeClaim",
			claim+"status: {phase: Pending}"), "$VOLUME", `""`, 1) + event("PersistentVolumeClaim", "ProvisioningFailed", "no space")},
		"a claim that could not grow": {"pvc-resize-failed", fast + strings.Replace(object("v1", "PersistentVolumeClaim", claim+
			"status: {phase: Bound, capacity: {storage: 10Gi}}"), "$VOLUME", "pv-1", 1) +
			event("PersistentVolumeClaim", "VolumeResizeFailed", "disk quota reached")},
	} {
		t.Run(name, func(t *testing.T) {
			for changed, want := range map[string]bool{"2026-01-15T11:00:00Z": true, "2026-01-15T11:55:00Z": false} {
				findings, _, _ := check.Run(testkit.Graph(t, strings.ReplaceAll(tc.documents, "$CHANGED", changed)), Builtin(), check.DefaultParams())
				got := false
				for _, f := range findings {
					got = got || f.Check == tc.id
				}
				if got != want {
					t.Errorf("changed at %s, failed at 11:50: %s is found: %t, want %t", changed, tc.id, got, want)
				}
			}
		})
	}
}

// TestAnEventOfEarlierIsNoEvidence is about checks that find the state itself, and quote what was reported about it.
func TestAnEventOfEarlierIsNoEvidence(t *testing.T) {
	service := func(changed string) string {
		return checktest.Document("v1", "Service", `name: web, namespace: shop, uid: u1, creationTimestamp: "2026-01-15T10:00:00Z", managedFields: `+
			`[{manager: kubectl, operation: Update, apiVersion: v1, time: "`+changed+`", fieldsType: FieldsV1, fieldsV1: {"f:spec": {}}}]`,
			"spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}\nstatus: {loadBalancer: {}}") +
			checktest.Document("v1", "Event", "name: web.1, namespace: shop", "involvedObject: {kind: Service, namespace: shop, name: web, uid: "+
				"u1}\ntype: Warning\nreason: SyncLoadBalancerFailed\nmessage: quota\nlastTimestamp: \"2026-01-15T11:50:00Z\"")
	}
	for changed, want := range map[string]bool{"2026-01-15T11:00:00Z": true, "2026-01-15T11:55:00Z": false} {
		text := checktest.Text(t, Builtin(), "service-loadbalancer-pending", service(changed))
		if strings.Contains(text, "SyncLoadBalancerFailed") != want || text == "" {
			t.Errorf("changed at %s: got %s", changed, text)
		}
	}
}
