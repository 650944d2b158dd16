package clustertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// applyAs applies a manifest as a field manager.
func (s *shop) applyObject(manager, manifest string) {
	s.t.Helper()
	content := map[string]any{}
	if err := yaml.Unmarshal([]byte(manifest), &content); err != nil {
		s.t.Fatal(err)
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetNamespace(s.Namespace)
	if err := s.Client.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(manager)); err != nil {
		s.t.Fatal(err)
	}
}

// bundle creates a ResourceBundle, which no controller reconciles.
func (s *shop) bundle(name string, spec v1alpha1.ResourceBundleSpec, documents ...string) {
	s.t.Helper()
	for _, document := range documents {
		encoded, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			s.t.Fatal(err)
		}
		manifest := v1alpha1.Manifest{}
		manifest.Raw = encoded
		spec.Manifests = append(spec.Manifests, manifest)
	}
	s.Create(&v1alpha1.ResourceBundle{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name}, Spec: spec})
}

const (
	takenConfigMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: taken}\ndata: {key: theirs, same: both}\n"
	takenSecret    = "apiVersion: v1\nkind: Secret\nmetadata: {name: secret}\ndata: {password: dGhlaXJz}\n"
)

func TestDiffAndConflictsNameTheOwnersAndWriteNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.applyObject("helm", takenConfigMap)
	s.applyObject("other", strings.Replace(takenConfigMap, "name: taken", "name: shared", 1))
	s.applyObject("helm", takenSecret)
	s.bundle("settings", v1alpha1.ResourceBundleSpec{}, strings.Replace(takenConfigMap, "theirs", "ours", 1),
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {same: both, more: added}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\ndata: {key: new}\n", strings.Replace(takenSecret, "dGhlaXJz", "b3Vycw==", 1))

	out := s.wants(1, []string{
		"cluster local: 4 objects differ, 0 unchanged", "! ConfigMap " + s.Namespace + "/taken: .data.key is owned by \"helm\"",
		`.data.key: live "theirs", manifest "ours"`, "+ ConfigMap " + s.Namespace + "/new", "~ ConfigMap " + s.Namespace + "/shared",
		`.data.more: none -> "added"`, "! Secret " + s.Namespace + "/secret",
	}, "diff", "bundle/settings")
	if strings.Contains(out, "password\": ") || strings.Contains(out, "b3Vycw") || strings.Contains(out, "dGhlaXJz") {
		t.Errorf("a value of a Secret is printed:\n%s", out)
	}
	s.fits(out)
	out = s.wants(0, []string{
		"ResourceBundle " + s.Namespace + "/settings: 4 objects, 3 with fields of other managers", `Conflict: "helm", last write 20`,
		`.data.key: live "theirs", applied "ours"`, `Shared: "other", last write 20`, ".data.same",
	}, "conflicts", "bundle/settings")
	s.fits(out)
	out = s.wants(0, nil, "conflicts", "settings", "-o", "json")
	var report struct {
		Objects []struct {
			Name   string
			Fields []struct{ Field, Type, Manager, LastWriteTime string }
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Objects) != 3 ||
		report.Objects[0].Fields[0].LastWriteTime == "" {
		t.Errorf("%v in\n%s", err, out)
	}
	if strings.Contains(out, "b3Vycw") {
		t.Errorf("a value of a Secret is printed:\n%s", out)
	}
	if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: s.Namespace, Name: "new"}, &corev1.ConfigMap{}); err == nil {
		t.Error("diff created an object")
	}
	s.wants(2, []string{`ResourceBundle "setings" not found`, `did you mean "settings"?`}, "diff", "setings")
	s.wants(2, []string{"the bundle selects no cluster \"east\""}, "diff", "settings", "--cluster", "east")
}

func TestDiffReadsAGitRepositoryOfABundle(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	server := gitserver.New(t, map[string]string{"apps/new.yaml": takenConfigMap, "other/secret.yaml": takenSecret})
	s.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "git"}, Data: map[string][]byte{
		"username": []byte(gitserver.User), "password": []byte(gitserver.Password),
	}})
	from := &v1alpha1.GitManifests{URL: server.URL, Path: "apps", SecretRef: &v1alpha1.SecretReference{Name: "git"}}
	s.bundle("git", v1alpha1.ResourceBundleSpec{ManifestsFrom: []v1alpha1.ManifestSource{{Git: from}}})
	before := len(server.Requests())
	s.wants(2, []string{"ServiceAccount " + s.Namespace + "/kubeops cannot get Secret git", "[0].git.secretRef"}, "diff", "git")
	if after := len(server.Requests()); after != before {
		t.Errorf("%d requests were sent with a Secret that the ServiceAccount cannot get", after-before)
	}
	s.Grant("git")
	s.wants(1, []string{"cluster local: 1 object differs", "+ ConfigMap " + s.Namespace + "/taken"}, "diff", "git")
	from.Path = "none"
	s.bundle("wrong", v1alpha1.ResourceBundleSpec{ManifestsFrom: []v1alpha1.ManifestSource{{Git: from}}})
	out := s.wants(2, []string{"spec.manifestsFrom[0].git cannot be read", "none does not exist"}, "diff", "wrong")
	if strings.Contains(out, gitserver.Password) {
		t.Errorf("the password is printed:\n%s", out)
	}
}

// fits checks the width of what is printed without a terminal.
func (s *shop) fits(out string) {
	s.t.Helper()
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 120 {
			s.t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestConflictsOfAReleaseAndAnApplicationAreFoundByTheirLabels(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.applyObject("helm", "apiVersion: v1\nkind: ConfigMap\n"+
		"metadata: {name: web, labels: {app.kubernetes.io/managed-by: Helm}, annotations: "+
		"{meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: "+s.Namespace+"}}\ndata: {key: a, other: b}\n")
	s.applyObject("kubectl", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {key: a}\n")
	out := s.wants(0, []string{"Helm release shop: 1 object, 1 with fields of other managers", `Shared: "kubectl"`, ".data.key"},
		"conflicts", "helm/shop")
	if strings.Contains(out, ".data.other") {
		t.Errorf("a field without another owner is listed:\n%s", out)
	}
	s.helmRelease("shop", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {key: a, edited: x}\n")
	s.applyObject("kubectl-edit", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {edited: changed, own: z}\n")
	out = s.wants(0, []string{`Conflict: "kubectl-edit"`, ".data.edited"}, "conflicts", "helm/shop")
	if strings.Contains(out, ".data.own") {
		t.Errorf("a field that the release does not apply is listed:\n%s", out)
	}
	last := `{"apiVersion":"v1","kind":"ConfigMap","data":{"key":"a"}}`
	s.applyObject("argocd-controller", "apiVersion: v1\nkind: ConfigMap\n"+
		"metadata: {name: app, annotations: {argocd.argoproj.io/tracking-id: "+
		"'web:/ConfigMap:x/app', kubectl.kubernetes.io/last-applied-configuration: '"+last+"'}}\n")
	s.applyObject("kubectl", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {key: b}\n")
	s.wants(0, []string{"Argo CD application web: 1 object", `Conflict: "kubectl"`, ".data.key"}, "conflicts", "argocd/web")
	s.wants(2, []string{`Helm release "shpo" has no objects`}, "conflicts", "helm/shpo")
}

// helmRelease is the Secret in which Helm keeps a release.
func (s *shop) helmRelease(name, manifest string) {
	s.t.Helper()
	encoded, err := json.Marshal(map[string]string{"name": name, "manifest": manifest})
	if err != nil {
		s.t.Fatal(err)
	}
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write(encoded); err != nil {
		s.t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.Create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: "sh.helm.release.v1." + name + ".v1",
			Labels: map[string]string{"owner": "helm", "status": "deployed", "name": name},
		},
		Data: map[string][]byte{"release": []byte(base64.StdEncoding.EncodeToString(compressed.Bytes()))},
	})
}

func TestGetListsObjectsOfSeveralClustersInOneTable(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Secret("kubeconfig", "value", string(testkit.Kubeconfig(t, realAPI)))
	reference := &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: "kubeconfig"}}
	missing := &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: "missing"}}
	for name, spec := range map[string]v1alpha1.ManagedClusterSpec{
		"east": {Kubeconfig: reference}, "west": {Kubeconfig: reference}, "lost": {Kubeconfig: missing},
	} {
		tier := map[string]string{"tier": "app"}
		if name == "lost" {
			tier = map[string]string{"tier": "lost"}
		}
		s.Create(&v1alpha1.ManagedCluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name, Labels: tier}, Spec: spec})
	}
	s.applyObject("test", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: listed, labels: {app: x}}\ndata: {key: a}\n")
	out := s.wants(0, []string{"CLUSTER  NAME", "DATA", "east     listed", "west     listed"},
		"get", "cm", "-l", "app=x", "--clusters", "tier=app")
	if strings.Count(out, "\n") != 3 {
		t.Errorf("want 3 lines:\n%s", out)
	}
	s.wants(0, []string{"east     listed"}, "get", "configmaps", "listed", "--clusters", "tier=app")
	s.wants(0, []string{`"cluster": "west"`, `"name": "listed"`}, "get", "ConfigMap", "-l", "app=x", "--clusters", "tier=app", "-o", "json")
	s.wants(0, []string{"staging  " + s.Namespace, "listed"}, "get", "cm", "-l", "app=x", "-A", "--contexts", "staging")
	s.wants(2, []string{"east     listed", "cluster lost: cannot read Secret", "1 cluster could not be read completely"},
		"get", "cm", "-l", "app=x", "--clusters", "")
	s.wants(2, []string{`the cluster does not serve "widgets"`}, "get", "widgets", "--clusters", "tier=app")
	s.wants(2, []string{`no ManagedCluster in namespace`}, "get", "cm", "--clusters", "tier=none")

	s.follows(tableLines{"listed", "  12  "}, func() {
		s.applyObject("test", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: listed, labels: {app: x}}\n"+
			"data: {a: a, b: b, c: c, d: d, e: e, f: f, g: g, h: h, i: i, j: j, k: k, key: a}\n")
	}, "get", "cm", "-l", "app=x", "--clusters", "tier=app", "-w")
}

// tableLines are parts of a line.
type tableLines []string

// lineWriter sends what is printed.
type lineWriter struct{ printed chan string }

func (w *lineWriter) Write(p []byte) (int, error) {
	w.printed <- string(p)
	return len(p), nil
}

// follows runs a command until it prints a line with parts after a change; the change is made when its first line is printed.
func (s *shop) follows(parts tableLines, change func(), args ...string) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), time.Minute)
	defer stop()
	w := &lineWriter{make(chan string, 100)}
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Run(ctx, append(args, "--kubeconfig", s.kubeconfig), command.Streams{In: strings.NewReader(""), Out: w, Err: io.Discard})
	}()
	changed := false
	for {
		select {
		case line := <-w.printed:
			if !changed {
				change()
				changed = true
			}
			matches := true
			for _, part := range parts {
				matches = matches && strings.Contains(line, part)
			}
			if matches {
				stop()
				if code := <-ended; code != 0 && code != 130 {
					s.t.Errorf("exit code %d", code)
				}
				return
			}
		case <-ctx.Done():
			s.t.Fatalf("no line with %q", parts)
		}
	}
}
