package pipelinerun_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
)

const repository = "https://git.example.com/shop/deployments.git"

// commitHash is the full hash of a commit of one digit.
func commitHash(digit string) string { return strings.Repeat(digit, 40) }

// bundle creates the ResourceBundle named shop, whose source follows branch main and has read commit 1.
func (w *world) bundle() {
	w.t.Helper()
	w.Create(&v1alpha1.ResourceBundle{ObjectMeta: w.Meta("shop"), Spec: v1alpha1.ResourceBundleSpec{
		ManifestsFrom: []v1alpha1.ManifestSource{{Git: &v1alpha1.GitManifests{URL: repository, Ref: &v1alpha1.GitRef{Branch: "main"}}}},
	}})
	w.reconcileBundle(commitHash("1"), "")
}

// reconcileBundle is what the controller of the bundle does: it has read a revision, and is Ready unless a reason is given.
func (w *world) reconcileBundle(revision, stalled string) {
	w.t.Helper()
	b := w.shop()
	at := metav1.NewTime(w.Clock.Now())
	b.Status.ObservedGeneration = b.Generation
	b.Status.LastHandledRequest = v1alpha1.RequestOf(b)
	b.Status.ReadyClusters = "1/1"
	b.Status.Sources = []v1alpha1.BundleSource{{Source: "manifestsFrom[0]", Revision: revision}}
	b.Status.Clusters = []v1alpha1.BundleCluster{{Name: "local", Ready: stalled == ""}}
	conditions := outcome.Conditions{List: &b.Status.Conditions, Observed: &b.Status.ObservedGeneration, Generation: b.Generation, Now: w.Clock.Now()}
	conditions.Succeeded("1 object in 1 cluster")
	if stalled != "" {
		b.Status.ReadyClusters = "0/1"
		b.Status.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: stalled, Message: "Deployment shop/web is invalid"},
			{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: stalled, Message: "Deployment shop/web is invalid"},
		}
		for i := range b.Status.Conditions {
			b.Status.Conditions[i].ObservedGeneration = b.Generation
			b.Status.Conditions[i].LastTransitionTime = at
		}
		b.Status.Clusters[0].Reason = stalled
		b.Status.Clusters[0].Message = "1 of 1 objects failed"
		b.Status.Clusters[0].Objects = []v1alpha1.BundleObject{{
			Kind: "Deployment", Namespace: "shop", Name: "web", State: v1alpha1.ObjectFailed, Message: "unknown field",
		}}
	}
	if err := w.Client.Status().Update(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
}

// shop is the bundle.
func (w *world) shop() *v1alpha1.ResourceBundle {
	w.t.Helper()
	b := &v1alpha1.ResourceBundle{}
	if err := w.Client.Get(w.t.Context(), w.Key("shop"), b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

// ref is what the source of the bundle reads.
func (w *world) ref() string {
	w.t.Helper()
	r := w.shop().Spec.ManifestsFrom[0].Git.Ref
	return r.Branch + r.Commit
}

// changesBundles lets the ServiceAccount of the Pipeline change bundles.
func (w *world) changesBundles() {
	w.t.Helper()
	w.bind("kubeops-pipeline-bundles", "bundles", rbacv1.Subject{
		Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "kubeops",
	})
	as := w.as("system:serviceaccount:"+w.Namespace+":kubeops", "system:serviceaccounts")
	w.Eventually(func() error { return as.Get(w.t.Context(), w.Key("shop"), &v1alpha1.ResourceBundle{}) })
}

func bundleStage() v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: "shop", Type: v1alpha1.StageBundle, Bundle: &v1alpha1.BundleStage{
		BundleRef: v1alpha1.LocalReference{Name: "shop"}, Revision: v1alpha1.StageText{Expression: "params.commit"},
	}}
}

// deploys is a Pipeline that sets the revision, and then runs a Job after whose failure the revision goes back.
func (w *world) deploys() {
	w.t.Helper()
	check := jobStage("check", "shop")
	check.OnFailure = v1alpha1.FailureRollback
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "commit"}}, Stages: []v1alpha1.PipelineStage{bundleStage(), check},
	})
}

func toCommit(digit string) v1alpha1.ParameterValue {
	return v1alpha1.ParameterValue{Name: "commit", Value: commitHash(digit)}
}

func TestABundleStageSetsARevisionAndWaitsForIt(t *testing.T) {
	w := newWorld(t)
	w.bundle()
	w.deploys()
	w.changesBundles()
	w.run("r", toCommit("2"))
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "shop=Observing/ApplyingBundle")
	if got := w.ref(); got != commitHash("2") {
		t.Fatalf("the bundle reads %s", got)
	}
	// Ready with the revision from before is not enough.
	w.reconcileBundle(commitHash("1"), "")
	w.want(w.pass(2*time.Second, "r"), v1alpha1.RunRunning, "shop=Observing/ApplyingBundle")
	w.reconcileBundle(commitHash("2"), "")
	run = w.pass(2*time.Second, "r")
	w.want(run, v1alpha1.RunRunning, "shop=Succeeded", "check=Observing")
	if o := run.Status.Stage("shop").Outputs; o["revision"] != commitHash("2") || o["previousRevision"] != commitHash("1") {
		t.Errorf("outputs %v", o)
	}

	w.finish(key(run, "check"), 1, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunFinishing)
	if got := w.ref(); got != "main" {
		t.Fatalf("the rollback let the bundle read %s", got)
	}
	w.reconcileBundle(commitHash("1"), "")
	run = w.pass(2*time.Second, "r")
	w.want(run, v1alpha1.RunFailed)
	if r := run.Status.Stage("shop").Rollback; r.Phase != v1alpha1.StageSucceeded || r.Revision != commitHash("1") {
		t.Errorf("rollback %+v", r)
	}
}

func TestABundleThatCannotBecomeReadyFailsTheStage(t *testing.T) {
	w := newWorld(t)
	w.bundle()
	w.deploys()
	w.changesBundles()
	w.run("r", toCommit("2"))
	w.settle("r")
	w.reconcileBundle(commitHash("2"), v1alpha1.ReasonInvalidSpec)
	run := w.pass(2*time.Second, "r")
	w.want(run, v1alpha1.RunFailed, "shop=Failed/BundleNotReady", "check=Skipped")
	lines := run.Status.Stage("shop").Diagnosis
	if len(lines) != 2 || lines[1] != "  Deployment shop/web: unknown field" {
		t.Errorf("diagnosis %q", lines)
	}
}

func TestARollbackLeavesWhatSomeoneElseSetInABundle(t *testing.T) {
	w := newWorld(t)
	w.bundle()
	w.deploys()
	w.changesBundles()
	w.run("r", toCommit("2"))
	w.settle("r")
	w.reconcileBundle(commitHash("2"), "")
	run := w.pass(2*time.Second, "r")
	b := w.shop()
	b.Spec.ManifestsFrom[0].Git.Ref = &v1alpha1.GitRef{Commit: commitHash("3")}
	if err := w.Client.Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w.finish(key(run, "check"), 1, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunFailed)
	if r := run.Status.Stage("shop").Rollback; r.Phase != v1alpha1.StageFailed || r.Reason != v1alpha1.ReasonValuesChanged {
		t.Errorf("rollback %+v", r)
	}
	if got := w.ref(); got != commitHash("3") {
		t.Errorf("the bundle reads %s", got)
	}
}

func TestWhyABundleStageCannotStart(t *testing.T) {
	w := newWorld(t)
	w.deploys()
	w.run("missing", toCommit("2"))
	w.want(w.settle("missing"), v1alpha1.RunFailed)
	wantReason(t, w.get("missing"), v1alpha1.ReasonBundleForbidden)
	w.bundle()
	w.changesBundles()
	w.run("branch", v1alpha1.ParameterValue{Name: "commit", Value: "main"})
	w.want(w.settle("branch"), v1alpha1.RunFailed, "shop=Failed/InvalidParameter")
	if got := w.ref(); got != "main" || w.shop().Annotations[v1alpha1.AnnotationRequestedAt] != "" {
		t.Errorf("the bundle reads %s, requested %v", got, w.shop().Annotations)
	}
	b := w.shop()
	b.Spec.Suspend = true
	if err := w.Client.Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w.run("suspended", toCommit("2"))
	w.want(w.settle("suspended"), v1alpha1.RunWaiting)
	wantReason(t, w.get("suspended"), v1alpha1.ReasonSuspended)
}

// TestACrashOfABundleStageSetsOneRevision lets the manager crash at each write, before or after the API server saw it.
func TestACrashOfABundleStageSetsOneRevision(t *testing.T) {
	w := newWorld(t)
	w.bundle()
	w.changesBundles()
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "commit"}}, Concurrency: v1alpha1.ConcurrencyAllow,
		Stages: []v1alpha1.PipelineStage{bundleStage()},
	})
	revision := 1
	for _, lost := range []bool{false, true} {
		for fails := 1; fails <= 7; fails++ {
			revision++
			digit := fmt.Sprintf("%x", revision)
			name := fmt.Sprintf("r-%d-%v", fails, lost)
			generation := w.shop().Generation
			w.run(name, toCommit(digit))
			w.requests.arm(fails, lost)
			run := w.throughCrashes(name, func(*v1alpha1.PipelineRun) {
				w.reconcileBundle(commitHash(digit), "")
			})
			w.want(run, v1alpha1.RunSucceeded, "shop=Succeeded")
			if got := w.shop().Generation; got != generation+1 {
				t.Errorf("%s: the spec of the bundle changed %d times", name, got-generation)
			}
		}
	}
}
