package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/manifests"
)

func options() manifests.Options {
	return manifests.Options{Now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}
}

// read reads a stream of documents.
func read(t *testing.T, text string, change ...func(*manifests.Options)) (*manifests.Manifests, error) {
	t.Helper()
	o := options()
	o.Stdin = strings.NewReader(text)
	for _, c := range change {
		c(&o)
	}
	return manifests.Read(t.Context(), []string{"-"}, o)
}

// summarize prints counts, errors and gaps, one per line.
func summarize(m *manifests.Manifests, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d objects, %d not checked, %d skipped\n", m.Objects, m.NotChecked, m.Skipped)
	for _, f := range m.Graph.ManifestErrors {
		fmt.Fprintf(&b, "%s %s %s: %s", f.Kind, strings.Join(f.Places, " "), f.Object, f.Text)
		if f.Apart {
			b.WriteString(" (apart)")
		}
		b.WriteString("\n")
	}
	for _, g := range m.Gaps {
		fmt.Fprintf(&b, "%s: %s\n", g.Reason, g.Message)
	}
	return b.String()
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.29"}
`

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"

func noObjects(skipped int) string {
	return fmt.Sprintf("error: no Kubernetes objects found (files read: 1; "+
		"documents skipped, since they are not Kubernetes objects: %d)", skipped)
}

func TestMalformedAndUnusualInput(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty input":   {"", []string{noObjects(0)}},
		"comments only": {"# nothing\n---\n# here\n", []string{noObjects(0)}},
		"a scalar":      {"404: Not Found\n", []string{noObjects(1)}},
		"a scalar beside objects": {"just text\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:1: invalid YAML: expected a map with apiVersion and kind, not a scalar."}},
		"comments between documents": {"# one\n" + configMap + "---\n# two\n---\n" + deployment,
			[]string{"2 objects, 0 not checked, 0 skipped"}},
		"byte order mark and CRLF": {"\xef\xbb\xbf" + strings.ReplaceAll(deployment, "\n", "\r\n"),
			[]string{"1 objects, 0 not checked, 0 skipped"}},
		"UTF-16": {"\xff\xfea\x00p\x00i\x00",
			[]string{"error: no Kubernetes objects could be read: stdin: not valid UTF-8."}},
		"JSON with tabs": {"{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": " +
			"{\"name\": \"c\"}\n}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"a List": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: " +
			"{name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n", []string{"2 objects, 0 not checked, 0 skipped"}},
		"a typed list": {"apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: a}}\n- {metadata: " +
			"{name: b}}\n", []string{"2 objects, 0 not checked, 0 skipped"}},
		"an empty List": {"apiVersion: v1\nkind: List\nitems: []\n---\n" + configMap,
			[]string{"1 objects, 0 not checked, 0 skipped"}},
		"Helm values and files of other tools": {"replicas: 2\n---\napiVersion: v2\nname: chart\n---\napiVersion: " +
			"kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n---\n" + configMap, []string{"1 objects, 0 not checked, 3 skipped"}},
		"an unknown field and its line": {strings.Replace(deployment, "replicas", "replica", 1), []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:5 Deployment/default/web: unknown field spec.replica"}},
		"wrong types and their lines": {strings.NewReplacer("replicas: 2", `replicas: "2"`, `"nginx:1.29"`, "8080").Replace(deployment), []string{
			"1 objects, 0 not checked, 0 skipped",
			"invalid stdin:5 Deployment/default/web: spec.replicas must be an integer in range, not a string",
			"invalid stdin:11 Deployment/default/web: spec.template.spec.containers[0].image must be a string, not a number"}},
		"a list instead of a map": {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: [a]\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:4 Service/default/s: spec must be a map, not a list"}},
		"a malformed quantity": {strings.Replace(deployment, `"nginx:1.29"}`, `"nginx:1.29", resources: {limits: {memory: 512Mb}}}`, 1), []string{
			"1 objects, 0 not checked, 0 skipped",
			`invalid stdin:11 Deployment/default/web: spec.template.spec.containers[0].resources.limits.memory: invalid quantity "512Mb"`}},
		"YAML 1.1 booleans are not strings": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: yes, b: \"yes\", c: 0644}\n", []string{
				"1 objects, 0 not checked, 0 skipped",
				"invalid stdin:4 ConfigMap/default/c: data.a must be a string, not the boolean true",
				"invalid stdin:4 ConfigMap/default/c: data.c must be a string, not a number"}},
		"a malformed selector": {strings.Replace(deployment, "{matchLabels: {app: web}}",
			"{matchExpressions: [{key: app, operator: Is}]}", 1), []string{
			"1 objects, 0 not checked, 0 skipped", `invalid stdin:6 Deployment/default/web: spec.selector: invalid selector: "Is" is not ` +
				`a valid label selector operator`}},
		"a malformed name and label": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: My_Map\n  labels:\n    team: a b\n", []string{
			"1 objects, 0 not checked, 0 skipped",
			"invalid stdin:6 ConfigMap/default/My_Map: invalid value of label team: a valid label must be an empty string or consist of " +
				"alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
			`invalid stdin:4 ConfigMap/default/My_Map: invalid metadata.name "My_Map": a lowercase RFC 1123 subdomain must consist of ` +
				`lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`}},
		"a placeholder as name": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"${APP}\"}\n",
			[]string{"1 objects, 0 not checked, 0 skipped"}},
		"a colon in the name of a role": {"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " +
			"\"a:b\"}\nrules: []\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"a duplicate key": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: x\n  a: y\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:6 ConfigMap/default/c: duplicate key data.a"}},
		"no name": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:3 ConfigMap/default/unnamed: metadata.name is missing"}},
		"configurations of programs": {"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: systemd\n---\n" +
			"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n---\napiVersion: config.example.com/v1\nkind: ProxyConfig\n---\n" +
			configMap, []string{"1 objects, 0 not checked, 3 skipped"}},
		"objects whose kinds are named like configurations": {
			"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nwebhooks: []\n---\n" +
				"apiVersion: pkg.example.com/v1\nkind: Configuration\nmetadata: {name: c}\n", []string{
				"2 objects, 1 not checked, 0 skipped",
				"invalid stdin:1 ValidatingWebhookConfiguration/unnamed: metadata.name is missing"}},
		"no kind": {"apiVersion: v1\nmetadata: {name: c}\n", []string{
			"0 objects, 0 not checked, 0 skipped", "invalid stdin:1 Manifest/c: kind is missing"}},
		"generated names": {"apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: m-}\n---\napiVersion: " +
			"batch/v1\nkind: Job\nmetadata: {generateName: m-}\n", []string{"2 objects, 0 not checked, 0 skipped"}},
		"a custom resource and its CRD": {"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\n---\napiVersion: " +
			"apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: d}\n", []string{"2 objects, 2 not checked, 0 skipped"}},
		"a Service of another group": {"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: c}\nspec: {anything: 1}\n",
			[]string{"1 objects, 1 not checked, 0 skipped"}},
		"a version that never existed": {"apiVersion: apps/v2\nkind: Deployment\nmetadata: {name: c}\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:2 Deployment/default/c: no kind Deployment in apps/v2"}},
		"a Helm template": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n{{- if .x }}\ndata: {}\n{{- end " +
			"}}\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:4: unrendered template."}},
		"template braces that parse as maps": {"# chart\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n---\n" +
			configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:2: unrendered template."}},
		"braces in a string are data": {configMap + "data: {alert: \"{{ $labels.pod }} is down\"}\n",
			[]string{"1 objects, 0 not checked, 0 skipped"}},
		"invalid YAML does not hide the next document": {"a: [\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:1: invalid YAML: did not find expected node content."}},
		"anchors and merge keys": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: &l {a: b}}\ndata: {<<: *l, c: d}\n",
			[]string{"1 objects, 0 not checked, 0 skipped"}},
		"a recursive anchor": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: &a {x: *a}\n---\n" + configMap, []string{
			"2 objects, 0 not checked, 0 skipped",
			"duplicate stdin:1 stdin:6 ConfigMap/default/c: the object is defined more than once",
			"invalid stdin:4 ConfigMap/default/c: data.x must be a string, not a map"}},
		"a status is ignored": {deployment + "status: {replicas: many}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"a duplicate in one file": {configMap + "---\n" + configMap, []string{
			"2 objects, 0 not checked, 0 skipped", "duplicate stdin:1 stdin:5 ConfigMap/default/c: the object is defined more than once"}},
		"invalid base64 in a Secret is not quoted": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {p: \"open sesame!\"}\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:4 Secret/default/s: data.p is not valid base64"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := summarize(read(t, tc.text))
			if want := strings.Join(tc.want, "\n") + "\n"; got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestNestedAliasesAreBounded(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10), ","))
	}
	for kind, text := range map[string]string{"typed": laughs.String(),
		"custom": strings.Replace(laughs.String(), "v1", "example.com/v1", 1)} {
		start := time.Now()
		got := summarize(read(t, text+"---\n"+deployment))
		t.Logf("%s: %s", kind, got)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %s", kind, took)
		}
		if !strings.Contains(got, "1 objects") && !strings.Contains(got, "2 objects") {
			t.Errorf("%s: the object after it was not read: %s", kind, got)
		}
	}
}

func TestRemovedAPIVersionsAreReported(t *testing.T) {
	for name, tc := range map[string]struct {
		text, want string
		minor      int
	}{
		"extensions Deployment": {strings.Replace(deployment, "apps/v1", "extensions/v1beta1", 1),
			"removed stdin:1 Deployment/default/web: extensions/v1beta1 was removed in Kubernetes 1.16; use apps/v1", 0},
		"policy beta PDB": {"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: p}\n",
			"removed stdin:1 PodDisruptionBudget/default/p: policy/v1beta1 was removed in Kubernetes 1.25; use policy/v1", 0},
		"a version without a Go type": {"apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: p}\n",
			"removed stdin:1 HorizontalPodAutoscaler/default/p: autoscaling/v2beta2 was removed in Kubernetes 1.26; use autoscaling/v2", 0},
		"no replacement": {"apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\n",
			"removed stdin:1 PodSecurityPolicy.policy/p: policy/v1beta1 PodSecurityPolicy was removed in Kubernetes 1.25 without a replacement", 0},
		"a removed replacement": {"apiVersion: flowcontrol.apiserver.k8s.io/v1beta1\nkind: FlowSchema\nmetadata: {name: p}\n",
			"removed stdin:1 FlowSchema.flowcontrol.apiserver.k8s.io/p: flowcontrol.apiserver.k8s.io/v1beta1 was removed in Kubernetes " +
				"1.26; use flowcontrol.apiserver.k8s.io/v1", 0},
		"an older release still serves it": {"apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: p}\n", "", 24},
		"autoscaling/v1 is served": {"apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: p}\nspec: " +
			"{maxReplicas: 3}\n", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := read(t, tc.text, func(o *manifests.Options) { o.Minor = tc.minor })
			got := summarize(m, err)
			_, got, _ = strings.Cut(got, "\n")
			if strings.TrimSuffix(got, "\n") != tc.want {
				t.Errorf("got:\n%swant:\n%s", got, tc.want)
			}
		})
	}
}

func TestOldAPIVersionsAreConverted(t *testing.T) {
	m, err := read(t, strings.NewReplacer("apps/v1", "extensions/v1beta1", "  selector: {matchLabels: {app: web}}\n",
		"").Replace(deployment)+`---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: i}
spec:
  backend: {serviceName: rest, servicePort: 80}
  rules:
  - {host: a.example, http: {paths: [{path: /, backend: {serviceName: web, servicePort: http}}]}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: h}
spec: {maxReplicas: 5, targetCPUUtilizationPercentage: 70, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
`)
	if err != nil {
		t.Fatal(err)
	}
	if w := m.Graph.Workloads; len(w) != 1 || w[0].Desired != 2 || !w[0].Selector.Matches(w[0].TemplateLabels) {
		t.Errorf("workloads: %+v", w)
	}
	got := fmt.Sprint(m.Graph.Ingresses[0].Backends, m.Graph.HPAs[0].Max, m.Graph.HPAs[0].Metrics)
	if want := "[{  rest  80 false} {a.example / web http 0 false}] 5 [cpu 70%]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// folder writes files into a new directory; a name that ends with @ is a symlink.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "repo")
	for name, text := range files {
		full := filepath.Join(root, strings.TrimSuffix(name, "@"))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "@") {
			err = os.Symlink(text, full)
		} else {
			err = os.WriteFile(full, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func named(name string) string { return strings.Replace(configMap, "name: c", "name: "+name, 1) }

func TestDirectoriesAreWalkedSafely(t *testing.T) {
	root := folder(t, map[string]string{
		"a.yaml": named("a"), "sub/b.YML": named("b"), "c.json": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}}`,
		"README.md": "apiVersion: v1", ".hidden.yaml": named("no"), ".git/x.yaml": named("no"), "node_modules/x.yaml": named("no"),
		"vendor/x.yaml": named("no"),
		"out.yaml@":     "../outside.yaml", "loop@": ".", "again.yaml@": "a.yaml", "gone.yaml@": "nowhere", "data/real@": "../kept.txt",
		"overlays/kustomization.yaml": "patches: [{path: patch.yaml}]\nresources: [../a.yaml]\n",
		"overlays/patch.yaml":         strings.Replace(deployment, "image", "imag", 1),
		"values.yaml":                 "a: 1\n", "big.yaml": "# " + strings.Repeat("x", 2000) + "\n" + named("big"),
	})
	if err := os.WriteFile(filepath.Join(filepath.Dir(root), "outside.yaml"), []byte(named("outside")), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Limits = manifests.Limits{FileBytes: 1500, TotalBytes: 1 << 20, Files: 100, Objects: 100}
	m, err := manifests.Read(t.Context(), []string{root, filepath.Join(root, "a.yaml")}, o)
	got := strings.ReplaceAll(summarize(m, err), filepath.ToSlash(root), "ROOT")
	want := `3 objects, 0 not checked, 3 skipped
Unreadable: ROOT/gone.yaml: broken symlink.
Unreadable: ROOT/out.yaml: symlink to a file outside the directory.
Unreadable: ROOT/big.yaml: larger than 0 MiB, not read.
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	file, line, ok := m.Locate(v1alpha1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: "b"})
	if !ok || line != 1 || !strings.HasSuffix(file, "repo/sub/b.YML") {
		t.Errorf("b is at %s:%d (%t)", file, line, ok)
	}
}

func TestDuplicatesInOtherDirectoriesMayBeVariants(t *testing.T) {
	root := folder(t, map[string]string{"dev/a.yaml": named("a"), "prod/a.yaml": named("a")})
	m, err := manifests.Read(t.Context(), []string{root}, options())
	if got := summarize(m, err); !strings.Contains(got, "more than once (apart)") {
		t.Error(got)
	}
}

func TestExceededLimitsAreGaps(t *testing.T) {
	text := strings.Repeat(named("a")+"---\n", 5)
	for name, limits := range map[string]manifests.Limits{
		"objects": {FileBytes: 1 << 20, TotalBytes: 1 << 20, Files: 10, Objects: 2},
	} {
		m, err := read(t, text, func(o *manifests.Options) { o.Limits = limits })
		if got := summarize(m, err); !strings.Contains(got, "Incomplete: Reading stopped: the files have more than 2 objects.") {
			t.Errorf("%s: %s", name, got)
		}
	}
	root := folder(t, map[string]string{"a.yaml": named("a"), "b.yaml": named("b"), "c.yaml": named("c")})
	o := options()
	o.Limits = manifests.Limits{FileBytes: 100, TotalBytes: 120, Files: 10, Objects: 10}
	m, err := manifests.Read(t.Context(), []string{root}, o)
	if got := summarize(m, err); !strings.Contains(got, "Incomplete: Reading stopped: the files exceed 0 MiB in total.") {
		t.Error(got)
	}
}

func TestCompleteCoversTheNamespacesInTheFiles(t *testing.T) {
	text := deployment + "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: x}\nspec: {secretName: web-tls}\n"
	for name, tc := range map[string]struct {
		extra       string
		change      func(*manifests.Options)
		kind        facts.Kind
		namespace   string
		want, exist bool
	}{
		"not by default":                    {"", func(*manifests.Options) {}, facts.Secret, "default", false, false},
		"Secrets of the namespace":          {"", func(o *manifests.Options) { o.Complete = true }, facts.Secret, "default", true, true},
		"another namespace":                 {"", func(o *manifests.Options) { o.Complete = true }, facts.Secret, "other", false, true},
		"Pods are created by controllers":   {"", func(o *manifests.Options) { o.Complete = true }, facts.Pod, "default", false, true},
		"StorageClasses come with clusters": {"", func(o *manifests.Options) { o.Complete = true }, facts.StorageClass, "", false, true},
		"workloads":                         {"", func(o *manifests.Options) { o.Complete = true }, facts.Deployment, "default", true, true},
		"workloads an operator may create": {"---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\n",
			func(o *manifests.Options) { o.Complete = true }, facts.Deployment, "default", false, true},
		"Secrets, one of which does not parse": {"---\nkind: Secret\nmetadata: {name: [}\n",
			func(o *manifests.Options) { o.Complete = true }, facts.Secret, "default", false, true},
		"ConfigMaps beside a Secret that does not parse": {"---\nkind: Secret\nmetadata: {name: [}\n",
			func(o *manifests.Options) { o.Complete = true }, facts.ConfigMap, "default", true, true},
		"ConfigMaps beside a document of an unknown kind": {"---\nkind: {{ .Kind }}\nmetadata: {name: [}\n",
			func(o *manifests.Options) { o.Complete = true }, facts.ConfigMap, "default", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := read(t, text+tc.extra, tc.change)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Graph.Complete(tc.kind, tc.namespace); got != tc.want {
				t.Errorf("complete: %t", got)
			}
			if got := m.Graph.Has(facts.Ref{Kind: facts.Secret, Namespace: "default", Name: "web-tls"}); got != tc.exist {
				t.Errorf("the Secret of the Certificate exists: %t", got)
			}
		})
	}
}

func TestAMissingSourceIsAnError(t *testing.T) {
	_, err := manifests.Read(t.Context(), []string{"/nonexistent/deploy"}, options())
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/deploy") {
		t.Error(err)
	}
}

func TestErrorsPerObjectAreBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels:\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "    l%d: a b\n", i)
	}
	for i := range 20_000 {
		fmt.Fprintf(&text, "f%d: x\n", i)
	}
	start := time.Now()
	m, err := read(t, text.String())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.Graph.ManifestErrors); n == 0 || n > 40 {
		t.Errorf("%d flaws", n)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
