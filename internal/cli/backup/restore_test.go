package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
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

func TestABackupIsRestoredIntoAnEmptyCluster(t *testing.T) {
	server := jenkinsserver.New(t)
	server.Add("shop", &jenkinsserver.Job{Parameters: map[string][]string{jenkins.Marker: nil}})
	source := newCluster(t)
	source.samples(false)
	source.samples(true)
	source.prepare()
	source.work(server.URL)
	folder := filepath.Join(t.TempDir(), "backup")
	_, warnings := source.run(0, "backup", "-A", folder)
	if strings.Contains(warnings, "looks like a secret") {
		t.Errorf("a sample has a secret: %s", warnings)
	}
	saved := files(t, folder)
	for name, content := range saved {
		for _, forbidden := range []string{"uid:", "status:", "managedFields", "resourceVersion", "finalizers", "requested-at", jenkinsserver.Token} {
			if strings.Contains(content, forbidden) && name != "kubeops-backup.yaml" {
				t.Errorf("%s contains %q", name, forbidden)
			}
		}
	}
	if out, _ := source.run(0, "backup", "-A", folder); !strings.Contains(out, " 0 files changed, 0 files removed") {
		t.Errorf("a second backup changed something: %s", out)
	}

	target := newCluster(t)
	target.samples(false)
	target.prepare()
	want(t, target.restore(0, folder, "--dry-run"), "create")
	if n := target.count(&v1alpha1.PipelineList{}); n != 0 {
		t.Fatalf("a dry run created %d Pipelines", n)
	}
	target.startManager()
	// What another tool restored: a run and an approval without a status, as they were.
	copied := &v1alpha1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "work", Name: "build-1", Annotations: map[string]string{v1alpha1.AnnotationRunUID: "of-the-source"},
		},
		Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "build"}},
	}
	target.create(copied)
	want(t, target.restore(0, folder), "create")

	target.eventually("all is reconciled", target.reconciled)
	target.eventually("the copied run has ended", func() error {
		if err := target.client.Get(t.Context(), client.ObjectKeyFromObject(copied), copied); err != nil {
			return err
		}
		if ready := meta.FindStatusCondition(copied.Status.Conditions, "Ready"); ready == nil || ready.Reason != v1alpha1.ReasonExpired {
			return fmt.Errorf("conditions: %+v", copied.Status.Conditions)
		}
		return nil
	})
	again := filepath.Join(t.TempDir(), "again")
	target.run(0, "backup", "-A", again)
	if diff := cmp.Diff(saved, files(t, again)); diff != "" {
		t.Errorf("the backups of both clusters differ:\n%s", diff)
	}
	want(t, target.restore(0, folder), "unchanged")
	target.nothingStarted(server)
}

// reconciled reports the first resource without conditions.
func (c *cluster) reconciled() error {
	for _, kind := range []string{"Inspection", "MetricsBackend", "LogBackend", "CIProvider", "Pipeline", "ResourceBundle"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind + "List"))
		if err := c.client.List(c.t.Context(), list); err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return errors.New("no " + kind)
		}
		for _, item := range list.Items {
			if conditions, _, _ := unstructured.NestedSlice(item.Object, "status", "conditions"); len(conditions) == 0 {
				return fmt.Errorf("%s %s has no conditions", kind, item.GetName())
			}
		}
	}
	return nil
}

func (c *cluster) count(list client.ObjectList) int {
	c.t.Helper()
	if err := c.client.List(c.t.Context(), list); err != nil {
		c.t.Fatal(err)
	}
	return meta.LenList(list)
}

// nothingStarted checks that the restored resources started no run, Job, build, or inspection on request.
func (c *cluster) nothingStarted(server *jenkinsserver.Server) {
	c.t.Helper()
	if n := len(server.Builds("shop")); n != 0 {
		c.t.Errorf("%d builds", n)
	}
	if calls, posts := server.Calls(); posts != 0 || len(calls) == 0 {
		c.t.Errorf("%d calls and %d posts to the build server", len(calls), posts)
	}
	if n := c.count(&batchv1.JobList{}); n != 0 {
		c.t.Errorf("%d Jobs", n)
	}
	if n := c.count(&v1alpha1.PipelineRunList{}); n != 1 { // the copy
		c.t.Errorf("%d PipelineRuns", n)
	}
	reports := &v1alpha1.InspectionReportList{}
	c.count(reports)
	for i := range reports.Items {
		if report := &reports.Items[i]; report.Summary.Trigger != "generation" || report.Namespace == "work" {
			c.t.Errorf("report %s/%s by %s", report.Namespace, report.Name, report.Summary.Trigger)
		}
	}
}

func TestRestoringOverWhatExists(t *testing.T) {
	c := newCluster(t)
	for _, name := range []string{"shop", "team"} {
		c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		c.create(&v1alpha1.Inspection{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "all"}, Spec: v1alpha1.InspectionSpec{Schedule: "@daily"},
		})
	}
	folder := t.TempDir()
	c.run(0, "backup", "-A", folder)
	inspection := &v1alpha1.Inspection{}
	key := client.ObjectKey{Namespace: "shop", Name: "all"}
	get := func() *v1alpha1.Inspection {
		t.Helper()
		if err := c.client.Get(t.Context(), key, inspection); err != nil {
			t.Fatal(err)
		}
		return inspection
	}
	get().Spec.Schedule = "@hourly"
	if err := c.client.Update(t.Context(), inspection); err != nil {
		t.Fatal(err)
	}
	const shop, team = "Inspection shop/all", "Inspection team/all"
	const left = "leave exists with other content; --overwrite changes it"
	if diff := cmp.Diff(map[string]string{shop: left, team: "unchanged"}, c.restore(0, folder)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{shop: "change"}, c.restore(0, folder, "-n", "shop", "--overwrite", "--dry-run")); diff != "" {
		t.Error(diff)
	}
	if get().Spec.Schedule != "@hourly" {
		t.Error("a dry run changed an object")
	}
	if diff := cmp.Diff(map[string]string{shop: "change", team: "unchanged"}, c.restore(0, folder, "--overwrite")); diff != "" {
		t.Error(diff)
	}
	if get().Spec.Schedule != "@daily" {
		t.Error("the object was not changed")
	}
	if err := c.client.Delete(t.Context(), get()); err != nil {
		t.Fatal(err)
	}
	if got := c.restore(0, folder, "--suspend"); got[shop] != "create" || !get().Spec.Suspend {
		t.Errorf("%q, suspended: %v", got, inspection.Spec.Suspend)
	}

	// A namespace that does not exist, a field that the API does not know, and a run in the folder.
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(folder, "kubeops.io/v1alpha1", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	const object = "apiVersion: kubeops.io/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec: {%s}\n"
	write("gone/inspections/all.yaml", fmt.Sprintf(object, "Inspection", "all", "gone", "schedule: '@daily'"))
	write("team/inspections/typo.yaml", fmt.Sprintf(object, "Inspection", "typo", "team", "schedul: x"))
	write("team/pipelineruns/release-1.yaml", fmt.Sprintf(object, "PipelineRun", "release-1", "team", "pipelineRef: {name: release}"))
	got := c.restore(2, folder)
	for object, part := range map[string]string{
		"Inspection gone/all": `namespaces "gone" not found`, "Inspection team/typo": "spec.schedul",
		"pipelineruns team/release-1.yaml": "leave is not restored: it would start work",
	} {
		if !strings.Contains(got[object], part) {
			t.Errorf("%s: %q, want %q", object, got[object], part)
		}
	}
	if got := c.restore(2, folder, "--create-namespaces", "--dry-run"); got["Inspection gone/all"] != "create" {
		t.Errorf("%q", got)
	}
	if got := c.restore(2, folder, "--create-namespaces"); got["Inspection gone/all"] != "create" {
		t.Errorf("%q", got)
	}
	if n := c.count(&v1alpha1.PipelineRunList{}); n != 0 {
		t.Errorf("%d PipelineRuns", n)
	}

	// The next backup of one namespace removes only its files.
	if err := c.client.Delete(t.Context(), get()); err != nil {
		t.Fatal(err)
	}
	c.run(0, "backup", "-n", "shop", folder)
	left2 := slices.DeleteFunc(keys(files(t, folder)), func(name string) bool { return !strings.HasSuffix(name, "inspections/all.yaml") })
	if diff := cmp.Diff([]string{"kubeops.io/v1alpha1/gone/inspections/all.yaml", "kubeops.io/v1alpha1/team/inspections/all.yaml"}, left2); diff != "" {
		t.Error(diff)
	}
}

func keys(of map[string]string) (list []string) {
	for key := range of {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
