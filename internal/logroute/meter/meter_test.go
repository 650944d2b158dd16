package meter

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestCountsAreSumsOfTheCollectorsThatRun(t *testing.T) {
	n := newNodes(t)
	began := n.clock.Now()
	n.start("10.0.0.1", vector(route, 100, 3, 1, 0))
	n.clock.Step(time.Hour)
	n.start("2001:db8::2", vector(route, 50, 0, 0, 7)+vector(another, 5, 0, 0, 0))
	n.start("10.0.0.3", "")
	n.stop("10.0.0.3")
	got := n.after(time.Second)
	want := Route{Sent: 150, Refused: 3, Dropped: 7 + 4, Since: began, Refusal: "", Overflow: false}
	if got.Routes[route] != want || got.Routes[another].Sent != 5 || len(got.Routes) != 2 || got.Read != 2 || got.Unread != 1 {
		t.Errorf("got %+v", got)
	}
	n.set("10.0.0.1", vector(route, 500, 3, 1, 0))
	if n.after(Interval - time.Second); n.requests != 3 {
		t.Errorf("%d requests, want no more within an interval", n.requests)
	}
	if got := n.after(time.Second); got.Routes[route].Sent != 550 {
		t.Errorf("got %+v", got.Routes[route])
	}
	// What cannot be read keeps its last counts.
	n.stop("10.0.0.1")
	if got := n.after(Interval); got.Routes[route].Sent != 550 || got.Read != 1 || got.Unread != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestARefusalIsToldInOneIntervalAndEndsWhenNoneWasForAWhile(t *testing.T) {
	n := newNodes(t)
	n.start("10.0.0.1", vector(route, 100, 40, 4, 0)+vector(another, 5, 0, 0, 0))
	n.clock.Step(time.Second)
	if got := n.after(0).Routes[route]; got.Refusal != "" || got.Settled {
		t.Errorf("what was refused before is news: %+v", got)
	}
	n.set("10.0.0.1", vector(route, 100, 41, 5, 0)+vector(another, 9, 0, 0, 0))
	got := n.after(Interval)
	if got.Routes[route].Refusal != "400" || got.Routes[another].Refusal != "" {
		t.Errorf("got %+v", got)
	}
	// Another reason and a response of 200 with errors do not change the one that is shown.
	n.set("10.0.0.1", vector(route, 100, 50, 5, 0))
	for range 5 {
		if got := n.after(Interval).Routes[route]; got.Refusal != "400" {
			t.Errorf("got %+v", got)
		}
	}
	// The last refusal was four intervals ago. While nothing can be read, nothing is known.
	n.stop("10.0.0.1")
	for range 8 {
		if got := n.after(Interval).Routes[route]; got.Refusal != "400" || got.Refused != 50 {
			t.Errorf("it recovered unseen: %+v", got)
		}
	}
	n.set("10.0.0.1", vector(route, 200, 50, 5, 0))
	for i := range 6 {
		got := n.after(Interval).Routes[route]
		if recovered := got.Refusal == ""; recovered != (i == 5) || !got.Settled {
			t.Errorf("after %d intervals: %+v", i+1, got)
		}
	}
	n.set("10.0.0.1", vector(route, 200, 51, 5, 0))
	if got := n.after(Interval).Routes[route]; got.Refusal != "response" {
		t.Errorf("got %+v", got)
	}
}

func TestCountersThatBeginAgainAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		next func(n *nodes)
		want bool
	}{
		"the same":                        {func(n *nodes) { n.set("10.0.0.1", vector(route, 10, 5, 1, 0)) }, false},
		"a smaller counter":               {func(n *nodes) { n.set("10.0.0.1", vector(route, 10, 2, 1, 0)) }, true},
		"a counter that was forgotten":    {func(n *nodes) { n.set("10.0.0.1", ""); n.after(Interval); n.set("10.0.0.1", vector(route, 0, 9, 1, 0)) }, true},
		"a new collector":                 {func(n *nodes) { n.start("10.0.0.2", vector(route, 0, 1, 1, 0)) }, true},
		"a new collector without refusal": {func(n *nodes) { n.start("10.0.0.2", vector(route, 9, 0, 0, 0)) }, false},
	} {
		n := newNodes(t)
		n.start("10.0.0.1", vector(route, 10, 5, 1, 0))
		n.clock.Step(time.Second)
		n.after(0)
		tc.next(n)
		if got := n.after(Interval).Routes[route]; (got.Refusal != "") != tc.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// Collectors start again for each change of the configuration, and no line may come for a route afterwards.
func TestARefusalEndsWithoutLines(t *testing.T) {
	n := newNodes(t)
	n.start("10.0.0.1", vector(route, 10, 0, 0, 0))
	n.after(0)
	n.set("10.0.0.1", vector(route, 10, 5, 1, 0))
	n.after(Interval)
	n.pods = nil
	n.start("10.0.0.2", "")
	for i := range 7 {
		got := n.after(Interval)
		said := got.Routes[route]
		if said.Sent != 10 || said.Refused != 5 || (i < 4 && said.Refusal != "400") {
			t.Errorf("after %d intervals: %+v", i+1, got)
		}
		if i == 6 && (said.Refusal != "" || !got.Settled) {
			t.Errorf("it is refused for ever: %+v", got)
		}
	}
	n.stop("10.0.0.2")
	if got := n.after(Interval); got.Settled {
		t.Errorf("settled while nothing is read: %+v", got)
	}
}

// A server that refuses every line, for its credentials or its disk, and accepts one again, is as before.
func TestARefusalOfAllLinesEndsWithTheFirstThatIsAccepted(t *testing.T) {
	fluentd := func(sent, refused int, reason string) string {
		return fmt.Sprintf("kubeops_collector_lines_total{route=%[1]q,result=\"sent\",reason=\"\"} %[2]d\n"+
			"kubeops_collector_lines_total{route=%[1]q,result=\"refused\",reason=%[4]q} %[3]d\n", route, sent, refused, reason)
	}
	for reason, want := range map[string]bool{
		"http_401": true, "http_403": true, "http_404": true, "cluster_block_exception": true,
		"http_400": false, "http_413": false, "mapper_parsing_exception": false, "response": false,
	} {
		n := newNodes(t)
		n.start("10.0.0.1", fluentd(10, 0, reason))
		n.start("10.0.0.2", "")
		n.after(time.Second)
		n.set("10.0.0.1", fluentd(10, 5, reason))
		if got := n.after(Interval).Routes[route]; got.Refusal == "" {
			t.Errorf("%s: got %+v", reason, got)
		}
		n.set("10.0.0.1", fluentd(12, 9, reason))
		if got := n.after(Interval).Routes[route]; got.Refusal == "" {
			t.Errorf("%s: some are refused still: %+v", reason, got)
		}
		if got := n.after(Interval).Routes[route]; got.Refusal == "" {
			t.Errorf("%s: without a line, nothing is known: %+v", reason, got)
		}
		n.stop("10.0.0.2")
		n.set("10.0.0.1", fluentd(15, 9, reason))
		if got := n.after(Interval).Routes[route]; got.Refusal == "" {
			t.Errorf("%s: a collector is unread: %+v", reason, got)
		}
		n.set("10.0.0.2", "")
		n.set("10.0.0.1", fluentd(20, 9, reason))
		// The manager has not run for as long as Quiet, and knows that it is over.
		if got := n.after(Interval).Routes[route]; (got.Refusal == "") != want || got.Settled != want {
			t.Errorf("%s: got %+v", reason, got)
		}
	}
}

func TestTotalsOnlyGrow(t *testing.T) {
	n := newNodes(t)
	n.start("10.0.0.1", vector(route, 100, 5, 1, 0))
	n.start("10.0.0.2", vector(route, 10, 0, 0, 3))
	began := n.clock.Now()
	dropped := int64(2 + 2 + 3)
	want := func(text string, got Reading, sent, refused int64) {
		t.Helper()
		if r := got.Routes[route]; r.Sent != sent || r.Refused != refused || r.Dropped != dropped || !r.Since.Equal(began) {
			t.Errorf("%s: got %+v", text, r)
		}
	}
	want("at first", n.after(time.Second), 110, 5)
	n.set("10.0.0.1", "")
	want("Vector forgets counters that rest", n.after(Interval), 110, 5)
	n.set("10.0.0.1", strings.Replace(vector(route, 7, 1, 1, 0), "_shape", "_none", 1))
	want("and counts from 0 again", n.after(Interval), 117, 6)
	n.pods = n.pods[1:]
	want("a node is gone", n.after(Interval), 117, 6)
	n.pods = nil
	n.start("10.0.0.2", "")
	want("a new configuration starts all collectors again", n.after(Interval), 117, 6)
	n.set("10.0.0.2", vector(route, 3, 0, 0, 0))
	dropped += 2
	want("they count", n.after(Interval), 120, 6)
}

// The manager starts again, or is another: what its status says is continued, and what the collectors say is no news.
func TestTotalsContinueWithTheStatus(t *testing.T) {
	since := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		earlier Earlier
		want    Route
	}{
		"no status":                       {Earlier{}, Route{Sent: 100, Refused: 5, Dropped: 2, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"more than these collectors":      {Earlier{Sent: 900, Refused: 8, Dropped: 4, Since: since}, Route{Sent: 900, Refused: 8, Dropped: 4, Since: since}},
		"less, as no manager ran":         {Earlier{Sent: 90, Refused: 5, Since: since}, Route{Sent: 100, Refused: 5, Dropped: 2, Since: since}},
		"nothing sent since it was there": {Earlier{Since: since}, Route{Sent: 100, Refused: 5, Dropped: 2, Since: since}},
	} {
		n := newNodes(t)
		n.start("10.0.0.1", vector(route, 100, 5, 1, 0))
		n.clock.Step(time.Hour)
		n.routes[route] = tc.earlier
		if got := n.after(0).Routes[route]; got != tc.want {
			t.Errorf("%s: got %+v", name, got)
		}
		n.routes[route] = Earlier{Sent: 1, Since: since} // it is used once
		n.set("10.0.0.1", vector(route, 110, 5, 1, 0))
		tc.want.Sent += 10
		if got := n.after(Interval).Routes[route]; got != tc.want {
			t.Errorf("%s, an interval later: got %+v", name, got)
		}
	}
}

// A collector that did not answer at first is part of the totals, unless the status had it.
func TestACollectorThatAnswersLateIsCountedOnce(t *testing.T) {
	for _, earlier := range []Earlier{{}, {Sent: 110, Since: time.Unix(1, 0)}} {
		n := newNodes(t)
		n.start("10.0.0.1", vector(route, 100, 0, 0, 0))
		n.start("10.0.0.2", vector(route, 10, 0, 0, 0))
		n.clock.Step(time.Hour)
		n.stop("10.0.0.2")
		n.routes[route] = earlier
		first := n.after(0).Routes[route]
		n.set("10.0.0.2", vector(route, 10, 0, 0, 0))
		n.routes[route] = Earlier{Sent: first.Sent, Since: first.Since}
		if got := n.after(Interval).Routes[route]; got.Sent != 110 {
			t.Errorf("from %+v: got %+v", earlier, got)
		}
	}
}

func TestARouteThatMovesOrIsGoneLosesItsCounts(t *testing.T) {
	n := newNodes(t)
	n.start("10.0.0.1", vector(route, 100, 0, 0, 0)+vector(another, 9, 0, 0, 0))
	n.after(0)
	n.set("10.0.0.1", vector(route, 100, 5, 1, 0)+vector(another, 9, 0, 0, 0))
	if got := n.after(Interval).Routes[route]; got.Refusal != "400" {
		t.Fatalf("got %+v", got)
	}
	n.routes[route] = Earlier{Place: "another server"}
	if got := n.after(time.Second); got.Routes[route] != (Route{}) || got.Routes[another].Sent != 9 {
		t.Errorf("before the next reading: %+v", got)
	}
	n.set("10.0.0.1", vector(route, 107, 5, 1, 0)+vector(another, 9, 0, 0, 0))
	if got := n.after(Interval).Routes[route]; got.Sent != 7 || got.Refused != 0 || got.Refusal != "" {
		t.Errorf("got %+v", got)
	}
	delete(n.routes, another)
	if _, found := n.after(time.Second).Routes[another]; found {
		t.Error("a route that is gone is counted")
	}
}

// The collectors are not told: a resource of the same name and spec has the same configuration.
func TestAResourceThatIsCreatedAgainCountsFromZero(t *testing.T) {
	n := newNodes(t)
	n.routes[route] = Earlier{UID: "first", Created: n.clock.Now()}
	n.start("10.0.0.1", vector(route, 100, 5, 1, 0))
	n.start("10.0.0.2", vector(route, 100, 5, 1, 0))
	n.stop("10.0.0.2") // it is not read until later
	n.after(0)
	n.clock.Step(Interval)
	created := n.clock.Now()
	n.routes[route] = Earlier{UID: "second", Created: created}
	if got := n.after(time.Second).Routes[route]; got.Sent != 0 || got.Refused != 0 || got.Refusal != "" {
		t.Errorf("nothing was sent yet, but got %+v", got)
	}
	n.set("10.0.0.1", vector(route, 107, 5, 1, 0))
	if got := n.after(Interval).Routes[route]; got.Sent != 7 || got.Refused != 0 || got.Refusal != "" || !got.Since.Equal(created) {
		t.Errorf("after 7 lines: got %+v", got)
	}
	n.set("10.0.0.2", vector(route, 500, 5, 1, 0))
	if got := n.after(Interval).Routes[route]; got.Sent != 7 {
		t.Errorf("a collector that was not read before has counts of the earlier resource: got %+v", got)
	}
	n.set("10.0.0.2", vector(route, 501, 5, 1, 0))
	if got := n.after(Interval).Routes[route]; got.Sent != 8 {
		t.Errorf("after one more line: got %+v", got)
	}
	// Another manager finds the same collectors, before and after the status has counts.
	for i, earlier := range []Earlier{{}, {Sent: 8, Since: created}} {
		earlier.UID = "second"
		earlier.Created = created
		n.routes[route] = earlier
		n.meter = &Meter{Pods: n, Client: n.meter.Client, Namespace: n.meter.Namespace, Clock: n.clock}
		n.after(Interval)
		n.set("10.0.0.1", vector(route, 108+i, 5, 1, 0))
		if got := n.after(Interval).Routes[route]; got.Sent != earlier.Sent+1 || got.Refused != 0 {
			t.Errorf("another manager after %d lines: got %+v", earlier.Sent, got)
		}
	}
}

// A server that is busy responds with 429 often, and loses no line by it.
func TestAResponseThatIsRepeatedIsNoReason(t *testing.T) {
	n := newNodes(t)
	busy := `vector_http_client_responses_total{component_id="` + route + `",status="429"} `
	n.start("10.0.0.1", vector(route, 10, 0, 0, 0)+busy+"1\n")
	n.after(0)
	n.set("10.0.0.1", vector(route, 10, 5, 1, 0)+busy+"90\n")
	if got := n.after(Interval).Routes[route]; got.Refusal != "400" {
		t.Errorf("got %+v", got)
	}
}

func TestABufferThatOverflowsIsTold(t *testing.T) {
	n := newNodes(t)
	n.start("10.0.0.1", vector(route, 10, 0, 0, 0))
	n.after(0)
	n.set("10.0.0.1", vector(route, 10, 0, 0, 8))
	if got := n.after(Interval).Routes[route]; !got.Overflow || got.Refusal != "" || got.Dropped != 10 {
		t.Errorf("got %+v", got)
	}
	for range 5 {
		n.after(Interval)
	}
	if got := n.after(Interval).Routes[route]; got.Overflow || got.Dropped != 10 {
		t.Errorf("got %+v", got)
	}
}

func TestFluentdIsReadAlike(t *testing.T) {
	n := newNodes(t)
	text := func(sent, refused int) string {
		return fmt.Sprintf("# TYPE kubeops_collector_lines counter\n"+
			"kubeops_collector_lines_total{route=\"\",result=\"dropped\",reason=\"too_long\"} 9\n"+
			"kubeops_collector_lines_total{route=%[1]q,result=\"sent\",reason=\"\"} %[2]d\n"+
			"kubeops_collector_lines_total{route=%[1]q,result=\"dropped\",reason=\"unreadable\"} 3\n"+
			"kubeops_collector_lines_total{route=%[1]q,result=\"refused\",reason=\"http_413\"} %[3]d\n", route, sent, refused)
	}
	n.start("10.0.0.1", text(10, 0))
	n.after(0)
	n.set("10.0.0.1", text(20, 4))
	got := n.after(Interval).Routes[route]
	if got.Sent != 20 || got.Refused != 4 || got.Dropped != 3 || got.Refusal != "413" {
		t.Errorf("got %+v", got)
	}
}

func TestAHostileAnswerIsBoundedAndCostsItsOwnCountsOnly(t *testing.T) {
	for name, text := range map[string]string{
		"no metrics":         "<html>",
		"a broken sample":    "vector_component_sent_events_total{component_id=\n",
		"no number":          "vector_component_sent_events_total{component_id=\"" + route + "\"} x\n",
		"a line without end": strings.Repeat("x", maxSample*2),
		"a flood":            strings.Repeat("# comment\n", MaxBytes/8) + vector(route, 1, 1, 1, 1),
		"many routes":        strings.Repeat(vector("b_x_"+route[2:], 1, 1, 1, 1), 2000),
		"odd numbers": strings.ReplaceAll(vector(route, 11111, 22222, 1, 1), "11111", "NaN") +
			"vector_component_discarded_events_total{component_id=\"" + route + "\"} -5\n" +
			"vector_component_discarded_events_total{component_id=\"" + route + "\",x=\"1\"} +Inf\n",
	} {
		n := newNodes(t)
		n.start("10.0.0.1", text)
		n.start("10.0.0.2", vector(another, 7, 0, 0, 0))
		if got := n.after(0); got.Routes[another].Sent != 7 || got.Routes[route].Sent != 0 || got.Routes[route].Refused < 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// The counts of one tenant must not depend on how many others there are, and on what their servers respond.
func TestManyRoutesAndReasonsLeaveOutNoCounts(t *testing.T) {
	var fluentd, statuses strings.Builder
	id := func(i int) string { return fmt.Sprintf("b_%040d_%040d_%010x", i, i, i) }
	for i := range 400 {
		for n := range 67 {
			fmt.Fprintf(&fluentd, "kubeops_collector_lines_total{route=%q,result=\"refused\",reason=\"%048d\"} 1000000000\n", id(i), n)
		}
	}
	for i := range 50 {
		for status := 100; status < 1000; status++ {
			fmt.Fprintf(&statuses, "vector_http_client_responses_total{component_id=%q,status=\"%d\"} 1\n", id(i), status)
		}
	}
	last := "kubeops_collector_lines_total{route=\"" + route + "\",result=\"sent\",reason=\"\"} 7\n"
	for name, text := range map[string]string{"Fluentd": fluentd.String(), "Vector": statuses.String()} {
		if len(text) < 5<<20 || len(text) > MaxBytes {
			t.Fatalf("%s: %d bytes", name, len(text))
		}
		counts, err := parse(strings.NewReader(text + last))
		if err != nil || counts[route] == nil || counts[route].sent != 7 {
			t.Errorf("%s: the last route has %+v, %v", name, counts[route], err)
		}
		if one := counts[id(0)]; one == nil || len(one.reasons) > maxReasons+1 || len(one.reasons) < 60 {
			t.Errorf("%s: the first route has %+v", name, one)
		}
	}
}

// The counters that are missing in a part of an answer would be counted again with the next whole one.
func TestACollectorWhoseAnswerIsTooLongIsUnread(t *testing.T) {
	n := newNodes(t)
	whole := vector(route, 100, 0, 0, 0)
	n.start("10.0.0.1", whole)
	n.after(0)
	n.set("10.0.0.1", strings.Repeat("# comment\n", MaxBytes/9)+whole)
	if got := n.after(Interval); got.Read != 0 || got.Unread != 1 || got.Routes[route].Sent != 100 {
		t.Errorf("too long: got %+v", got)
	}
	n.set("10.0.0.1", vector(route, 101, 0, 0, 0))
	if got := n.after(Interval); got.Read != 1 || got.Routes[route].Sent != 101 {
		t.Errorf("whole again: got %+v", got)
	}
}

func TestNoMoreThanTheLimitOfCollectorsIsRead(t *testing.T) {
	n := newNodes(t)
	for i := range maxPods + 10 {
		n.start(fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), vector(route, 1, 0, 0, 0))
	}
	if got := n.after(0); got.Routes[route].Sent != maxPods || got.Read != maxPods {
		t.Errorf("read %d, %+v", got.Read, got.Routes[route])
	}
	// A new node comes first by name, and gets its turn when another is gone.
	n.start("10.0.0.0", vector(route, 1, 0, 0, 0))
	n.pods = slices.Concat(n.pods[maxPods+10:], n.pods[:maxPods])
	if got := n.after(Interval); got.Routes[route].Sent != maxPods || got.Read != maxPods {
		t.Errorf("a new node: read %d, %+v", got.Read, got.Routes[route])
	}
	n.pods = slices.Delete(n.pods, 1, 2)
	if got := n.after(Interval); got.Routes[route].Sent != maxPods+1 || got.Read != maxPods {
		t.Errorf("a node is gone: read %d, %+v", got.Read, got.Routes[route])
	}

}

// The manager must not be held up by collectors that do not answer, as where a NetworkPolicy drops its requests, and the others are read.
func TestCollectorsThatDoNotAnswerTakeABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{t: t, clock: clocktesting.NewFakeClock(time.Now()), metrics: map[string]string{}, routes: map[string]Earlier{route: {}}}
		answers := transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.Hostname() == "10.1.0.1" {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(vector(route, 1, 0, 0, 0)))}, nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		n.meter = &Meter{Pods: n, Client: &http.Client{Timeout: timeout, Transport: answers}, Namespace: "kubeops-logging", Clock: n.clock}
		for i := range 100 {
			n.start(fmt.Sprintf("10.0.0.%d", i), "")
		}
		n.start("10.1.0.1", "")
		for i := range 4 {
			began := time.Now()
			got := n.after(Interval)
			if took := time.Since(began); took > patience {
				t.Errorf("a reading took %s", took)
			}
			if read := got.Read == 1 && got.Unread == 100; i > 0 && !read {
				t.Errorf("in reading %d, %d are read and %d unread", i, got.Read, got.Unread)
			}
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzParse(f *testing.F) {
	f.Add(vector(route, 1, 2, 3, 4))
	f.Add("kubeops_collector_lines_total{route=\"" + route + "\",result=\"refused\",reason=\"http_400\"} 1e300\n")
	f.Add("vector_http_client_responses_total{status=\"4\\n\"} 1")
	f.Fuzz(func(t *testing.T, text string) {
		counts, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for id, c := range counts {
			if !strings.HasPrefix(id, "b_") || c.sent < 0 || c.refused < 0 || c.overflow < 0 || c.lost < 0 {
				t.Errorf("%q: %+v", id, c)
			}
			for reason := range c.reasons {
				if len(reason) > 48 || strings.ContainsFunc(reason, func(r rune) bool { return r <= ' ' || r > '~' }) {
					t.Errorf("%q", reason)
				}
			}
		}
	})
}
