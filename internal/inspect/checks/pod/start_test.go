package pod

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAContainerConfigThatTheKubeletRejectsIsReported(t *testing.T) {
	asRoot := checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}]", "CreateContainerConfigError",
		`container has runAsNonRoot and image will run as root (pod: "cart-7d9f-a_shop(p-cart-a)", container: api)`))
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"an image that runs as root": {asRoot, checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart cannot be created: its image runs as root but "+
				"runAsNonRoot is set.",
			`  condition: container api is waiting: CreateContainerConfigError: container has runAsNonRoot and image will run as root `+
				`(pod: "cart-7d9f-a_shop(p-cart-a)", container: api)`,
			"  spec: image: i",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"something else, without the Pod's name": {checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}]",
			"CreateContainerConfigError",
			`no can do (pod: "cart-7d9f-a_shop(p-cart-a)", container: api)`)), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart cannot be created: no can do.",
			`  condition: container api is waiting: CreateContainerConfigError: no can do (pod: "cart-7d9f-a_shop(p-cart-a)", `+
				`container: api)`,
			"  spec: image: i",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a missing ConfigMap is reported as that": {documents: checktest.CartWithPod(waitingPod(envOfConfigMap,
			"CreateContainerConfigError", `configmap "settings" not found`))},
		"half a minute old": {documents: strings.ReplaceAll(asRoot, "2026-01-15T11:00:00Z", "2026-01-15T11:59:30Z")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "container-config-invalid", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAContainerThatCannotStartIsReported(t *testing.T) {
	const noFile = `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ` +
		`unable to start container process: ` +
		`error during container init: exec: "/app/server": stat /app/server: no such file or directory: unknown`
	ended := fmt.Sprintf("{terminated: {exitCode: 128, reason: StartError, message: %q, finishedAt: \"2026-01-15T11:58:00Z\"}}", noFile)
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"a command that is not in the image": {
			checktest.CartWithPod(runningPod("ready: false, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff, message: " +
				"back-off}}, lastState: " + ended)), checktest.Lines(
				"high Deployment/shop/cart [api]: Container api of Deployment cart cannot be started: the command /app/server is not "+
					"in the image.",
				"  condition: container api terminated with exit code 128, reason StartError, restarted 5 times: "+noFile,
				"  spec: image: shop/api:v1",
				"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"while it is tried": {checktest.CartWithPod(waitingPod("containers: [{name: api, image: i}]", "RunContainerError", noFile)),
			checktest.Lines(
				"high Deployment/shop/cart [api]: Container api of Deployment cart cannot be started: the command /app/server is not in "+
					"the image.",
				"  condition: container api is waiting: RunContainerError: "+noFile,
				"  spec: image: i",
				"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a failing postStart hook": {checktest.CartWithPod(runningPod("ready: false, restartCount: 5, state: {waiting: {reason: "+
			"CrashLoopBackOff, message: back-off}}, "+
			"lastState: {terminated: {exitCode: 137, reason: Error, startedAt: \"2026-01-15T11:57:00Z\", finishedAt: "+
			"\"2026-01-15T11:58:00Z\"}}")) +
			eventAbout("cart-7d9f-a", containerField, "FailedPostStartHook", "PostStartHook failed", "11:58", 5), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart cannot be started: its postStart hook fails.",
			"  event: FailedPostStartHook: PostStartHook failed",
			"  condition: container api terminated with exit code 137 (SIGKILL), restarted 5 times",
			"  spec: image: shop/api:v1",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"started in the end": {documents: checktest.CartWithPod(runningPod("ready: true, restartCount: 1, state: {running: {startedAt: " +
			"\"2026-01-15T11:59:00Z\"}}, lastState: " + ended))},
		"a crash": {documents: checktest.CartWithPod(runningPod(crashed))},
		"a Pod of a Job": {checktest.Document("v1", "Pod", "name: import, namespace: shop", strings.Replace(runningPod("ready: false, "+
			"restartCount: 0, state: "+ended), "phase: Running", "phase: Failed", 1)), checktest.Lines(
			"high Pod/shop/import [api]: Container api of Pod import cannot be started: the command /app/server is not in the image.",
			"  condition: container api terminated with exit code 128, reason StartError: "+noFile,
			"  spec: image: shop/api:v1")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "container-cannot-start", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStartErrorsAreClassified(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"not on the path": {`OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": ` +
			`executable file not found in $PATH: unknown`, "the command serve is not in the image"},
		"crun": {"executable file `serve` not found in $PATH: No such file or " +
			"directory", "the command serve is not in the image"},
		"quoted twice": {`error: exec: \"serve\": executable file not found in $PATH`, "the command serve is not in the image"},
		"not executable": {`unable to start container process: exec: "/app/run.sh": permission denied: unknown`, "the command " +
			"/app/run.sh is not executable"},
		"architecture": {`exec /app: exec format error`, "the command is built for another architecture or is a script without a " +
			"#! line"},
		"memory": {"unable to start container process: container init was OOM-killed (memory limit too low?): " +
			"unknown", "its memory limit is too low to start it"},
		"working directory": {`chdir to cwd ("/srv") set in config.json failed: no such file or directory`, "its working directory " +
			"does not exist or is not accessible"},
		"a file over a folder": {`error mounting "/var/lib/kubelet/pods/1/volume-subpaths/config/api/0" to rootfs at "/etc/app": not a ` +
			`directory: Are you trying to mount a directory onto a file (or vice-versa)?`,
			"a mount or its working directory conflicts with a path in the image"},
		"working directory below a file": {"unable to start container process: error during container init: mkdir /etc/passwd: not a " +
			"directory: unknown",
			"a mount or its working directory conflicts with a path in the image"},
		"user": {"failed to create containerd container: unable to find user app: no matching entries in " +
			"passwd file", "its user does not exist in the image"},
		"seccomp": {`failed to generate seccomp spec opts: seccomp profile "x.json" not found`, "its seccomp or AppArmor profile " +
			"cannot be loaded"},
		"still at work": {`failed to reserve container name "api_cart_shop_1": name "api_cart_shop_1" is reserved ` +
			`for "0a1b"`, "the container runtime is still processing an earlier attempt"},
		"slow":    {"context deadline exceeded", "the container runtime timed out"},
		"unknown": {"hm", "the container runtime returned an error"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := startText(tc.message); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestAMissingServiceAccountIsReported(t *testing.T) {
	const refused = `Error creating: pods "cart-7d9f-" is forbidden: error looking up service account shop/cart: serviceaccount "cart" ` +
		`not found`
	about := func(at string) string {
		return checktest.Document("v1", "Event", "name: e, namespace: shop", fmt.Sprintf("type: Warning\nreason: "+
			"FailedCreate\nmessage: %q\n"+
			"involvedObject: {apiVersion: apps/v1, kind: ReplicaSet, namespace: shop, name: cart-7d9f}\nlastTimestamp: "+
			"\"2026-01-15T%s:00Z\"", refused, at))
	}
	named := func(workload string) string {
		return strings.ReplaceAll(workload, "template: {metadata: {labels: {app: cart}}}", "template: {metadata: {labels: {app: "+
			"cart}}, spec: {serviceAccountName: cart}}")
	}
	account := func(name string) string {
		return checktest.Document("v1", "ServiceAccount", "namespace: shop, name: "+name, "")
	}
	full := strings.NewReplacer("}}}}\n", "}}}}\nstatus: {replicas: 3, "+
		"updatedReplicas: 3}\n", "}}}\n", "}}}\nstatus: {replicas: 3}\n").Replace(checktest.DeploymentOf("cart"))
	const message = "high Deployment/shop/cart [cart]: ServiceAccount cart of Deployment cart does not exist: its Pods cannot be created."
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"an event reports it": {checktest.DeploymentOf("cart") + about("11:50") + account("carts"), nil, checktest.Lines(message,
			"  event: FailedCreate: "+refused, "  spec: serviceAccountName: cart", "  spec: similar name: ServiceAccount carts exists")},
		"an event says so, where ServiceAccounts cannot be read": {checktest.DeploymentOf("cart") + about("11:50"),
			[]facts.Kind{facts.ServiceAccount}, checktest.Lines(message,
				"  event: FailedCreate: "+refused, "  spec: serviceAccountName: cart")},
		"a condition reports it": {strings.ReplaceAll(checktest.DeploymentOf("cart"), "---\napiVersion: apps/v1\nkind: "+
			"ReplicaSet", "status: {conditions: [{type: ReplicaFailure, status: \"True\", reason: FailedCreate, "+
			"message: 'pods \"cart-7d9f-\" is forbidden: error looking up service account shop/cart: serviceaccount \"cart\" not "+
			"found'}]}\n---\napiVersion: apps/v1\nkind: ReplicaSet"), nil, checktest.Lines(message,
			`  condition: ReplicaFailure=True (FailedCreate): pods "cart-7d9f-" is forbidden: error looking up service account `+
				`shop/cart: serviceaccount "cart" not found`,
			"  spec: serviceAccountName: cart")},
		"nothing says so, and there is none": {named(checktest.DeploymentOf("cart")), nil, checktest.Lines(message,
			"  spec: serviceAccountName: cart")},
		"nothing says so, and it is not known":  {named(checktest.DeploymentOf("cart")), []facts.Kind{facts.ServiceAccount}, ""},
		"it was created since":                  {named(checktest.DeploymentOf("cart")) + about("11:50") + account("cart"), nil, ""},
		"two hours ago":                         {checktest.DeploymentOf("cart") + about("09:50"), nil, ""},
		"the workload has all its Pods already": {full + about("11:50"), nil, ""},
		"refused for another reason": {checktest.DeploymentOf("cart") + strings.Replace(about("11:50"), "error looking up "+
			"service account shop/cart: serviceaccount", "exceeded quota", 1), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "serviceaccount-missing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigErrorsAreClassified(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"user by name": {`container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root (pod: "x", ` +
			`container: api)`,
			"its image has a non-numeric user, which the kubelet cannot verify against runAsNonRoot"},
		"runAsUser 0": {`container's runAsUser breaks non-root policy (pod: "x", container: api)`, "runAsUser is 0 but " +
			"runAsNonRoot is set"},
		"subPath": {`failed to create subPath directory for volumeMount "data" of container "api"`, "the subPath of a volume mount " +
			"cannot be created"},
		"nothing": {"", "the kubelet gives no reason"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := configText(tc.message); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
