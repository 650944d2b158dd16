package explain

import (
	"context"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Limits of an investigation. docs/limits.md names them.
const (
	// MaxInvestigationTokens of the requests in which a model says what to read, without the one for the explanation.
	MaxInvestigationTokens = 15_000
	// MaxInvestigationTime of the same requests and the reads.
	MaxInvestigationTime = 2 * time.Minute
	// maxTurns is the number of these requests: a model whose calls are all refused ends, too.
	maxTurns = tools.MaxCalls + 1
	// turnTokens are reserved for one answer with calls, turnRoom for the data of the finding.
	turnTokens = 400
	turnRoom   = 2500
)

// investigates reports whether a question is investigated after an explanation.
func (r *run) investigates(q question, e v1alpha1.Explanation) bool {
	return q.investigable && e.Dropped == "" && r.Tools != nil && r.Investigate.Investigates(q.severity, e.Confidence)
}

// investigate has a model read more about a root cause, and asks it again. It returns the new explanation, or the first one if there is no
// better, with what was read.
func (r *run) investigate(ctx context.Context, q question, c Candidate, first v1alpha1.Explanation) (v1alpha1.Explanation, int64) {
	l := &look{run: r, candidate: c, session: r.Tools.NewSession(c.Gate)}
	end := l.read(ctx, q, first)
	investigation := &v1alpha1.Investigation{Ended: end, Tokens: l.tokens}
	explanation := first
	interrupted := l.interrupted
	tokens := l.tokens
	calls := unmasked(l.session.Calls(), c.Gate)
	if answered(calls) && ctx.Err() == nil {
		second, used := r.conclude(ctx, q.after(calls), c)
		tokens += used
		if second.Dropped == "" && !(second.Confidence == v1alpha1.ConfidenceUnknown && first.Confidence != v1alpha1.ConfidenceUnknown) {
			explanation = second
		}
		interrupted = passes(second.Dropped)
	}
	investigation.Calls = transcript(calls, explanation, c.Gate)
	explanation.Investigation = investigation
	if interrupted { // as an answer without reads, it is not reused, and the next report investigates again
		explanation.Key = q.key(c, r.Language, nil)
	}
	return explanation, tokens
}

// passes reports whether a failure is one of the moment: a later request may succeed.
func passes(reason string) bool {
	switch reason {
	case v1alpha1.ReasonRateLimited, v1alpha1.ReasonTimeout, v1alpha1.ReasonServerError, v1alpha1.ReasonUnreachable,
		v1alpha1.ReasonNameNotResolved, v1alpha1.ReasonBudgetExceeded:
		return true
	}
	return false
}

// answered reports whether at least one call has lines.
func answered(calls []tools.Call) bool {
	for _, call := range calls {
		if call.Refused == "" {
			return true
		}
	}
	return false
}

// conclude asks for an explanation from everything that is known now.
func (r *run) conclude(ctx context.Context, q question, c Candidate) (v1alpha1.Explanation, int64) {
	p := q.prompt(r.Language, c.Gate, c.investigatedRoom(), c.answerTokens())
	r.countRequest()
	answer, err := c.Ask(ctx, p.Request)
	if err != nil {
		return v1alpha1.Explanation{Dropped: ai.Reason(err)}, answer.Tokens()
	}
	e := validate(c.Gate.restore(answer.Text), r.expectation(q, c, p.ids))
	if e.Dropped != "" && c.Drop != nil {
		c.Drop(e.Dropped)
	}
	return e, answer.Tokens()
}

// look is the part of an investigation in which a model says what to read.
type look struct {
	*run
	candidate Candidate
	session   *tools.Session
	tokens    int64
	turns     []ai.Turn
	// inJSON is set for models that cannot call tools: they write the calls as an answer.
	inJSON bool
	// interrupted is set if the model failed for a reason that passes.
	interrupted bool
}

// read asks the model what to read, and reads it, until it wants no more or a limit is reached.
func (l *look) read(ctx context.Context, q question, first v1alpha1.Explanation) v1alpha1.InvestigationEnd {
	ctx, cancel := context.WithTimeout(ctx, MaxInvestigationTime)
	defer cancel()
	for turn := 1; ; turn++ {
		request := l.request(q, first)
		switch {
		case l.session.Left() == 0:
			return v1alpha1.InvestigationCalls
		case turn > maxTurns:
			return v1alpha1.InvestigationRequests
		case l.tokens+request.Estimate() > MaxInvestigationTokens:
			return v1alpha1.InvestigationTokens
		}
		l.countRequest()
		answer, err := l.candidate.Ask(ctx, request)
		l.tokens += answer.Tokens()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return v1alpha1.InvestigationTime
		case ai.Reason(err) == v1alpha1.ReasonToolsNotSupported && !l.inJSON:
			l.inJSON = true
			continue
		default:
			l.interrupted = passes(ai.Reason(err))
			return v1alpha1.InvestigationFailed
		}
		calls := answer.Calls
		if l.inJSON {
			calls = callsOf(answer.Text)
		}
		if len(calls) == 0 {
			return v1alpha1.InvestigationDone
		}
		l.call(ctx, calls)
	}
}

// call makes the calls of one answer.
func (l *look) call(ctx context.Context, calls []ai.Call) {
	turn := ai.Turn{}
	for _, call := range calls[:min(len(calls), ai.MaxCalls)] {
		made := l.session.Call(ctx, call.Tool, call.Arguments)
		turn.Calls = append(turn.Calls, call)
		turn.Results = append(turn.Results, fence(resultOf(made)))
	}
	l.turns = append(l.turns, turn)
}
