package logroute

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/meter"
)

func TestTheStateOfARouteFollowsItsCounts(t *testing.T) {
	name := types.NamespacedName{Namespace: "team-a", Name: "logs"}
	running := State{Ready: true, Reason: v1alpha1.ReasonCollecting, Message: "collecting with DaemonSet"}
	starting := State{Reason: v1alpha1.ReasonProgressing, Message: "is being rolled out"}
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	settled := meter.Reading{Read: 3, Settled: true}
	if got := running.with(settled, name); got.Provisional || !got.Ready || got.Counts != nil {
		t.Errorf("without a line since the collectors started: %+v", got)
	}
	settled.Routes = map[string]meter.Route{identityOf(name): {Refusal: "400", Settled: true}}
	if got := running.with(settled, name); got.Ready || got.Reason != v1alpha1.ReasonLinesRefused || got.Counts != nil {
		t.Errorf("refused by collectors that are gone: %+v", got)
	}
	for text, tc := range map[string]struct {
		state  State
		route  *meter.Route
		reason string
		say    string
		// provisional keeps what the condition says of refused lines.
		provisional bool
	}{
		"not read":                       {running, nil, v1alpha1.ReasonCollecting, "collecting", true},
		"not read, and not rolled out":   {starting, nil, v1alpha1.ReasonProgressing, "rolled out", false},
		"read for a short time":          {running, &meter.Route{Sent: 7}, v1alpha1.ReasonCollecting, "collecting", true},
		"accepted":                       {running, &meter.Route{Sent: 7, Settled: true}, v1alpha1.ReasonCollecting, "collecting", false},
		"refused":                        {running, &meter.Route{Refusal: "400"}, v1alpha1.ReasonLinesRefused, "as invalid (400)", false},
		"refused credentials":            {running, &meter.Route{Refusal: "403", Settled: true}, v1alpha1.ReasonLinesRefused, "spec.auth", false},
		"another path":                   {running, &meter.Route{Refusal: "404"}, v1alpha1.ReasonLinesRefused, "URL", false},
		"too large":                      {running, &meter.Route{Refusal: "413"}, v1alpha1.ReasonLinesRefused, "(413)", false},
		"refused in a response of 200":   {running, &meter.Route{Refusal: "response"}, v1alpha1.ReasonLinesRefused, "spec.collect.dropFields", false},
		"an unknown reason":              {running, &meter.Route{Refusal: "418"}, v1alpha1.ReasonLinesRefused, "(418)", false},
		"a full buffer":                  {running, &meter.Route{Overflow: true, Settled: true}, v1alpha1.ReasonBufferFull, "buffer", false},
		"refused, and a full buffer":     {running, &meter.Route{Overflow: true, Refusal: "400"}, v1alpha1.ReasonLinesRefused, "(400)", false},
		"refused while it is rolled out": {starting, &meter.Route{Refusal: "400"}, v1alpha1.ReasonProgressing, "rolled out", false},
	} {
		reading := meter.Reading{Routes: map[string]meter.Route{"b_other_0123456789": {Refusal: "400"}}, Read: 3, Unread: 1}
		if tc.route != nil {
			tc.route.Since = since
			reading.Routes[identityOf(name)] = *tc.route
		}
		got := tc.state.with(reading, name)
		if got.Reason != tc.reason || !strings.Contains(got.Message, tc.say) || got.Provisional != tc.provisional ||
			got.Ready != (tc.reason == v1alpha1.ReasonCollecting) {
			t.Errorf("%s: got %+v", text, got)
		}
		if tc.route == nil {
			if got.Counts != nil {
				t.Errorf("%s: counted %+v", text, got.Counts)
			}
			continue
		}
		if c := got.Counts; c == nil || c.Sent != tc.route.Sent || c.Collectors != 3 || c.Unread != 1 || !c.Since.Time.Equal(since) {
			t.Errorf("%s: counted %+v", text, c)
		}
	}
}

// A LogBackend that is deleted and created again has the same route, but counts of its own.
func TestCountsBelongToAResourceAndNotToItsName(t *testing.T) {
	a := loki("team-a", "logs", "a", v1alpha1.LogCollection{})
	a.UID = "of-team-a"
	out, err := Compile([]Backend{a}, options())
	if err != nil {
		t.Fatal(err)
	}
	got := out.Collectors[v1alpha1.CollectorVector].Earlier[identity(&a)]
	if got.UID != a.UID || !got.Created.Equal(a.Created) || got.Place == "" {
		t.Errorf("got %+v", got)
	}
}

// However small the routes are and whatever their servers respond, Fluentd's counts of all that fit into one collector are read.
func TestTheCountsOfAllRoutesOfACollectorFitIntoAnAnswer(t *testing.T) {
	a := loki("a", "b", "", v1alpha1.LogCollection{Collector: v1alpha1.CollectorFluentd})
	r, p := check(&a, options())
	if p == nil {
		p = r.weigh(printers()[v1alpha1.CollectorFluentd])
	}
	if p != nil {
		t.Fatal(p)
	}
	const perRoute = 64 + 3 // MOST of kubeops_counts.rb, and the reason other of each result
	id := identityOf(types.NamespacedName{Namespace: strings.Repeat("n", 63), Name: strings.Repeat("n", 253)})
	sample := `kubeops_collector_lines_total{route="` + id + `",result="refused",reason="` + strings.Repeat("r", 48) + `"} 9007199254740992` + "\n"
	routes := maxFileBytes/r.weight.files + 1
	if size := routes * perRoute * int64(len(sample)); size > meter.MaxBytes {
		t.Errorf("%d routes have counts of %d bytes", routes, size)
	} else {
		t.Logf("%d routes of %d bytes have counts of at most %d KiB", routes, r.weight.files, size>>10)
	}
}
