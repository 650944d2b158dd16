package checks

import (
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// findingsInFiles runs one check over manifests; with complete the files contain all of namespace shop except Pods.
func findingsInFiles(t *testing.T, id, documents string, complete bool) string {
	t.Helper()
	i := slices.IndexFunc(Builtin(), func(c check.Check) bool { return c.ID == id })
	builder := facts.NewBuilder("", testkit.Now())
	for _, object := range testkit.Objects(t, documents) {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range facts.Kinds() {
		if complete && kind.Namespaced() && kind != facts.Pod && kind != facts.EndpointSlice && kind != facts.Event {
			builder.Covered(kind, "shop")
		}
	}
	findings, ran, gaps := check.RunOnManifests(builder.Graph(), Builtin()[i:i+1], check.DefaultParams())
	if ran != 1 || len(gaps) > 0 {
		t.Fatalf("%d checks ran, gaps %v", ran, gaps)
	}
	var text strings.Builder
	for _, f := range findings {
		text.WriteString(string(f.Severity) + " " + f.Object.String() + ": " + f.Message + "\n")
		for _, e := range f.Evidence {
			if e.Source != "spec" {
				t.Errorf("evidence of source %s in manifests: %s", e.Source, e.Text)
			}
		}
	}
	return text.String()
}

const plannedWeb = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: web-data}}
      containers:
      - name: web
        image: nginx:1.29
        ports: [{name: http, containerPort: 8080}]
        env:
        - {name: URL, valueFrom: {configMapKeyRef: {name: settings, key: url}}}
        - {name: PASS, valueFrom: {secretKeyRef: {name: login, key: pass}}}
---
`

func TestManifestsAreCheckedByTheirPodTemplates(t *testing.T) {
	service := func(selector, target string) string {
		return checktest.Document("v1", "Service", "name: web, namespace: shop",
			"spec: {selector: {app: "+selector+"}, ports: [{port: 80, targetPort: "+target+"}]}")
	}
	budget := func(spec string) string {
		return checktest.Document("policy/v1", "PodDisruptionBudget", "name: web, namespace: shop", "spec: {"+spec+"}")
	}
	hpa := func(target string) string {
		return checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: web, namespace: shop",
			"spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: "+target+"}}")
	}
	settings := func(key string) string {
		return checktest.Document("v1", "ConfigMap", "name: settings, namespace: shop", "data: {"+key+": x}")
	}
	const blocks = "medium PodDisruptionBudget/shop/web: PodDisruptionBudget web blocks every drain: it requires all of its Pods, so none can be evicted."
	for name, tc := range map[string]struct {
		check, files string
		complete     bool
		want         string
	}{
		"ConfigMap that is not there":            {"configmap-missing", plannedWeb, true, "high Deployment/shop/web: ConfigMap settings is not in the manifests; Deployment web needs it (env URL of container web)."},
		"ConfigMap that may be in the cluster":   {"configmap-missing", plannedWeb, false, ""},
		"ConfigMap that is there":                {"configmap-missing", plannedWeb + settings("url"), true, ""},
		"key that is not there":                  {"configmap-key-missing", plannedWeb + settings("uri"), false, "high Deployment/shop/web: ConfigMap settings has no key url; Deployment web needs it (env URL of container web)."},
		"key that is there":                      {"configmap-key-missing", plannedWeb + settings("url"), false, ""},
		"Secret that is not there":               {"secret-missing", plannedWeb, true, "high Deployment/shop/web: Secret login is not in the manifests; Deployment web needs it (env PASS of container web)."},
		"claim that is not there":                {"pvc-missing", plannedWeb, true, "high Deployment/shop/web: Deployment web uses PersistentVolumeClaim web-data, which is not in the manifests."},
		"claim that may be in the cluster":       {"pvc-missing", plannedWeb, false, ""},
		"account that is not there":              {"serviceaccount-missing", plannedWeb, true, "high Deployment/shop/web: ServiceAccount web of Deployment web is not in the manifests: its Pods cannot be created."},
		"account that is there":                  {"serviceaccount-missing", plannedWeb + checktest.Document("v1", "ServiceAccount", "name: web, namespace: shop", ""), true, ""},
		"autoscaler without its target":          {"hpa-target-missing", plannedWeb + hpa("wbe"), true, "high HorizontalPodAutoscaler/shop/web: HorizontalPodAutoscaler web cannot scale: Deployment wbe is not in the manifests."},
		"autoscaler with its target":             {"hpa-target-missing", plannedWeb + hpa("web"), true, ""},
		"selector that fits no template":         {"service-selector-matches-nothing", plannedWeb + service("wbe", "http"), true, "high Service/shop/web: Service web selects app=wbe, but no Pod template in namespace shop has these labels."},
		"selector that may fit elsewhere":        {"service-selector-matches-nothing", plannedWeb + service("wbe", "http"), false, ""},
		"selector that fits":                     {"service-selector-matches-nothing", plannedWeb + service("web", "http"), true, ""},
		"port name that no container has":        {"service-port-name-wrong", plannedWeb + service("web", "web"), false, "high Service/shop/web: Service web maps port 80 to container port web (TCP), which none of its Pods declares."},
		"port name that a container has":         {"service-port-name-wrong", plannedWeb + service("web", "http"), false, ""},
		"budget of none":                         {"pdb-blocks-drain", plannedWeb + budget("maxUnavailable: 0, selector: {matchLabels: {app: web}}"), false, blocks},
		"budget of none, in percent":             {"pdb-blocks-drain", plannedWeb + budget("maxUnavailable: 0%, selector: {matchLabels: {app: web}}"), false, blocks},
		"budget that demands all":                {"pdb-blocks-drain", plannedWeb + budget("minAvailable: 2, selector: {matchLabels: {app: web}}"), false, blocks},
		"budget that demands half, rounded up":   {"pdb-blocks-drain", plannedWeb + budget("minAvailable: 51%, selector: {matchLabels: {app: web}}"), false, blocks},
		"budget that leaves one":                 {"pdb-blocks-drain", plannedWeb + budget("minAvailable: 1, selector: {matchLabels: {app: web}}"), false, ""},
		"budget of a scaled workload":            {"pdb-blocks-drain", plannedWeb + hpa("web") + budget("minAvailable: 2, selector: {matchLabels: {app: web}}"), false, ""},
		"budget of Pods that are elsewhere":      {"pdb-blocks-drain", plannedWeb + budget("maxUnavailable: 0, selector: {matchLabels: {app: other}}"), false, ""},
		"budget that protects nothing":           {"pdb-selects-nothing", plannedWeb + budget("minAvailable: 1, selector: {matchLabels: {app: wbe}}"), true, "low PodDisruptionBudget/shop/web: PodDisruptionBudget web protects nothing: no Pod template in namespace shop has the labels app=wbe."},
		"budget without a selector":              {"pdb-selects-nothing", plannedWeb + budget("minAvailable: 1"), false, "low PodDisruptionBudget/shop/web: PodDisruptionBudget web protects nothing: it has no selector, which selects no Pod."},
		"budget that protects something":         {"pdb-selects-nothing", plannedWeb + budget("minAvailable: 1, selector: {matchLabels: {app: web}}"), true, ""},
		"schedule that names no time":            {"cronjob-invalid-schedule", checktest.Document("batch/v1", "CronJob", "name: c, namespace: shop", "spec: {schedule: \"0 0 31 2 *\"}"), false, "high CronJob/shop/c: CronJob c never starts: its schedule has no date in the next five years."},
		"Ingress to a port that is not there":    {"ingress-backend-missing", service("web", "http") + checktest.Document("networking.k8s.io/v1", "Ingress", "name: i, namespace: shop", "spec: {defaultBackend: {service: {name: web, port: {number: 81}}}}"), false, "high Ingress/shop/i: Ingress i sends everything else to port 81 of Service web, which has no such port."},
		"Ingress to a Service that is elsewhere": {"ingress-backend-missing", checktest.Document("networking.k8s.io/v1", "Ingress", "name: i, namespace: shop", "spec: {defaultBackend: {service: {name: web, port: {number: 81}}}}"), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want != "" {
				want += "\n"
			}
			if got := findingsInFiles(t, tc.check, tc.files, tc.complete); got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestManifestErrorsBecomeFindings(t *testing.T) {
	builder := facts.NewBuilder("", testkit.Now())
	builder.AddManifestError(
		facts.ManifestError{
			Kind:   facts.FlawDuplicate,
			Object: facts.Ref{Kind: facts.Pod, Namespace: "a", Name: "b"},
			Text:   "twice",
			Apart:  true,
			Places: []string{"x:1", "y:2"},
		},
	)
	findings, _, _ := check.RunOnManifests(builder.Graph(), Builtin(), check.DefaultParams())
	if len(findings) != 1 || findings[0].Check != "manifest-duplicate" || findings[0].Severity != "low" ||
		findings[0].Message != "Pod b: twice." ||
		findings[0].Evidence[0].Text != "file: x:1, y:2" ||
		findings[0].Remediation == "" {
		t.Errorf("%+v", findings)
	}
}

func TestJobsThatStayOnceTheyAreFinishedAreReportedInFiles(t *testing.T) {
	job := func(namespace, spec string) string {
		return checktest.Document("batch/v1", "Job", "name: import, namespace: "+namespace, "spec: {"+spec+"}")
	}
	for documents, want := range map[string]string{
		job("shop", ""): "info Job/shop/import: Job import stays once it is finished, with its Pods: no time is set after which it is " +
			"deleted.\n",
		job("shop", "ttlSecondsAfterFinished: 0"): "",
		job("kube-system", ""):                    "",
	} {
		if got := findingsInFiles(t, "jobs-finished-kept", documents, true); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", documents, got, want)
		}
	}
}
