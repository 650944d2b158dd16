package resourcebundle

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

// override one field of ConfigMaps with a name in a cluster.
func override(cluster, name, op, path, value string) v1alpha1.ClusterOverride {
	return v1alpha1.ClusterOverride{
		Clusters: v1alpha1.ClusterTargets{Names: []string{cluster}},
		Patches: []v1alpha1.ObjectPatch{{
			Target: v1alpha1.ObjectSelector{Kind: "ConfigMap", Name: name},
			Operations: []v1alpha1.PatchOperation{
				{Op: v1alpha1.PatchOperationType(op), Path: path, Value: &v1alpha1.PatchValue{Raw: []byte(value)}},
			},
		}},
	}
}

func testOverrides(t *testing.T, f *fleet) {
	f.bundle("overrides", v1alpha1.ResourceBundleSpec{
		Clusters:  &v1alpha1.ClusterTargets{Names: []string{"east", "west"}},
		Manifests: manifests(t, configMap("o-one", "base"), configMap("o-two", "base")),
		Overrides: []v1alpha1.ClusterOverride{
			override("east", "o-one", "replace", "/data/key", `"in $(cluster.name)"`),
			override("west", "o-two", "replace", "/data/none/key", `"x"`),
		},
	})
	b := f.until("overrides", v1alpha1.ReasonInvalidManifest)
	if got := f.read(f.east, "o-one").Data["key"]; got != "in east" {
		t.Errorf("key in east is %q", got)
	}
	if got := f.read(f.west, "o-one").Data["key"]; got != "base" {
		t.Errorf("key in west is %q", got)
	}
	if f.read(f.west, "o-two") != nil || f.read(f.east, "o-two") == nil {
		t.Error("an object that a patch does not fit was applied, or one of another cluster was not")
	}
	row := rowOf(b, "west")
	if b.Status.ReadyClusters != "1/2" || row.Counts.Failed != 1 || len(row.Objects) != 1 || row.Objects[0].Name != "o-two" ||
		!strings.Contains(row.Objects[0].Message, "spec.overrides[1].patches[0] does not fit the object") {
		t.Error(show(b.Status))
	}
	f.change("overrides", func(s *v1alpha1.ResourceBundleSpec) { s.Overrides = s.Overrides[:1] })
	f.until("overrides", v1alpha1.ReasonSucceeded)
	versions, _ := f.versions(f.east)
	if _, err := f.once("overrides"); err != nil {
		t.Fatal(err)
	}
	if again, _ := f.versions(f.east); again["o-one"] != versions["o-one"] {
		t.Error("an object with an override is written again")
	}
}
