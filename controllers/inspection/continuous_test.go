package inspection

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/runner"
)

// front is an address of the API server that counts requests and can be away.
type front struct {
	server *httptest.Server
	// lists are those that succeeded since the beginning; open are the watches that are open now.
	lists, open atomic.Int64
	away        atomic.Bool
	mutex       sync.Mutex
	connections map[net.Conn]bool
}

func newFront(t *testing.T, config *rest.Config) *front {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	f := &front{connections: map[net.Conn]bool{}}
	proxy.ModifyResponse = func(response *http.Response) error {
		if r := response.Request; r.URL.Query().Has("limit") && !watches(r) && response.StatusCode == http.StatusOK {
			f.lists.Add(1)
		}
		return nil
	}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if watches(r) {
			f.open.Add(1)
			defer f.open.Add(-1)
		}
		proxy.ServeHTTP(w, r)
	}))
	f.server.Config.ConnState = func(connection net.Conn, state http.ConnState) {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		f.connections[connection] = true
		if state == http.StateClosed {
			delete(f.connections, connection)
		}
		if f.away.Load() {
			_ = connection.Close()
		}
	}
	f.server.Start()
	t.Cleanup(f.server.Close)
	return f
}

// watches reports whether a request is a watch.
func watches(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

// leave ends all connections and refuses new ones, until comeBack.
func (f *front) leave() {
	f.away.Store(true)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for connection := range f.connections {
		_ = connection.Close()
	}
}

func (f *front) comeBack() { f.away.Store(false) }

// continuousWorld is a world whose Inspection is watched by a child process.
type continuousWorld struct {
	*world
	front      *front
	watches    *runner.Watches
	reconciler reconcile.Reconciler
	woken      chan struct{}
}

func newContinuousWorld(t *testing.T, most int, engine string, adjust ...func(*setup)) *continuousWorld {
	t.Helper()
	c := &continuousWorld{world: newWorld(t), woken: make(chan struct{}, 1)}
	c.front = newFront(t, c.Config)
	c.reconciler = c.world.reconciler(func(s *setup) {
		c.watches = &runner.Watches{
			Child: &runner.Child{
				Command:  child.Command{Path: os.Args[0], Args: []string{runArgument, engine}, Memory: childMemory},
				Config:   &rest.Config{Host: c.front.server.URL},
				Backends: s.options.Backends, Targets: targetsOf(s.env),
			},
			Max: most, Clock: clock.RealClock{}, Wake: func(client.ObjectKey) {
				select {
				case c.woken <- struct{}{}:
				default:
				}
			},
		}
		s.options.Watches = c.watches
		for _, change := range adjust {
			change(s)
		}
	})
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.watches.Start(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

// until reconciles whenever the Inspection is woken, until its status is as wanted, and returns how long that took.
func (c *continuousWorld) until(within time.Duration, wanted func(*v1alpha1.Inspection) error) time.Duration {
	c.t.Helper()
	began := time.Now()
	deadline := time.After(within)
	for {
		result, err := c.Reconcile(c.reconciler)
		if err != nil && !strings.Contains(err.Error(), "terminal error") {
			c.t.Log(err)
		}
		inspection := c.Get()
		err = wanted(inspection)
		if err == nil {
			return time.Since(began)
		}
		again := (<-chan time.Time)(nil)
		if result.RequeueAfter > 0 && result.RequeueAfter <= time.Second {
			again = time.After(result.RequeueAfter)
		}
		select {
		case <-c.woken:
		case <-again:
		case <-deadline:
			c.t.Fatalf("not within %s: %v; status %+v", within, err, inspection.Status)
		}
	}
}

// problems wants so many problems, and a report.
func problems(count int32) func(*v1alpha1.Inspection) error {
	return func(i *v1alpha1.Inspection) error {
		if i.Status.Problems == nil || i.Status.Problems.Total != count || i.Status.LastReport == "" {
			return fmt.Errorf("want %d problems and a report", count)
		}
		return nil
	}
}

func ready(status metav1.ConditionStatus, reason string) func(*v1alpha1.Inspection) error {
	return func(i *v1alpha1.Inspection) error {
		found := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
		if found == nil || found.Status != status || found.Reason != reason {
			return fmt.Errorf("want Ready %s with reason %s", status, reason)
		}
		return nil
	}
}

func continuous() v1alpha1.InspectionSpec {
	return v1alpha1.InspectionSpec{Mode: v1alpha1.ModeContinuous}
}

const (
	// childMemory is enough for the children of these tests.
	childMemory = 256 << 20
	// startWithin is how long a child may take to start on a busy machine, and soon how long a change may take.
	startWithin = 90 * time.Second
	soon        = 20 * time.Second
)

func TestAContinuousInspectionShowsAProblemWithoutAnotherList(t *testing.T) {
	c := newContinuousWorld(t, 1, "engine")
	c.watcher(t)
	c.world.Inspection(continuous())
	c.until(startWithin, problems(0))
	first := c.Get().Status.LastReport
	lists := c.front.lists.Load()

	c.LostService("a")
	c.until(soon, problems(1))
	i := c.Get()
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
	if len(i.Status.RootCauses) != 1 || !strings.HasSuffix(i.Status.RootCauses[0].Object, "/a") || i.Status.LastReport != first {
		t.Errorf("root causes %+v, report %s before spec.minInterval is over, first %s", i.Status.RootCauses, i.Status.LastReport, first)
	}

	c.Clock.SetTime(c.Clock.Now().Add(2 * v1alpha1.DefaultMinInterval))
	c.until(soon, func(i *v1alpha1.Inspection) error {
		if i.Status.LastReport == first {
			return fmt.Errorf("want another report than %s", first)
		}
		return nil
	})
	report := c.Newest()
	if report.Summary.Trigger != triggerChange || report.Summary.Changes.New == 0 || len(c.Reports()) != 2 {
		t.Errorf("summary %+v of %d reports", report.Summary, len(c.Reports()))
	}
	if now := c.front.lists.Load(); now != lists || lists == 0 {
		t.Errorf("%d lists, %d of them after the start", now, now-lists)
	}

	c.Clock.SetTime(c.Clock.Now().Add(time.Hour))
	c.Reconcile(c.reconciler) //nolint:errcheck // what counts are the reports
	if count := len(c.Reports()); count != 2 {
		t.Errorf("%d reports, though nothing has changed", count)
	}
}

func TestARequestedReportOfAContinuousInspectionIsSaved(t *testing.T) {
	c := newContinuousWorld(t, 1, "engine")
	c.watcher(t)
	c.world.Inspection(continuous())
	c.until(startWithin, problems(0))
	c.Request("now")
	c.until(soon, func(i *v1alpha1.Inspection) error {
		if i.Status.LastHandledRequest != "now" {
			return fmt.Errorf("want that the request is handled")
		}
		return nil
	})
	if report := c.Newest(); report.Summary.Trigger != triggerRequest {
		t.Errorf("summary %+v", report.Summary)
	}
}

func TestReportsOfAContinuousInspectionCountAsRuns(t *testing.T) {
	c := newContinuousWorld(t, 1, "engine", func(s *setup) { s.env.Quotas.RunsPerHour = 1 })
	c.watcher(t)
	c.world.Inspection(continuous())
	c.until(startWithin, problems(0))
	c.Request("now")
	c.until(soon, ready(metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded))
	c.LostService("a")
	c.until(soon, problems(1)) // what is shown does not wait
	if count := len(c.Reports()); count != 1 {
		t.Errorf("%d reports within an hour, want 1", count)
	}
	c.Clock.SetTime(c.Clock.Now().Add(time.Hour))
	c.until(soon, func(i *v1alpha1.Inspection) error {
		if i.Status.LastHandledRequest != "now" {
			return fmt.Errorf("want that the request is handled")
		}
		return ready(metav1.ConditionTrue, v1alpha1.ReasonSucceeded)(i)
	})
	if count := len(c.Reports()); count != 2 {
		t.Errorf("%d reports, want 2", count)
	}
}

func TestAContinuousInspectionIsRightSoonAfterTheAPIServerWasAway(t *testing.T) {
	c := newContinuousWorld(t, 1, "engine")
	c.watcher(t)
	c.LostService("a")
	c.world.Inspection(continuous())
	c.until(startWithin, problems(1))
	lists := c.front.lists.Load()
	c.front.leave()
	c.LostService("b")
	c.Eventually(func() error {
		if open := c.front.open.Load(); open > 0 {
			return fmt.Errorf("%d watches are open", open)
		}
		return nil
	})
	testsuite.WantReady(t, c.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
	c.front.comeBack()
	took := c.until(soon, problems(2))
	t.Log("right again after", took)
	if now := c.front.lists.Load(); now != lists {
		t.Errorf("%d lists after the API server was away", now-lists)
	}
}

func TestAListThatIsForbiddenIsAGapUntilItIsAllowed(t *testing.T) {
	c := newContinuousWorld(t, 1, "engine")
	c.Account()
	var allowed, withheld []rbacv1.PolicyRule
	for _, rule := range watchRules(t) {
		if rule.APIGroups[0] == "apps" {
			withheld = append(withheld, rule)
		} else {
			allowed = append(allowed, rule)
		}
	}
	c.Role(c.Namespace, allowed...)
	c.LostService("a")
	c.world.Inspection(continuous())
	c.until(startWithin, ready(metav1.ConditionFalse, v1alpha1.ReasonIncomplete))
	i := c.Get()
	if i.Status.Problems == nil || i.Status.Problems.Total != 1 {
		t.Errorf("problems %+v, want the one of what can be read", i.Status.Problems)
	}
	role := &rbacv1.Role{}
	if err := c.Client.Get(t.Context(), client.ObjectKey{Namespace: c.Namespace, Name: "reader-" + c.Namespace}, role); err != nil {
		t.Fatal(err)
	}
	role.Rules = append(role.Rules, withheld...)
	c.Update(role)
	c.until(time.Minute, ready(metav1.ConditionTrue, v1alpha1.ReasonSucceeded))
}

func TestAnAccountThatMayReadNothingIsAProblem(t *testing.T) {
	c := newContinuousWorld(t, 1, "engine")
	c.Account()
	c.world.Inspection(continuous())
	c.until(startWithin, ready(metav1.ConditionFalse, v1alpha1.ReasonForbidden))
	testsuite.WantReady(t, c.Get(), metav1.ConditionFalse, v1alpha1.ReasonForbidden, "cannot list and watch")
}

func TestTheChildEndsWithItsInspection(t *testing.T) {
	for name, end := range map[string]func(*continuousWorld){
		"suspended": func(c *continuousWorld) { c.Change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = true }) },
		"deleted":   func(c *continuousWorld) { c.Delete(c.Get()) },
		"scheduled": func(c *continuousWorld) {
			c.Change(func(i *v1alpha1.Inspection) {
				i.Spec.Mode = v1alpha1.ModeScheduled
				i.Spec.Schedule = "@daily"
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newContinuousWorld(t, 1, "engine")
			c.watcher(t)
			c.world.Inspection(continuous())
			c.until(startWithin, problems(0))
			if c.front.open.Load() == 0 {
				t.Fatal("nothing is watched")
			}
			end(c)
			if _, err := c.Reconcile(c.reconciler); err != nil {
				t.Fatal(err)
			}
			c.Eventually(func() error {
				if open := c.front.open.Load(); open > 0 || c.watches.Has(c.Key("i")) {
					return fmt.Errorf("%d watches are open", open)
				}
				return nil
			})
		})
	}
}

func TestContinuousInspectionsNeedTheSetting(t *testing.T) {
	c := newContinuousWorld(t, 0, "engine")
	c.watcher(t)
	c.world.Inspection(continuous())
	c.until(soon, ready(metav1.ConditionFalse, v1alpha1.ReasonContinuousDisabled))
	testsuite.WantReady(t, c.Get(), metav1.ConditionFalse, v1alpha1.ReasonContinuousDisabled, "inspections.maxContinuous")
}

func TestAChildBeyondItsMemoryIsAConditionThatNamesTheLimit(t *testing.T) {
	c := newContinuousWorld(t, 1, hogBeside)
	c.watcher(t)
	c.world.Inspection(continuous())
	c.until(startWithin, ready(metav1.ConditionFalse, v1alpha1.ReasonMemoryLimitExceeded))
	testsuite.WantReady(t, c.Get(), metav1.ConditionFalse, v1alpha1.ReasonMemoryLimitExceeded, "256Mi")
}
