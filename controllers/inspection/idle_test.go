package inspection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/refwatch"
)

// work is what reconciles do: their requests to the API server, and how often they compile custom checks.
type work struct {
	mutex        sync.Mutex
	requests     []string
	compilations int
}

// counted is an http.RoundTripper that records the requests to the next one.
type counted struct {
	*work
	next http.RoundTripper
}

func (c counted) RoundTrip(request *http.Request) (*http.Response, error) {
	c.mutex.Lock()
	c.requests = append(c.requests, request.Method+" "+request.URL.Path)
	c.mutex.Unlock()
	return c.next.RoundTrip(request)
}

func (w *work) compile(ctx context.Context, specs []v1alpha1.CustomCheck) ([]custom.Program, error) {
	w.compilations++
	return custom.Compile(ctx, specs)
}

// during is the work of a call.
func (w *work) during(call func()) ([]string, int) {
	w.mutex.Lock()
	w.requests = nil
	w.compilations = 0
	w.mutex.Unlock()
	call()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.requests, w.compilations
}

// countedWorld is a namespace whose requests are counted, with a reconciler. With a watcher, referents are watched.
func countedWorld(t *testing.T, watched bool) (*world, *work, *kind.Reconciler[*v1alpha1.Inspection]) {
	t.Helper()
	count := &work{}
	config := rest.CopyConfig(realAPI)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counted{count, next} })
	w := &world{Inspections: testsuite.NewInspections(t, config), t: t}
	r := w.reconciler(func(s *setup) {
		if !watched {
			return
		}
		s.env.Watcher = refwatch.New(config)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.env.Watcher.Start(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}).(*kind.Reconciler[*v1alpha1.Inspection])
	r.Logic.(*logic).local.Compile = count.compile
	return w, count, r
}

// awaitIdle reconciles until nothing is due and all that the Inspection refers to is watched.
func (w *world) awaitIdle(r *kind.Reconciler[*v1alpha1.Inspection]) {
	w.t.Helper()
	w.Eventually(func() error {
		if _, err := w.Reconcile(r); err != nil {
			return err
		}
		i := w.Get()
		if len(i.Status.Conditions) != 1 || i.Status.Conditions[0].ObservedGeneration != i.Generation || i.Status.ActiveRun != nil ||
			!r.References.Watching(w.Key("i")) {
			return fmt.Errorf("not idle: %+v", i.Status.Conditions)
		}
		return nil
	})
	w.Settle(r)
}

func TestAnIdleReconcileReadsTheInspectionAndCompilesNothing(t *testing.T) {
	w, count, r := countedWorld(t, true)
	w.Reader(false)
	w.LostService("lost")
	w.Inspection(v1alpha1.InspectionSpec{
		Schedule: "0 0 1 1 *", CustomChecks: []v1alpha1.CustomCheck{servicesMust("size(object.spec.ports) == 0")},
	})
	wantIdle := func(when, reason string) {
		t.Helper()
		w.awaitIdle(r)
		before := w.Get()
		requests, compilations := count.during(func() { w.Settle(r) })
		read := "GET /apis/kubeops.io/v1alpha1/namespaces/" + w.Namespace + "/inspections/i"
		if diff := cmp.Diff([]string{read}, requests); diff != "" || compilations != 0 {
			t.Errorf("%s: %d compilations, requests (-want +got):\n%s", when, compilations, diff)
		}
		after := w.Get()
		if diff := cmp.Diff(before, after); diff != "" || after.Status.Conditions[0].Reason != reason {
			t.Errorf("%s: the Inspection changed, or Ready is not %s (-before +after):\n%s", when, reason, diff)
		}
	}
	wantIdle("before the first run", v1alpha1.ReasonScheduled)
	w.Request("now")
	wantIdle("after a run", v1alpha1.ReasonSucceeded)

	w.Change(func(i *v1alpha1.Inspection) {
		i.Spec.CustomChecks = append(i.Spec.CustomChecks, servicesMust("size(objct.spec.ports) == 0"))
		i.Spec.CustomChecks[1].ID = "wrong"
	})
	if _, err := w.Reconcile(r); err == nil {
		t.Error("a custom check of a new generation is not compiled")
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonInvalidCustomCheck, "objct")
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.CustomChecks = i.Spec.CustomChecks[:1] })
	wantIdle("after a mistake was fixed", v1alpha1.ReasonSucceeded)

	account := &corev1.ServiceAccount{ObjectMeta: w.Meta(v1alpha1.DefaultServiceAccountName)}
	w.Delete(account)
	w.Eventually(func() error {
		if _, err := w.Reconcile(r); err != nil {
			return err
		}
		if reason := w.Get().Status.Conditions; reason[0].Status == metav1.ConditionTrue {
			return errors.New("the deletion of the ServiceAccount is not noticed")
		}
		return nil
	})
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound, "does not exist")
	w.Account()
	wantIdle("after the ServiceAccount was created again", v1alpha1.ReasonSucceeded)
}

func TestAnIdleReconcileChecksReferentsThatAreNotWatched(t *testing.T) {
	w, count, r := countedWorld(t, false)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{
		Schedule: "0 0 1 1 *", CustomChecks: []v1alpha1.CustomCheck{servicesMust("true")},
	})
	w.Settle(r)
	requests, compilations := count.during(func() { w.Settle(r) })
	if len(requests) != 3 || compilations != 1 {
		t.Errorf("%d compilations, requests %q; want the Inspection, its ServiceAccount and a request as it", compilations, requests)
	}
}
