package service

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAServiceWhosePodsAreReadyBetweenTwoCrashesKeepsItsFinding(t *testing.T) {
	// state is a Pod that was restarted, has run since a time, and is ready or not; the times are of the hour before noon.
	state := func(restarts, ready, lastStart, lastEnd, started string) string {
		return checktest.CartPod("cart-5d8f-a", `{phase: Running, conditions: [{type: Ready, status: "`+ready+`", lastTransitionTime: `+
			`"2026-01-15T11:`+started+`Z"}], containerStatuses: [{name: cart, ready: true, restartCount: `+restarts+`, state: {running: `+
			`{startedAt: "2026-01-15T11:`+started+`Z"}}, lastState: {terminated: {exitCode: 1, startedAt: "2026-01-15T11:`+lastStart+
			`Z", finishedAt: "2026-01-15T11:`+lastEnd+`Z"}}}]}`)
	}
	const message = "high Service/shop/cart: Service cart has no ready endpoints: none of the Pods that it selects (app=cart) is ready."
	checktest.RunTextCases(t, Checks(), "service-no-ready-endpoints", map[string]checktest.TextCase{
		"ready": {checktest.CartService + state("9", "True", "53:00", "53:20", "59:40") + checktest.CartEndpoints("cart-1", "true"),
			checktest.Lines(message, "  condition: ready only between two crashes: cart-5d8f-a",
				"  condition: EndpointSlices: 1 ready, 0 not ready")},
		"ready, and its endpoint is not yet": {checktest.CartService + state("9", "True", "53:00", "53:20", "59:40") +
			checktest.CartEndpoints("cart-1", "false"), checktest.Lines(message, "  condition: ready only between two crashes: cart-5d8f-a",
			"  condition: EndpointSlices: 0 ready, 1 not ready")},
		"not ready for a moment": {checktest.CartService + state("9", "False", "53:00", "53:20", "59:40") +
			checktest.CartEndpoints("cart-1", "false"), checktest.Lines(message, "  condition: 0 of 1 selected Pod is ready: cart-5d8f-a",
			"  condition: EndpointSlices: 0 ready, 1 not ready")},
		"another Pod is ready": {checktest.CartService + state("9", "True", "53:00", "53:20", "59:40") +
			checktest.CartPod("cart-5d8f-b", checktest.ReadyStatus) + checktest.CartEndpoints("cart-1", "true"), ""},
		"endpoints of others": {checktest.CartService + state("9", "True", "53:00", "53:20", "59:40") +
			checktest.CartEndpoints("cart-1", "true") + checktest.CartEndpoints("cart-2", "true") + checktest.CartEndpoints("cart-3", "true"), ""},
		"a run that lasts has recovered": {checktest.CartService + state("9", "True", "50:00", "50:20", "55:00") +
			checktest.CartEndpoints("cart-1", "true"), ""},
		"one restart is no loop": {checktest.CartService + state("1", "True", "53:00", "53:20", "59:40") +
			checktest.CartEndpoints("cart-1", "true"), ""},
	})
}
