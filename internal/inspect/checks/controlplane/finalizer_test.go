package controlplane

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// deleted is the metadata of an object that was deleted at a time before noon, with finalizers.
func deleted(name, at, finalizers string) string {
	return "name: " + name + ", namespace: shop, uid: u-" + name + `, deletionTimestamp: "2026-01-15T` + at + `:00Z", finalizers: [` +
		finalizers + "]"
}

func TestObjectsThatFinalizersHoldAreReported(t *testing.T) {
	const lb = "service.kubernetes.io/load-balancer-cleanup"
	service := func(at, finalizers string) string {
		return checktest.Document("v1", "Service", deleted("web", at, finalizers), "spec: {type: LoadBalancer, ports: [{port: 80}]}")
	}
	crd := func(group, metadata string) string {
		return checktest.Document("apiextensions.k8s.io/v1", "CustomResourceDefinition", "name: widgets."+group+metadata,
			"spec: {group: "+group+", names: {kind: Widget, plural: widgets}, scope: Namespaced, versions: [{name: v1, served: true, storage: true}]}")
	}
	const cleanup = `, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [customresourcecleanup.apiextensions.k8s.io]`
	for name, tc := range map[string]struct{ documents, message, remedy string }{
		"a load balancer": {service("11:00", lb), "Service web is stuck terminating: finalizer " + lb + " waits for the cloud controller that " +
			"deletes its load balancer.", `patch service web --type=json -p '[{"op":"test","path":"/metadata/finalizers/0","value":"` + lb +
			`"},{"op":"remove","path":"/metadata/finalizers/0"}]'`},
		"the second of two": {service("11:00", "shop.example.com/a, "+lb), "Service web is stuck terminating: finalizer " + lb +
			" waits for the cloud controller that deletes its load balancer.", "/metadata/finalizers/1"},
		"an operator that is there": {service("11:00", "example.com/cleanup") + crd("widgets.example.com", ""), "Service web is stuck " +
			"terminating: finalizer example.com/cleanup waits for the controller that set it.", "Restore the controller"},
		"an operator that is gone": {service("11:00", "example.com/cleanup") + crd("other.io", ""), "Service web is stuck " +
			"terminating: finalizer example.com/cleanup waits for a controller that is probably uninstalled.", "its cleanup is then skipped"},
		"dependents": {checktest.Document("apps/v1", "Deployment", deleted("web", "11:00", "foregroundDeletion"), "spec: {selector: {matchLabels: "+
			"{a: b}}, template: {metadata: {labels: {a: b}}}}"), "Deployment web is stuck terminating: finalizer foregroundDeletion waits for " +
			"the objects that it owns.", "garbage collector"},
		"a definition": {crd("example.com", cleanup) + checktest.Document("example.com/v1", "Widget", "name: a, namespace: shop", "spec: {}"),
			"CustomResourceDefinition widgets.example.com is stuck terminating: finalizer customresourcecleanup.apiextensions.k8s.io waits for " +
				"its custom resources, which still exist.", "`kubectl get widget.example.com -A`"},
		"a volume": {checktest.Document("v1", "PersistentVolume", `name: pv-1, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: `+
			"[kubernetes.io/pv-protection]", "spec: {claimRef: {name: data, namespace: shop}}\nstatus: {phase: Bound}"),
			"PersistentVolume pv-1 is stuck terminating: finalizer kubernetes.io/pv-protection waits for PersistentVolumeClaim data of namespace " +
				"shop, which is bound to it.", "`kubectl -n shop delete pvc data`"},
		"a ConfigMap": {checktest.Document("v1", "ConfigMap", deleted("settings", "11:00", "x"), ""), "ConfigMap settings is stuck terminating: " +
			"finalizer x waits for the controller that set it.", "kubectl -n shop patch configmap settings"},

		"four minutes ago":        {documents: service("11:56", lb)},
		"without finalizers":      {documents: service("11:00", "")},
		"a Pod has its own":       {documents: checktest.Document("v1", "Pod", deleted("a", "11:00", "x"), "")},
		"a claim has its own":     {documents: checktest.Document("v1", "PersistentVolumeClaim", deleted("a", "11:00", "x"), "")},
		"a custom one has, too":   {documents: checktest.Document("example.com/v1", "Widget", deleted("a", "11:00", "x"), "")},
		"it is not being deleted": {documents: checktest.Document("v1", "Service", "name: web, namespace: shop, finalizers: ["+lb+"]", "")},
	} {
		t.Run(name, func(t *testing.T) {
			var messages []string
			for _, f := range checktest.Findings(t, Checks(), tc.documents) {
				if f.Check == "object-stuck-terminating" {
					messages = append(messages, f.Message)
					if !strings.Contains(string(f.Remediation), tc.remedy) {
						t.Errorf("remedy: %s", f.Remediation)
					}
				}
			}
			if got := strings.Join(messages, "\n"); got != tc.message {
				t.Errorf("got  %s\nwant %s", got, tc.message)
			}
		})
	}
}

// TestAnOwnerIsNotStuckWhilePodsHaveTimeToEnd since their grace period may be longer than that of the check.
func TestAnOwnerIsNotStuckWhilePodsHaveTimeToEnd(t *testing.T) {
	owned := func(kind, name string) string {
		return ", ownerReferences: [{apiVersion: apps/v1, kind: " + kind + ", name: " + name + ", uid: u-" + name + ", controller: true}]"
	}
	const selector = "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}"
	ending := checktest.Document("apps/v1", "Deployment", deleted("web", "11:00", "foregroundDeletion"), selector) +
		checktest.Document("apps/v1", "ReplicaSet", deleted("web-1", "11:00", "foregroundDeletion")+owned("Deployment", "web"), selector) +
		checktest.Document("v1", "Pod", deleted("web-1-a", "12:10", "")+owned("ReplicaSet", "web-1"),
			"spec: {containers: [{name: a, image: i}]}")
	if got := checktest.Text(t, Checks(), "object-stuck-terminating", ending); got != "" {
		t.Error(got)
	}
	late := strings.ReplaceAll(ending, "12:10", "11:10")
	if got := checktest.Text(t, Checks(), "object-stuck-terminating", late); strings.Count(got, "is stuck terminating") != 2 {
		t.Error(got)
	}
}

func TestAnOperatorIsNotCalledGoneIfDefinitionsWereNotRead(t *testing.T) {
	documents := checktest.Document("v1", "Service", deleted("web", "11:00", "example.com/cleanup"), "")
	got := checktest.Text(t, Checks(), "object-stuck-terminating", documents, facts.CRD)
	if strings.Contains(got, "uninstalled") || !strings.Contains(got, "the controller that set it") {
		t.Error(got)
	}
}
