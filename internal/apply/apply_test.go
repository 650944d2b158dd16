package apply

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func configMap(t *testing.T, name, value string) *unstructured.Unstructured {
	return parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+name+", namespace: default}\ndata: {key: "+value+"}\n")
}

func TestApplierAgainstAPIServer(t *testing.T) {
	c, err := client.New(testkit.APIServer(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := &Applier{Client: c}
	ctx := context.Background()
	must := func(t *testing.T, want Action, objects ...*unstructured.Unstructured) {
		t.Helper()
		changes, err := a.Apply(ctx, objects, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changes {
			if change.Action != want {
				t.Errorf("%s was %s, want %s", change.Ref, change.Action, want)
			}
		}
	}
	read := func(t *testing.T, ref Ref) *unstructured.Unstructured {
		t.Helper()
		o := ref.object()
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	patch := func(t *testing.T, ref Ref, manager, body string) {
		t.Helper()
		if err := c.Patch(ctx, ref.object(), client.RawPatch(types.MergePatchType, []byte(body)), client.FieldOwner(manager)); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("an object that is up to date is not written", func(t *testing.T) {
		o := configMap(t, "same", "a")
		must(t, Created, o)
		before := read(t, RefOf(o))
		must(t, Unchanged, o)
		if diff := cmp.Diff(before.Object, read(t, RefOf(o)).Object); diff != "" {
			t.Errorf("applying without a change modified the object:\n%s", diff)
		}
	})

	t.Run("a plan lists changes and makes none", func(t *testing.T) {
		kept := configMap(t, "plan-kept", "a")
		changed := configMap(t, "plan-changed", "a")
		fresh := configMap(t, "plan-new", "a")
		must(t, Created, kept, changed)
		before := read(t, RefOf(changed)).GetResourceVersion()
		changes, err := a.Plan(ctx, []*unstructured.Unstructured{kept, configMap(t, "plan-changed", "b"), fresh}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := []Change{{RefOf(changed), Configured}, {RefOf(kept), Unchanged}, {RefOf(fresh), Created}}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Errorf("the plan differs (-want +got):\n%s", diff)
		}
		if read(t, RefOf(changed)).GetResourceVersion() != before {
			t.Error("the plan wrote")
		}
		if health, err := a.Health(ctx, RefOf(fresh)); err != nil || health != Missing {
			t.Errorf("the plan created an object: %s, %v", health, err)
		}
	})

	t.Run("drift is corrected if no other manager owns the field", func(t *testing.T) {
		o := configMap(t, "drift", "a")
		must(t, Created, o)
		patch(t, RefOf(o), "kubectl-edit", `{"data":{"key":null}}`)
		must(t, Configured, o)
		if value, _, _ := unstructured.NestedString(read(t, RefOf(o)).Object, "data", "key"); value != "a" {
			t.Errorf("the drift was not corrected: %q", value)
		}
	})

	t.Run("a conflict reports manager and field, and the object is not changed", func(t *testing.T) {
		o := configMap(t, "conflict", "secret-value-a")
		must(t, Created, o)
		patch(t, RefOf(o), "kubectl-edit", `{"data":{"key":"secret-value-b"}}`)
		_, err := a.Apply(ctx, []*unstructured.Unstructured{o}, Options{})
		p := problem.As(err)
		if p == nil || p.Reason != ReasonConflict || p.Action != problem.UserMustAct {
			t.Fatalf("got %v, want a conflict for the user", err)
		}
		for _, want := range []string{`"kubectl-edit"`, ".data.key", "ConfigMap default/conflict"} {
			if !strings.Contains(p.Message, want) {
				t.Errorf("the message does not name %s: %s", want, p.Message)
			}
		}
		if strings.Contains(err.Error(), "secret-value") {
			t.Errorf("the error contains a value: %v", err)
		}
		changes, err := a.Apply(ctx, []*unstructured.Unstructured{o}, Options{Force: true})
		if err != nil || changes[0].Action != Configured {
			t.Fatalf("forced: %v, %v", changes, err)
		}
		must(t, Unchanged, o)
	})

	t.Run("prune deletes obsolete objects, and only those that KubeOps applied", func(t *testing.T) {
		kept := configMap(t, "kept", "a")
		dropped := configMap(t, "dropped", "a")
		foreign := configMap(t, "foreign", "a")
		neverApplied := configMap(t, "never-applied", "a")
		must(t, Created, kept, dropped)
		if err := c.Create(ctx, foreign.DeepCopy(), client.FieldOwner("other")); err != nil {
			t.Fatal(err)
		}
		previous := RefsOf([]*unstructured.Unstructured{kept, dropped, foreign, neverApplied})
		changes, err := a.Prune(ctx, previous, RefsOf([]*unstructured.Unstructured{kept}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Change{{RefOf(dropped), Deleted}}, changes); diff != "" {
			t.Errorf("pruned (-want +got):\n%s", diff)
		}
		read(t, RefOf(kept))
		read(t, RefOf(foreign))
		if changes, err := a.Prune(ctx, previous, RefsOf([]*unstructured.Unstructured{kept})); err != nil || len(changes) != 0 {
			t.Errorf("a second prune: %v, %v", changes, err)
		}
	})

	t.Run("a rejected object reports the field and no value", func(t *testing.T) {
		bad := parse(t, "apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: default}\n"+
			"spec: {ports: [{port: 99999, name: secret-value}]}\n")
		_, err := a.Apply(ctx, []*unstructured.Unstructured{bad}, Options{})
		p := problem.As(err)
		if p == nil || p.Reason != ReasonRefused || !strings.Contains(p.Message, "spec.ports[0].port") ||
			strings.Contains(err.Error(), "99999") {
			t.Errorf("got %v", err)
		}
		unknown := parse(t, "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: bad, namespace: default}\n")
		_, err = a.Apply(ctx, []*unstructured.Unstructured{unknown}, Options{})
		if p := problem.As(err); p == nil || p.Reason != ReasonRefused {
			t.Errorf("an unknown kind: %v", err)
		}
	})

	t.Run("health follows the status", func(t *testing.T) {
		o := parse(t, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: health, namespace: default}
spec:
  selector: {matchLabels: {app: health}}
  template:
    metadata: {labels: {app: health}}
    spec: {containers: [{name: main, image: example.invalid/none}]}
`)
		must(t, Created, o)
		if health, err := a.Health(ctx, RefOf(o)); err != nil || health != InProgress {
			t.Errorf("without a status: %s, %v", health, err)
		}
		live := read(t, RefOf(o))
		live.Object["status"] = map[string]any{
			"observedGeneration": live.GetGeneration(), "desiredNumberScheduled": int64(2), "currentNumberScheduled": int64(2),
			"updatedNumberScheduled": int64(2), "numberReady": int64(2), "numberAvailable": int64(2), "numberMisscheduled": int64(0),
		}
		if err := c.Status().Update(ctx, live); err != nil {
			t.Fatal(err)
		}
		if health, err := a.Health(ctx, RefOf(o)); err != nil || health != Healthy {
			t.Errorf("rolled out: %s, %v", health, err)
		}
	})
}

func TestDependenciesAreAppliedFirst(t *testing.T) {
	last := -1
	for _, kind := range []string{"Namespace", "ServiceAccount", "Secret", "DaemonSet"} {
		if applyOrder(kind) <= last {
			t.Errorf("%s comes before its dependencies", kind)
		}
		last = applyOrder(kind)
	}
}

func TestInventoryHasNoDuplicates(t *testing.T) {
	one := Ref{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: "x", Name: "a"}
	older := one
	older.APIVersion = "apps/v1beta1"
	core := Ref{APIVersion: "v1", Kind: "Secret", Namespace: "x", Name: "a"}
	got := Inventory([]Ref{core, one}, []Ref{older, core})
	if diff := cmp.Diff([]Ref{one, core}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
