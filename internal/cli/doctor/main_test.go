package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// world is an API server with an installation of KubeOps, without its processes.
type world struct {
	t      *testing.T
	config *rest.Config
	client client.Client
	// skews of the clocks of those that hold a Lease, by namespace.
	skews map[string]time.Duration
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

const system = "kubeops-system"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, config: testkit.APIServer(t), skews: map[string]time.Duration{}}
	var err error
	if w.client, err = client.New(w.config, client.Options{Scheme: tenant.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: system}})
	for _, folder := range []string{"rbac", "admission"} {
		w.apply(folder)
	}
	w.apply("manager/deployment.yaml")
	w.change(w.deployment(system), func(o client.Object) { setConfigMap(o, "config") })
	w.configure("namespaces: []\n")
	w.available(system)
	w.lease(system, 0)
	w.apply("components/network-policy/manager.yaml")
	return w
}

// apply the manifests of a file or a folder of config.
func (w *world) apply(name string) {
	w.t.Helper()
	root := filepath.Join("..", "..", "..", "config", name)
	files := []string{root}
	if filepath.Ext(root) == "" {
		var err error
		if files, err = filepath.Glob(filepath.Join(root, "*.yaml")); err != nil || len(files) == 0 {
			w.t.Fatalf("no manifests in %s: %v", root, err)
		}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, object := range testkit.Manifests(w.t, file, content) {
			if object.GetKind() != "Kustomization" {
				w.create(object)
			}
		}
	}
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatalf("create %s: %v", object.GetName(), err)
	}
}

// change an object as it is stored.
func (w *world) change(object client.Object, change func(client.Object)) {
	w.t.Helper()
	err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(object), object)
	if err == nil {
		change(object)
		err = w.client.Update(w.t.Context(), object)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// examine returns the report of a user; nil is a cluster administrator.
func (w *world) examine(as *rest.Config) *Report {
	w.t.Helper()
	for namespace, skew := range w.skews {
		w.lease(namespace, skew)
	}
	config := w.config
	if as != nil {
		config = as
	}
	file := filepath.Join(w.t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfigOf(config), file); err != nil {
		w.t.Fatal(err)
	}
	w.t.Setenv("KUBECONFIG", file)
	store, err := (&connect.ClusterFlags{}).OpenAny(true)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	report, err := examine(ctx, store, time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// want one finding of a check about an object, with these parts in its message or fix.
func (w *world) want(report *Report, check, object string, parts ...string) {
	w.t.Helper()
	var failures []error
	for _, f := range report.Findings {
		if f.Check != check || f.Object != object {
			continue
		}
		complete := true
		for _, part := range parts {
			if !strings.Contains(f.Message+" "+string(f.Fix), part) {
				failures = append(failures, errors.New(part+" is missing in: "+f.Message+" "+string(f.Fix)))
				complete = false
			}
		}
		if complete {
			return
		}
	}
	w.t.Errorf("no finding of check %s about %s: %v\n%s", check, object, errors.Join(failures...), dump(report))
}

func dump(report *Report) string {
	var b strings.Builder
	if err := printTable(&b, report, 140); err != nil {
		return err.Error()
	}
	return b.String()
}

func (w *world) role(name string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
}
