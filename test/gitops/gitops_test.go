// Package gitops lets a real Argo CD apply examples/gitops, and reads the health that it shows.
package gitops

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const examples = "../../examples/gitops"

// read a file of the example.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// fixture is an Argo CD on an API server with the kinds of KubeOps.
type fixture struct {
	t      *testing.T
	argo   *servers.ArgoCDServer
	client client.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	config := testkit.APIServer(t)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, argo: servers.ArgoCD(t, config), client: c}
}

// applyServerSide applies the objects of a file, as the example is applied.
func (f *fixture) applyServerSide(name string) {
	f.t.Helper()
	for _, object := range testkit.Manifests(f.t, name, []byte(read(f.t, name))) {
		applied := client.ApplyConfigurationFromUnstructured(object)
		if err := f.client.Apply(f.t.Context(), applied, client.FieldOwner("test"), client.ForceOwnership); err != nil {
			f.t.Fatalf("%s: %v", name, err)
		}
	}
}

// awaitHealth waits until Argo CD shows a health of an Application and of a resource in it.
func (f *fixture) awaitHealth(application, kind, want string) {
	f.t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(f.t.Context(), 500*time.Millisecond, 90*time.Second, true, func(ctx context.Context) (bool, error) {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"})
		if err := f.client.Get(ctx, client.ObjectKey{Namespace: servers.ArgoCDNamespace, Name: application}, object); err != nil {
			return false, err
		}
		health, _, _ := unstructured.NestedString(object.Object, "status", "health", "status")
		sync, _, _ := unstructured.NestedString(object.Object, "status", "sync", "status")
		resources, _, _ := unstructured.NestedSlice(object.Object, "status", "resources")
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		last = fmt.Sprintf("health %s, sync %s, resources %v, conditions %v", health, sync, resources, conditions)
		for _, r := range resources {
			resource, _ := r.(map[string]any)
			shown, _, _ := unstructured.NestedString(resource, "health", "status")
			if resource["kind"] == kind {
				return health == want && shown == want && sync == "Synced", nil
			}
		}
		return false, nil
	})
	if err != nil {
		f.t.Fatalf("Application %s is not %s: %s", application, want, last)
	}
}

// report sets conditions as the manager does: Ready, and Stalled where it gives up.
func (f *fixture) report(inspection *v1alpha1.Inspection, ready, stalled bool) {
	f.t.Helper()
	status := func(is bool) metav1.ConditionStatus {
		if is {
			return metav1.ConditionTrue
		}
		return metav1.ConditionFalse
	}
	now := metav1.Now()
	inspection.Status.ObservedGeneration = inspection.Generation
	inspection.Status.LastHandledRequest = inspection.Annotations[v1alpha1.AnnotationRequestedAt]
	inspection.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: status(ready), Reason: "Test", Message: "ready: " + string(status(ready)), LastTransitionTime: now,
	}}
	if stalled {
		inspection.Status.Conditions = append(inspection.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: "Test", Message: "stalled", LastTransitionTime: now,
		})
	}
	if err := f.client.Status().Update(f.t.Context(), inspection); err != nil {
		f.t.Fatal(err)
	}
}

// incomplete sets the condition as the manager does after a run that could not read everything.
func (f *fixture) incomplete(inspection *v1alpha1.Inspection) {
	f.t.Helper()
	meta.SetStatusCondition(&inspection.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonIncomplete, Message: "not read: Secrets",
	})
	if err := f.client.Status().Update(f.t.Context(), inspection); err != nil {
		f.t.Fatal(err)
	}
}

func TestArgoCDShowsTheHealthOfTheResourcesOfKubeOps(t *testing.T) {
	f := newFixture(t)
	f.applyServerSide("argocd/health.yaml")
	f.argo.Application("fleet", "inspections", read(t, "inspections/namespace.yaml")+"---\n"+read(t, "inspections/inspection.yaml"), true)
	f.awaitHealth("fleet", "Inspection", "Progressing")

	inspection := &v1alpha1.Inspection{}
	if err := f.client.Get(t.Context(), client.ObjectKey{Namespace: "inspections", Name: "cluster"}, inspection); err != nil {
		t.Fatal(err)
	}
	f.report(inspection, true, false)
	f.awaitHealth("fleet", "Inspection", "Healthy")
	f.report(inspection, false, true)
	f.awaitHealth("fleet", "Inspection", "Degraded")
	f.report(inspection, true, false)
	f.awaitHealth("fleet", "Inspection", "Healthy")
	f.incomplete(inspection)
	f.awaitHealth("fleet", "Inspection", "Degraded")

	// The API server judges the Applications by the schema of Argo CD. Their repositories are examples.
	f.applyServerSide("argocd/kubeops.yaml")
	f.applyServerSide("argocd/inspections.yaml")
}

func TestEveryKindThatReportsConditionsHasAHealth(t *testing.T) {
	health := read(t, "argocd/health.yaml")
	crds, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(crds) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	reporting := 0
	for _, path := range crds {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, crd := range testkit.Manifests(t, path, content) {
			kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
			if !hasConditions(crd) {
				continue
			}
			reporting++
			if !strings.Contains(health, "  resource.customizations.health.kubeops.io_"+kind+": |\n") {
				t.Errorf("argocd/health.yaml has no health of kind %s", kind)
			}
		}
	}
	if got := strings.Count(health, "  resource.customizations.health.kubeops.io_"); reporting == 0 || got != reporting {
		t.Errorf("%d kinds report conditions, and argocd/health.yaml has the health of %d", reporting, got)
	}
}

// hasConditions reports whether the status of a kind has conditions.
func hasConditions(crd *unstructured.Unstructured) bool {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		path := []string{"schema", "openAPIV3Schema", "properties", "status", "properties", "conditions"}
		if _, found, _ := unstructured.NestedMap(version, path...); found {
			return true
		}
	}
	return false
}

func TestTheHealthOfInspectionsIsThatOfTheirDocumentation(t *testing.T) {
	content, err := os.ReadFile("../../docs/inspections.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(content), "  resource.customizations.health.kubeops.io_Inspection: |\n")
	script, _, closed := strings.Cut(rest, "```")
	if !found || !closed || !strings.Contains(read(t, "argocd/health.yaml"), script) {
		t.Error("docs/inspections.md and argocd/health.yaml differ")
	}
}
