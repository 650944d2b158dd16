package runner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/live"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// debounce is how long a change waits for others before it is judged; after a judgement at least as long as that took, so that a
	// cluster that changes all the time keeps less than one processor busy.
	debounce = 100 * time.Millisecond
	// rejudge is when facts are judged that have not changed: problems also begin and end with time.
	rejudge = 30 * time.Second
	// evidenceTimeout bounds the requests for log lines of one judgement. Changes wait for it.
	evidenceTimeout = 2 * time.Second
)

// watcher is the child's side of an Inspection that is continuous.
type watcher struct {
	local      *Local
	inspection *v1alpha1.Inspection
	parent     *parent
	session    session
	judge      *inspect.Judge
	clock      clock.WithTicker

	wanted Wanted
	// answered is the last wanted.Evidence that was delivered.
	answered int64
	// previous report, and its name.
	previous *v1alpha1.InspectionReport
	compared string
	// seen is when findings were first judged that the previous report does not have.
	seen map[string]*metav1.Time
	// sent identifies the last judgement that was sent; it is sent again only if it differs.
	sent [sha256.Size]byte
	// took is how long the last judgement took, until ended.
	took  time.Duration
	ended time.Time
	// wasDown: the API server did not answer. What was sent then may have got lost.
	wasDown bool
}

// session follows a cluster; see live.Session.
type session interface {
	Tried() <-chan struct{}
	Changed() <-chan struct{}
	Refresh(ctx context.Context)
	Down() bool
	Size() live.Size
	Collected() (collect.Collected, error)
}

// watch follows the cluster of a job and judges each change, until ctx ends.
func (l *Local) watch(ctx context.Context, inspection *v1alpha1.Inspection, parent *parent) error {
	input, err := l.resolve(ctx, inspection)
	if err != nil {
		return err
	}
	judge, err := inspect.NewJudge(input)
	if err != nil {
		return err
	}
	watched, end := context.WithCancel(ctx)
	defer end()
	clk := clock.RealClock{}
	session, err := live.Start(watched, live.Options{Source: input.Source, Scope: judge.Scope(), Kinds: judge.Kinds(), Clock: clk})
	if err != nil {
		return err
	}
	defer session.Wait()
	defer end()
	if err := parent.call(ctx, methodStarted, None{}, &None{}); err != nil {
		return err
	}
	w := &watcher{
		local: l, inspection: inspection, parent: parent, session: session, judge: judge, clock: clk, previous: input.Previous,
		wanted: Wanted{Previous: inspection.Status.LastReport}, compared: inspection.Status.LastReport,
	}
	return w.run(watched)
}

// run judges when facts have changed, when the parent asks, and from time to time. One judgement is made at a time.
func (w *watcher) run(ctx context.Context) error {
	select {
	case <-w.session.Tried():
	case <-ctx.Done():
		return ctx.Err()
	}
	wanted := make(chan Wanted)
	failed := make(chan error, 1)
	go func() { failed <- w.listen(ctx, wanted) }()
	w.session.Refresh(ctx)
	if err := w.judgeNow(ctx); err != nil {
		return err
	}
	again := w.clock.NewTicker(rejudge) // not from the last change: a cluster that changes all the time would never be refreshed
	defer again.Stop()
	for {
		select {
		case <-w.session.Changed():
			w.gather(ctx)
		case w.wanted = <-wanted:
		case <-again.C():
			w.session.Refresh(ctx)
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		if w.session.Down() {
			w.wasDown = true // nothing new is known; judging again would only report what everyone notices
		} else if err := w.judgeNow(ctx); err != nil {
			return err
		}
	}
}

// gather waits for more changes, since they seldom come alone.
func (w *watcher) gather(ctx context.Context) {
	timer := w.clock.NewTimer(max(debounce, w.took-w.clock.Since(w.ended)))
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-ctx.Done():
	}
	select {
	case <-w.session.Changed():
	default:
	}
}

// listen delivers what the parent wants.
func (w *watcher) listen(ctx context.Context, deliver chan<- Wanted) error {
	known := w.wanted
	for {
		if err := w.parent.call(ctx, methodWanted, known, &known); err != nil {
			return err
		}
		select {
		case deliver <- known:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// judgeNow judges the facts as they are, and sends what is new.
func (w *watcher) judgeNow(ctx context.Context) error {
	began := w.clock.Now()
	defer func() {
		w.ended = w.clock.Now()
		w.took = w.ended.Sub(began)
	}()
	judgement, err := w.judgement(ctx)
	if err != nil {
		return err
	}
	sum, err := fingerprint(judgement)
	if err != nil {
		return err
	}
	if sum == w.sent && !judgement.Evidence && !w.wasDown {
		return nil
	}
	if err := w.parent.call(ctx, methodJudged, judgement, &None{}); err != nil {
		return err
	}
	w.sent = sum
	w.wasDown = false
	if judgement.Evidence {
		w.answered = judgement.For.Evidence
	}
	return nil
}

func (w *watcher) judgement(ctx context.Context) (*Judgement, error) {
	if err := w.readPrevious(ctx); err != nil {
		return nil, err
	}
	size := w.session.Size()
	made := &Judgement{
		For:      Wanted{Previous: w.compared, Evidence: w.wanted.Evidence},
		Evidence: w.evidenceDue(), Objects: size.Objects, Bytes: size.Bytes,
	}
	collected, err := w.session.Collected()
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, evidenceTimeout)
		defer cancel()
		var result *inspect.Result
		how := inspect.Judging{Previous: w.previous, Evidence: made.Evidence}
		if result, err = w.judge.Judge(limited, collected, how); err == nil {
			w.keepFirstSeen(result.Report)
			made.Report = result.Report
			return made, nil
		}
	}
	p := problem.As(err)
	if p == nil {
		return nil, err
	}
	made.Problem = toWire(p)
	return made, nil
}

// evidenceDue reports whether the parent waits for evidence, and could use it. It could not use one that is compared with an older report,
// and would ask again at once.
func (w *watcher) evidenceDue() bool {
	return w.wanted.Evidence != w.answered && w.wanted.Previous == w.compared
}

// readPrevious reads the report that the parent saved last. While it cannot be read, judgements are compared with the one before.
func (w *watcher) readPrevious(ctx context.Context) error {
	if w.wanted.Previous == w.compared {
		return nil
	}
	inspection := *w.inspection
	inspection.Status.LastReport = w.wanted.Previous
	previous, err := w.local.Previous(ctx, &inspection)
	if err != nil {
		return ctx.Err()
	}
	w.previous = previous
	w.compared = w.wanted.Previous
	return nil
}

// keepFirstSeen gives findings that no saved report has yet the time at which they were first judged.
func (w *watcher) keepFirstSeen(report *v1alpha1.InspectionReport) {
	seen := map[string]*metav1.Time{}
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.State != v1alpha1.FindingNew {
			continue
		}
		if known := w.seen[f.ID]; known != nil {
			f.FirstSeen = known
		}
		seen[f.ID] = f.FirstSeen
	}
	w.seen = seen
}

// fingerprint identifies what a judgement says about the cluster. Times and counts of objects, which always change, are not part of it.
func fingerprint(j *Judgement) (sum [sha256.Size]byte, err error) {
	said := struct {
		For      Wanted
		Problem  *Problem
		Summary  v1alpha1.ReportSummary
		Gaps     []v1alpha1.Gap
		Findings []v1alpha1.Finding
	}{For: j.For, Problem: j.Problem}
	if j.Report != nil {
		said.Summary, said.Gaps = j.Report.Summary, j.Report.Gaps
		said.Summary.StartTime = metav1.Time{}
		said.Summary.Duration = metav1.Duration{}
		said.Summary.Objects = 0
		for i := range j.Report.Findings {
			f := &j.Report.Findings[i]
			said.Findings = append(said.Findings, v1alpha1.Finding{
				ID: f.ID, Severity: f.Severity, Class: f.Class, Message: f.Message, CausedBy: f.CausedBy, Affects: f.Affects,
			})
		}
	}
	encoded, err := json.Marshal(&said)
	if err != nil {
		return sum, err
	}
	return sha256.Sum256(encoded), nil
}
