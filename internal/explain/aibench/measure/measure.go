package measure

import (
	"context"
	"slices"
	"strings"
	"sync"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Options of Run.
type Options struct {
	// Model to ask. Nil only builds the prompts.
	Model ai.Model
	// ContextLength and AnswerTokens of the model. Defaults 32,000 and 1,024.
	ContextLength int64
	AnswerTokens  int
	Language      v1alpha1.Language
	// Investigate says when the model may call tools.
	Investigate v1alpha1.Investigate
	// FindingAlone leaves the background out of the prompts.
	FindingAlone bool
}

// Row is what a scenario gave.
type Row struct {
	Scenario string
	// InPrompt says that the first prompt of a root cause has everything that shows the cause, Found that the last one has, after calls of
	// tools.
	InPrompt, Found bool
	// Causes are the root causes that were asked about, and PromptTokens the tokens of their first prompts by estimate.
	Causes, PromptTokens int
	// Requests and Tokens, as the model counts them. Calls of tools, and how many of them were Refused.
	Requests       int
	Tokens         int64
	Calls, Refused int
	// Answers that were kept and Dropped by reason.
	Answers int
	Dropped []string
	// Confidence of the explanation that cites what shows the cause, or of the first one.
	Confidence v1alpha1.Confidence
	// Cited says that an explanation cites evidence with a text that shows the cause.
	Cited bool
	// Problem because of which answers are missing; empty if none is.
	Problem string
}

// recorder keeps the requests of a model.
type recorder struct {
	ai.Model
	mutex sync.Mutex
	asked []ai.Request
}

// Ask implements ai.Model.
func (r *recorder) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	r.mutex.Lock()
	r.asked = append(r.asked, request)
	r.mutex.Unlock()
	if r.Model == nil {
		return ai.Answer{Text: `{"cause":"The evidence does not show the cause.","why":[],"fix":[],"confidence":"unknown"}`}, nil
	}
	return r.Model.Ask(ctx, request)
}

// keeper is a store that answers nothing and keeps what is added.
type keeper struct {
	mutex sync.Mutex
	added []v1alpha1.Explanation
}

// Lookup implements explain.Store.
func (*keeper) Lookup(context.Context, []string) (map[string]v1alpha1.Explanation, error) {
	return nil, nil //nolint:nilnil // stated above
}

// Add implements explain.Store.
func (k *keeper) Add(_ context.Context, explanations ...v1alpha1.Explanation) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.added = append(k.added, explanations...)
	return nil
}

// Run inspects a scenario and asks a model about its problems. The whole report is not asked about.
func Run(ctx context.Context, s aibench.Scenario, o Options) (Row, error) {
	i, err := Inspect(ctx, s)
	if err != nil {
		return Row{}, err
	}
	i.Report.Explanations = []v1alpha1.Explanation{{ID: v1alpha1.OverallExplanation}}
	in, err := o.input(ctx, i)
	if err != nil {
		return Row{}, err
	}
	model := &recorder{Model: o.Model}
	store := &keeper{}
	in.Candidates[0].Model = model
	in.Store = store
	result, err := explain.Run(ctx, in)
	if err != nil {
		return Row{}, err
	}
	row := Row{Scenario: s.Name, Causes: in.MaxCauses, Requests: result.Requests, Tokens: result.Tokens}
	if result.Problem != nil {
		row.Problem = result.Problem.Reason
	}
	row.measurePrompts(s, model.asked)
	for _, e := range store.added {
		row.measureAnswer(s, i.Report, e)
	}
	return row, nil
}

// input of an explanation of all problems.
func (o Options) input(ctx context.Context, i Inspected) (explain.Input, error) {
	const maxCauses, contextLength, answerTokens = 10, 32_000, 1024
	in := explain.Input{Report: i.Report, Language: o.Language, Investigate: o.Investigate}
	if in.Language == "" {
		in.Language = v1alpha1.LanguageEnglish
	}
	if o.Investigate != "" && o.Investigate != v1alpha1.InvestigateNever {
		in.Tools = tools.New(i.Cluster, Now)
	}
	in.Background = map[string]background.Facts{}
	for _, c := range explain.Causes(i.Report, maxCauses) {
		if c.ClassOrDefault() != v1alpha1.ClassProblem {
			continue
		}
		in.MaxCauses++ // problems come first
		if !o.FindingAlone {
			in.Background[c.ID] = background.Gather(ctx, i.Cluster, c.Finding, c.Effects, Now())
		}
	}
	gate, err := explain.NewGate(nil, i.Report, nil)
	if err != nil {
		return in, err
	}
	candidate := explain.Candidate{
		Provider: "measured", Name: "model", ContextLength: o.ContextLength, AnswerTokens: o.AnswerTokens, Gate: gate,
	}
	if candidate.ContextLength == 0 {
		candidate.ContextLength = contextLength
	}
	if candidate.AnswerTokens == 0 {
		candidate.AnswerTokens = answerTokens
	}
	in.Candidates = []explain.Candidate{candidate}
	return in, nil
}

// measurePrompts looks for what shows the cause. The first requests are those about each root cause, and have no results of tools.
func (r *Row) measurePrompts(s aibench.Scenario, asked []ai.Request) {
	seen := map[string]bool{}
	for _, request := range asked {
		looking := len(request.Tools) > 0 || request.Name == "calls"
		shown := Shown(s, request)
		r.Found = r.Found || shown && !looking
		data := dataOf(request.User)
		if looking || seen[data] || strings.Contains(request.User, `"id":"t1"`) {
			continue
		}
		seen[data] = true // not a second request because of a dropped answer
		r.InPrompt = r.InPrompt || shown
		r.PromptTokens += int(ai.Estimate(request.System) + ai.Estimate(request.User))
	}
}

// dataOf is the data of a prompt, without the question.
func dataOf(user string) string {
	_, data, _ := strings.Cut(user, "\nDATA-")
	return data
}

// Shown reports whether a prompt has everything that shows the cause.
func Shown(s aibench.Scenario, request ai.Request) bool {
	unescaped := strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\\`, `\`).Replace(request.User)
	return !slices.ContainsFunc(s.Expect, func(text string) bool { return !strings.Contains(unescaped, text) })
}

// measureAnswer counts an explanation.
func (r *Row) measureAnswer(s aibench.Scenario, report *v1alpha1.InspectionReport, e v1alpha1.Explanation) {
	if e.Investigation != nil {
		r.Calls += len(e.Investigation.Calls)
		r.Refused += e.Investigation.Refused()
	}
	if e.Dropped != "" {
		r.Dropped = append(r.Dropped, e.Dropped)
		return
	}
	r.Answers++
	cited := citesCause(s, report, e)
	if cited || r.Confidence == "" {
		r.Confidence = e.Confidence
	}
	r.Cited = r.Cited || cited
}

// citesCause reports whether the evidence that claims cite has one of the texts that show the cause.
func citesCause(s aibench.Scenario, report *v1alpha1.InspectionReport, e v1alpha1.Explanation) bool {
	evidence := map[string]string{}
	for _, f := range report.Findings {
		if f.ID == e.ID {
			for _, one := range f.Evidence {
				evidence[one.ID] = one.Text
			}
			evidence[f.ID] = f.Message
		}
	}
	for _, one := range e.Cited() {
		evidence[one.ID] = one.Text
	}
	return slices.ContainsFunc(e.Why, func(claim v1alpha1.ExplainedClaim) bool {
		return slices.ContainsFunc(claim.Evidence, func(id string) bool {
			id, _, _ = strings.Cut(id, ":")
			return slices.ContainsFunc(s.Expect, func(text string) bool { return strings.Contains(evidence[id], text) })
		})
	})
}
