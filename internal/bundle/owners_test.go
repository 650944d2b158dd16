package bundle

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
