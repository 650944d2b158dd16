package bundle

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestTheOwnerOfAFieldAmongOthersIsFound(t *testing.T) {
	live := &unstructured.Unstructured{}
	live.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager:  "helm",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:a":{},"f:b":{}},"f:spec":{"f:list":{"k:{\"name\":\"x\"}":{".":{},"f:v":{}}}}}`),
	}})
	for _, field := range []string{".data.a", ".data.b", `.spec.list[name="x"].v`} {
		got, ok := ownerOf(live, field, "helm")
		if !ok || got.manager != "helm" || got.path.String() != field {
			t.Errorf("%s: %+v", field, got)
		}
	}
	if _, ok := ownerOf(live, ".data.d", "helm"); ok {
		t.Error("a field without an owner has one")
	}
}

func TestOtherOwnersAreThoseOfAppliedFieldsOnly(t *testing.T) {
	entry := func(manager, subresource, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	object := &metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		entry("helm", "", `{"f:spec":{"f:paused":{}},"f:data":{"f:a":{}}}`),
		entry("kubectl-edit", "", `{"f:spec":{"f:replicas":{}},"f:data":{"f:a":{},"f:b":{}}}`),
		entry("kube-controller-manager", "status", `{"f:data":{"f:a":{}}}`),
		entry("broken", "", `{`),
	}}
	for name, tc := range map[string]struct {
		applied map[string]any
		want    []string
	}{
		"the manifest is not known": {nil, []string{"Shared .data.a kubectl-edit"}},
		"the manifest has a field of another owner": {
			map[string]any{"spec": map[string]any{"replicas": int64(2)}},
			[]string{"Conflict .spec.replicas kubectl-edit", "Shared .data.a kubectl-edit"},
		},
	} {
		var got []string
		for _, f := range OtherOwners(object, []string{"helm"}, tc.applied) {
			got = append(got, string(f.State)+" "+f.Path+" "+f.Manager)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
