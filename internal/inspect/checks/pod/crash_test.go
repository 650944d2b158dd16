package pod

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const (
	looping = "ready: false, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting}}, " +
		"lastState: {terminated: {exitCode: %d, reason: %s, finishedAt: \"2026-01-15T11:58:00Z\"}}"
	runningAfter = "ready: true, restartCount: %d, state: {running: {startedAt: \"2026-01-15T11:50:00Z\"}}, " +
		"lastState: {terminated: {exitCode: 1, reason: %s, finishedAt: \"2026-01-15T%s:00Z\"}}"
)

func TestACrashLoopingContainerIsReported(t *testing.T) {
	old := "apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, creationTimestamp: \"2025-12-15T11:00:00Z\"}\n"
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"application error": {checktest.CartWithPod(runningPod(crashed)), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart keeps crashing: exit code 1 (application error).",
			"  condition: container api terminated with exit code 1 (application error), restarted 7 times",
			"  condition: container api is waiting: CrashLoopBackOff: back-off 5m0s restarting failed container=api",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"three Pods of one workload are one finding": {
			checktest.DeploymentOf("cart") + checktest.PodOf("cart", "a", runningPod(crashed)) + checktest.PodOf("cart", "b",
				runningPod(crashed)) + checktest.PodOf("cart", "c", runningPod(crashed)),
			checktest.Lines("high Deployment/shop/cart [api]: Container api of Deployment cart keeps crashing: exit code 1 "+
				"(application error).",
				"  condition: container api terminated with exit code 1 (application error), restarted 7 times",
				"  condition: container api is waiting: CrashLoopBackOff: back-off 5m0s restarting failed container=api",
				"  condition: 3 of 3 Pods: cart-7d9f-a, cart-7d9f-b, cart-7d9f-c")},
		"two workloads are two findings": {
			checktest.DeploymentOf("cart") + checktest.DeploymentOf("mail") + checktest.PodOf("cart", "a", runningPod(fmt.Sprintf(looping,
				139, "Error"))) + checktest.PodOf("mail", "a", runningPod(fmt.Sprintf(looping, 127, "Error"))),
			checktest.Lines("high Deployment/shop/cart [api]: Container api of Deployment cart keeps crashing: exit code 139 (SIGSEGV: "+
				"invalid memory access).",
				"  condition: container api terminated with exit code 139 (SIGSEGV: invalid memory access), restarted 7 times",
				"  condition: container api is waiting: CrashLoopBackOff: back-off 5m0s restarting",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
				"high Deployment/shop/mail [api]: Container api of Deployment mail keeps crashing: exit code 127 (command not found).",
				"  condition: container api terminated with exit code 127 (command not found), restarted 7 times",
				"  condition: container api is waiting: CrashLoopBackOff: back-off 5m0s restarting",
				"  condition: 1 of 1 Pod: mail-7d9f-a")},
		"a program that ends without an error": {checktest.CartWithPod(runningPod(fmt.Sprintf(looping, 0, "Completed"))), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart keeps exiting: exit code 0 (no error).",
			"  condition: container api terminated with exit code 0 (no error), reason Completed, restarted 7 times",
			"  condition: container api is waiting: CrashLoopBackOff: back-off 5m0s restarting",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a sidecar": {checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i}], initContainers: [{name: " +
			"proxy, image: i, restartPolicy: Always}]}\n" +
			"status: {phase: Pending, initContainerStatuses: [{name: proxy, " + fmt.Sprintf(looping, 1, "Error") + "}], " +
			"containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: {reason: " +
			"PodInitializing}}}]}"), checktest.Lines(
			"high Deployment/shop/cart [proxy]: Sidecar proxy of Deployment cart keeps crashing: exit code 1 (application error).",
			"  condition: sidecar proxy terminated with exit code 1 (application error), restarted 7 times",
			"  condition: sidecar proxy is waiting: CrashLoopBackOff: back-off 5m0s restarting",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"runs now, but was restarted often and lately": {checktest.CartWithPod(runningPod(fmt.Sprintf(runningAfter, 4, "Error",
			"11:50"))), checktest.Lines(
			"medium Deployment/shop/cart [api]: Container api of Deployment cart is running but keeps restarting: last exit code 1 "+
				"(application error).",
			"  condition: container api terminated with exit code 1 (application error), restarted 4 times",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"started only just now, between two crashes": {checktest.CartWithPod(runningPod("ready: true, restartCount: 4, state: " +
			"{running: {startedAt: \"2026-01-15T11:59:50Z\"}}, " +
			"lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-01-15T11:59:00Z\"}}")), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart keeps crashing: exit code 1 (application error).",
			"  condition: container api terminated with exit code 1 (application error), restarted 4 times",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"restarted twice": {documents: checktest.CartWithPod(runningPod(fmt.Sprintf(runningAfter, 2, "Error", "11:50")))},
		"restarted long ago": {documents: checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i}]}\n" +
			"status: {phase: Running, containerStatuses: [{name: api, ready: true, restartCount: 9, state: {running: {startedAt: " +
			"\"2026-01-15T10:30:00Z\"}}, " +
			"lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-01-15T10:29:00Z\"}}}]}")},
		"five restarts in a month": {documents: old + runningPod(fmt.Sprintf(runningAfter, 5, "Error", "11:40"))},
		"restarted with its node":  {documents: checktest.CartWithPod(runningPod(fmt.Sprintf(runningAfter, 5, "Unknown", "11:50")))},
		"ended once, and not yet started again": {documents: checktest.CartWithPod(runningPod(
			"ready: false, restartCount: 0, state: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-01-15T11:59:59Z\"}}"))},
		"a Pod of a Job that is not to be restarted": {documents: "apiVersion: v1\nkind: Pod\nmetadata: {name: import-x, " +
			"namespace: shop, " +
			"ownerReferences: [{apiVersion: batch/v1, kind: Job, name: import, uid: j, controller: true}]}\n" +
			"spec: {restartPolicy: Never, containers: [{name: api, image: i}]}\nstatus: {phase: Failed, containerStatuses: [{name: " +
			"api, ready: false, restartCount: 0, " +
			"state: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-01-15T11:59:00Z\"}}}]}"},
		"out of memory is reported as that": {documents: checktest.CartWithPod(runningPod(fmt.Sprintf(looping, 137, "OOMKilled")))},
		"a command that cannot be run is reported as that": {documents: checktest.CartWithPod(runningPod(fmt.Sprintf(looping, 128,
			"StartError")))},
		"healthy": {documents: checktest.CartWithPod(runningPod("ready: true, restartCount: 0, state: {running: {startedAt: " +
			"\"2026-01-15T11:00:05Z\"}}"))},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), crashLooping, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOOMKilled(t *testing.T) {
	limited := func(status string) string {
		return "spec: {nodeName: node-1, containers: [{name: api, image: i, resources: {limits: {memory: 64Mi}, requests: {memory: " +
			"32Mi}}}]}\n" +
			"status: {phase: Running, containerStatuses: [{name: api, " + status + "}]}"
	}
	once := "ready: true, restartCount: 1, state: {running: {startedAt: \"2026-01-15T11:50:00Z\"}}, " +
		"lastState: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: \"2026-01-15T%s:00Z\"}}"
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"again and again": {checktest.CartWithPod(limited(fmt.Sprintf(looping, 137, "OOMKilled"))), checktest.Lines(
			"critical Deployment/shop/cart [api]: Container api of Deployment cart was OOMKilled: it exceeded its memory limit of 64Mi.",
			"  condition: container api terminated with exit code 137 (SIGKILL), reason OOMKilled, restarted 7 times",
			"  spec: container api: memory limit 64Mi, memory request 32Mi",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"once, and runs since": {checktest.CartWithPod(limited(fmt.Sprintf(once, "11:49"))), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart was OOMKilled: it exceeded its memory limit of 64Mi.",
			"  condition: container api terminated with exit code 137 (SIGKILL), reason OOMKilled, restarted 1 time",
			"  spec: container api: memory limit 64Mi, memory request 32Mi",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"without a limit": {checktest.CartWithPod(runningPod(fmt.Sprintf(once, "11:49"))), checktest.Lines(
			"high Deployment/shop/cart [api]: Container api of Deployment cart was OOMKilled: it has no memory limit and its node ran "+
				"out of memory.",
			"  condition: container api terminated with exit code 137 (SIGKILL), reason OOMKilled, restarted 1 time",
			"  spec: container api: no memory limit, no memory request",
			"  spec: node node-1",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a Job's Pod that is not restarted": {"apiVersion: v1\nkind: Pod\nmetadata: {name: import, namespace: shop}\n" +
			"spec: {restartPolicy: Never, containers: [{name: api, image: i, resources: {limits: {memory: 1Gi}}}]}\n" +
			"status: {phase: Failed, containerStatuses: [{name: api, ready: false, restartCount: 0, state: {terminated: {exitCode: " +
			"137, reason: OOMKilled, " +
			"finishedAt: \"2026-01-15T11:30:00Z\"}}}]}", checktest.Lines(
			"high Pod/shop/import [api]: Container api of Pod import was OOMKilled: it exceeded its memory limit of 1Gi.",
			"  condition: container api terminated with exit code 137 (SIGKILL), reason OOMKilled",
			// The API server writes the limit into a request that is not set; this object has not been through it.
			"  spec: container api: memory limit 1Gi, no memory request")},
		"two hours ago": {documents: checktest.CartWithPod(limited(fmt.Sprintf(once, "09:50")))},
		"an init container that succeeded in the end": {documents: checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: " +
			"api, image: i}], initContainers: [{name: migrate, image: i}]}\n" +
			"status: {phase: Running, initContainerStatuses: [{name: migrate, ready: true, restartCount: 1, state: {terminated: " +
			"{exitCode: 0, reason: Completed}}, " +
			"lastState: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: \"2026-01-15T11:49:00Z\"}}}], " +
			"containerStatuses: [{name: api, ready: true, restartCount: 0, state: {running: {startedAt: \"2026-01-15T11:50:00Z\"}}}]}")},
		"killed otherwise": {documents: checktest.CartWithPod(limited(fmt.Sprintf(looping, 137, "Error")))},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), oomKilled, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFailingInitContainerIsReported(t *testing.T) {
	pod := func(phase, migrate string) string {
		return "spec: {nodeName: node-1, containers: [{name: api, image: i}], initContainers: [{name: proxy, image: i, restartPolicy: " +
			"Always}, " +
			"{name: migrate, image: i}, {name: seed, image: i}]}\n" +
			"status: {phase: " + phase + ", initContainerStatuses: [{name: proxy, ready: true, restartCount: 0, state: {running: {}}}, " +
			"{name: migrate, " + migrate + "}, " +
			"{name: seed, ready: false, restartCount: 0, state: {waiting: {reason: PodInitializing}}}], " +
			"containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: {reason: PodInitializing}}}]}"
	}
	failed := "ready: false, restartCount: 0, state: {terminated: {exitCode: 3, reason: Error, finishedAt: \"2026-01-15T11:58:00Z\"}}"
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"in back-off": {checktest.CartWithPod(pod("Pending", fmt.Sprintf(looping, 2, "Error"))), checktest.Lines(
			"high Deployment/shop/cart [migrate]: Init container migrate (2 of 3) of Deployment cart keeps failing: exit code 2 "+
				"(application error, often invalid arguments). The containers after it do not start.",
			"  condition: init container migrate terminated with exit code 2 (application error, often invalid arguments), restarted "+
				"7 times",
			"  condition: init container migrate is waiting: CrashLoopBackOff: back-off 5m0s restarting",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"of a Pod that is not to be restarted": {"apiVersion: v1\nkind: Pod\nmetadata: {name: once, namespace: " +
			"shop}\n" + pod("Failed", failed), checktest.Lines(
			"high Pod/shop/once [migrate]: Init container migrate (2 of 3) of Pod once keeps failing: exit code 3. The containers "+
				"after it do not start.",
			"  condition: init container migrate terminated with exit code 3")},
		"succeeded after two tries": {documents: checktest.CartWithPod(pod("Pending", "ready: true, restartCount: 2, state: "+
			"{terminated: {exitCode: 0, reason: Completed}}, "+
			"lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-01-15T11:58:00Z\"}}"))},
		"runs for long": {documents: checktest.CartWithPod(pod("Pending", "ready: false, restartCount: 0, state: {running: "+
			"{startedAt: \"2026-01-15T11:00:05Z\"}}"))},
		"ended for the first time": {documents: checktest.CartWithPod(pod("Pending", failed))},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), initFailing, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLogOfTheRunThatEndedIsAskedFor(t *testing.T) {
	ended := "ready: false, restartCount: 3, state: {terminated: {exitCode: 1, reason: Error, finishedAt: \"2026-01-15T11:59:00Z\"}}"
	for name, tc := range map[string]struct {
		status string
		want   *check.LogRef
	}{
		"waiting for the next start": {crashed, &check.LogRef{Namespace: "shop", Pod: "cart-7d9f-a", Container: "api", Previous: true,
			Ended: testkit.Now().Add(-2 * time.Minute)}},
		"ended, not started again": {ended, &check.LogRef{Namespace: "shop", Pod: "cart-7d9f-a", Container: "api",
			Ended: testkit.Now().Add(-time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			findings := checktest.Findings(t, crashChecks(), checktest.CartWithPod(runningPod(tc.status)))
			if len(findings) != 1 {
				t.Fatalf("got %d findings, want 1", len(findings))
			}
			if diff := cmp.Diff(tc.want, findings[0].Logs); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryExitCodeHasAText(t *testing.T) {
	for name, tc := range map[string]struct {
		end  facts.ContainerState
		want string
	}{
		"SIGTERM":                  {facts.ContainerState{ExitCode: 143}, "exit code 143 (SIGTERM)"},
		"a signal without a name":  {facts.ContainerState{ExitCode: 128 + 50}, "exit code 178 (signal 50)"},
		"the signal alone is told": {facts.ContainerState{Signal: 9}, "exit code 137 (SIGKILL)"},
		"a code of the program":    {facts.ContainerState{ExitCode: 78}, "exit code 78"},
		"out of range":             {facts.ContainerState{ExitCode: 255}, "exit code 255"},
		"negative":                 {facts.ContainerState{ExitCode: -1}, "exit code -1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := exitText(tc.end); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestARollbackNamesTheWorkload(t *testing.T) {
	g := testkit.Graph(t, checktest.CartWithPod(runningPod(crashed))+checktest.Document("apps/v1", "ReplicaSet", "name: cart-old, "+
		"namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: d-cart, controller: true}]",
		"spec: {replicas: 0, selector: {matchLabels: {app: cart}}}"))
	want := "; `kubectl -n shop rollout undo deployment/cart` restores the previous revision, if there is one"
	if got := rollback(g, g.Pods[0]); string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	first := testkit.Graph(t, checktest.CartWithPod(runningPod(crashed)))
	if got := rollback(first, first.Pods[0]); got != "" {
		t.Errorf("a Deployment with one revision: %s", got)
	}
	alone := testkit.Graph(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop}\n"+runningPod(crashed))
	if got := rollback(alone, alone.Pods[0]); got != "" {
		t.Errorf("a Pod without a workload: %s", got)
	}
}
