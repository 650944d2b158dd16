package customresource

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAnUnhealthyApplicationIsReported(t *testing.T) {
	app := func(spec, status string) string {
		return checktest.Document("argoproj.io/v1alpha1", "Application",
			"name: shop, namespace: argocd, creationTimestamp: \"2026-01-01T00:00:00Z\"",
			"spec: {project: default, destination: {server: 'https://kubernetes.default.svc'}"+spec+"}\nstatus: {"+status+"}")
	}
	const on = " Application.argoproj.io/argocd/shop: "
	judged(t, "argocd-application-degraded", map[string]struct{ documents, want string }{
		"degraded": {
			app(
				"",
				"health: {status: Degraded, message: it failed}, resources: [{group: apps, kind: Deployment, namespace: shop, name: "+
					"cart, status: Synced, health: {status: Degraded}}, {kind: Service, namespace: shop, name: cart, status: Synced, "+
					"health: {status: Healthy}}]",
			),
			checktest.Lines("medium"+on+"Application shop is degraded: a resource that it deployed has failed.",
				"  condition: status.health: Degraded: it failed", "  condition: resources: Deployment shop/cart Degraded"),
		},
		"a moment ago": {app("", "health: {status: Degraded, lastTransitionTime: "+twoMinutesAgo+"}"), ""},
		"healthy":      {app("", "health: {status: Healthy}"), ""},
	})
	judged(t, "argocd-application-missing", map[string]struct{ documents, want string }{
		"never synced": {
			app("", "health: {status: Missing}"),
			checktest.Lines("low"+on+"Application shop has resources that are missing from the cluster.",
				"  condition: status.health: Missing"),
		},
		"synced automatically": {app(", syncPolicy: {automated: {}}", "health: {status: Unknown}"), checktest.Lines(
			"medium"+on+"Application shop has unknown health in Argo CD.", "  condition: status.health: Unknown")},
		"progressing": {app("", "health: {status: Progressing}"), ""},
	})
	judged(t, "argocd-application-out-of-sync", map[string]struct{ documents, want string }{
		"for long": {
			app("", "sync: {status: OutOfSync}, operationState: {phase: Succeeded, finishedAt: \"2026-01-14T00:00:00Z\"}"),
			checktest.Lines("low"+on+"Application shop is out of sync with its repository: it waits for a manual sync.",
				"  condition: status.sync.status: OutOfSync"),
		},
		"automated and switched off": {app(", syncPolicy: {automated: {enabled: false}}", "sync: {status: OutOfSync}"), checktest.Lines(
			"low"+on+"Application shop is out of sync with its repository: it waits for a manual sync.",
			"  condition: status.sync.status: OutOfSync",
		)},
		"just synced": {app("", "sync: {status: OutOfSync}, operationState: {phase: Succeeded, finishedAt: "+twoMinutesAgo+"}"), ""},
		"in sync":     {app("", "sync: {status: Synced}"), ""},
	})
	judged(t, "argocd-application-sync-failed", map[string]struct{ documents, want string }{
		"an operation failed": {
			app("", "operationState: {phase: Failed, message: 'one or more objects failed to apply', finishedAt: "+anHourAgo+"}"),
			checktest.Lines("medium"+on+"Application shop could not be synced: the last sync failed.",
				"  condition: status.operationState: Failed: one or more objects failed to apply"),
		},
		"no manifests": {
			app(
				"",
				"conditions: [{type: ComparisonError, message: 'repository not found', lastTransitionTime: "+anHourAgo+"}, {type: "+
					"OrphanedResourceWarning, message: x}]",
			),
			checktest.Lines("medium"+on+"Application shop could not be synced: its manifests cannot be generated or compared.",
				"  condition: ComparisonError=True: repository not found"),
		},
		"well": {app("", "operationState: {phase: Succeeded}"), ""},
	})
	project := func(name string) string {
		return checktest.Document("argoproj.io/v1alpha1", "AppProject", "name: "+name+", namespace: argocd", "")
	}
	judged(t, "argocd-project-missing", map[string]struct{ documents, want string }{
		"missing": {
			project("other") + app("", ""),
			checktest.Lines(
				"medium"+on[:len(on)-2]+" [default]: Application shop belongs to project default, which does not exist in namespace "+
					"argocd.",
				"  spec: spec.project: default",
			),
		},
		"there":                        {project("default") + app("", ""), ""},
		"no projects there whatsoever": {app("", ""), ""},
	})
}

func TestImagesWithVulnerabilities(t *testing.T) {
	scan := func(name, kind, workload, vulnerabilities string) string {
		return checktest.Document(
			"aquasecurity.github.io/v1alpha1",
			"VulnerabilityReport",
			"name: "+name+", namespace: shop, labels: {trivy-operator.resource.kind: "+kind+", trivy-operator.resource.name: "+workload+", trivy-operator.container.name: api}",
			"report: {artifact: {repository: shop/api, tag: '7'}, vulnerabilities: ["+vulnerabilities+"]}",
		)
	}
	const critical, unfixed, high = "{vulnerabilityID: CVE-2025-1, severity: CRITICAL, resource: openssl, fixedVersion: 3.0.9}", "{vulnerabilityID: CVE-2025-2, severity: CRITICAL, resource: zlib, fixedVersion: ''}",
		"{vulnerabilityID: CVE-2025-3, severity: HIGH, resource: curl, fixedVersion: '8.1'}, {vulnerabilityID: CVE-2025-4, severity: MEDIUM, resource: x, fixedVersion: '1'}, 7"
	set := func(name, replicas string) string {
		return checktest.Document(
			"apps/v1",
			"ReplicaSet",
			"name: "+name+", namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: u, "+
				"controller: true}]",
			"spec: {replicas: "+replicas+", selector: {matchLabels: {a: b}}}",
		)
	}
	deployment := checktest.Document("apps/v1", "Deployment", "name: api, namespace: shop",
		"spec: {selector: {matchLabels: {a: b}}, template: {}}")
	judged(t, "image-vulnerabilities", map[string]struct{ documents, want string }{
		"critical with a fix, on the Deployment": {
			deployment + set("api-1", "1") + set("api-0", "0") + scan("b", "ReplicaSet", "api-1", unfixed+","+critical+","+high) + scan("a", "ReplicaSet", "api-0", critical+","+critical),
			checktest.Lines(
				"high Deployment/shop/api [api]: Container api of Deployment api runs an image with critical vulnerabilities that a "+
					"newer version fixes.",
				"  condition: image shop/api:7: 2 critical (1 with a fix), 1 high (1 with a fix)",
				"  condition: CVE-2025-1 in openssl, fixed in 3.0.9",
				"  condition: CVE-2025-2 in zlib, not fixed yet",
				"  condition: CVE-2025-3 in curl, fixed in 8.1",
			),
		},
		"critical without one": {scan("b", "StatefulSet", "db", unfixed), checktest.Lines(
			"low StatefulSet/shop/db [api]: Container api of StatefulSet db runs an image with critical vulnerabilities without a fix.",
			"  condition: image shop/api:7: 1 critical (0 with a fix), 0 high (0 with a fix)",
			"  condition: CVE-2025-2 in zlib, not fixed yet",
		)},
		"nothing of weight": {
			scan("b", "StatefulSet", "db", "{vulnerabilityID: CVE-2025-4, severity: MEDIUM, resource: x, fixedVersion: '1'}"),
			"",
		},
	})
}
