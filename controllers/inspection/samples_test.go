package inspection

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/testkit"
)

func TestSamplesAreAcceptedAsTheyStand(t *testing.T) {
	w := newWorld(t)
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, object := range testkit.Manifests(t, file, content) {
				if object.GetNamespace() != "" {
					object.SetNamespace(w.Namespace) // theirs need not exist
				}
				if err := w.Client.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
					t.Error(err)
				}
				if object.GroupVersionKind().Group == v1alpha1.Group {
					found++
				}
				if object.GetKind() == "Inspection" {
					w.wantRunnable(object)
				}
			}
			if found == 0 {
				t.Error("no resource of KubeOps")
			}
		})
	}
}

// wantRunnable checks what only the controller knows: the schedule, and the names of checks.
func (w *world) wantRunnable(object *unstructured.Unstructured) {
	w.t.Helper()
	i := &v1alpha1.Inspection{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, i); err != nil {
		w.t.Fatal(err)
	}
	i.CreationTimestamp.Time = w.Clock.Now()
	if _, err := due(i, w.Clock.Now()); err != nil {
		w.t.Error(err)
	}
	if _, _, err := (&runner.Local{Checks: checks.Builtin()}).SelectChecks(w.t.Context(), &i.Spec); err != nil {
		w.t.Error(err)
	}
	own, err := custom.Compile(w.t.Context(), i.Spec.CustomChecks)
	if err != nil {
		w.t.Error(err)
	}
	for _, rule := range i.Spec.Ignore {
		if _, _, err := custom.Select(checks.Builtin(), own, []string{rule.Check}, nil); rule.Check != "" && err != nil {
			w.t.Error(err)
		}
	}
}
