package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers"
	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit"
	jenkinsserver "kubeops.io/kubeops/internal/testkit/jenkins"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// cluster is an API server with the resources of the samples that are not of KubeOps.
type cluster struct {
	t          *testing.T
	config     *rest.Config
	client     client.Client
	kubeconfig string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, config: testkit.APIServer(t), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	var err error
	if c.client, err = client.New(c.config, client.Options{Scheme: tenant.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: c.config.Host, CertificateAuthorityData: c.config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			"test": {ClientCertificateData: c.config.CertData, ClientKeyData: c.config.KeyData},
		},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}, c.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) create(object client.Object) {
	c.t.Helper()
	if err := c.client.Create(c.t.Context(), object); err != nil {
		c.t.Fatalf("create %s: %v", object.GetName(), err)
	}
}

// samples creates the objects of config/samples: those of KubeOps, or the others.
func (c *cluster) samples(ofKubeOps bool) (created int) {
	c.t.Helper()
	files, err := filepath.Glob("../../../config/samples/kubeops_*.yaml")
	if err != nil || len(files) == 0 {
		c.t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, object := range testkit.Manifests(c.t, file, content) {
			if (object.GetAPIVersion() == v1alpha1.GroupVersion().String()) != ofKubeOps {
				continue
			}
			err := c.client.Create(c.t.Context(), object)
			if err != nil && !strings.Contains(err.Error(), "already exists") {
				c.t.Fatalf("%s: %v", file, err)
			}
			created++
		}
	}
	return created
}

// run a command line, which must end with an exit code.
func (c *cluster) run(code int, args ...string) (out, errOut string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	got := cli.Run(c.t.Context(), append(args, "--kubeconfig", c.kubeconfig),
		command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	if got != code {
		c.t.Fatalf("kubeops %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// restore and return the actions by object.
func (c *cluster) restore(code int, args ...string) map[string]string {
	c.t.Helper()
	out, _ := c.run(code, append([]string{"restore", "-o", "json"}, args...)...)
	var document struct {
		Items []struct{ Kind, Namespace, Name, Action, Message string }
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		c.t.Fatal(err)
	}
	actions := map[string]string{}
	for _, item := range document.Items {
		actions[item.Kind+" "+item.Namespace+"/"+item.Name] = strings.TrimSpace(item.Action + " " + item.Message)
	}
	return actions
}

// want every object to have an action.
func want(t *testing.T, actions map[string]string, action string) {
	t.Helper()
	for object, got := range actions {
		if got != action {
			t.Errorf("%s: %s, want %s", object, got, action)
		}
	}
}

// files of a folder with their content.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		found[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// startManager runs all controllers, whose backends can be on loopback, until the test ends.
func (c *cluster) startManager() {
	c.t.Helper()
	manager, err := ctrl.NewManager(c.config, ctrl.Options{
		Scheme: tenant.Scheme(c.t), Metrics: metricsserver.Options{BindAddress: "0"}, Logger: logr.Discard(),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	options := controllers.Options{
		ParallelInspections: 2, Metrics: prometheus.NewRegistry(), Egress: provider.Egress{AllowLoopback: true},
	}
	if err := controllers.Setup(manager, options); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Start(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			c.t.Errorf("the manager ended with: %v", err)
		}
	})
}

// eventually waits until a condition holds; what it returned last is the failure.
func (c *cluster) eventually(what string, holds func() error) {
	c.t.Helper()
	deadline := time.After(90 * time.Second)
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			c.t.Fatalf("%s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// work creates, beside the samples, what would start work: a run, an approval, requests and triggers that are due.
func (c *cluster) work(buildServer string) {
	c.t.Helper()
	inNamespace := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "work", Name: name} }
	requested := inNamespace("requested")
	requested.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now", "team": "shop"}
	requested.Finalizers = []string{"example.com/keep"}
	c.create(&v1alpha1.Inspection{ObjectMeta: requested, Spec: v1alpha1.InspectionSpec{Schedule: "0 3 1 1 *"}})
	c.create(&v1alpha1.CIProvider{ObjectMeta: inNamespace("jenkins"), Spec: v1alpha1.CIProviderSpec{
		Type:    v1alpha1.CIProviderJenkins,
		Jenkins: &v1alpha1.JenkinsServer{URL: buildServer, SecretRef: v1alpha1.SecretReference{Name: "login"}},
	}})
	c.create(&v1alpha1.Pipeline{ObjectMeta: inNamespace("build"), Spec: v1alpha1.PipelineSpec{
		Stages: []v1alpha1.PipelineStage{{Name: "build", Type: v1alpha1.StageBuild, Build: &v1alpha1.BuildStage{
			ProviderRef: v1alpha1.LocalReference{Name: "jenkins"}, Job: "shop",
		}}},
		Triggers: []v1alpha1.PipelineTrigger{
			{Name: "yearly", Type: v1alpha1.TriggerSchedule, Schedule: &v1alpha1.ScheduleTrigger{Cron: "0 3 1 1 *"}},
		},
	}})
	run := inNamespace("build-1")
	c.create(&v1alpha1.PipelineRun{ObjectMeta: run, Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "build"}}})
	c.create(&v1alpha1.Approval{ObjectMeta: inNamespace("approval"), Spec: v1alpha1.ApprovalSpec{
		Pipeline: "build", Run: "build-1", Stage: "build", Attempt: 1, Digest: "sha256:" + strings.Repeat("a", 64), Approver: "someone",
	}})
}

// prepare what the resources of namespace work refer to.
func (c *cluster) prepare() {
	c.t.Helper()
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "work"}})
	c.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "work", Name: "kubeops"}})
	c.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "work", Name: "login"},
		StringData: map[string]string{"username": jenkinsserver.User, "token": jenkinsserver.Token},
	})
	name := metav1.ObjectMeta{Namespace: "work", Name: "kubeops-reads-login"}
	c.create(&rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"login"}, Verbs: []string{"get", "watch"}},
	}})
	c.create(&rbacv1.RoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "work", Name: "kubeops"}},
	})
}
