package runner

import (
	"context"
	"errors"
	"io"
	"net"
	"net/rpc/jsonrpc"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/problem"
)

// newWatched is an Inspection that is watched, without a process.
func newWatched() *watched {
	return &watched{
		watches: &Watches{Clock: clock.RealClock{}, Wake: func(client.ObjectKey) {}}, inspection: &v1alpha1.Inspection{},
		changed: make(chan struct{}), settled: func() {},
	}
}

func TestEvidenceIsAskedForOnceUntilItIsThereAndUsed(t *testing.T) {
	w := newWatched()
	judged := func(evidence bool, compared Wanted) {
		w.judged(&Judgement{Report: &v1alpha1.InspectionReport{}, Evidence: evidence, For: compared})
	}
	for i, step := range []struct {
		do           func()
		want         Wanted
		hasEvidence  bool
		changedEvent bool
	}{
		{func() { w.want("", false) }, Wanted{}, false, false},
		{func() { w.want("", true) }, Wanted{Evidence: 1}, false, true},
		{func() { w.want("", true) }, Wanted{Evidence: 1}, false, false},
		{func() { judged(false, Wanted{}) }, Wanted{Evidence: 1}, false, false},
		{func() { judged(true, Wanted{Evidence: 1}) }, Wanted{Evidence: 1}, true, false},
		{func() { w.want("", true) }, Wanted{Evidence: 1}, true, false},
		{func() { w.want("r1", false) }, Wanted{"r1", 1}, false, true}, // it was saved
		{func() { w.want("r1", true) }, Wanted{"r1", 2}, false, true},
		{func() { judged(true, Wanted{"r0", 2}) }, Wanted{"r1", 2}, false, false}, // compared with an older report
		{func() { w.want("r1", true) }, Wanted{"r1", 3}, false, true},
		{func() { judged(true, Wanted{"r1", 3}) }, Wanted{"r1", 3}, true, false},
		{func() { w.want("r1", false) }, Wanted{"r1", 3}, false, false}, // no report is due any more
		{func() { w.want("r1", true) }, Wanted{"r1", 4}, false, true},
		{func() { judged(true, Wanted{"r1", 4}) }, Wanted{"r1", 4}, true, false},
		{func() { w.judged(&Judgement{Problem: &Problem{}, For: Wanted{"r1", 4}}) }, Wanted{"r1", 4}, false, false},
		{func() { w.want("r1", true) }, Wanted{"r1", 5}, false, true},
	} {
		before := w.changed
		step.do()
		if w.wanted != step.want || (w.state().Evidence != nil) != step.hasEvidence || (w.changed != before) != step.changedEvent {
			t.Errorf("step %d: wanted %+v, evidence %v", i, w.wanted, w.state().Evidence)
		}
	}
}

func TestAWatchingChildThatIsGoneEndsItsConversation(t *testing.T) {
	w := newWatched()
	talk := newConversation(t.Context(), &Child{Config: &rest.Config{}, Backends: &backends.Resolver{}}, w.inspection,
		func() error { return nil })
	talk.watched = w
	near, far := net.Pipe()
	held := make(chan error, 1)
	go func() { held <- talk.hold(near) }()
	caller := jsonrpc.NewClient(far)
	var job Job
	if err := caller.Call(methodJob, None{}, &job); err != nil {
		t.Fatal(err)
	}
	waiting := caller.Go(methodWanted, Wanted{}, &Wanted{}, nil)
	if err := caller.Call(methodJudged, Judgement{Report: &v1alpha1.InspectionReport{}}, &None{}); err != nil || w.state().Latest == nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-held:
		if err == nil {
			t.Error("a child that is gone is no error")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the parent waits for a child that is gone")
	}
	<-waiting.Done
}

func TestWantedReturnsWhenItChanges(t *testing.T) {
	w := newWatched()
	got := make(chan Wanted, 1)
	go func() {
		wanted, _ := w.await(t.Context(), Wanted{})
		got <- wanted
	}()
	w.want("r1", true)
	if wanted := <-got; wanted != (Wanted{"r1", 1}) {
		t.Errorf("%+v", wanted)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := w.await(ended, w.wanted); err == nil {
		t.Error("it waits longer than its context")
	}
}

func TestARequestOfAChildIsBounded(t *testing.T) {
	a := &allowance{Reader: strings.NewReader(strings.Repeat("a", 100)), left: 60}
	read, err := io.ReadAll(a)
	if len(read) != 60 || err == nil {
		t.Errorf("%d bytes, error %v", len(read), err)
	}
}

func TestFingerprintsIgnoreWhatAlwaysChanges(t *testing.T) {
	report := func(change func(*v1alpha1.InspectionReport)) *Judgement {
		r := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{ID: "a", Message: "m"}}}
		change(r)
		return &Judgement{Report: r, Objects: len(r.Findings)}
	}
	sum := func(j *Judgement) [32]byte {
		s, err := fingerprint(j)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	base := sum(report(func(*v1alpha1.InspectionReport) {}))
	for name, tc := range map[string]struct {
		change func(*v1alpha1.InspectionReport)
		same   bool
	}{
		"the time":          {func(r *v1alpha1.InspectionReport) { r.Summary.StartTime.Time = time.Unix(1, 0) }, true},
		"the duration":      {func(r *v1alpha1.InspectionReport) { r.Summary.Duration.Duration = time.Second }, true},
		"the objects":       {func(r *v1alpha1.InspectionReport) { r.Summary.Objects = 7 }, true},
		"evidence":          {func(r *v1alpha1.InspectionReport) { r.Findings[0].Evidence = make([]v1alpha1.Evidence, 1) }, true},
		"a message":         {func(r *v1alpha1.InspectionReport) { r.Findings[0].Message = "n" }, false},
		"a severity":        {func(r *v1alpha1.InspectionReport) { r.Findings[0].Severity = v1alpha1.SeverityHigh }, false},
		"a finding":         {func(r *v1alpha1.InspectionReport) { r.Findings = nil }, false},
		"a gap":             {func(r *v1alpha1.InspectionReport) { r.Gaps = make([]v1alpha1.Gap, 1) }, false},
		"the changes":       {func(r *v1alpha1.InspectionReport) { r.Summary.Changes.New = 1 }, false},
		"the score":         {func(r *v1alpha1.InspectionReport) { r.Summary.Score = new(int32) }, false},
		"the problem count": {func(r *v1alpha1.InspectionReport) { r.Summary.Problems.Total = 1 }, false},
	} {
		if same := sum(report(tc.change)) == base; same != tc.same {
			t.Errorf("%s: same %v", name, same)
		}
	}
}

func TestAChildEndsWhenItsCheckFails(t *testing.T) {
	gone := problem.Waiting(v1alpha1.ReasonServiceAccountNotFound, time.Minute, "gone")
	for name, tc := range map[string]struct {
		known, now []string
		err        error
		checked    bool
		ended      bool
	}{
		"nothing has changed":              {known: []string{"a"}, now: []string{"a"}, err: gone},
		"a referent has changed":           {known: []string{"a"}, now: []string{"b"}, checked: true},
		"a referent is gone":               {known: []string{"a"}, now: []string{"b"}, err: gone, checked: true, ended: true},
		"a referent that is not watched":   {err: gone, checked: true, ended: true},
		"the API server does not answer":   {now: []string{"b"}, err: errors.New("unavailable"), checked: true},
		"the API server refuses for a bit": {err: problem.Retrying(v1alpha1.ReasonRetrying, nil, "too many requests"), checked: true},
	} {
		t.Run(name, func(t *testing.T) {
			known := newWatched()
			known.referents = tc.known
			ended := false
			known.cancel = func() { ended = true }
			w := &Watches{Max: 1, started: map[client.ObjectKey]*watched{{}: known}}
			checked := false
			_, err := w.Ensure(known.inspection, tc.now, func() error {
				checked = true
				return tc.err
			})
			if checked != tc.checked || ended != tc.ended || w.Has(client.ObjectKey{}) == tc.ended || (err != nil) != tc.ended {
				t.Errorf("checked %v, ended %v, error %v", checked, ended, err)
			}
		})
	}
}

func TestANamespaceWatchesNoMoreThanItsShare(t *testing.T) {
	w := &Watches{Max: 3, PerNamespace: 2, started: map[client.ObjectKey]*watched{}}
	for _, step := range []struct {
		namespace, name string
		want            error
	}{{"a", "1", nil}, {"a", "2", nil}, {"a", "3", ErrTooManyOfNamespace}, {"b", "1", nil}, {"c", "1", ErrTooMany}} {
		key := client.ObjectKey{Namespace: step.namespace, Name: step.name}
		got := w.room(key.Namespace)
		if !errors.Is(got, step.want) {
			t.Errorf("%s: %v, want %v", key, got, step.want)
		}
		if got == nil {
			w.started[key] = newWatched()
		}
	}
}
