package job

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAJobThatASidecarKeepsRunningIsFound(t *testing.T) {
	pod := func(metadata, work, sidecar, state string) string {
		return checktest.Document("v1", "Pod", `name: migrate-x, namespace: shop, creationTimestamp: "2026-01-15T09:00:00Z"`+metadata+`,
  ownerReferences: [{apiVersion: batch/v1, kind: Job, name: migrate, uid: j1, controller: true}]`, `
spec: {containers: [{name: migrate, image: migrate:1}, {name: `+sidecar+`, image: "registry.example.com/tools/`+sidecar+`:2"}]}
status: {phase: Running, containerStatuses: [{name: migrate, ready: false, restartCount: 0, state: {`+work+`}},
  {name: `+sidecar+`, ready: true, restartCount: 0, state: {`+state+`}}]}`)
	}
	ended := func(code, at string) string {
		return `terminated: {exitCode: ` + code + `, finishedAt: "` + at + `"}`
	}
	const (
		running = `running: {startedAt: "2026-01-15T09:00:00Z"}`
		old     = "2026-01-15T11:30:00Z"
	)
	job := migrate("", "", "active: 1")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"a proxy": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", ended("0", old), "linkerd-proxy", running), Want: []string{
				"high Job/shop/migrate [linkerd-proxy]: Job migrate does not complete: container migrate is done, but container " +
					"linkerd-proxy still runs.",
				"  condition: Pod migrate-x: container migrate ended with exit code 0 at 2026-01-15T11:30:00Z",
				"  condition: still running: container linkerd-proxy, of image registry.example.com/tools/linkerd-proxy:2",
				"  condition: 1 of 1 Pod: migrate-x",
			},
		},
		"a container that may still work, after an hour": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", ended("0", "2026-01-15T10:30:00Z"), "uploader", running), Want: []string{
				"medium Job/shop/migrate [uploader]: Job migrate does not complete: container migrate is done, but container uploader " +
					"still runs.",
				"  condition: Pod migrate-x: container migrate ended with exit code 0 at 2026-01-15T10:30:00Z",
				"  condition: still running: container uploader, of image registry.example.com/tools/uploader:2",
				"  condition: 1 of 1 Pod: migrate-x",
			},
		},
		"a container that may still work": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", ended("0", old), "uploader", running),
		},
		"a proxy that ends in a moment": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", ended("0", "2026-01-15T11:58:00Z"), "envoy", running),
		},
		"work that failed": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", ended("3", old), "envoy", running),
		},
		"work that goes on": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", running, "envoy", running),
		},
		"a proxy that crashes": {
			ID: "job-kept-by-sidecar", Documents: job + pod("", ended("0", old), "envoy", "waiting: {reason: CrashLoopBackOff}"),
		},
		"a Pod that is being deleted": {
			ID:        "job-kept-by-sidecar",
			Documents: job + pod(`, deletionTimestamp: "2026-01-15T11:00:00Z"`, ended("0", old), "envoy", running),
		},
		"a Job that is finished all the same": {
			ID: "job-kept-by-sidecar",
			Documents: migrate("", "", `conditions: [{type: Complete, status: "True"}]`) +
				pod("", ended("0", old), "envoy", running),
		},
	})
}
