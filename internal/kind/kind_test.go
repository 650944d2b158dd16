package kind_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

type scope = kind.Scope[*v1alpha1.MetricsBackend]

// logic records what the skeleton calls.
type logic struct {
	reconcile  func(*scope) (kind.Result, error)
	finalize   func() error
	finalizer  bool
	reconciled int
	forgotten  []client.ObjectKey
}

func (l *logic) Reconcile(_ context.Context, s *scope) (kind.Result, error) {
	l.reconciled++
	return l.reconcile(s)
}

func (l *logic) Forget(key client.ObjectKey)                  { l.forgotten = append(l.forgotten, key) }
func (l *logic) FinalizerName() string                        { return "kubeops.io/test" }
func (l *logic) NeedsFinalizer(*v1alpha1.MetricsBackend) bool { return l.finalizer }
func (l *logic) Finalize(context.Context, *scope) error       { return l.finalize() }

func succeed(s *scope) (kind.Result, error) {
	s.Conditions().Succeeded("done")
	s.HandleRequest()
	return kind.Result{}, nil
}

func empty() *v1alpha1.MetricsBackend { return &v1alpha1.MetricsBackend{} }

func newReconciler(t *testing.T, l *logic) (*tenant.Tenant, *kind.Reconciler[*v1alpha1.MetricsBackend]) {
	t.Helper()
	w := tenant.New(t, realAPI)
	w.Create(newBackend(w, "b"))
	e := kind.Environment{Client: w.Client, Reader: w.Client, Config: w.Config, Clock: w.Clock, Events: w.Events}
	return w, kind.NewReconciler(e, "MetricsBackend", "Test", empty, kind.Logic[*v1alpha1.MetricsBackend](l), nil)
}

func newBackend(w *tenant.Tenant, name string) *v1alpha1.MetricsBackend {
	return &v1alpha1.MetricsBackend{ObjectMeta: w.Meta(name), Spec: v1alpha1.MetricsBackendSpec{
		Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: "http://prometheus:9090"},
	}}
}

func get(t *testing.T, w *tenant.Tenant, name string) *v1alpha1.MetricsBackend {
	t.Helper()
	b := empty()
	if err := w.Client.Get(t.Context(), w.Key(name), b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnObjectKeepsItsFinalizerUntilFinalizeSucceeds(t *testing.T) {
	l := &logic{reconcile: succeed, finalizer: true, finalize: func() error { return errors.New("not yet") }}
	w, r := newReconciler(t, l)
	testsuite.MustReconcile(t, r, w, get(t, w, "b"))
	if b := get(t, w, "b"); len(b.Finalizers) != 1 || l.reconciled != 1 {
		t.Fatalf("finalizers %v, %d reconciles; want both at once, since the update of a finalizer wakes no controller", b.Finalizers,
			l.reconciled)
	}
	w.Delete(get(t, w, "b"))
	if _, err := testsuite.Reconcile(t, r, w.Key("b")); err == nil {
		t.Fatal("a failed Finalize is no error")
	}
	l.finalize = func() error { return nil }
	if _, err := testsuite.Reconcile(t, r, w.Key("b")); err != nil {
		t.Fatal(err)
	}
	if err := w.Client.Get(t.Context(), w.Key("b"), empty()); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("got %v, want the object gone", err)
	}
	if _, err := testsuite.Reconcile(t, r, w.Key("b")); err != nil || len(l.forgotten) != 3 || l.reconciled != 1 {
		t.Errorf("got %v, forgotten %v, %d reconciles", err, l.forgotten, l.reconciled)
	}
}

func TestSuspendStopsReconcilesAndResumesThem(t *testing.T) {
	l := &logic{reconcile: func(*scope) (kind.Result, error) {
		return kind.Result{}, problem.Waiting("Waits", time.Minute, "waits")
	}}
	w, r := newReconciler(t, l)
	testsuite.MustReconcile(t, r, w, get(t, w, "b"))
	b := get(t, w, "b")
	b.Spec.Suspend = true
	w.Update(b)
	testsuite.MustReconcile(t, r, w, b)
	if ready := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionReady); ready.Reason != v1alpha1.ReasonSuspended ||
		l.reconciled != 1 {
		t.Errorf("Ready: %+v, %d reconciles", ready, l.reconciled)
	}
	b.Spec.Suspend = false
	w.Update(b)
	l.reconcile = succeed
	testsuite.MustReconcile(t, r, w, b)
	if !meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("conditions: %+v", b.Status.Conditions)
	}
}

func TestWhatIsCountedAfterTheWriteIsNotCountedTwiceWhenTheWriteIsRefused(t *testing.T) {
	var w *tenant.Tenant
	counted := 0
	refuse := true
	l := &logic{reconcile: func(s *scope) (kind.Result, error) {
		if refuse { // another writer of the field, which is exclusive, between the read and the write
			refuse = false
			other := s.Object.DeepCopy()
			other.Status.Version = "other"
			if err := w.Client.Status().Update(t.Context(), other); err != nil {
				t.Error(err)
			}
		}
		s.Exclusive = []string{"version"}
		s.Object.Status.Version = "mine"
		s.AfterWrite(func() { counted++ })
		return succeed(s)
	}}
	var r *kind.Reconciler[*v1alpha1.MetricsBackend]
	w, r = newReconciler(t, l)
	if _, err := testsuite.Reconcile(t, r, w.Key("b")); err == nil || counted != 0 {
		t.Fatalf("got %v, counted %d times; want a conflict that counts nothing", err, counted)
	}
	testsuite.MustReconcile(t, r, w, get(t, w, "b"))
	if b := get(t, w, "b"); counted != 1 || b.Status.Version != "mine" {
		t.Errorf("counted %d times, version %q", counted, b.Status.Version)
	}
}

func TestAnEventIsRecordedWhenReadyChangesAndNotOtherwise(t *testing.T) {
	l := &logic{reconcile: succeed}
	w, r := newReconciler(t, l)
	for range 3 {
		testsuite.MustReconcile(t, r, w, get(t, w, "b"))
	}
	if told := w.Told(); len(told) != 1 || told[0] != "Normal Succeeded done" {
		t.Errorf("events: %q", told)
	}
	l.reconcile = func(*scope) (kind.Result, error) {
		return kind.Result{}, problem.Waiting("Waits", time.Minute, "%s", strings.Repeat("ü", 2000))
	}
	for range 3 {
		testsuite.MustReconcile(t, r, w, get(t, w, "b"))
	}
	if told := w.Told(); len(told) != 1 || len(told[0]) > 1100 {
		t.Errorf("events: %q", told)
	}
}

func TestAnErrorThatIsNoProblemChangesNothing(t *testing.T) {
	l := &logic{reconcile: succeed}
	w, r := newReconciler(t, l)
	testsuite.MustReconcile(t, r, w, get(t, w, "b"))
	version := get(t, w, "b").ResourceVersion
	l.reconcile = func(s *scope) (kind.Result, error) {
		s.Conditions().Progressing("half done")
		return kind.Result{}, errors.New("the manager stops")
	}
	if _, err := testsuite.Reconcile(t, r, w.Key("b")); err == nil || get(t, w, "b").ResourceVersion != version {
		t.Errorf("got %v, or the status was written", err)
	}
}

func TestAnAnnotationOf256KiBIsRecordedAsItsHash(t *testing.T) {
	l := &logic{reconcile: succeed}
	w, r := newReconciler(t, l)
	b := get(t, w, "b")
	b.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: strings.Repeat("x", 255<<10)}
	w.Update(b)
	testsuite.MustReconcile(t, r, w, b)
	if n := len(b.Status.LastHandledRequest); n != len("sha256:")+64 {
		t.Errorf("%d bytes are recorded", n)
	}
	version := b.ResourceVersion
	testsuite.MustReconcile(t, r, w, b)
	if b.ResourceVersion != version {
		t.Error("the same request was recorded twice")
	}
}

// TestWritersOfOneStatusLoseNothing lets several writers change their own conditions and fields of one status at once, again
// and again. A conflict is retried, as a reconcile is.
func TestWritersOfOneStatusLoseNothing(t *testing.T) {
	const writers, rounds = 4, 15
	w := tenant.New(t, realAPI)
	w.Create(newBackend(w, "b"))
	var group sync.WaitGroup
	for n := range writers {
		group.Go(func() {
			conditionType := fmt.Sprintf("Writer%d", n)
			for round := 0; round < rounds; {
				err := write(t.Context(), w, n, conditionType, round)
				if err == nil {
					round++
				} else if !outcome.IsStale(err) {
					t.Errorf("writer %d: %v", n, err)
					return
				}
			}
		})
	}
	group.Wait()
	status := get(t, w, "b").Status
	if len(status.Conditions) != writers-1 || status.Version != fmt.Sprint(rounds-1) || status.Retention != fmt.Sprint(rounds-1) {
		t.Errorf("status: %+v", status)
	}
	for _, c := range status.Conditions {
		if c.Message != fmt.Sprint(rounds-1) {
			t.Errorf("the last write of %s is lost: %+v", c.Type, c)
		}
	}
}

// write is one reconcile of a writer. The last one has its condition removed in every other round, so that positions move.
func write(ctx context.Context, w *tenant.Tenant, n int, conditionType string, round int) error {
	stored := empty()
	if err := w.Client.Get(ctx, w.Key("b"), stored); err != nil {
		return err
	}
	b := stored.DeepCopy()
	s := &scope{Object: b, Stored: stored, Now: w.Clock.Now()}
	switch n {
	case 0:
		b.Status.Version = fmt.Sprint(round)
	case 1:
		b.Status.Retention = fmt.Sprint(round)
	}
	if n == 3 && round%2 == 0 {
		s.Conditions().Remove(conditionType)
	} else {
		s.Conditions().SetAuxiliary(conditionType, outcome.True("Written", fmt.Sprint(round)))
	}
	return s.Write(ctx, w.Client)
}

// TestAReconcileThatAnotherWriterOvertakesIsRepeated has another controller write the first condition of an object at the same time.
func TestAReconcileThatAnotherWriterOvertakesIsRepeated(t *testing.T) {
	w := tenant.New(t, realAPI)
	w.Create(newBackend(w, "b"))
	reason := "Written"
	round := 0
	a := &kind.Auxiliary[*v1alpha1.MetricsBackend]{
		Environment: kind.Environment{Client: w.Client, Reader: w.Client, Config: w.Config, Clock: w.Clock, Events: w.Events}, New: empty,
		Logic: func(ctx context.Context, s *scope) (time.Duration, error) {
			if round++; round == 1 {
				if err := write(ctx, w, 2, "Other", 0); err != nil {
					t.Error(err)
				}
			}
			s.Conditions().SetAuxiliary("Own", outcome.True(reason, fmt.Sprint(round)))
			return 0, nil
		},
	}
	request := ctrl.Request{NamespacedName: w.Key("b")}
	result, err := a.Reconcile(t.Context(), request)
	if err != nil || result.RequeueAfter <= 0 {
		t.Errorf("overtaken: %+v, %v", result, err)
	}
	result, err = a.Reconcile(t.Context(), request)
	if got := get(t, w, "b").Status.Conditions; err != nil || !result.IsZero() || len(got) != 2 {
		t.Errorf("repeated: %+v, %v, conditions %+v", result, err, got)
	}
	reason = "no reason"
	if _, err = a.Reconcile(t.Context(), request); err == nil {
		t.Error("a status that is not valid is no error")
	}
}

func TestAStatusIsNotWrittenToAnObjectThatReplacedTheOneThatWasRead(t *testing.T) {
	w := tenant.New(t, realAPI)
	w.Create(newBackend(w, "b"))
	stored := get(t, w, "b")
	w.Delete(stored.DeepCopy())
	w.Create(newBackend(w, "b"))
	b := stored.DeepCopy()
	s := &scope{Object: b, Stored: stored, Now: time.Now()}
	s.Conditions().SetAuxiliary("Old", outcome.True("Written", "x"))
	if err := s.Write(t.Context(), w.Client); err == nil || !outcome.IsStale(err) {
		t.Errorf("got %v, want a conflict", err)
	}
	if got := get(t, w, "b").Status.Conditions; len(got) != 0 {
		t.Errorf("the new object got %+v", got)
	}
	s.Conditions().SetAuxiliary("Old", outcome.Auxiliary{Status: metav1.ConditionTrue, Reason: "Written", Message: "y"})
	w.Delete(get(t, w, "b"))
	if err := s.Write(t.Context(), w.Client); err != nil {
		t.Errorf("an object that is gone needs no status: %v", err)
	}
}
