package backup_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	jenkinsserver "kubeops.io/kubeops/internal/testkit/jenkins"
)

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
		for _, forbidden := range []string{
			"uid:", "status:", "managedFields", "resourceVersion", "finalizers", "requested-at", jenkinsserver.Token,
		} {
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

// twoNamespaces have an Inspection each. The folder is their backup.
func (c *cluster) twoNamespaces() (folder string) {
	c.t.Helper()
	for _, name := range []string{"shop", "team"} {
		c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		c.create(&v1alpha1.Inspection{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "all"}, Spec: v1alpha1.InspectionSpec{Schedule: "@daily"},
		})
	}
	folder = c.t.TempDir()
	c.run(0, "backup", "-A", folder)
	return folder
}

func TestRestoringOverWhatExists(t *testing.T) {
	c := newCluster(t)
	folder := c.twoNamespaces()
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
}

// TestWhatCannotBeRestored has a namespace that does not exist, a field that the API does not know, and a run.
func TestWhatCannotBeRestored(t *testing.T) {
	c := newCluster(t)
	folder := c.twoNamespaces()
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
	deleted := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all"}}
	if err := c.client.Delete(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	c.run(0, "backup", "-n", "shop", folder)
	left := slices.DeleteFunc(keys(files(t, folder)), func(name string) bool { return !strings.HasSuffix(name, "inspections/all.yaml") })
	want := []string{"kubeops.io/v1alpha1/gone/inspections/all.yaml", "kubeops.io/v1alpha1/team/inspections/all.yaml"}
	if diff := cmp.Diff(want, left); diff != "" {
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
