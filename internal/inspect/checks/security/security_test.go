package security

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// webWith is a Deployment in the namespace shop whose Pods have the spec, in the flow style of YAML.
func webWith(spec string) string { return webIn("shop", spec) }

func webIn(namespace, spec string) string {
	return checktest.Document("apps/v1", "Deployment", "name: web, namespace: "+namespace,
		"spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {"+spec+"}}}")
}

// oneContainer is a spec with a container that has more fields.
func oneContainer(fields string) string {
	return "containers: [{name: api, image: shop/api:1" + fields + "}]"
}

const hardened = `hostUsers: true, automountServiceAccountToken: false,
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}},
  containers: [{name: api, image: "shop/api:1",
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}}]`

func mounting(path, how string) string {
	return oneContainer(", volumeMounts: [{name: v, mountPath: /v"+how+"}]") + ", volumes: [{name: v, hostPath: {path: " + path + "}}]"
}

func TestAHardenedPodHasNoFindings(t *testing.T) {
	for _, check := range Checks() {
		if got := checktest.Text(t, Checks(), check.ID, webWith(hardened)); got != "" {
			t.Errorf("%s: %s", check.ID, got)
		}
	}
}

func TestATemplateAndItsPodsHaveOneFinding(t *testing.T) {
	documents := webWith(oneContainer(", securityContext: {privileged: true}")) +
		checktest.Document(
			"apps/v1",
			"ReplicaSet",
			"name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: "+
				"true}]",
			"spec: {selector: {matchLabels: {app: web}}, template: {spec: {"+oneContainer(", securityContext: {privileged: true}")+"}}}",
		)
	for _, name := range []string{"web-1-a", "web-1-b"} {
		documents += checktest.Document(
			"v1",
			"Pod",
			"name: "+name+", namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u, "+
				"controller: true}]",
			"spec: {schedulerName: default-scheduler, initContainers: [{name: injected, securityContext: {privileged: "+
				"true}}], "+oneContainer(", securityContext: {privileged: true}")+"}",
		)
	}
	want := checktest.Lines("high Deployment/shop/web: Deployment web runs privileged containers.",
		"  spec: container api: securityContext.privileged: true",
		"  spec: init container injected: securityContext.privileged: true (in its Pods, not in its template)")
	if got := checktest.Text(t, Checks(), "container-privileged", documents); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestFindingsInKubeSystemAreInformation(t *testing.T) {
	documents := webIn("kube-system", oneContainer(", securityContext: {privileged: true}")) +
		checktest.Document("v1", "Node", "name: node-1", "") +
		checktest.Document(
			"v1",
			"Pod",
			"name: etcd-node-1, namespace: kube-system, ownerReferences: [{apiVersion: v1, kind: Node, name: node-1, uid: u, "+
				"controller: true}]",
			"spec: {nodeName: node-1, hostNetwork: true, "+oneContainer(", securityContext: {privileged: true}")+"}",
		) +
		checktest.Document(
			"v1",
			"Pod",
			"name: agent-node-1, namespace: agents, ownerReferences: [{apiVersion: v1, kind: Node, name: node-1, uid: u, controller: "+
				"true}]",
			"spec: {nodeName: node-1, "+oneContainer(", securityContext: {privileged: true}")+"}",
		)
	want := checktest.Lines("high Pod/agents/agent-node-1: Pod agent-node-1 runs privileged containers.",
		"  spec: container api: securityContext.privileged: true",
		"info Deployment/kube-system/web: Deployment web runs privileged containers.",
		"  spec: container api: securityContext.privileged: true")
	if got := checktest.Text(t, Checks(), "container-privileged", documents); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestFinishedJobsAreNotReported(t *testing.T) {
	job := func(status string) string {
		return checktest.Document("batch/v1", "Job", "name: import, namespace: shop",
			"spec: {template: {spec: {hostPID: true, "+oneContainer("")+"}}}\nstatus: {"+status+"}")
	}
	if got := checktest.Text(t, Checks(), "pod-host-pid", job("conditions: [{type: Complete, status: 'True'}]")); got != "" {
		t.Error(got)
	}
	if got := checktest.Text(t, Checks(), "pod-host-pid", job("active: 1")); !strings.HasPrefix(got,
		"medium Job/shop/import: Job import uses") {
		t.Error(got)
	}
}

func TestImageRegistryNotAllowed(t *testing.T) {
	cases := []struct {
		image   string
		allowed []string
		found   bool
	}{
		{"nginx", nil, false},
		{"nginx", []string{"docker.io"}, false},
		{"nginx:1.29", []string{"docker.io/library"}, false},
		{"docker.io/nginx", []string{"docker.io/library/nginx"}, false},
		{"index.docker.io/library/nginx", []string{"docker.io/library/"}, false},
		{"bitnami/nginx", []string{"docker.io/library"}, true},
		{"nginx", []string{"registry.example.com"}, true},
		{"registry.example.com/team/api:1", []string{"registry.example.com/team"}, false},
		{"registry.example.com/team/api:1", []string{" Registry.example.com/* "}, false},
		{"registry.example.com/teams/api:1", []string{"registry.example.com/team"}, true},
		{"registry.example.com.evil.example/api", []string{"registry.example.com"}, true},
		{"registry.example.com:5000/api", []string{"registry.example.com"}, true},
		{"registry.example.com:5000/api", []string{"registry.example.com:5000"}, false},
		{"localhost/api", []string{"docker.io"}, true},
		{"registry.example.com/api@sha256:" + strings.Repeat("ab", 32), []string{"registry.example.com/api"}, false},
		{"nginx", []string{"", " "}, false},
	}
	for _, c := range cases {
		t.Run(c.image+" with "+strings.Join(c.allowed, ","), func(t *testing.T) {
			params := check.DefaultParams()
			params.AllowedRegistries = c.allowed
			found := imageRegistryNotAllowed(testkit.Graph(t, webIn("kube-system", "containers: [{name: a, image: '"+c.image+"'}]")),
				params)
			if (len(found) == 1) != c.found {
				t.Errorf("found %d", len(found))
			}
			if c.found &&
				(found[0].Severity != "medium" || !strings.HasPrefix(found[0].Evidence[0].Text, "container a: image "+c.image+" is ")) {
				t.Errorf("%+v", found[0])
			}
		})
	}
}

func TestEverySecurityCheckHasAllTexts(t *testing.T) {
	for _, check := range Checks() {
		if check.Category != "security" || check.Summary == "" || check.Meaning == "" || check.Remediation == "" || check.Link == "" ||
			len(check.Needs) == 0 {
			t.Errorf("%s has an empty field", check.ID)
		}
		if check.Leaks != strings.HasPrefix(check.ID, "secret-in-") {
			t.Errorf("%s: Leaks is %v", check.ID, check.Leaks)
		}
	}
	if !check.NeedLeaks(Checks()) || check.NeedLeaks(slices.DeleteFunc(Checks(), func(c check.Check) bool { return c.Leaks })) {
		t.Error("NeedLeaks does not follow Leaks")
	}
}

// BenchmarkPodSecurity runs all of these checks on a cluster of 1,000 workloads and 10,000 Pods.
func BenchmarkPodSecurity(b *testing.B) {
	builder := facts.NewBuilder("test", testkit.Now())
	for i := range 1000 {
		name := fmt.Sprintf("web-%d", i)
		documents := strings.ReplaceAll(
			webWith(oneContainer(fmt.Sprintf(", env: [{name: N%d}], securityContext: {privileged: true}", i))),
			"name: web,",
			"name: "+name+",",
		)
		for p := range 10 {
			documents += checktest.Document(
				"v1",
				"Pod",
				fmt.Sprintf(
					"name: %s-%d, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: %s, uid: u, "+
						"controller: true}]",
					name,
					p,
					name,
				),
				"spec: {schedulerName: s, "+oneContainer(fmt.Sprintf(", env: [{name: N%d}]", i))+"}",
			)
		}
		for _, object := range testkit.Objects(b, documents) {
			builder.Add(facts.Reduce(object))
		}
	}
	for _, kind := range facts.Kinds() {
		builder.Covered(kind, "")
	}
	g := builder.Graph()
	all := Checks()
	b.ReportAllocs()
	for b.Loop() {
		check.Run(g, all, check.DefaultParams())
	}
}
