package notificationchannel

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == renderArgument || os.Args[1] == hogArgument) {
		if err := serveTemplates(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is a namespace with a NotificationChannel named c, which posts to a receiver, and its reconciler.
type world struct {
	*tenant.Tenant
	t        *testing.T
	r        *kind.Reconciler[*v1alpha1.NotificationChannel]
	receiver *receiver
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Tenant: tenant.New(t, realAPI), t: t, receiver: newReceiver(t)}
	w.restart()
	return w
}

// restart makes a new reconciler, as a new process does.
func (w *world) restart(with ...func(*environment.Environment)) {
	w.t.Helper()
	types, err := builtin.Channels()
	if err != nil {
		w.t.Fatal(err)
	}
	env := testsuite.NewEnvironment(w.t, w.Tenant, prometheus.NewRegistry())
	env.Backends.ChannelTypes = types
	for _, change := range with {
		change(env)
	}
	w.r = New(env, testsuite.Steady(), func(text string) string { return text })
}

// channel makes a webhook to the receiver, named c.
func (w *world) channel(with ...func(*v1alpha1.NotificationChannelSpec)) {
	w.t.Helper()
	c := &v1alpha1.NotificationChannel{ObjectMeta: w.Meta("c"), Spec: v1alpha1.NotificationChannelSpec{
		Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: w.receiver.url},
	}}
	for _, change := range with {
		change(&c.Spec)
	}
	w.Create(c)
}

func (w *world) get() *v1alpha1.NotificationChannel {
	w.t.Helper()
	c := &v1alpha1.NotificationChannel{}
	if err := w.Client.Get(w.t.Context(), w.Key("c"), c); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) change(how func(*v1alpha1.NotificationChannel)) {
	w.t.Helper()
	c := w.get()
	how(c)
	w.Update(c)
}

// report saves one with findings, for channels.
func (w *world) report(name string, findings []v1alpha1.Finding, channels ...string) *v1alpha1.InspectionReport {
	w.t.Helper()
	r := &v1alpha1.InspectionReport{
		ObjectMeta: w.Meta(name), Findings: findings,
		Summary: v1alpha1.ReportSummary{
			Inspection: "all",
			StartTime:  metav1.NewTime(w.Clock.Now()),
			Problems:   v1alpha1.RootCauseCounts{Total: int32(len(findings))},
		}, //nolint:gosec // a few
	}
	r.Labels = map[string]string{v1alpha1.LabelUndelivered: "true"}
	for _, c := range channels {
		r.Deliveries = append(r.Deliveries, v1alpha1.ReportDelivery{Channel: c, State: v1alpha1.DeliveryPending})
	}
	w.Create(r)
	return r
}

func (w *world) stored(name string) *v1alpha1.InspectionReport {
	w.t.Helper()
	r := &v1alpha1.InspectionReport{}
	if err := w.Client.Get(w.t.Context(), w.Key(name), r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// broken is a finding that is new.
func broken(id string) v1alpha1.Finding {
	return v1alpha1.Finding{
		ID: id, Check: "service-without-endpoints", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh, State: v1alpha1.FindingNew,
		Object: v1alpha1.ObjectReference{
			APIVersion: "v1",
			Kind:       "Service",
			Namespace:  "shop",
			Name:       "cart",
		}, Message: "no Pod matches the selector",
		Evidence: []v1alpha1.Evidence{{ID: "e1", Source: v1alpha1.EvidenceSpec, Text: "app=cart"}},
	}
}

// reconcile once, and return the object and when the next reconcile is due.
func (w *world) reconcile() (*v1alpha1.NotificationChannel, time.Duration) {
	w.t.Helper()
	object := w.get()
	after := testsuite.MustReconcile(w.t, w.r, w.Tenant, object)
	return object, after
}

func ready(c *v1alpha1.NotificationChannel) metav1.Condition {
	if found := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady); found != nil {
		return *found
	}
	return metav1.Condition{}
}

// failing is a client of which the nth patch of reports ends the process, before or after it was carried out.
type failing struct {
	client.Client
	before, after, n int
}

func (f *failing) Patch(ctx context.Context, o client.Object, p client.Patch, options ...client.PatchOption) error {
	f.n++
	if f.n == f.before {
		panic("the process is gone")
	}
	err := f.Client.Patch(ctx, o, p, options...)
	if f.n == f.after {
		panic("the process is gone")
	}
	return err
}

// crash reconciles with a client that ends the process.
func (w *world) crash(f *failing) {
	w.t.Helper()
	f.Client = w.Client
	w.restart(func(e *environment.Environment) { e.Client = f })
	defer func() {
		if recover() == nil {
			w.t.Error("the process did not crash")
		}
		w.restart()
	}()
	_, _ = w.r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: w.Key("c")})
}

// status answers with a status from now on; 0 takes messages.
func status(code int) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
}
