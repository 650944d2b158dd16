package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/internal/cli/connect"
)

func TestOnlyWhatPeopleSetIsLeft(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubeops.io/v1alpha1", "kind": "Inspection",
		"metadata": map[string]any{
			"name": "all", "namespace": "shop", "uid": "1", "resourceVersion": "7", "generation": int64(3),
			"creationTimestamp": "2026-01-02T03:04:05Z", "finalizers": []any{"x"}, "ownerReferences": []any{map[string]any{"uid": "2"}},
			"managedFields": []any{map[string]any{"manager": "kubectl"}}, "labels": map[string]any{"team": "shop"},
			"annotations": map[string]any{
				"kubeops.io/requested-at": "now", "kubeops.io/run-uid": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b",
			},
		},
		"spec":   map[string]any{"schedule": "@daily", "unknown": "kept"},
		"status": map[string]any{"lastReport": "r"},
	}}
	want := map[string]any{
		"apiVersion": "kubeops.io/v1alpha1", "kind": "Inspection",
		"metadata": map[string]any{
			"name": "all", "namespace": "shop", "labels": map[string]any{"team": "shop"}, "annotations": map[string]any{"a": "b"},
		},
		"spec": map[string]any{"schedule": "@daily", "unknown": "kept"},
	}
	if diff := cmp.Diff(want, strip(object).Object); diff != "" {
		t.Error(diff)
	}
	object.SetAnnotations(map[string]string{"kubeops.io/requested-at": "now"})
	object.SetLabels(nil)
	metadata := strip(object).Object["metadata"]
	if diff := cmp.Diff(map[string]any{"name": "all", "namespace": "shop"}, metadata); diff != "" {
		t.Error(diff)
	}
}

func TestNumbersOfAFileEqualThoseOfTheAPIServer(t *testing.T) {
	f, err := openFolder(tree(t, map[string]string{
		manifestFile: valid,
		"kubeops.io/v1alpha1/shop/inspections/all.yaml": "apiVersion: kubeops.io/v1alpha1\nkind: Inspection\n" +
			"metadata: {name: all, namespace: shop}\nspec: {keepReports: 10, threshold: 1.5}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	read, err := f.object("kubeops.io/v1alpha1/shop/inspections/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	live := &unstructured.Unstructured{}
	if err := live.UnmarshalJSON([]byte(`{"apiVersion":"kubeops.io/v1alpha1","kind":"Inspection","metadata":{"name":"all",
		"namespace":"shop","uid":"1"},"spec":{"threshold":1.5,"keepReports":10}}`)); err != nil {
		t.Fatal(err)
	}
	if !same(strip(read), strip(live)) {
		t.Errorf("%v\n%v", read, live)
	}
	live.Object["spec"].(map[string]any)["keepReports"] = int64(11)
	if same(strip(read), strip(live)) {
		t.Error("another number is the same")
	}
}

func TestEveryKindHasItsPlaceInTheOrder(t *testing.T) {
	var got []string
	for _, kind := range kinds() {
		got = append(got, kind.Kind)
	}
	if got[0] != "ManagedCluster" || got[len(got)-1] != "Pipeline" || len(got) != len(connect.ReconciledKinds())+1 {
		t.Errorf("%q", got)
	}
	if slices.Contains(got, "PipelineRun") || slices.Contains(got, "Approval") || slices.Contains(got, "InspectionReport") {
		t.Errorf("a record is restored: %q", got)
	}
}

const valid = "apiVersion: kubeops.io/v1alpha1\nformat: 1\nprogram: v1\n"

// tree writes files below a folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAFolderThatIsNoBackupIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"other files":    {map[string]string{"README.md": "x"}, "has other files"},
		"a later format": {map[string]string{manifestFile: strings.Replace(valid, "format: 1", "format: 2", 1)}, "format 2"},
		"no YAML":        {map[string]string{manifestFile: "{"}, manifestFile},
		"an empty one":   {nil, ""},
		"a repository":   {map[string]string{".git/config": "x"}, ""},
		"a backup":       {map[string]string{manifestFile: valid, "README.md": "x"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := createFolder(tree(t, tc.files))
			if err == nil {
				f.close()
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestAFileMustHaveTheObjectOfItsPath(t *testing.T) {
	const object = "apiVersion: kubeops.io/v1alpha1\nkind: Inspection\nmetadata: {name: all, namespace: shop}\n"
	const file = "kubeops.io/v1alpha1/shop/inspections/all.yaml"
	for name, tc := range map[string]struct{ file, content, want string }{
		"its object":        {file, object, ""},
		"another name":      {"kubeops.io/v1alpha1/shop/inspections/other.yaml", object, "does not belong there"},
		"another namespace": {"kubeops.io/v1alpha1/team/inspections/all.yaml", object, "does not belong there"},
		"another API":       {file, strings.Replace(object, "kubeops.io/v1alpha1", "v1", 1), "does not belong there"},
		"a path as a name":  {file, strings.Replace(object, "name: all", "name: ../all", 1), "../all"},
		"a field twice":     {file, object + "kind: Pipeline\n", "kind"},
		"too much":          {file, object + strings.Repeat("#", maxFile), "is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := openFolder(tree(t, map[string]string{manifestFile: valid, tc.file: tc.content}))
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			_, err = f.object(tc.file)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestALinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("a: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := tree(t, map[string]string{manifestFile: valid})
	folderOf := filepath.Join(root, "kubeops.io/v1alpha1/shop/inspections")
	if err := errors.Join(os.MkdirAll(folderOf, 0o755), os.Symlink(secret, filepath.Join(folderOf, "all.yaml"))); err != nil {
		t.Fatal(err)
	}
	f, err := openFolder(root)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := f.object("kubeops.io/v1alpha1/shop/inspections/all.yaml"); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("got %v", err)
	}
}

func FuzzAFileIsAnObjectOfItsPathOrAnError(f *testing.F) {
	f.Add("apiVersion: kubeops.io/v1alpha1\nkind: Inspection\nmetadata: {name: all, namespace: shop}\n")
	f.Add("metadata: {name: [a], namespace: 1}\n")
	f.Add("- a\n- &a [*a]\n")
	f.Add("null")
	root, err := os.OpenRoot(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	const file = "kubeops.io/v1alpha1/shop/inspections/all.yaml"
	if err := root.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		if err := root.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		object, err := (&folder{root}).object(file)
		if err != nil {
			return
		}
		if stripped := strip(object); stripped.GetName() != "all" || stripped.GetNamespace() != "shop" {
			t.Errorf("%q", stripped.Object)
		}
	})
}
