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

// read reads one stream of documents.
func read(t *testing.T, text string, change ...func(*manifests.Options)) (*manifests.Manifests, error) {
	t.Helper()
	o := options()
	o.Stdin = strings.NewReader(text)
	for _, c := range change {
		c(&o)
	}
	return manifests.Read(t.Context(), []string{"-"}, o)
}

// told writes what was read as lines: counts, objects, flaws, gaps.
func told(m *manifests.Manifests, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d objects, %d not checked, %d skipped\n", m.Objects, m.NotChecked, m.Skipped)
	for _, f := range m.Graph.Flaws {
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

func TestStrangeInput(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing at all": {"", []string{"error: no Kubernetes object found (files read: 1; documents in them that have no apiVersion and kind, or are of another tool: 0)"}},
		"comments only":  {"# nothing\n---\n# here\n", []string{"error: no Kubernetes object found (files read: 1; documents in them that have no apiVersion and kind, or are of another tool: 0)"}},
		"plain text":     {"404: Not Found\n", []string{"error: no Kubernetes object found (files read: 1; documents in them that have no apiVersion and kind, or are of another tool: 1)"}},
		"text beside objects": {"just text\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:1 cannot be read as YAML: it is text, and no mapping with apiVersion and kind."}},
		"two documents with comments between": {"# one\n" + configMap + "---\n# two\n---\n" + deployment, []string{"2 objects, 0 not checked, 0 skipped"}},
		"byte order mark and CRLF":            {"\xef\xbb\xbf" + strings.ReplaceAll(deployment, "\n", "\r\n"), []string{"1 objects, 0 not checked, 0 skipped"}},
		"UTF-16":                              {"\xff\xfea\x00p\x00i\x00", []string{"error: no Kubernetes object could be read: stdin is no text in UTF-8."}},
		"JSON with tabs":                      {"{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"c\"}\n}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"a List":                              {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n", []string{"2 objects, 0 not checked, 0 skipped"}},
		"a typed list":                        {"apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: a}}\n- {metadata: {name: b}}\n", []string{"2 objects, 0 not checked, 0 skipped"}},
		"an empty List":                       {"apiVersion: v1\nkind: List\nitems: []\n---\n" + configMap, []string{"1 objects, 0 not checked, 0 skipped"}},
		"values and other tools' files":       {"replicas: 2\n---\napiVersion: v2\nname: chart\n---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n---\napiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\n---\n" + configMap, []string{"1 objects, 0 not checked, 4 skipped"}},
		"an unknown field, with its place": {strings.Replace(deployment, "replicas", "replica", 1), []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:5 Deployment/default/web: spec.replica is no field of Deployment"}},
		"wrong types, each with its place": {strings.NewReplacer("replicas: 2", `replicas: "2"`, `"nginx:1.29"`, "8080").Replace(deployment), []string{
			"1 objects, 0 not checked, 0 skipped",
			"invalid stdin:5 Deployment/default/web: spec.replicas must be a whole number in its range, not text",
			"invalid stdin:11 Deployment/default/web: spec.template.spec.containers[0].image must be text, not a number"}},
		"a list where a mapping belongs": {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: [a]\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:4 Service/default/s: spec must be a mapping, not a list"}},
		"a malformed quantity": {strings.Replace(deployment, `"nginx:1.29"}`, `"nginx:1.29", resources: {limits: {memory: 512Mb}}}`, 1), []string{
			"1 objects, 0 not checked, 0 skipped",
			`invalid stdin:11 Deployment/default/web: spec.template.spec.containers[0].resources.limits.memory: "512Mb" is no quantity`}},
		"the yes of YAML 1.1 is no text": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: yes, b: \"yes\", c: 0644}\n", []string{
			"1 objects, 0 not checked, 0 skipped",
			"invalid stdin:4 ConfigMap/default/c: data.a must be text, not the boolean true", "invalid stdin:4 ConfigMap/default/c: data.c must be text, not a number"}},
		"a malformed selector": {strings.Replace(deployment, "{matchLabels: {app: web}}", "{matchExpressions: [{key: app, operator: Is}]}", 1), []string{
			"1 objects, 0 not checked, 0 skipped", `invalid stdin:6 Deployment/default/web: spec.selector is no valid selector: "Is" is not a valid label selector operator`}},
		"a malformed name and label": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: My_Map\n  labels:\n    team: a b\n", []string{
			"1 objects, 0 not checked, 0 skipped",
			"invalid stdin:6 ConfigMap/default/My_Map: the value of label team is not valid: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
			`invalid stdin:4 ConfigMap/default/My_Map: metadata.name "My_Map" is no valid name: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`}},
		"a name to be filled in":        {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"${APP}\"}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"a role's name may have colons": {"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"a:b\"}\nrules: []\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"a key twice": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: x\n  a: y\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:6 ConfigMap/default/c: data.a is written twice"}},
		"no name": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:3 ConfigMap/default/unnamed: metadata.name is missing"}},
		"no kind": {"apiVersion: v1\nmetadata: {name: c}\n", []string{
			"0 objects, 0 not checked, 0 skipped", "invalid stdin:1 Manifest/c: kind is missing"}},
		"generated names":                    {"apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: m-}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: m-}\n", []string{"2 objects, 0 not checked, 0 skipped"}},
		"a custom resource and a definition": {"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\n---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: d}\n", []string{"2 objects, 2 not checked, 0 skipped"}},
		"another group's Service":            {"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: c}\nspec: {anything: 1}\n", []string{"1 objects, 1 not checked, 0 skipped"}},
		"a version that never was": {"apiVersion: apps/v2\nkind: Deployment\nmetadata: {name: c}\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:2 Deployment/default/c: apps/v2 has no kind Deployment"}},
		"a Helm template": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n{{- if .x }}\ndata: {}\n{{- end }}\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:4 is a template, and no object before it is rendered."}},
		"braces that YAML takes for mappings": {"# chart\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:2 is a template, and no object before it is rendered."}},
		"braces within text are data": {configMap + "data: {alert: \"{{ $labels.pod }} is down\"}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"broken YAML does not hide what follows": {"a: [\n---\n" + configMap, []string{
			"1 objects, 0 not checked, 0 skipped", "Unreadable: stdin:1 cannot be read as YAML: did not find expected node content."}},
		"anchors and merge keys": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: &l {a: b}}\ndata: {<<: *l, c: d}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"an anchor that holds itself": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: &a {x: *a}\n---\n" + configMap, []string{
			"2 objects, 0 not checked, 0 skipped",
			"duplicate stdin:1 stdin:6 ConfigMap/default/c: the object stands in the files more than once",
			"invalid stdin:4 ConfigMap/default/c: data.x must be text, not a mapping"}},
		"a status is left out": {deployment + "status: {replicas: many}\n", []string{"1 objects, 0 not checked, 0 skipped"}},
		"the same twice in one file": {configMap + "---\n" + configMap, []string{
			"2 objects, 0 not checked, 0 skipped", "duplicate stdin:1 stdin:5 ConfigMap/default/c: the object stands in the files more than once"}},
		"data of a Secret that is not base64 is not quoted": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {p: \"open sesame!\"}\n", []string{
			"1 objects, 0 not checked, 0 skipped", "invalid stdin:4 Secret/default/s: data.p is not base64"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(read(t, tc.text))
			if want := strings.Join(tc.want, "\n") + "\n"; got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestAliasesToAliasesAreBounded(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10), ","))
	}
	for kind, text := range map[string]string{"typed": laughs.String(), "custom": strings.Replace(laughs.String(), "v1", "example.com/v1", 1)} {
		start := time.Now()
		got := told(read(t, text+"---\n"+deployment))
		t.Logf("%s: %s", kind, got)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %s", kind, took)
		}
		if !strings.Contains(got, "1 objects") && !strings.Contains(got, "2 objects") {
			t.Errorf("%s: the object behind it was not read: %s", kind, got)
		}
	}
}

func TestRemovedVersions(t *testing.T) {
	for name, tc := range map[string]struct {
		text, want string
		minor      int
	}{
		"extensions Deployment": {strings.Replace(deployment, "apps/v1", "extensions/v1beta1", 1),
			"removed stdin:1 Deployment/default/web: extensions/v1beta1 was removed in Kubernetes 1.16; apps/v1 took its place", 0},
		"policy beta PDB": {"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: p}\n",
			"removed stdin:1 PodDisruptionBudget/default/p: policy/v1beta1 was removed in Kubernetes 1.25; policy/v1 took its place", 0},
		"no types any more": {"apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: p}\n",
			"removed stdin:1 HorizontalPodAutoscaler/default/p: autoscaling/v2beta2 was removed in Kubernetes 1.26; autoscaling/v2 took its place", 0},
		"nothing in its place": {"apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\n",
			"removed stdin:1 PodSecurityPolicy.policy/p: policy/v1beta1 PodSecurityPolicy was removed in Kubernetes 1.25, and nothing took its place", 0},
		"a replacement that is gone as well": {"apiVersion: flowcontrol.apiserver.k8s.io/v1beta1\nkind: FlowSchema\nmetadata: {name: p}\n",
			"removed stdin:1 FlowSchema.flowcontrol.apiserver.k8s.io/p: flowcontrol.apiserver.k8s.io/v1beta1 was removed in Kubernetes 1.26; flowcontrol.apiserver.k8s.io/v1 took its place", 0},
		"an older cluster still serves it": {"apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: p}\n", "", 24},
		"autoscaling/v1 is served":         {"apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: p}\nspec: {maxReplicas: 3}\n", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := read(t, tc.text, func(o *manifests.Options) { o.Minor = tc.minor })
			got := told(m, err)
			_, got, _ = strings.Cut(got, "\n")
			if strings.TrimSuffix(got, "\n") != tc.want {
				t.Errorf("got:\n%swant:\n%s", got, tc.want)
			}
		})
	}
}

func TestOldVersionsAreJudgedAsTheNewOnes(t *testing.T) {
	m, err := read(t, strings.NewReplacer("apps/v1", "extensions/v1beta1", "  selector: {matchLabels: {app: web}}\n", "").Replace(deployment)+`---
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

// folder writes files into a new directory; a name that ends with @ is a link.
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

func TestFoldersAreWalkedWithCare(t *testing.T) {
	root := folder(t, map[string]string{
		"a.yaml": named("a"), "sub/b.YML": named("b"), "c.json": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}}`,
		"README.md": "apiVersion: v1", ".hidden.yaml": named("no"), ".git/x.yaml": named("no"), "node_modules/x.yaml": named("no"), "vendor/x.yaml": named("no"),
		"out.yaml@": "../outside.yaml", "loop@": ".", "again.yaml@": "a.yaml", "gone.yaml@": "nowhere", "data/real@": "../kept.txt",
		"overlays/kustomization.yaml": "patches: [{path: patch.yaml}]\nresources: [../a.yaml]\n", "overlays/patch.yaml": strings.Replace(deployment, "image", "imag", 1),
		"values.yaml": "a: 1\n", "big.yaml": "# " + strings.Repeat("x", 2000) + "\n" + named("big"),
	})
	if err := os.WriteFile(filepath.Join(filepath.Dir(root), "outside.yaml"), []byte(named("outside")), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Limits = manifests.Limits{FileBytes: 1500, TotalBytes: 1 << 20, Files: 100, Objects: 100}
	m, err := manifests.Read(t.Context(), []string{root, filepath.Join(root, "a.yaml")}, o)
	got := strings.ReplaceAll(told(m, err), filepath.ToSlash(root), "ROOT")
	want := `3 objects, 0 not checked, 3 skipped
Unreadable: ROOT/gone.yaml is a link to nothing.
Unreadable: ROOT/out.yaml is a link that leads out of the directory.
Unreadable: ROOT/big.yaml is larger than 0 MiB, and was not read.
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	file, line, ok := m.Locate(v1alpha1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: "b"})
	if !ok || line != 1 || !strings.HasSuffix(file, "repo/sub/b.YML") {
		t.Errorf("b stands at %s:%d (%t)", file, line, ok)
	}
}

func TestDuplicatesInOtherFoldersMayBeVariants(t *testing.T) {
	root := folder(t, map[string]string{"dev/a.yaml": named("a"), "prod/a.yaml": named("a")})
	m, err := manifests.Read(t.Context(), []string{root}, options())
	if got := told(m, err); !strings.Contains(got, "more than once (apart)") {
		t.Error(got)
	}
}

func TestBoundsAreGaps(t *testing.T) {
	text := strings.Repeat(named("a")+"---\n", 5)
	for name, limits := range map[string]manifests.Limits{
		"objects": {FileBytes: 1 << 20, TotalBytes: 1 << 20, Files: 10, Objects: 2},
	} {
		m, err := read(t, text, func(o *manifests.Options) { o.Limits = limits })
		if got := told(m, err); !strings.Contains(got, "Incomplete: Not all was read: there are more than 2 objects.") {
			t.Errorf("%s: %s", name, got)
		}
	}
	root := folder(t, map[string]string{"a.yaml": named("a"), "b.yaml": named("b"), "c.yaml": named("c")})
	o := options()
	o.Limits = manifests.Limits{FileBytes: 100, TotalBytes: 120, Files: 10, Objects: 10}
	m, err := manifests.Read(t.Context(), []string{root}, o)
	if got := told(m, err); !strings.Contains(got, "Incomplete: Not all was read: the files together are larger than 0 MiB.") {
		t.Error(got)
	}
}

func TestCompleteSpeaksOfTheNamespacesInTheFiles(t *testing.T) {
	text := deployment + "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: x}\nspec: {secretName: web-tls}\n"
	for name, tc := range map[string]struct {
		extra       string
		change      func(*manifests.Options)
		kind        facts.Kind
		namespace   string
		want, exist bool
	}{
		"not unless it is said":                 {"", func(*manifests.Options) {}, facts.Secret, "default", false, false},
		"Secrets of the namespace":              {"", func(o *manifests.Options) { o.Complete = true }, facts.Secret, "default", true, true},
		"another namespace":                     {"", func(o *manifests.Options) { o.Complete = true }, facts.Secret, "other", false, true},
		"Pods are made by controllers":          {"", func(o *manifests.Options) { o.Complete = true }, facts.Pod, "default", false, true},
		"StorageClasses come with clusters":     {"", func(o *manifests.Options) { o.Complete = true }, facts.StorageClass, "", false, true},
		"workloads":                             {"", func(o *manifests.Options) { o.Complete = true }, facts.Deployment, "default", true, true},
		"workloads beside an operator's matter": {"---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\n", func(o *manifests.Options) { o.Complete = true }, facts.Deployment, "default", false, true},
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
				t.Errorf("the Secret of the Certificate is there: %t", got)
			}
		})
	}
}

func TestASourceThatDoesNotExistIsAnError(t *testing.T) {
	_, err := manifests.Read(t.Context(), []string{"/nonexistent/deploy"}, options())
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/deploy") {
		t.Error(err)
	}
}

func TestManyMistakesInOneObjectAreBounded(t *testing.T) {
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
	if n := len(m.Graph.Flaws); n == 0 || n > 40 {
		t.Errorf("%d flaws", n)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
