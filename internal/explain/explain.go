// Package explain lets a language model explain the findings of an inspection: root causes only, worst first, each with its evidence,
// and the report as a whole. Deterministic checks decide what is true; the model only explains it. Answers are validated against a
// schema and the evidence; invalid ones are dropped and counted.
package explain

import (
	"cmp"
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Candidate is a model that may answer a question.
type Candidate struct {
	ai.Model
	// Provider is the name of the AIProvider, and Name that of the model.
	Provider, Name string
	// Identity is unique to this AIProvider, even if another one has had its name. Cached answers are never shared between AIProviders.
	Identity string
	// ContextLength bounds a prompt with its answer, AnswerTokens an answer, in tokens.
	ContextLength int64
	AnswerTokens  int
	// Gate for all text to and from the model; required.
	Gate *Gate
	// Hit and Drop count cache hits and dropped answers; nil disables counting.
	Hit  func(n int64)
	Drop func(reason string)
}

// Store keeps explanations. It is safe for concurrent use.
type Store interface {
	// Lookup returns the cached answers for these keys.
	Lookup(ctx context.Context, keys []string) (map[string]v1alpha1.Explanation, error)
	// Add stores explanations durably, all or none: they survive the end of this process.
	Add(ctx context.Context, explanations ...v1alpha1.Explanation) error
}

// Input of Run.
type Input struct {
	// Report as saved. Findings that it already explains are skipped.
	Report *v1alpha1.InspectionReport
	// Candidates in order of preference, at least one. The others are fallbacks of the first.
	Candidates []Candidate
	Language   v1alpha1.Language
	// MaxCauses to explain.
	MaxCauses int
	// Background of the root causes, by the id of the finding. Those without one are explained from their finding alone.
	Background map[string]background.Facts
	// Tools with which the model may read more about problems, when Investigate says so. Nil permits none.
	Tools       *tools.Set
	Investigate v1alpha1.Investigate
	// Parallel questions. Default 1.
	Parallel int
	Store    Store
}

// Result of an explanation.
type Result struct {
	// Causes to explain, and Missing questions without an answer.
	Causes, Missing int
	// Requests sent, Cached answers, Dropped answers, and Tokens used.
	Requests, Cached, Dropped int
	Tokens                    int64
	// Problem because of which answers are missing; nil if none is.
	Problem *problem.Problem
}

// Run explains a report: its root causes, and then the whole from their explanations. It returns errors of the store and the context;
// errors of models are in the result.
func Run(ctx context.Context, in Input) (Result, error) {
	causes := Causes(in.Report, in.MaxCauses)
	r := &run{Input: in, result: Result{Causes: len(causes)}, explained: map[string]v1alpha1.Explanation{}}
	if len(causes) == 0 {
		return r.result, nil
	}
	for _, e := range in.Report.Explanations {
		r.explained[e.ID] = e
	}
	var questions []question
	for _, c := range causes {
		questions = append(questions, ofCause(c, in.Background[c.ID]))
	}
	err := r.explain(ctx, causes, questions)
	return r.result, err
}

// explain answers the questions about root causes and then the one about the whole report. If all are cached, they are stored at once.
func (r *run) explain(ctx context.Context, causes []Cause, questions []question) error {
	reused, open, err := r.cached(ctx, questions)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		if err := r.store(ctx, reused...); err != nil {
			return err
		}
		reused = nil
		if err := r.askAll(ctx, open); err != nil {
			return err
		}
	}
	if r.result.Missing > 0 {
		r.result.Missing++ // the whole is explained from its parts
		return nil
	}
	whole, open, err := r.cached(ctx, []question{ofReport(r.Report, causes, r.explained)})
	if err != nil {
		return err
	}
	if err := r.store(ctx, append(reused, whole...)...); err != nil {
		return err
	}
	return r.askAll(ctx, open)
}

// askAll asks the models questions, several at a time.
func (r *run) askAll(ctx context.Context, questions []question) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(r.Parallel, 1))
	for _, q := range questions {
		group.Go(func() error { return r.answerQuestion(ctx, q) })
	}
	return group.Wait()
}

// store stores cached explanations.
func (r *run) store(ctx context.Context, cached ...v1alpha1.Explanation) error {
	if len(cached) == 0 {
		return nil
	}
	if err := r.Store.Add(ctx, cached...); err != nil {
		return err
	}
	r.result.Cached += len(cached)
	for _, e := range cached {
		for _, c := range r.Candidates {
			if c.Hit != nil && c.Provider == e.Provider {
				c.Hit(1)
				break
			}
		}
	}
	return nil
}

// run is the state of one Run.
type run struct {
	Input

	mutex  sync.Mutex
	result Result
	// explained are the explanations that the report has, or will have, by id.
	explained map[string]v1alpha1.Explanation
	// failures is the number of consecutive questions that no model answered.
	failures int
	// stopped is set once no more questions are sent.
	stopped bool
}

// maxFailures is the number of consecutive questions without an answer after which no more are sent.
const maxFailures = 2

// cached returns the cached answers, and the questions without one. Those that the report has already are neither.
func (r *run) cached(ctx context.Context, questions []question) (reused []v1alpha1.Explanation, open []question, err error) {
	var asked []question
	var keys []string
	for _, q := range questions {
		if _, known := r.explained[q.id]; known {
			continue
		}
		asked = append(asked, q)
		for _, c := range r.Candidates {
			keys = append(keys, r.key(q, c))
		}
	}
	if len(asked) == 0 {
		return nil, nil, nil
	}
	found, err := r.Store.Lookup(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	for _, q := range asked {
		e, ok := r.pick(q, found)
		if !ok {
			open = append(open, q)
			continue
		}
		e.ID = q.id
		e.AlsoFor = q.alsoFor
		reused = append(reused, e)
		r.explained[q.id] = e
	}
	return reused, open, nil
}

// pick returns the cached answer of the first candidate that has one; dropped answers come last.
func (r *run) pick(q question, found map[string]v1alpha1.Explanation) (e v1alpha1.Explanation, ok bool) {
	for _, wantDropped := range []bool{false, true} {
		for _, c := range r.Candidates {
			key := r.key(q, c)
			e, known := found[key]
			if !known || (e.Dropped != "") != wantDropped {
				continue
			}
			if !r.mayRead() { // an interrupted investigation has the key of an answer without reads
				e.Investigation = nil
			}
			if e, valid := revalidate(e, r.expectation(q, c, q.allIDs())); valid {
				e.Key = key
				e.Provider = c.Provider
				e.Model = c.Name
				e.Language = r.Language
				return e, true
			}
		}
	}
	return e, false
}

// answerQuestion asks the models a question and stores the result.
func (r *run) answerQuestion(ctx context.Context, q question) error {
	r.mutex.Lock()
	stopped := r.stopped
	if stopped {
		r.result.Missing++
	}
	r.mutex.Unlock()
	if stopped {
		return nil
	}
	answer, asked, ids, err := r.askCandidates(ctx, q)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !final(err) {
		r.recordMissing(err)
		return nil
	}
	c := r.Candidates[asked]
	e := v1alpha1.Explanation{}
	tokens := answer.Tokens()
	if err != nil {
		e.Dropped = ai.Reason(err)
	} else {
		e = validate(c.Gate.restore(answer.Text), r.expectation(q, c, ids))
		if correctable(e.Dropped) {
			e, answer = r.askAgain(ctx, q, c, e, answer)
		}
		tokens = answer.Tokens()
		if r.investigates(q, e) {
			var used int64
			e, used = r.investigate(ctx, q, c, e)
			tokens += used
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	e.ID = q.id
	e.AlsoFor = q.alsoFor
	e.Key = cmp.Or(e.Key, r.key(q, c))
	e.Provider = c.Provider
	e.Model = c.Name
	e.Language = r.Language
	if e.Dropped != "" && c.Drop != nil {
		c.Drop(e.Dropped)
	}
	r.mutex.Lock()
	r.failures = 0
	r.result.Tokens += tokens
	if e.Dropped != "" {
		r.result.Dropped++
	}
	r.explained[q.id] = e
	r.mutex.Unlock()
	return r.Store.Add(ctx, e)
}

// key of the cached answer of a candidate.
func (r *run) key(q question, c Candidate) string {
	if !r.mayRead() {
		return q.key(c, r.Language, nil)
	}
	may := &reading{investigate: r.Investigate}
	for _, t := range r.Tools.Tools() {
		may.tools = append(may.tools, t.Name)
	}
	return q.key(c, r.Language, may)
}

// mayRead reports whether models may call tools.
func (r *run) mayRead() bool {
	return r.Tools != nil && r.Investigate != "" && r.Investigate != v1alpha1.InvestigateNever
}

// expectation is what an answer of a candidate to a question may cite and say.
func (r *run) expectation(q question, c Candidate, ids []string) expectation {
	return expectation{
		ids: ids, cited: q.cited, language: r.Language, system: system(r.Language), gate: c.Gate,
		unquoted: q.id == v1alpha1.OverallExplanation,
	}
}

// askCandidates asks the candidates until one answers. A prompt that exceeds a model's context is shortened and sent once more. It
// returns the ids that the answer may cite.
func (r *run) askCandidates(ctx context.Context, q question) (answer ai.Answer, asked int, ids []string, err error) {
	answer, asked, err = ai.FirstOf(ctx, len(r.Candidates), func(ctx context.Context, i int) (ai.Answer, error) {
		c := r.Candidates[i]
		room := c.room()
		for try := 1; ; try++ {
			p := q.prompt(r.Language, c.Gate, room, c.answerTokens())
			ids = p.ids
			r.countRequest()
			answer, err := c.Ask(ctx, p.Request)
			if try == 2 || ai.Reason(err) != v1alpha1.ReasonContextTooLong || err == nil {
				return answer, err
			}
			room = min(room, ai.Estimate(p.User)) / 2
		}
	})
	return answer, asked, ids, err
}

// askAgain asks the model that gave an invalid answer once more, with the reason why it was dropped. It returns the second answer, or the
// first if there is no second one, with the tokens of both.
func (r *run) askAgain(
	ctx context.Context, q question, c Candidate, dropped v1alpha1.Explanation, first ai.Answer,
) (v1alpha1.Explanation, ai.Answer) {
	q.task = correction(dropped.Dropped) + " " + q.task
	p := q.prompt(r.Language, c.Gate, c.room(), c.answerTokens())
	r.countRequest()
	second, err := c.Ask(ctx, p.Request)
	second.InputTokens += first.InputTokens
	second.OutputTokens += first.OutputTokens
	if err != nil {
		return dropped, second
	}
	if c.Drop != nil {
		c.Drop(dropped.Dropped)
	}
	return validate(c.Gate.restore(second.Text), r.expectation(q, c, p.ids)), second
}

func (r *run) countRequest() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.result.Requests++
}

// recordMissing records a question that no model answered, and decides whether to ask further ones: not after an error that will not
// go away during this run, nor after several consecutive errors.
func (r *run) recordMissing(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.result.Missing++
	r.failures++
	p := problem.As(err)
	if p == nil {
		p = problem.Retrying(v1alpha1.ReasonRetrying, err, "the request to the model failed; see the manager's log")
	}
	if r.result.Problem == nil {
		r.result.Problem = p
	}
	switch p.Reason {
	case v1alpha1.ReasonRateLimited, v1alpha1.ReasonTimeout, v1alpha1.ReasonServerError, v1alpha1.ReasonInvalidResponse:
		r.stopped = r.failures >= maxFailures
	default:
		r.stopped = true
	}
}

// final reports whether another attempt would fail the same way: the question is stored as dropped.
func final(err error) bool {
	switch ai.Reason(err) {
	case v1alpha1.ReasonContextTooLong, v1alpha1.ReasonModelRefused, v1alpha1.ReasonAnswerCutOff, v1alpha1.ReasonResponseTooLarge:
		return true
	}
	return false
}
