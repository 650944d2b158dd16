package pod

import (
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAReadinessGateThatIsNotTrueIsFound(t *testing.T) {
	pod := func(reason, message, since, more string) string {
		return checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i}]}\nstatus: {phase: Running, " +
			"conditions: [{type: Ready, status: \"False\", reason: " + reason + ", message: '" + message + "', lastTransitionTime: " +
			"\"" + since +
			"\"}" + more + "], containerStatuses: [{name: api, ready: true, restartCount: 0, state: {running: {}}}]}")
	}
	const (
		text = `the status of pod readiness gate "example.com/registered" is not "True", but False`
		none = `corresponding condition of pod readiness gate "example.com/registered" does not exist.`
		old  = "2026-01-15T11:00:00Z"
	)
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"its condition has a reason": {
			ID: "readiness-gate-not-true", Documents: pod("ReadinessGatesNotReady", text, old,
				`, {type: example.com/registered, status: "False", reason: NoAgent, message: no agent}`),
			Want: []string{
				"high Deployment/shop/cart [example.com/registered]: Pods of Deployment cart are not ready, although their containers " +
					"are: " +
					"readiness gate example.com/registered is not True: False (NoAgent).",
				"  condition: Ready=False (ReadinessGatesNotReady): " + text,
				"  condition: example.com/registered=False (NoAgent): no agent",
				"  condition: the containers of Pod cart-7d9f-a are ready",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"no controller has set the condition": {
			ID: "readiness-gate-not-true", Documents: pod("ReadinessGatesNotReady", none, old, ""), Want: []string{
				"high Deployment/shop/cart [example.com/registered]: Pods of Deployment cart are not ready, although their containers " +
					"are: " +
					"readiness gate example.com/registered is not True: no controller has set it.",
				"  condition: Ready=False (ReadinessGatesNotReady): " + none,
				"  condition: the containers of Pod cart-7d9f-a are ready",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"within the grace": {
			ID: "readiness-gate-not-true", Documents: pod("ReadinessGatesNotReady", text, "2026-01-15T11:59:40Z", ""),
		},
		"containers that are not ready": {ID: "readiness-gate-not-true", Documents: pod("ContainersNotReady", text, old, "")},
	})
}

func TestGatesAreReadFromTheKubeletsMessage(t *testing.T) {
	const two = `[the status of pod readiness gate "a/b" is not "True", but False, corresponding condition of pod readiness gate "c" ` +
		"does not exist.]"
	for message, want := range map[string][]string{
		two:                                     {"a/b", "c"},
		`readiness gate "a" readiness gate "a"`: {"a"},
		`readiness gate "unclosed`:              nil,
		``:                                      nil,
	} {
		if got := gatesOf(message); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", message, got, want)
		}
	}
}
