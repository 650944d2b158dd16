package pod

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/scheduling"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// singlePodChecks are all checks that judge single Pods, of this package and its neighbour.
func singlePodChecks() []check.Check {
	return slices.Concat(Checks(), scheduling.Checks())
}

// foundIn runs the checks of Pods over YAML and names what they found: check, object and discriminator, one a line.
func foundIn(t *testing.T, documents string, unread ...facts.Kind) []string {
	t.Helper()
	var names []string
	for _, f := range checktest.Findings(t, singlePodChecks(), documents, unread...) {
		name := fmt.Sprintf("%s %s", f.Check, f.Object)
		if f.Discriminator != "" {
			name += " [" + f.Discriminator + "]"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// runningPod is the spec and status of a Pod on node-1 whose container api has a status.
func runningPod(containerStatus string) string {
	return "spec: {nodeName: node-1, containers: [{name: api, image: shop/api:v1}]}\n" +
		"status: {phase: Running, containerStatuses: [{name: api, " + containerStatus + "}]}"
}

// waitingPod is the spec and status of a Pod on node-1 whose container api waits.
func waitingPod(spec, reason, message string) string {
	return "spec: {nodeName: node-1, " + spec + "}\n" +
		fmt.Sprintf("status: {phase: Pending, containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: {reason: "+
			"%s, message: %q}}}]}", reason, message)
}

// eventAbout is a warning about a Pod of the namespace shop; field is empty for the whole Pod. at is a time of day.
func eventAbout(pod, field, reason, message, at string, count int) string {
	return checktest.Document(
		"v1",
		"Event",
		fmt.Sprintf("name: %s.%s.%d, namespace: shop", pod, strings.ToLower(reason), len(message)),
		fmt.Sprintf(
			"type: Warning\nreason: %s\nmessage: %q\ncount: %d\ninvolvedObject: {kind: Pod, namespace: shop, name: %s, fieldPath: %q}\n"+
				"firstTimestamp: \"2026-01-15T11:30:00Z\"\nlastTimestamp: \"2026-01-15T%s:00Z\"", reason, message, count, pod, field, at),
	)
}

const (
	containerField = "spec.containers{api}"
	crashed        = "ready: false, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting " +
		"failed container=api}}, " +
		"lastState: {terminated: {exitCode: 1, reason: Error, startedAt: \"2026-01-15T11:57:00Z\", finishedAt: \"2026-01-15T11:58:00Z\"}}"
)

func TestPodsThatGoAwayOrAreFinishedAreNoFinding(t *testing.T) {
	const deleting = "deletionTimestamp: \"2026-01-15T11:59:30Z\", deletionGracePeriodSeconds: 30, "
	status := "spec: {nodeName: node-1, containers: [{name: api, image: shop/api:v1}]}\n" +
		"status: {phase: %s, containerStatuses: [{name: api, %s}]}"
	oom := "ready: false, restartCount: 7, state: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: \"2026-01-15T11:58:00Z\"}}"
	for name, documents := range map[string]string{
		"a crashing Pod that is being deleted": strings.Replace(checktest.CartWithPod(runningPod(crashed)), "name: cart-7d9f-a, ",
			"name: cart-7d9f-a, "+deleting, 1),
		"a Pod that was out of memory and is being deleted": strings.Replace(checktest.CartWithPod(runningPod(oom)), "name: cart-7d9f-a, ",
			"name: cart-7d9f-a, "+deleting, 1),
		"a Pod that succeeded in the end": checktest.CartWithPod(fmt.Sprintf(status, "Succeeded", oom)),
		"a Pod that waits for its image and is being deleted": strings.Replace(checktest.CartWithPod(waitingPod("containers: [{name: "+
			"api, image: shop/api:v9}]", "ErrImagePull",
			`rpc error: code = NotFound desc = failed to resolve reference "shop/api:v9": shop/api:v9: `+
				`not found`)), "name: cart-7d9f-a, ", "name: cart-7d9f-a, "+deleting, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string(nil), foundIn(t, documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is wrong with the Pods of a workload, it is one finding that does not depend on what the Pods are called.
func TestAFindingIsTheSameWhateverThePodsAreCalled(t *testing.T) {
	spec := "containers: [{name: api, image: shop/api:v9, env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]}]"
	for name, tc := range map[string]struct {
		rest string
		want []string
	}{
		"crash loop": {runningPod(crashed), []string{"pod-crash-looping Deployment/shop/cart [api]"}},
		"missing ConfigMap": {waitingPod(spec, "CreateContainerConfigError", `configmap "settings" not found`),
			[]string{"configmap-missing Deployment/shop/cart [settings]"}},
		"missing image": {waitingPod(spec, "ErrImagePull", `failed to resolve reference "shop/api:v9": shop/api:v9: not found`),
			[]string{"image-not-found Deployment/shop/cart [api]"}},
		"runs as root": {waitingPod(spec, "CreateContainerConfigError",
			`container has runAsNonRoot and image will run as root (pod: "cart-7d9f-a_shop(1)", container: api)`),
			[]string{"configmap-missing Deployment/shop/cart [settings]", "container-config-invalid Deployment/shop/cart [api]"}},
	} {
		t.Run(name, func(t *testing.T) {
			three := checktest.DeploymentOf("cart") + checktest.PodOf("cart", "x", tc.rest) + checktest.PodOf("cart", "y", tc.rest) + checktest.PodOf("cart", "z", tc.rest)
			for _, documents := range []string{checktest.CartWithPod(tc.rest), three} {
				if diff := cmp.Diff(tc.want, foundIn(t, documents)); diff != "" {
					t.Errorf("findings (-want +got):\n%s", diff)
				}
			}
		})
	}
}
