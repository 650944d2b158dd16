package bundle

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"kubeops.io/kubeops/api/v1alpha1"
)

func operation(op v1alpha1.PatchOperationType, path, value string) v1alpha1.PatchOperation {
	o := v1alpha1.PatchOperation{Op: op, Path: path}
	if value != "" {
		o.Value = &v1alpha1.PatchValue{Raw: []byte(value)}
	}
	return o
}

func overrides(target v1alpha1.ObjectSelector, operations ...v1alpha1.PatchOperation) []v1alpha1.ClusterOverride {
	return []v1alpha1.ClusterOverride{{
		Clusters: v1alpha1.ClusterTargets{Names: []string{"east"}},
		Patches:  []v1alpha1.ObjectPatch{{Target: target, Operations: operations}},
	}}
}

func twoObjects() *Desired {
	d := &Desired{}
	d.AddYAML("test", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {key: a}\n---\n"+
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, args: [a, b]}\n")
	return d
}

func TestOverridesChangeTheSelectedObjectsOfTheSelectedClusters(t *testing.T) {
	deployment := v1alpha1.ObjectSelector{Kind: "Deployment", Name: "w*"}
	settings := v1alpha1.ObjectSelector{Kind: "ConfigMap"}
	for name, tc := range map[string]struct {
		cluster   string
		overrides []v1alpha1.ClusterOverride
		// want is a part of the objects as JSON, and invalid one of the messages.
		want, invalid string
	}{
		"a field is replaced": {"east", overrides(deployment, operation("replace", "/spec/replicas", "5")), `"replicas":5`, ""},
		"another cluster":     {"west", overrides(deployment, operation("replace", "/spec/replicas", "5")), `"replicas":2`, ""},
		"an item is added":    {"east", overrides(deployment, operation("add", "/spec/args/-", `"z"`)), `["a","b","z"]`, ""},
		"a field is removed":  {"east", overrides(settings, operation("remove", "/data/key", "")), `"data":{}`, ""},
		"a number stays a number": {
			"east", overrides(settings, operation("add", "/n", "9007199254740993")), `9007199254740993`, "",
		},
		"the name of the cluster": {
			"east", overrides(settings, operation("add", "/data/c", `"$(cluster.name)"`)), `"c":"east"`, "",
		},
		"a label of the cluster": {
			"east", overrides(settings, operation("add", "/data/c", `["in $(cluster.labels.a/b)!"]`)), `["in eu!"]`, "",
		},
		"a literal": {
			"east", overrides(settings, operation("add", "/data/c", `"$$(cluster.name) $(POD)"`)), `"$(cluster.name) $(POD)"`, "",
		},
		"a test that holds": {
			"east", overrides(settings, operation("test", "/data/key", `"a"`), operation("add", "/data/c", `"d"`)), `"c":"d"`, "",
		},
		"a missing path": {
			"east", overrides(deployment, operation("replace", "/spec/x/y", "1")), "", "does not fit the object: replace operation",
		},
		"a test that fails": {"east", overrides(settings, operation("test", "/data/key", `"secret"`)), "", "test failed"},
		"an unknown label": {
			"east", overrides(settings, operation("add", "/data/c", `"$(cluster.labels.none)"`)),
			"", `label "none", which ManagedCluster east`,
		},
		"an unknown variable": {
			"east", overrides(settings, operation("add", "/data/c", `"$(cluster.x)"`)), "", "not one of $(cluster.name)",
		},
		"an open variable": {"east", overrides(settings, operation("add", "/data/c", `"$(cluster.name"`)), "", "not one of"},
		"another name": {
			"east", overrides(settings, operation("replace", "/metadata/name", `"x"`)), "", "cannot be changed",
		},
		"an owner reference": {
			"east", overrides(settings, operation("add", "/metadata/ownerReferences", "[]")), "", "ownerReferences",
		},
		"no value": {
			"east", overrides(settings, operation("add", "/data/c", "")), "", "has no value in operation 1 (add)",
		},
		"no object": {
			"east", overrides(v1alpha1.ObjectSelector{Kind: "Pod"}, operation("remove", "/x", "")), "", "selects no object",
		},
		"another namespace": {
			"east", overrides(v1alpha1.ObjectSelector{Kind: "ConfigMap", Namespace: "x"}, operation("remove", "/x", "")),
			"", "selects no object",
		},
		"the namespace of the bundle": {
			"east", overrides(v1alpha1.ObjectSelector{Kind: "ConfigMap", Namespace: "shop"}, operation("add", "/data/c", `"d"`)),
			`"c":"d"`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := twoObjects()
			before := DigestOf(base.Objects)
			got, err := base.For(Cluster{tc.cluster, labels.Set{"a/b": "eu"}}, "shop", tc.overrides)
			if err != nil {
				t.Fatal(err)
			}
			var contents, messages []string
			for _, o := range got.Objects {
				encoded, err := json.Marshal(o.Content.Object)
				if err != nil {
					t.Fatal(err)
				}
				contents = append(contents, string(encoded))
			}
			for _, i := range got.Invalid {
				messages = append(messages, i.Message)
			}
			if !strings.Contains(strings.Join(contents, "\n"), tc.want) {
				t.Errorf("%q is not in %s (%s)", tc.want, contents, messages)
			}
			if !strings.Contains(strings.Join(messages, "\n"), tc.invalid) || (tc.invalid == "") != (len(messages) == 0) {
				t.Errorf("messages %q, want %q", messages, tc.invalid)
			}
			if strings.Contains(strings.Join(messages, ""), "secret") {
				t.Errorf("a value is quoted: %q", messages)
			}
			if DigestOf(base.Objects) != before || len(base.Invalid) > 0 {
				t.Error("the bundle itself was changed")
			}
		})
	}
}

func TestOverridesAreBoundedInBytes(t *testing.T) {
	d := &Desired{}
	for i := range 20 {
		d.AddYAML("test", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {}\n", i))
	}
	large := overrides(v1alpha1.ObjectSelector{Kind: "ConfigMap"}, operation("add", "/data/x", `"`+strings.Repeat("x", 900<<10)+`"`))
	got, err := d.For(Cluster{Name: "east"}, "shop", large)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Invalid) < 8 || !strings.Contains(got.Invalid[0].Message, "the overrides change more than 8 MiB") {
		t.Errorf("%d invalid of 20: %+v", len(got.Invalid), got.Invalid)
	}
}

func FuzzOverrides(f *testing.F) {
	f.Add("add", "/data/x", `"$(cluster.name)"`)
	f.Add("replace", "/data", `{"a":[1,2]}`)
	f.Add("remove", "/metadata/name", "")
	f.Add("test", "/spec/args/0", `"a"`)
	f.Add("add", "/spec/args/-1", `null`)
	f.Fuzz(func(t *testing.T, op, path, value string) {
		base := twoObjects()
		before := DigestOf(base.Objects)
		patches := overrides(v1alpha1.ObjectSelector{Kind: "ConfigMap"}, operation(v1alpha1.PatchOperationType(op), path, value))
		got, err := base.For(Cluster{Name: "east"}, "shop", patches)
		if err != nil {
			t.Fatal(err)
		}
		// Each object is in the result, or invalid. A patch that cannot be read is invalid itself.
		if n := len(got.Objects) + len(got.Invalid); n < 2 || n > 3 || DigestOf(base.Objects) != before {
			t.Errorf("%d objects, %+v", len(got.Objects), got.Invalid)
		}
		for _, o := range got.Objects {
			if o.Key() != base.Objects[0].Key() && o.Key() != base.Objects[1].Key() {
				t.Errorf("the key is %s", o.Key())
			}
		}
	})
}
