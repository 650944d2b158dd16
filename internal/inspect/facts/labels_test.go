package facts_test

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

const labelledObjects = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {}, template: {spec: {containers: []}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: api-db, namespace: shop}
spec: {selector: {}, serviceName: db, template: {spec: {containers: []}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: api-bcdfg, namespace: shop}
spec: {selector: {}, template: {spec: {containers: []}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {containers: [], restartPolicy: Never}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: report-28311, namespace: shop, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: report, uid: r, controller: true}]}
spec: {template: {spec: {containers: [], restartPolicy: Never}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: shop}
spec: {template: {spec: {containers: [], restartPolicy: Never}}}
---
apiVersion: v1
kind: Node
metadata: {name: "10.0.0.9"}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}, {type: InternalIP, address: "fd00::1"}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-2}
status: {addresses: [{type: InternalIP, address: 10.0.0.9}]}
`

func TestWorkloadsAreFoundByPodName(t *testing.T) {
	l := facts.NewLabeled(testkit.Graph(t, labelledObjects))
	for pod, want := range map[string]string{
		"api":                   "Deployment/shop/api",
		"api-6d4cf56db6-x2k4p":  "Deployment/shop/api",
		"api-db-0":              "StatefulSet/shop/api-db",
		"api-db-12":             "StatefulSet/shop/api-db",
		"api-db-x2k4p":          "", // no StatefulSet names a Pod so
		"api-bcdfg-x2k4p":       "DaemonSet/shop/api-bcdfg",
		"report-28311-x2k4p":    "CronJob/shop/report",
		"migrate-x2k4p":         "Job/shop/migrate",
		"migrate-3-x2k4p":       "Job/shop/migrate", // an indexed Job
		"migrate-db-x2k4p":      "",
		"api-gateway-0":         "",
		"api-other-6d4cf-x2k4p": "",
		"-":                     "",
		"":                      "",
	} {
		ref, ok := l.Workload("shop", pod)
		if got := ref.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q is of %s, want %q", pod, got, want)
		}
		if _, ok := l.Workload("other", pod); ok {
			t.Errorf("%q is in another namespace", pod)
		}
	}
}

func TestNodeNamesWinOverAddresses(t *testing.T) {
	l := facts.NewLabeled(testkit.Graph(t, labelledObjects))
	for instance, want := range map[string]string{
		"10.0.0.9:9100": "10.0.0.9", "10.0.0.1:9100": "10.0.0.9", "[fd00::1]:9100": "10.0.0.9", "node-2": "node-2", "10.0.0.2:9100": "",
		":9100": "", "": "",
	} {
		if ref, _ := l.Node(map[string]string{"instance": instance}); ref.Name != want {
			t.Errorf("%q is %q, want %q", instance, ref.Name, want)
		}
	}
}

// FuzzLabels joins any labels: what is found was read.
func FuzzLabels(f *testing.F) {
	f.Add("namespace", "shop", "pod", "api-6d4cf56db6-x2k4p", "job", "kube-state-metrics")
	f.Add("exported_namespace", "shop", "job_name", "report-1", "node", "node-2")
	f.Add("instance", "[::1", "pod", "---", "namespace", "\xff")
	g := testkit.Graph(f, labelledObjects)
	l := facts.NewLabeled(g)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, h string) {
		if ref, ok := l.Object(map[string]string{a: b, c: d, e: h}); ok && !g.Has(ref) {
			t.Errorf("%s was not read", ref)
		}
	})
}
