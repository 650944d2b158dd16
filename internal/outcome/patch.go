package outcome

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PatchStatus writes the difference between the status of an object and that of its stored copy in one patch: the fields
// and the conditions that differ, and no others. Several controllers may therefore write to one status at the same time, as
// long as each changes only the fields and conditions that it owns. An object that is gone needs no status; one that was
// replaced by another of its name is an error, because the patch tests the UID.
//
// Conditions are addressed by their position, which another writer may have changed. The patch tests for that, and the
// error is a conflict: the next reconcile reads the object again.
//
// Exclusive fields have one writer. The patch tests that they are as they were stored, so that of two processes that decided by the same
// state only one can write its decision.
func PatchStatus(ctx context.Context, c client.Client, stored, changed client.Object, exclusive ...string) error {
	if equality.Semantic.DeepEqual(stored, changed) {
		return nil
	}
	operations, err := statusPatch(stored, changed)
	if err != nil || len(operations) == 0 {
		return err
	}
	tests := []operation{{Op: "test", Path: "/metadata/uid", Value: changed.GetUID()}}
	before, err := statusOf(stored)
	if err != nil {
		return err
	}
	for _, field := range exclusive {
		tests = append(tests, operation{Op: "test", Path: "/status/" + field, Value: before[field]})
	}
	patch, err := json.Marshal(append(tests, operations...))
	if err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	answer := changed.DeepCopyObject().(client.Object) // receives the server's answer; changed keeps the spec that was judged
	err = c.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	return nil
}

// IsStale reports whether an error of PatchStatus says that the object was changed or replaced since it was read.
func IsStale(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsConflict(err) }

// IsOvertaken reports whether a test of the patch of PatchStatus has failed, so that another writer came first. A status that the API
// server finds invalid is none: that error names its fields.
func IsOvertaken(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsConflict(err) ||
		apierrors.IsInvalid(err) && errors.As(err, &status) && (status.Status().Details == nil || len(status.Status().Details.Causes) == 0)
}

// operation of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// statusPatch are the operations that change the stored status into the changed one, in a fixed order.
func statusPatch(stored, changed client.Object) ([]operation, error) {
	before, err := statusOf(stored)
	if err != nil {
		return nil, err
	}
	after, err := statusOf(changed)
	if err != nil {
		return nil, err
	}
	var operations []operation
	fields := maps.Clone(before)
	maps.Copy(fields, after)
	delete(fields, "conditions")
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		old, had := before[field]
		value, has := after[field]
		switch path := "/status/" + field; {
		case !has:
			// A field that is gone on the server already cannot be removed; replacing it first makes the removal safe.
			operations = append(operations, operation{Op: "add", Path: path, Value: old}, operation{Op: "remove", Path: path})
		case !had || !equality.Semantic.DeepEqual(old, value):
			operations = append(operations, operation{Op: "add", Path: path, Value: value})
		}
	}
	return append(operations, conditionsPatch(conditionsOf(before), conditionsOf(after))...), nil
}

// conditionsPatch replaces, adds and removes single conditions. Replacements come first and removals last, from the end, so
// that no position moves before it is used.
func conditionsPatch(before, after []map[string]any) []operation {
	const list = "/status/conditions"
	if len(before) == 0 {
		if len(after) == 0 {
			return nil
		}
		return []operation{{Op: "test", Path: list, Value: nil}, {Op: "add", Path: list, Value: after}}
	}
	at := func(n int) string { return fmt.Sprintf("%s/%d", list, n) }
	var replaced, added, removed []operation
	for n, old := range before {
		test := operation{Op: "test", Path: at(n) + "/type", Value: old["type"]}
		i := slices.IndexFunc(after, func(c map[string]any) bool { return c["type"] == old["type"] })
		switch {
		case i < 0:
			removed = append([]operation{test, {Op: "remove", Path: at(n)}}, removed...)
		case !equality.Semantic.DeepEqual(old, after[i]):
			replaced = append(replaced, test, operation{Op: "replace", Path: at(n), Value: after[i]})
		}
	}
	for _, c := range after {
		if !slices.ContainsFunc(before, func(old map[string]any) bool { return old["type"] == c["type"] }) {
			added = append(added, operation{Op: "add", Path: list + "/-", Value: c})
		}
	}
	return slices.Concat(replaced, added, removed)
}

func statusOf(object client.Object) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("patch status: %w", err)
	}
	status, _ := content["status"].(map[string]any)
	return status, nil
}

func conditionsOf(status map[string]any) (list []map[string]any) {
	items, _ := status["conditions"].([]any)
	for _, item := range items {
		if condition, ok := item.(map[string]any); ok {
			list = append(list, condition)
		}
	}
	return list
}
