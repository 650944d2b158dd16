package notificationchannel

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/provider/builtin"
)

func TestPendingReportsAreAMetricUntilTheChannelIsGone(t *testing.T) {
	w := newWorld(t)
	types, err := builtin.Channels()
	if err != nil {
		t.Fatal(err)
	}
	var registry *prometheus.Registry
	restart := func() {
		registry = prometheus.NewRegistry()
		env := testsuite.NewEnvironment(t, w.Tenant, prometheus.NewRegistry())
		env.Backends.ChannelTypes = types
		shown, err := newMetrics(registry)
		if err != nil {
			t.Fatal(err)
		}
		w.r = newReconciler(env, testsuite.Steady(), func(text string) string { return text }, shown)
	}
	const name = "kubeops_notifications_pending"
	expect := func(when string, pending int) {
		t.Helper()
		text := fmt.Sprintf("# HELP %[1]s Reports that a NotificationChannel has not delivered yet.\n# TYPE %[1]s gauge\n"+
			"%[1]s{name=\"c\",namespace=%[2]q} %[3]d\n", name, w.Key("c").Namespace, pending)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(text), name); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	restart()
	w.channel()
	w.receiver.answers(status(http.StatusServiceUnavailable))
	w.report("one", []v1alpha1.Finding{broken("f1")}, "c")
	w.report("two", []v1alpha1.Finding{broken("f2")}, "c")
	w.reconcile()
	expect("the receiver is away", 2)
	restart()
	w.change(func(c *v1alpha1.NotificationChannel) {
		c.Spec.Webhook.URL = ""
		c.Spec.Webhook.URLFrom = &v1alpha1.SecretKeyReference{Name: "missing", Key: "url"}
	})
	w.reconcile()
	expect("a new process cannot open the channel", 2)
	w.receiver.answers(nil)
	w.change(func(c *v1alpha1.NotificationChannel) {
		c.Spec.Webhook.URL = w.receiver.url
		c.Spec.Webhook.URLFrom = nil
	})
	w.reconcile()
	expect("the receiver is back", 0)
	w.Delete(w.get())
	if _, err := testsuite.Reconcile(t, w.r, w.Key("c")); err != nil {
		t.Fatal(err)
	}
	if series, err := testutil.GatherAndCount(registry, name); err != nil || series != 0 {
		t.Errorf("%d series of a channel that is deleted, error %v", series, err)
	}
}
