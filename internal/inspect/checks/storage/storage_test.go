package storage

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// claim is a pending claim data of 10Gi; spec is what follows under spec besides size and mode.
func claim(spec string) string {
	return checktest.Document("v1", "PersistentVolumeClaim",
		`name: data, namespace: shop, uid: c1, creationTimestamp: "2026-01-15T11:00:00Z"`,
		"spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}"+spec+"}\nstatus: {phase: Pending}")
}

func class(name, rest string) string {
	return checktest.Document("storage.k8s.io/v1", "StorageClass", "name: "+name, rest)
}

func volume(name, spec, phase string) string {
	return checktest.Document("v1", "PersistentVolume", "name: "+name, "spec: {"+spec+"}\nstatus: {phase: "+phase+"}")
}

// consumer is a Pod that uses claim data; conditions is what the scheduler says.
func consumer(node, conditions string) string {
	return checktest.Document("v1", "Pod", `name: db-0, namespace: shop, creationTimestamp: "2026-01-15T11:00:00Z"`, `
spec:
  nodeName: "`+node+`"
  containers: [{name: db, image: db:1}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
status: {phase: Pending, conditions: [`+conditions+`]}`)
}

func claimEvent(reason, message, last string) string {
	return checktest.Document(
		"v1",
		"Event",
		"name: e1, namespace: shop",
		"type: Warning\ninvolvedObject: {kind: PersistentVolumeClaim, namespace: shop, name: data, uid: c1}\nreason: "+
			reason+"\nmessage: '"+message+"'\nlastTimestamp: \""+last+"\"",
	)
}

const (
	waitsForPod = "provisioner: ebs.csi.aws.com\nvolumeBindingMode: WaitForFirstConsumer"
	byHand      = "provisioner: kubernetes.io/no-provisioner\nvolumeBindingMode: WaitForFirstConsumer"
	// What the scheduler says of Pods, as its volume binding plugin and its others word it.
	noVolumeToBind = `{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind."}`
	noCPU          = `{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 Insufficient cpu."}`
	recently       = "2026-01-15T11:58:00Z"
)

// toldOfClaim runs all checks of pending claims: at most one of them may speak.
func toldOfClaim(t *testing.T, documents string, elsewhere ...facts.Kind) string {
	t.Helper()
	var all []string
	for _, id := range []string{claimClassMissing, claimNoProvisioner, claimProvisioningFailed, claimNoMatchingVolume, claimPending} {
		if text := checktest.Text(t, Checks(), id, documents, elsewhere...); text != "" {
			all = append(all, id+": "+text)
		}
	}
	return strings.Join(all, "")
}

func TestPendingClaimsAreToldApart(t *testing.T) {
	const on = "high PersistentVolumeClaim/shop/data: PersistentVolumeClaim data "
	const wants = "  spec: requests 10Gi, ReadWriteOnce, class "
	fast, fasst := `, storageClassName: fast`, `, storageClassName: fasst`
	csi := class("fast", "provisioner: ebs.csi.aws.com")
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"a class that does not exist": {claim(fasst) + csi + claimEvent("ProvisioningFailed", `storageclass.storage.k8s.io "fasst" not found`, recently), nil, checktest.Lines(
			"pvc-class-missing: "+on+"requests StorageClass fasst, which does not exist.",
			"  spec: storageClassName: fasst", "  spec: StorageClasses of the cluster: fast",
			`  event: ProvisioningFailed: storageclass.storage.k8s.io "fasst" not found`, "  spec: StorageClass fast exists and has a similar name",
		)},
		"no class named and no default": {claim("") + csi, nil, checktest.Lines(
			"pvc-class-missing: "+on+"sets no StorageClass, and the cluster has no default.",
			"  spec: storageClassName is not set", "  spec: StorageClasses of the cluster: fast",
		)},
		"a class name that only volumes carry": {claim(`, storageClassName: manual`) +
			volume("small", "capacity: {storage: 5Gi}, accessModes: [ReadWriteOnce], storageClassName: "+
				"manual", "Available"), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"requests class manual: no PersistentVolume of that class matches, and no StorageClass with "+
				"that name exists.",
			wants+"manual", "  spec: PersistentVolume small has only 5Gi",
		)},
		"volumes that nearly fit are named, the right class first": {claim(`, storageClassName: ""`) +
			volume("a-other-class", "capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], storageClassName: nfs", "Available") +
			volume("b-taken", "capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], claimRef: {namespace: shop, name: "+
				"other}", "Bound") +
			volume("c-released", "capacity: {storage: 20Gi}, accessModes: [ReadWriteOnce], claimRef: {namespace: shop, name: "+
				"gone}", "Released") +
			volume("d-shared-only", "capacity: {storage: 20Gi}, accessModes: [ReadOnlyMany]", "Available") +
			volume("e-far-off", "capacity: {storage: 1Gi}, accessModes: [ReadOnlyMany]", "Available"), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"requests a PersistentVolume without a StorageClass, and no existing one matches.",
			wants+"none", "  spec: PersistentVolume c-released is Released: still reserved for the deleted claim gone in namespace shop",
			"  spec: PersistentVolume d-shared-only offers ReadOnlyMany", "  spec: PersistentVolume a-other-class has class nfs",
		)},
		"no class, no default, but volumes by hand": {claim("") + volume("small", "capacity: {storage: 5Gi}, accessModes: "+
			"[ReadWriteOnce]", "Available"), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"sets no StorageClass, the cluster has no default, and no PersistentVolume without a class "+
				"matches.",
			wants+"none", "  spec: PersistentVolume small has only 5Gi",
		)},
		"a volume by name that does not exist": {claim(`, volumeName: pv-9`), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"requests PersistentVolume pv-9, which does not exist.", "  spec: volumeName: pv-9", wants+"none",
		)},
		"a volume by name that another claim has": {claim(`, volumeName: pv-9`) +
			volume("pv-9", "capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], claimRef: {namespace: bank, name: "+
				"ledger}", "Bound"), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"requests PersistentVolume pv-9, which is reserved for claim ledger in namespace "+
				"bank.", "  spec: volumeName: pv-9", wants+"none",
		)},
		"a volume by name that does not fit": {claim(`, volumeName: pv-9`) +
			volume("pv-9", "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]", "Available") +
			claimEvent("VolumeMismatch", `Cannot bind to requested volume "pv-9": requested PV is too small`, recently), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"requests PersistentVolume pv-9, which does not match.", "  spec: volumeName: pv-9", wants+"none",
			"  spec: PersistentVolume pv-9 has only 1Gi", `  event: VolumeMismatch: Cannot bind to requested volume "pv-9": requested PV is too small`,
		)},
		"a class of volumes by hand, and a Pod that waits for one": {claim(`, storageClassName: local`) + class("local", byHand) + consumer("", noVolumeToBind), nil, checktest.Lines(
			"pvc-no-matching-volume: "+on+"needs a manually created PersistentVolume, as StorageClass local has no provisioner, and "+
				"no existing one matches.",
			wants+"local", "  spec: the cluster has no PersistentVolumes",
		)},
		"a Pod that waits for something else, while a volume fits": {claim(`, storageClassName: local`) + class("local", byHand) + consumer("", noCPU) +
			volume("pv-1", "capacity: {storage: 10Gi}, accessModes: [ReadWriteOnce], storageClassName: local", "Available"), nil, ""},
		"a provisioner that says nothing": {claim(fast) + csi, nil, checktest.Lines(
			"pvc-no-provisioner: "+on+"waits for a volume from provisioner ebs.csi.aws.com of StorageClass fast, which does not respond.",
			"  spec: StorageClass fast: provisioner ebs.csi.aws.com", "  condition: phase Pending, without a volume and without a "+
				"ProvisioningFailed event",
		)},
		"a provisioner that Kubernetes no longer has": {claim(fast) + class("fast", "provisioner: kubernetes.io/glusterfs") +
			claimEvent("ProvisioningFailed", "no volume plugin matched name: kubernetes.io/glusterfs", recently), nil, checktest.Lines(
			"pvc-no-provisioner: "+on+"waits for provisioner kubernetes.io/glusterfs of StorageClass fast, which this version of "+
				"Kubernetes does not include.",
			"  event: ProvisioningFailed: no volume plugin matched name: kubernetes.io/glusterfs", "  spec: StorageClass fast: "+
				"provisioner kubernetes.io/glusterfs",
		)},
		"a provisioner that fails": {claim(fast) + csi + claimEvent("ProvisioningFailed", "rpc error: code = "+
			"ResourceExhausted", recently), nil, checktest.Lines(
			"pvc-provisioning-failed: "+on+"has no volume: provisioner ebs.csi.aws.com of StorageClass fast failed.",
			"  event: ProvisioningFailed: rpc error: code = ResourceExhausted", wants+"fast",
		)},
		"waiting for the first Pod is no problem":          {claim(fast) + class("fast", waitsForPod), nil, ""},
		"nor is a Pod that has no node for another reason": {claim(fast) + class("fast", waitsForPod) + consumer("", noCPU), nil, ""},
		"a Pod that the scheduler holds until its volume is there": {claim(fast) + class("fast", waitsForPod) + consumer("", ""), nil, checktest.Lines(
			"pvc-no-provisioner: "+on+"waits for a volume from provisioner ebs.csi.aws.com of StorageClass fast, which does not respond.",
			"  spec: StorageClass fast: provisioner ebs.csi.aws.com", "  condition: phase Pending, without a volume and without a "+
				"ProvisioningFailed event",
		)},
		"a Pod that was put on a node past the scheduler": {claim(fast) + class("fast", waitsForPod) + consumer("node-1", ""), nil, checktest.Lines(
			"pvc-pending: "+on+"waits for the scheduler to choose a node, but its Pod bypassed the scheduler.",
			"  spec: StorageClass fast: volumeBindingMode WaitForFirstConsumer", "  spec: the Pod's spec.nodeName is set, and the "+
				"claim is pending",
		)},
		"classes that were not read, and a Pod that waits":  {claim(fast) + consumer("", ""), []facts.Kind{facts.StorageClass}, checktest.Lines("pvc-pending: "+on+"stays pending.", wants+"fast")},
		"classes that were not read, and no Pod that waits": {claim(fast), []facts.Kind{facts.StorageClass}, ""},
		"volumes that were not read are not said to be missing": {claim(`, volumeName: pv-9`), []facts.Kind{facts.PV},
			checktest.Lines("pvc-pending: "+on+"stays pending.", wants+"none")},
		"a default class is given to claims without one": {claim("") + checktest.Document("storage.k8s.io/v1", "StorageClass",
			`name: std, annotations: {storageclass.kubernetes.io/is-default-class: "true"}`, "provisioner: p"), nil,
			checktest.Lines("pvc-pending: "+on+"stays pending.", wants+"none")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, toldOfClaim(t, tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimsThatMayWaitAreNoFindings(t *testing.T) {
	young := checktest.Document("v1", "PersistentVolumeClaim", `name: data, namespace: shop, creationTimestamp: "2026-01-15T11:59:30Z"`,
		"spec: {storageClassName: none}\nstatus: {phase: Pending}")
	bound := checktest.Document("v1", "PersistentVolumeClaim", `name: data, namespace: shop`,
		"spec: {storageClassName: none, volumeName: pv}\nstatus: {phase: Bound}")
	going := checktest.Document("v1", "PersistentVolumeClaim", `name: data, namespace: shop, deletionTimestamp: "2026-01-15T11:59:30Z"`,
		"spec: {storageClassName: none}\nstatus: {phase: Pending}")
	slow := checktest.Document("v1", "PersistentVolumeClaim", `name: data, namespace: shop, creationTimestamp: "2026-01-15T11:57:00Z"`,
		"spec: {storageClassName: fast}\nstatus: {phase: Pending}")
	for name, documents := range map[string]string{
		"within its grace": young, "bound": bound, "being deleted": going,
		"a provisioner may take some minutes": slow + class("fast", "provisioner: p"),
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff("", toldOfClaim(t, documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimThatAPodNamesAndThatDoesNotExist(t *testing.T) {
	owner := checktest.Document("apps/v1", "StatefulSet", "name: db, namespace: shop",
		"spec: {replicas: 2, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}}}")
	member := func(name, volumes, phase string) string {
		return checktest.Document(
			"v1",
			"Pod",
			"name: "+name+", namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s1, "+
				"controller: true}]",
			"spec: {containers: [{name: db, image: db:1}], volumes: ["+volumes+"]}\nstatus: {phase: "+phase+"}",
		)
	}
	const shared = "{name: shared, persistentVolumeClaim: {claimName: backup}}"
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"two Pods that want one claim are one finding on their workload": {owner + member("db-0", shared, "Pending") + member("db-1", shared, "Pending") +
			checktest.Document("v1", "PersistentVolumeClaim", "name: backups, namespace: shop", "status: {phase: "+
				"Bound}"), nil, checktest.Lines(
			"high StatefulSet/shop/db [backup]: StatefulSet db waits for PersistentVolumeClaim backup, which does not exist.",
			"  spec: volume shared: claim backup", "  spec: PersistentVolumeClaim backups exists and has a "+
				"similar name", "  condition: 2 of 2 Pods: db-0, db-1",
		)},
		"claims of a template are one finding, without the names of Pods": {
			owner + member("db-0", "{name: data, persistentVolumeClaim: {claimName: data-db-0}}", "Pending") +
				member("db-1", "{name: data, persistentVolumeClaim: {claimName: data-db-1}}", "Pending"), nil, checktest.Lines(
				"high StatefulSet/shop/db [data]: StatefulSet db waits for the claim of its template data, which does not exist.",
				"  spec: volume data: claim data-db-0", "  condition: 2 of 2 Pods: db-0, db-1",
			)},
		"an ephemeral volume is named without its Pod": {owner + member("db-0", "{name: scratch, ephemeral: {volumeClaimTemplate: "+
			"{spec: {}}}}", "Pending"), nil, checktest.Lines(
			"high StatefulSet/shop/db [scratch]: StatefulSet db waits for the claim of its ephemeral volume scratch, which does not exist.",
			"  spec: volume scratch: claim db-0-scratch", "  condition: 1 of 1 Pod: db-0",
		)},
		"a claim that exists":                     {owner + member("db-0", shared, "Pending") + checktest.Document("v1", "PersistentVolumeClaim", "name: backup, namespace: shop", "status: {phase: Pending}"), nil, ""},
		"a Pod that runs has what it needs":       {owner + member("db-0", shared, "Running"), nil, ""},
		"claims that were not read prove nothing": {owner + member("db-0", shared, "Pending"), []facts.Kind{facts.PVC}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pvc-missing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimThatLostItsVolume(t *testing.T) {
	lost := checktest.Document("v1", "PersistentVolumeClaim", "name: data, namespace: shop, uid: c1",
		"spec: {volumeName: pv-1}\nstatus: {phase: Lost}")
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"the volume is gone": {lost + claimEvent("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is "+
			"lost!", recently), nil, checktest.Lines(
			"critical PersistentVolumeClaim/shop/data: PersistentVolumeClaim data has lost its volume: PersistentVolume pv-1 no "+
				"longer exists.",
			"  condition: phase Lost", "  event: ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!",
		)},
		"another claim has it": {lost + volume("pv-1", "claimRef: {namespace: bank, name: ledger}", "Bound"), nil, checktest.Lines(
			"critical PersistentVolumeClaim/shop/data: PersistentVolumeClaim data has lost its volume: PersistentVolume pv-1 belongs "+
				"to claim ledger in namespace bank.",
			"  condition: phase Lost",
		)},
		"volumes that were not read are not said to be gone": {lost, []facts.Kind{facts.PV}, checktest.Lines(
			"critical PersistentVolumeClaim/shop/data: PersistentVolumeClaim data has lost its volume: the binding no longer "+
				"exists.", "  condition: phase Lost",
		)},
		"a bound claim": {checktest.Document("v1", "PersistentVolumeClaim", "name: data, namespace: shop", "spec: {volumeName: "+
			"pv-1}\nstatus: {phase: Bound}"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pvc-lost", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVolumeThatCouldNotBeReclaimed(t *testing.T) {
	failed := func(last string) string {
		return checktest.Document(
			"v1",
			"Event",
			"name: e1, namespace: default",
			"type: Warning\ninvolvedObject: {kind: PersistentVolume, name: pv-1}\nreason: VolumeFailedDelete\n"+
				"message: volume is still attached\nlastTimestamp: \""+last+"\"",
		)
	}
	const on = "medium PersistentVolume/pv-1: PersistentVolume pv-1 could not be reclaimed after its claim was deleted."
	for name, tc := range map[string]struct{ documents, want string }{
		"in phase Failed": {checktest.Document("v1", "PersistentVolume", "name: pv-1", "status: {phase: Failed, reason: "+
			"RecycleFailed, message: no recycler}"),
			checktest.Lines(on, "  condition: phase Failed", "  condition: RecycleFailed: no recycler")},
		"Released, and deleting it fails": {volume("pv-1", "", "Released") + failed(recently),
			checktest.Lines(on, "  condition: phase Released", "  event: VolumeFailedDelete: volume is still attached")},
		"Released, and the failure is long ago": {volume("pv-1", "", "Released") + failed("2026-01-15T08:00:00Z"), ""},
		"Released and retained on purpose":      {volume("pv-1", "persistentVolumeReclaimPolicy: Retain", "Released"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pv-failed", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimThatIsBeingDeletedAndDoesNotGo(t *testing.T) {
	going := func(since, finalizers string) string {
		return checktest.Document("v1", "PersistentVolumeClaim",
			`name: data, namespace: shop, deletionTimestamp: "`+since+`", finalizers: [`+finalizers+`]`, "status: {phase: Bound}")
	}
	const on = "medium PersistentVolumeClaim/shop/data: PersistentVolumeClaim data is stuck terminating"
	const protected = "  condition: finalizers: kubernetes.io/pvc-protection"
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"a finished Pod holds it too": {going("2026-01-15T11:00:00Z", "kubernetes.io/pvc-protection") + strings.Replace(consumer("node-1", ""), "phase: Pending", "phase: Succeeded", 1), nil,
			checktest.Lines(on+": Pods still use it.", protected, "  condition: used by Pod db-0")},
		"a Pod without a node does not": {going("2026-01-15T11:00:00Z", "kubernetes.io/pvc-protection") + consumer("", ""), nil,
			checktest.Lines(on+".", protected, "  condition: no Pod that has a node uses it")},
		"Pods that were not read are not said to be none": {going("2026-01-15T11:00:00Z", "kubernetes.io/pvc-protection"), []facts.Kind{facts.Pod}, checktest.Lines(on+".", protected)},
		"another finalizer": {going("2026-01-15T11:00:00Z", "example.com/backup"), nil,
			checktest.Lines(on+": it waits for finalizer example.com/backup.", "  condition: finalizers: example.com/backup")},
		"deleted just now": {going("2026-01-15T11:58:00Z", "kubernetes.io/pvc-protection"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pvc-stuck-terminating", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheRemedyOfAMissingClassNamesTheStatefulSet(t *testing.T) {
	claim := checktest.Document("v1", "PersistentVolumeClaim", "name: data-db-0, namespace: shop", "spec: {storageClassName: fasst}")
	set := checktest.Document("apps/v1", "StatefulSet", "name: db, namespace: shop, uid: s1", "spec: {replicas: 1}")
	pod := func(owner string) string {
		return checktest.Document("v1", "Pod", "name: db-0, namespace: shop"+owner, `
spec:
  containers: [{name: db, image: db:1}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data-db-0}}]`)
	}
	owned := pod(", ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s1, controller: true}]")
	for documents, want := range map[string]bool{claim + set + owned: true, claim + pod(""): false} {
		g := testkit.Graph(t, documents)
		got := string(claimJudge{g: g, users: claimUsers(g)}.classRemedy(g.PVCs[0]))
		if strings.Contains(got, "`kubectl -n shop delete statefulset db --cascade=orphan`") != want || strings.Contains(got, "<name>") ||
			!strings.Contains(got, "`kubectl -n shop delete persistentvolumeclaim data-db-0`") {
			t.Error(got)
		}
	}
}
