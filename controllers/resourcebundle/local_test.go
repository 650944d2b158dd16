package resourcebundle

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestAnAppliedBundleIsReadyAndWritesNothingAgain(t *testing.T) {
	w := newWorld(t)
	w.bundle("b", v1alpha1.ResourceBundleSpec{Manifests: manifests(t, configMap("one", "1"), configMap("two", "2"),
		"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n")})
	b := w.until("b", v1alpha1.ReasonSucceeded)
	if b.Status.ReadyClusters != "1/1" || b.Status.Objects != 3 || b.Status.Clusters[0].Counts.Healthy != 3 {
		t.Errorf("%s", show(b.Status))
	}
	first := w.read(w.Client, "one")
	if len(first.ManagedFields) != 1 || first.ManagedFields[0].Manager != b.Status.FieldManager {
		t.Errorf("managed fields: %+v", first.ManagedFields)
	}
	entries := w.inventory("b")
	if len(entries) != 3 || entries[0].UID == "" || entries[0].Digest == "" || len(entries[0].Fields) == 0 {
		t.Errorf("inventory: %+v", entries)
	}
	again := w.reconcile("b")
	if got := w.read(w.Client, "one").ResourceVersion; got != first.ResourceVersion {
		t.Errorf("resourceVersion moved from %s to %s", first.ResourceVersion, got)
	}
	if again.ResourceVersion != b.ResourceVersion {
		t.Errorf("the status was written again:\n%s", show(again.Status))
	}
}

func TestAFieldOfAnotherManagerIsAConflictAndNotOverwritten(t *testing.T) {
	w := newWorld(t)
	applyAs(t, w.Client, "helm", w.Namespace, configMap("one", "theirs"))
	w.bundle("b", v1alpha1.ResourceBundleSpec{Manifests: manifests(t, configMap("one", "ours"), configMap("two", "2"))})
	b := w.until("b", v1alpha1.ReasonConflict)
	if got := w.read(w.Client, "one").Data["key"]; got != "theirs" {
		t.Errorf("key is %q", got)
	}
	if w.read(w.Client, "two") == nil {
		t.Error("the other object was not applied")
	}
	w.want(b, [3]string{v1alpha1.ConditionConflicts, "True", v1alpha1.ReasonConflict})
	if len(b.Status.Conflicts) != 1 {
		t.Fatal(show(b.Status))
	}
	c := b.Status.Conflicts[0]
	if c.Field != ".data.key" || c.Manager != "helm" || c.LastWriteTime == nil || c.Type != v1alpha1.FieldConflict {
		t.Errorf("%+v", c)
	}
	for _, part := range []string{"ConfigMap " + w.Namespace + "/one", ".data.key", `"helm"`, "wrote last at", "first seen at"} {
		if !strings.Contains(conditionMessage(b, v1alpha1.ConditionConflicts), part) {
			t.Errorf("%q is not in %q", part, conditionMessage(b, v1alpha1.ConditionConflicts))
		}
	}

	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Conflicts = v1alpha1.ConflictYield })
	b = w.until("b", v1alpha1.ReasonSucceeded)
	if got := w.read(w.Client, "one").Data["key"]; got != "theirs" {
		t.Errorf("yielded, key is %q", got)
	}
	if len(b.Status.Conflicts) != 1 || b.Status.Conflicts[0].Type != v1alpha1.FieldYielded {
		t.Error(show(b.Status))
	}

	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Conflicts = v1alpha1.ConflictForce })
	b = w.until("b", v1alpha1.ReasonSucceeded)
	if got := w.read(w.Client, "one").Data["key"]; got != "ours" || len(b.Status.Conflicts) > 0 {
		t.Errorf("forced, key is %q:\n%s", got, show(b.Status))
	}
}

func TestDriftIsReportedCorrectedOrIgnored(t *testing.T) {
	w := newWorld(t)
	w.bundle("b", v1alpha1.ResourceBundleSpec{Manifests: manifests(t, configMap("one", "ours"), configMap("two", "2"))})
	w.until("b", v1alpha1.ReasonSucceeded)
	patchAs(t, w.Client, "kubectl-edit", &corev1.ConfigMap{ObjectMeta: w.Meta("one")}, `{"data":{"key":"edited"}}`)
	w.Delete(&corev1.ConfigMap{ObjectMeta: w.Meta("two")})
	b := w.until("b", v1alpha1.ReasonDrifted)
	w.want(b, [3]string{v1alpha1.ConditionDrifted, "True", v1alpha1.ReasonDrifted},
		[3]string{v1alpha1.ConditionConflicts, "False", v1alpha1.ReasonSucceeded})
	if got := w.read(w.Client, "one").Data["key"]; got != "edited" || w.read(w.Client, "two") != nil {
		t.Errorf("the drift was corrected, key is %q", got)
	}
	if c := b.Status.Conflicts; len(c) != 1 || c[0].Manager != "kubectl-edit" || c[0].Type != v1alpha1.FieldDrift || c[0].LastWriteTime == nil {
		t.Error(show(c))
	}
	if b.Status.Clusters[0].Counts.Drifted != 2 {
		t.Error(show(b.Status))
	}

	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftIgnore })
	b = w.until("b", v1alpha1.ReasonSucceeded)
	w.want(b, [3]string{v1alpha1.ConditionDrifted, "False", v1alpha1.ReasonSucceeded})
	if got := w.read(w.Client, "one").Data["key"]; got != "edited" {
		t.Errorf("the drift was not ignored, key is %q", got)
	}

	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftCorrect })
	w.until("b", v1alpha1.ReasonSucceeded)
	if got := w.read(w.Client, "one").Data["key"]; got != "ours" || w.read(w.Client, "two") == nil {
		t.Errorf("the drift was not corrected, key is %q", got)
	}
}

func TestARemovedFieldIsDrift(t *testing.T) {
	w := newWorld(t)
	w.bundle("b", v1alpha1.ResourceBundleSpec{Manifests: manifests(t, configMap("one", "ours"))})
	w.until("b", v1alpha1.ReasonSucceeded)
	patchAs(t, w.Client, "kubectl-edit", &corev1.ConfigMap{ObjectMeta: w.Meta("one")}, `{"data":null}`)
	b := w.until("b", v1alpha1.ReasonDrifted)
	if c := b.Status.Conflicts; len(c) != 1 || c[0].Field != ".data.key" || c[0].Manager != "" {
		t.Error(show(c))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftCorrect })
	w.until("b", v1alpha1.ReasonSucceeded)
	if got := w.read(w.Client, "one").Data["key"]; got != "ours" {
		t.Errorf("key is %q", got)
	}
}

func TestObsoleteObjectsArePrunedWithinTheRules(t *testing.T) {
	w := newWorld(t)
	applyAs(t, w.Client, "helm", w.Namespace, configMap("existed", "same"))
	w.bundle("b", v1alpha1.ResourceBundleSpec{Manifests: manifests(t, configMap("stays", "1"), configMap("goes", "2"),
		configMap("existed", "same"), configMap("recreated", "3"),
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {kubeops.io/prune: disabled}}\n",
		"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], "+
			"resources: {requests: {storage: 1Gi}}}\n")})
	w.until("b", v1alpha1.ReasonProgressing) // no controller binds the claim
	w.Delete(&corev1.ConfigMap{ObjectMeta: w.Meta("recreated")})
	w.Create(&corev1.ConfigMap{ObjectMeta: w.Meta("recreated")})
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Manifests = s.Manifests[:1] })
	b := w.until("b", v1alpha1.ReasonSucceeded)
	if w.read(w.Client, "goes") == nil || b.Status.Clusters[0].Counts.Obsolete != 5 {
		t.Errorf("pruned although it is not enabled: %s", show(b.Status))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Prune = &v1alpha1.PrunePolicy{Enabled: true} })
	w.until("b", v1alpha1.ReasonSucceeded)
	b = w.reconcile("b") // what was being deleted is gone
	if w.read(w.Client, "goes") != nil {
		t.Error("it was not deleted")
	}
	for _, name := range []string{"stays", "existed", "kept", "recreated"} {
		if w.read(w.Client, name) == nil {
			t.Errorf("%s was deleted", name)
		}
	}
	for _, entry := range w.read(w.Client, "existed").ManagedFields {
		if entry.Manager == b.Status.FieldManager {
			t.Error("the object that existed before was not released")
		}
	}
	w.want(b, [3]string{v1alpha1.ConditionPruneHeld, "True", v1alpha1.ReasonConfirmationRequired})
	for _, part := range []string{"PersistentVolumeClaim " + w.Namespace + "/data", "spec.prune.guardedKinds", "kubeops.io/prune"} {
		if !strings.Contains(conditionMessage(b, v1alpha1.ConditionPruneHeld), part) {
			t.Errorf("%q is not in %q", part, conditionMessage(b, v1alpha1.ConditionPruneHeld))
		}
	}
	if entries := w.inventory("b"); len(entries) != 3 {
		t.Errorf("inventory: %+v", entries)
	}
}

func TestNothingIsPrunedAtASuspiciousShrinkOrWithoutItsSource(t *testing.T) {
	w := newWorld(t)
	w.Create(&corev1.ConfigMap{ObjectMeta: w.Meta("source"), Data: map[string]string{"app.yaml": configMap("one", "1")}})
	from := v1alpha1.ManifestSource{ConfigMap: &v1alpha1.ConfigMapManifests{LocalReference: v1alpha1.LocalReference{Name: "source"}}}
	w.bundle("b", v1alpha1.ResourceBundleSpec{
		ManifestsFrom: []v1alpha1.ManifestSource{from}, Prune: &v1alpha1.PrunePolicy{Enabled: true}, Manifests: manifests(t, configMap("two", "2")),
	})
	w.until("b", v1alpha1.ReasonSucceeded)
	w.Delete(&corev1.ConfigMap{ObjectMeta: w.Meta("source")})
	b := w.until("b", v1alpha1.ReasonSourceUnavailable)
	if w.read(w.Client, "one") == nil || !strings.Contains(conditionMessage(b, v1alpha1.ConditionPruneHeld), "ConfigMap source") {
		t.Errorf("pruned without its source: %s", show(b.Status))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) {
		s.ManifestsFrom = nil
		s.Manifests = nil
	})
	b = w.until("b", v1alpha1.ReasonSucceeded)
	if w.read(w.Client, "one") == nil || !strings.Contains(conditionMessage(b, v1alpha1.ConditionPruneHeld), "set spec.prune.confirm to "+b.Status.Digest) {
		t.Errorf("an empty bundle was pruned: %s", show(b.Status))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Prune.Confirm = b.Status.Digest })
	w.until("b", v1alpha1.ReasonSucceeded)
	if w.read(w.Client, "one") != nil || w.read(w.Client, "two") != nil {
		t.Error("confirmed, and not pruned")
	}
}

func TestAPlanWritesNothing(t *testing.T) {
	w := newWorld(t)
	applyAs(t, w.Client, "helm", w.Namespace, configMap("conflict", "theirs"))
	applyAs(t, w.Client, "helm", w.Namespace, configMap("shared", "same"))
	w.bundle("b", v1alpha1.ResourceBundleSpec{Mode: v1alpha1.BundlePlan, Conflicts: v1alpha1.ConflictYield, Manifests: manifests(t,
		configMap("new", "1"), configMap("shared", "same"))})
	b := w.until("b", v1alpha1.ReasonPlanned)
	if w.read(w.Client, "new") != nil || len(w.inventory("b")) > 0 || len(b.Finalizers) > 0 {
		t.Error("the plan wrote something")
	}
	objects := b.Status.Clusters[0].Objects
	if len(objects) != 2 || objects[0].State != v1alpha1.ObjectChange || objects[1].State != v1alpha1.ObjectCreate ||
		!strings.Contains(objects[0].Message, "helm") {
		t.Error(show(b.Status))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) {
		s.Conflicts = v1alpha1.ConflictFail
		s.Manifests = manifests(t, configMap("conflict", "ours"))
	})
	w.until("b", v1alpha1.ReasonConflict)
}

func TestADeletedBundleDeletesWhatItCreated(t *testing.T) {
	for _, policy := range []v1alpha1.RemovalPolicy{v1alpha1.RemovalDelete, v1alpha1.RemovalOrphan} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t)
			w.bundle("b", v1alpha1.ResourceBundleSpec{DeletionPolicy: policy, Manifests: manifests(t, configMap("one", "1"))})
			w.until("b", v1alpha1.ReasonSucceeded)
			w.Delete(w.get("b"))
			w.Eventually(func() error {
				if _, err := w.once("b"); err != nil {
					return err
				}
				b := &v1alpha1.ResourceBundle{}
				if err := w.Client.Get(t.Context(), w.Key("b"), b); err == nil {
					return errNotYet
				}
				return nil
			})
			left := w.read(w.Client, "one")
			if kept := left != nil; kept != (policy == v1alpha1.RemovalOrphan) {
				t.Errorf("kept is %v", kept)
			}
			if left != nil && len(left.ManagedFields) > 0 {
				t.Errorf("not released: %+v", left.ManagedFields)
			}
		})
	}
}

func TestATenantCannotApplyWhatItsServiceAccountMayNot(t *testing.T) {
	w := newWorld(t)
	w.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "weak"}})
	w.bundle("b", v1alpha1.ResourceBundleSpec{ServiceAccountName: "weak", Manifests: manifests(t, configMap("one", "1"),
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: "+w.Namespace+"-power}\n"+
			"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n")})
	b := w.until("b", v1alpha1.ReasonApplyFailed)
	if w.read(w.Client, "one") != nil || b.Status.Clusters[0].Counts.Failed != 2 {
		t.Error(show(b.Status))
	}
	if !strings.Contains(b.Status.Clusters[0].Message, "the ServiceAccount cannot") {
		t.Error(b.Status.Clusters[0].Message)
	}
}
