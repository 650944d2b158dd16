package pod

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

// probed is the spec and status of a Pod whose container api has probes and a status, and that is not ready since eleven.
func probed(probes, containerStatus string) string {
	return "spec: {nodeName: node-1, containers: [{name: api, image: i, " + probes + "}]}\n" +
		"status: {phase: Running, conditions: [{type: Ready, status: \"False\", reason: ContainersNotReady, lastTransitionTime: " +
		"\"2026-01-15T11:00:00Z\"}], " +
		"containerStatuses: [{name: api, " + containerStatus + "}]}"
}

const (
	readiness = "readinessProbe: {httpGet: {path: /ready, port: 8080}}"
	liveness  = "livenessProbe: {httpGet: {path: /healthz, port: 8080}}"
	startup   = "startupProbe: {httpGet: {path: /started, port: 8080}}"
	notReady  = "ready: false, started: true, restartCount: 0, state: {running: {startedAt: \"2026-01-15T11:00:05Z\"}}"
)

func TestAFailingReadinessProbeIsReported(t *testing.T) {
	failing := checktest.CartWithPod(probed(readiness, notReady))
	event := func(field, message string) string {
		return eventAbout("cart-7d9f-a", field, "Unhealthy", message, "11:59", 100)
	}
	const message = "high Deployment/shop/cart [api]: Container api of Deployment cart is running but gets no traffic: its readiness " +
		"probe fails"
	const running, pods = "  condition: container api is running and not ready", "  condition: 1 of 1 Pod: cart-7d9f-a"
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"with a status": {failing + event(containerField, "Readiness probe failed: HTTP probe failed with "+
			"statuscode: 503"), checktest.Lines(
			message+" with HTTP status 503.", "  event: Unhealthy: Readiness probe failed: HTTP probe failed with "+
				"statuscode: 503", running, pods)},
		"nothing listens": {failing + event(containerField, `Readiness probe failed: Get "http://10.0.0.3:8080/ready": dial tcp `+
			`10.0.0.3:8080: connect: connection refused`), checktest.Lines(
			message+" because nothing listens on its port.",
			`  event: Unhealthy: Readiness probe failed: Get "http://10.0.0.3:8080/ready": dial tcp 10.0.0.3:8080: connect: connection `+
				`refused`, running, pods)},
		"the newest words are about another probe": {failing + event(containerField, "Readiness probe failed: HTTP probe failed with "+
			"statuscode: 503") +
			eventAbout("cart-7d9f-a", containerField, "Unhealthy", "Liveness probe failed: HTTP probe failed with "+
				"statuscode: 500", "12:00", 1), checktest.Lines(
			message+" with HTTP status 503.", "  event: Unhealthy: Readiness probe failed: HTTP probe failed with "+
				"statuscode: 503", running, pods)},
		"without an event": {failing, checktest.Lines(message+".", running+"; no event reports the probe result", pods)},
		"an event of another container": {failing + event("spec.containers{proxy}", "Readiness probe failed: HTTP probe failed with "+
			"statuscode: 503"),
			checktest.Lines(message+".", running+"; no event reports the probe result", pods)},
		"waiting for its startup probe": {documents: checktest.CartWithPod(probed(readiness+", "+startup, strings.Replace(notReady,
			"started: true", "started: false", 1)))},
		"started just now": {documents: checktest.CartWithPod(probed(readiness, strings.Replace(notReady, "11:00:05",
			"11:59:30", 1)))},
		"not ready just now": {documents: strings.Replace(failing, `lastTransitionTime: `+
			`"2026-01-15T11:00:00Z"`, `lastTransitionTime: "2026-01-15T11:59:30Z"`, 1)},
		"not running": {documents: checktest.CartWithPod(probed(readiness, "ready: false, restartCount: 0, state: "+
			"{waiting: {reason: ContainerCreating}}"))},
		"crashing":                  {documents: checktest.CartWithPod(probed(readiness, crashed))},
		"without a readiness probe": {documents: checktest.CartWithPod(probed(liveness, notReady))},
		"ready": {documents: checktest.CartWithPod(probed(readiness, strings.Replace(notReady, "ready: false",
			"ready: true", 1)))},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "readiness-probe-failing", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProbesThatKill(t *testing.T) {
	killed := func(code, restarts int) string {
		return fmt.Sprintf("ready: false, started: true, restartCount: %d, state: {running: {startedAt: \"2026-01-15T11:50:00Z\"}}, "+
			"lastState: {terminated: {exitCode: %d, reason: Error, finishedAt: \"2026-01-15T11:49:59Z\"}}", restarts, code)
	}
	loop := func(code int) string { return fmt.Sprintf(looping, code, "Error") }
	fails := func(probe string, count int) string {
		return eventAbout("cart-7d9f-a", containerField, "Unhealthy", probe+" probe failed: HTTP probe failed with "+
			"statuscode: 500", "11:58", count)
	}
	for name, tc := range map[string]struct {
		documents string
		want      []string
	}{
		"liveness, by SIGKILL": {checktest.CartWithPod(probed(liveness, loop(137))) + fails("Liveness", 21),
			[]string{"liveness-probe-failing Deployment/shop/cart [api]"}},
		"liveness, by SIGTERM": {checktest.CartWithPod(probed(liveness, killed(143, 1))) + fails("Liveness", 3),
			[]string{"liveness-probe-failing Deployment/shop/cart [api]"}},
		"liveness, and ends in order": {checktest.CartWithPod(probed(liveness, loop(0))) + fails("Liveness", 3),
			[]string{"liveness-probe-failing Deployment/shop/cart [api]"}},
		"liveness, and a code of its own": {checktest.CartWithPod(probed(liveness, loop(1))) + fails("Liveness", 21),
			[]string{"liveness-probe-failing Deployment/shop/cart [api]"}},
		"startup": {checktest.CartWithPod(probed(startup+", "+liveness, strings.Replace(killed(143, 2),
			"started: true", "started: false", 1))) + fails("Startup", 60), []string{"startup-probe-failing Deployment/shop/cart [api]"}},
		"a crash after one failed probe": {checktest.CartWithPod(probed(liveness, loop(1))) + fails("Liveness", 2),
			[]string{"pod-crash-looping Deployment/shop/cart [api]"}},
		"a crash before the probe failed": {strings.Replace(checktest.CartWithPod(probed(liveness, loop(143))), "11:58:00", "11:20:00",
			1) + fails("Liveness", 2),
			[]string{"pod-crash-looping Deployment/shop/cart [api]"}},
		"out of memory while the probe fails": {checktest.CartWithPod(probed(liveness, fmt.Sprintf(looping, 137, "OOMKilled"))) +
			fails("Liveness", 21), []string{"pod-oom-killed Deployment/shop/cart [api]"}},
		"a blip without a restart": {checktest.CartWithPod(probed(liveness, notReady)) + fails("Liveness", 1), nil},
		"a slow start that is not over": {checktest.CartWithPod(probed(startup, strings.Replace(notReady, "started: true",
			"started: false", 1))) + fails("Startup", 12), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, foundIn(t, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	want := checktest.Lines("medium Deployment/shop/cart [api]: Container api of Deployment cart is killed and restarted: its liveness "+
		"probe fails with HTTP status 500.",
		"  event: Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500",
		"  condition: container api terminated with exit code 143 (SIGTERM), restarted 1 time",
		"  condition: 1 of 1 Pod: cart-7d9f-a")
	if diff := cmp.Diff(want, checktest.Text(t, Checks(), livenessFails, checktest.CartWithPod(probed(liveness, killed(143,
		1)))+fails("Liveness", 3))); diff != "" {
		t.Errorf("once (-want +got):\n%s", diff)
	}
}

func TestWhatAProbeGotIsToldApart(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"status": {"Readiness probe failed: HTTP probe failed with statuscode: 404", " with HTTP status 404"},
		"no answer": {`Liveness probe failed: Get "http://10.0.0.3:8080/": context deadline exceeded (Client.Timeout exceeded ` +
			`while awaiting headers)`, " because it timed out"},
		"slow command": {`Readiness probe failed: command timed out: "pg_isready" timed out after 1s`, " because it timed out"},
		"closed port": {"Readiness probe failed: dial tcp 10.0.0.3:5432: connect: connection " +
			"refused", " because nothing listens on its port"},
		"wrong scheme": {`Readiness probe failed: Get "https://10.0.0.3:8080/": http: server gave HTTP response to ` +
			`HTTPS client`, " because it uses HTTPS but the server answers with HTTP"},
		"gRPC": {`Readiness probe failed: service unhealthy (responded with "NOT_SERVING")`, " because the program reports " +
			"NOT_SERVING"},
		"missing command": {`Readiness probe errored and resulted in unknown state: rpc error: exec: "curl": executable file not ` +
			`found in $PATH`, " because its command is not in the image"},
		"a failing script": {"Readiness probe failed: cat: can't open '/tmp/ready': it is not there", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := probeText(tc.message); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
