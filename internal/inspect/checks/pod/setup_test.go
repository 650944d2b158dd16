package pod

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const claimVolume = "containers: [{name: api, image: i}], volumes: [{name: data, persistentVolumeClaim: {claimName: cart-data}}]"

func TestAVolumeThatCannotBeMountedIsReported(t *testing.T) {
	const (
		multi   = `Multi-Attach error for volume "pvc-0a1b" Volume is already used by pod(s) cart-6c5d-z`
		summary = `Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: ` +
			`timed out waiting for the condition`
	)
	creating := checktest.CartWithPod(waitingPod(claimVolume, "ContainerCreating", ""))
	claim := checktest.Document("v1", "PersistentVolumeClaim", "name: cart-data, namespace: shop", "spec: {volumeName: "+
		"pvc-0a1b}\nstatus: {phase: Bound}")
	attach := eventAbout("cart-7d9f-a", "", "FailedAttachVolume", multi, "11:58", 3)
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"attached elsewhere; the volume is known by its claim": {creating + claim + attach + eventAbout("cart-7d9f-a", "", "FailedMount",
			summary, "11:59", 5), checktest.Lines(
			"high Deployment/shop/cart [data]: Volume data of Deployment cart cannot be mounted: it is attached to another node and "+
				"supports only one.",
			"  event: FailedAttachVolume: "+multi, "  spec: node node-1", "  spec: volume data: PersistentVolumeClaim "+
				"cart-data", "  condition: no other Pod that has a node uses the claim",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"the summary alone": {creating + claim + eventAbout("cart-7d9f-a", "", "FailedMount", summary, "11:59", 5), checktest.Lines(
			"high Deployment/shop/cart [data]: Volume data of Deployment cart cannot be mounted: the storage server or CSI driver "+
				"timed out.",
			"  event: FailedMount: "+summary, "  spec: node node-1", "  spec: volume data: PersistentVolumeClaim "+
				"cart-data", "  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a hostPath": {checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}], volumes: [{name: host, hostPath: {path: "+
			"/srv, type: Directory}}]", "ContainerCreating", "")) +
			eventAbout("cart-7d9f-a", "", "FailedMount", `MountVolume.SetUp failed for volume "host" : hostPath type check failed, `+
				`/srv is not a directory, unable to determine its type`, "11:59", 9), checktest.Lines(
			"high Deployment/shop/cart [host]: Volume host of Deployment cart cannot be mounted: its path does not exist on the node "+
				"or server, or has the wrong type.",
			`  event: FailedMount: MountVolume.SetUp failed for volume "host" : hostPath type check failed, /srv is not a directory, `+
				`unable to determine its type`, "  spec: node node-1", "  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a missing ConfigMap is reported as that, with what follows from it": {documents: checktest.CartWithPod(waitingPod(configVolume,
			"ContainerCreating", "")) +
			eventAbout("cart-7d9f-a", "", "FailedMount", `MountVolume.SetUp failed for volume "config" : configmap "settings" `+
				`not found`, "11:59", 9) +
			eventAbout("cart-7d9f-a", "", "FailedMount", strings.ReplaceAll(summary, "[data]", "[config]"), "11:59", 3)},
		"long ago, and the Pod pulls its image since": {documents: creating + claim + strings.ReplaceAll(attach, "11:58", "11:40")},
		"mounted by now": {documents: checktest.CartWithPod("spec: {nodeName: node-1, "+claimVolume+"}\nstatus: {phase: Pending, "+
			"conditions: [{type: PodReadyToStartContainers, status: \"True\"}], "+
			"containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: {reason: "+
			"ContainerCreating}}}]}") + claim + attach},
		"half a minute old": {documents: strings.ReplaceAll(creating, "2026-01-15T11:00:00Z", "2026-01-15T11:59:30Z") + claim + attach},
		"runs": {documents: checktest.CartWithPod("spec: {nodeName: node-1, "+claimVolume+"}\nstatus: {phase: Running, "+
			"containerStatuses: [{name: api, ready: true, restartCount: 0, state: {running: {}}}]}") + claim + attach},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "volume-mount-failed", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	findings := checktest.Findings(t, podSetupChecks(), creating+claim+attach)
	if len(findings) != 1 {
		t.Fatalf("got %d findings, want 1", len(findings))
	}
	want := []facts.Ref{{Kind: facts.PVC, Namespace: "shop", Name: "cart-data"}, {Kind: facts.Node, Name: "node-1"}}
	if diff := cmp.Diff(want, findings[0].Culprits); diff != "" {
		t.Errorf("because (-want +got):\n%s", diff)
	}
}

func TestAPodWithoutSandboxIsReported(t *testing.T) {
	const noAddress = `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0a1b": ` +
		`plugin type="host-local" failed (add): ` +
		`failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.254`
	creating := checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}]", "ContainerCreating", ""))
	failing := eventAbout("cart-7d9f-a", "", "FailedCreatePodSandBox", noAddress, "11:59", 30)
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"no addresses": {creating + failing, checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart are stuck in sandbox creation: the node has no free IP addresses for Pods.",
			"  event: FailedCreatePodSandBox: "+noAddress, "  spec: node node-1", "  condition: 1 of 1 Pod: cart-7d9f-a")},
		"set up in the end": {documents: creating + strings.ReplaceAll(failing, "11:59", "11:40")},
		"runs":              {documents: checktest.CartWithPod(runningPod("ready: true, restartCount: 0, state: {running: {}}")) + failing},
		"an image failure": {documents: checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}]", "ErrImagePull",
			"not found")) + failing},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pod-sandbox-failed", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSetupFailuresAreClassified(t *testing.T) {
	for name, tc := range map[string]struct {
		text          func(string) (string, remedy.Text)
		message, want string
	}{
		"driver": {mountText, `MountVolume.MountDevice failed for volume "pvc-1" : driver name csi.example.com not found in ` +
			`the list of registered CSI drivers`, "its CSI driver is not running on the node"},
		"NFS helper": {mountText, "MountVolume.SetUp failed: mount failed: exit status 32 ... wrong fs type, " +
			"bad option", "wrong filesystem type or mount options, or the node has no mount helper"},
		"NFS export": {mountText, "mount.nfs: access denied by server while mounting nfs.example.com:/srv", "the storage server " +
			"denied access to the node"},
		"local path": {mountText, `MountVolume.NewMounter initialization failed for volume "local" : path "/mnt/disk" does ` +
			`not exist`, "its path does not exist on the node or server, or has the wrong type"},
		"API server": {mountText, "failed to sync configmap cache: timed out waiting for the condition", "the kubelet timed out " +
			"reading its ConfigMap or Secret from the API server"},
		"some failure": {mountText, "oh", "see the evidence"},
		"no plugin": {sandboxText, "network is not ready: container runtime network not ready: NetworkReady=false " +
			"reason:NetworkPluginNotReady message:cni plugin not initialized", "the node's CNI plugin is not initialized"},
		"plugin fails": {sandboxText, `failed to setup network for sandbox "x": plugin type="calico" failed (add): stat ` +
			`/var/lib/calico/nodename: no such file`, "the CNI plugin failed"},
		"runtime class": {sandboxText, `failed to get sandbox runtime: no runtime for "gvisor" is configured`, "the node's container " +
			"runtime has no handler for the Pod's RuntimeClass"},
		"pause image": {sandboxText, `failed to get sandbox image "registry.example.com/pause:3.10": not found`, "the sandbox " +
			"(pause) image cannot be pulled"},
		"another failure": {sandboxText, "oh", "see the evidence"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := tc.text(tc.message); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
