// Package explain has a language model put into words what an inspection found: root causes only, worst first, each with the
// evidence that it rests on, and the report as a whole. Rules decide what is true; a model only explains it. Its answers are
// checked against a schema and against the evidence, and what does not hold is thrown away and counted.
package explain

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Candidate is a model that may answer.
type Candidate struct {
	ai.Model
	// Provider is the name of the AIProvider, and Name that of the model.
	Provider, Name string
	// Identity tells this AIProvider from every other one, whatever their names: answers of one are never taken for those of another.
	Identity string
	// ContextLength and AnswerTokens bound a prompt with its answer, and an answer, in tokens.
	ContextLength int64
	AnswerTokens  int
	// Gate that every text passes on its way to the model, and back; required.
	Gate *Gate
	// Hit and Drop count what came of it; nil counts nothing.
	Hit  func(n int64)
	Drop func(reason string)
}

// Store keeps explanations. It is safe for concurrent use.
type Store interface {
	// Lookup finds what earlier questions with these keys were answered; what is not there is left out.
	Lookup(ctx context.Context, keys []string) (map[string]v1alpha1.Explanation, error)
	// Add keeps one more, so that it survives the end of this process before the next question is asked.
	Add(ctx context.Context, explanation v1alpha1.Explanation) error
}

// Input is what to explain, and how.
type Input struct {
	// Report as it was saved. What it explains already is not asked again.
	Report *v1alpha1.InspectionReport
	// Candidates in the order in which they are asked; at least one. The others stand in for the first.
	Candidates []Candidate
	Language   v1alpha1.Language
	// Most root causes that are explained.
	Most int
	// Parallel questions. Default 1.
	Parallel int
	Store    Store
}

// Result of an explanation.
type Result struct {
	// Causes that were to be explained, and Missing of the questions that have no answer yet.
	Causes, Missing int
	// Requests that were sent, Cached that were answered before, Dropped answers, and Tokens that were spent.
	Requests, Cached, Dropped int
	Tokens                    int64
	// Problem that kept the missing ones from being asked; nil when none is missing.
	Problem *problem.Problem
}

// Run explains a report. Its error is one of the store, or of the context; that of a model is in the result.
func Run(ctx context.Context, in Input) (Result, error) {
	questions := ask(in)
	r := &run{Input: in, result: Result{Causes: max(len(questions)-1, 0)}}
	open, err := r.cached(ctx, questions)
	if err != nil {
		return r.result, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(in.Parallel, 1))
	for _, q := range open {
		group.Go(func() error { return r.question(ctx, q) })
	}
	err = group.Wait()
	return r.result, err
}

// run is one run.
type run struct {
	Input

	mutex  sync.Mutex
	result Result
	// failed counts questions in a row that no model answered; hopeless ends the asking.
	failed   int
	hopeless bool
}

// patience with models that do not answer, in questions in a row.
const patience = 2

// cached adds what was answered before, and returns the questions that are left.
func (r *run) cached(ctx context.Context, questions []question) ([]question, error) {
	there := map[string]bool{}
	for _, e := range r.Report.Explanations {
		there[e.ID] = true
	}
	var open []question
	var keys []string
	for _, q := range questions {
		if there[q.id] {
			continue
		}
		open = append(open, q)
		for _, c := range r.Candidates {
			keys = append(keys, q.key(c, r.Language))
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	found, err := r.Store.Lookup(ctx, keys)
	if err != nil {
		return nil, err
	}
	var left []question
	for _, q := range open {
		e, c, ok := r.pick(q, found)
		if !ok {
			left = append(left, q)
			continue
		}
		e.ID = q.id
		if err := r.Store.Add(ctx, e); err != nil {
			return nil, err
		}
		r.result.Cached++
		if c.Hit != nil {
			c.Hit(1)
		}
	}
	return left, nil
}

// pick takes what the first of the candidates that has an answer said, an answer that was thrown away last.
func (r *run) pick(q question, found map[string]v1alpha1.Explanation) (e v1alpha1.Explanation, c Candidate, ok bool) {
	for _, wantDropped := range []bool{false, true} {
		for _, c := range r.Candidates {
			key := q.key(c, r.Language)
			e, known := found[key]
			if !known || (e.Dropped != "") != wantDropped {
				continue
			}
			if e, sound := again(e, expectation{ids: q.ids, language: r.Language, system: system(r.Language), gate: c.Gate}); sound {
				e.Key, e.Provider, e.Model, e.Language = key, c.Provider, c.Name, r.Language
				return e, c, true
			}
		}
	}
	return e, c, false
}

// question asks one, and keeps what came of it.
func (r *run) question(ctx context.Context, q question) error {
	r.mutex.Lock()
	hopeless := r.hopeless
	if hopeless {
		r.result.Missing++
	}
	r.mutex.Unlock()
	if hopeless {
		return nil
	}
	answer, asked, system, err := r.put(ctx, q)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !final(err) {
		r.lost(err)
		return nil
	}
	c := r.Candidates[asked]
	e := v1alpha1.Explanation{}
	if err != nil {
		e.Dropped = ai.Reason(err)
	} else {
		e = judge(c.Gate.restore(answer.Text), expectation{ids: q.ids, language: r.Language, system: system, gate: c.Gate})
	}
	e.ID, e.Key, e.Provider, e.Model, e.Language = q.id, q.key(c, r.Language), c.Provider, c.Name, r.Language
	if e.Dropped != "" && c.Drop != nil {
		c.Drop(e.Dropped)
	}
	r.mutex.Lock()
	r.failed = 0
	r.result.Tokens += answer.Tokens()
	if e.Dropped != "" {
		r.result.Dropped++
	}
	r.mutex.Unlock()
	return r.Store.Add(ctx, e)
}

// put a question to the candidates until one answers. A prompt that is too long for a model is shortened, and tried once more.
func (r *run) put(ctx context.Context, q question) (answer ai.Answer, asked int, system string, err error) {
	answer, asked, err = ai.FirstOf(ctx, len(r.Candidates), func(ctx context.Context, i int) (ai.Answer, error) {
		c := r.Candidates[i]
		room := c.room()
		for try := 1; ; try++ {
			p := q.prompt(r.Language, c.Gate, room, c.answer())
			system = p.System
			r.sent()
			answer, err := c.Ask(ctx, p)
			if try == 2 || ai.Reason(err) != v1alpha1.ReasonContextTooLong || err == nil {
				return answer, err
			}
			room = min(room, ai.Estimate(p.User)) / 2
		}
	})
	return answer, asked, system, err
}

func (r *run) sent() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.result.Requests++
}

// lost notes a question that no model answered. Some reasons will not go away within this run; of the others, a few in a row are
// enough.
func (r *run) lost(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.result.Missing++
	r.failed++
	p := problem.As(err)
	if p == nil {
		p = problem.Retrying(v1alpha1.ReasonRetrying, err, "the model could not be asked; the manager's log names the error")
	}
	if r.result.Problem == nil {
		r.result.Problem = p
	}
	switch p.Reason {
	case v1alpha1.ReasonRateLimited, v1alpha1.ReasonTimeout, v1alpha1.ReasonServerError, v1alpha1.ReasonInvalidResponse:
		r.hopeless = r.failed >= patience
	default:
		r.hopeless = true
	}
}

// final says that a question was worked on and that another try would end the same: it is remembered as dropped.
func final(err error) bool {
	switch ai.Reason(err) {
	case v1alpha1.ReasonContextTooLong, v1alpha1.ReasonModelRefused, v1alpha1.ReasonAnswerCutOff, v1alpha1.ReasonResponseTooLarge:
		return true
	}
	return false
}
