package dashboard

import (
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

// Claim is one step of an explanation.
type Claim struct {
	Text     string   `json:"text" doc:"One step of the reasoning."`
	Evidence []string `json:"evidence" nullable:"false" doc:"Identifiers of its evidence, for example e1, log1, or t3:5-8 with lines."`
	Quote    string   `json:"quote" doc:"Part of the evidence, word by word. Empty if the model quoted nothing that is there."`
}

// RuledOut is another cause.
type RuledOut struct {
	Cause    string   `json:"cause" doc:"Cause that evidence excludes."`
	Evidence []string `json:"evidence" nullable:"false" doc:"Identifiers of that evidence."`
}

// SuggestedFix is a suggestion of a model, which is never executed.
type SuggestedFix struct {
	Description string   `json:"description" doc:"What to do."`
	Target      string   `json:"target" doc:"Object to change, as Kind/namespace/name."`
	Command     string   `json:"command" doc:"Command of kubectl or helm."`
	Patch       string   `json:"patch" doc:"Snippet of YAML."`
	Removed     bool     `json:"removed" doc:"True if a command or patch is not shown, because it could do harm."`
	Evidence    []string `json:"evidence" nullable:"false" doc:"Identifiers of the evidence for it."`
}

// ToolCall is a read of a model.
type ToolCall struct {
	ID        string    `json:"id" doc:"Identifier by which claims cite it, for example t1."`
	Tool      string    `json:"tool" doc:"Tool that was called."`
	Arguments string    `json:"arguments" doc:"Arguments in JSON."`
	Time      time.Time `json:"time" doc:"Time of the call."`
	Refused   string    `json:"refused" doc:"Why nothing was read. Empty if something was."`
	Lines     int32     `json:"lines" doc:"Number of lines that were read."`
	Hash      string    `json:"hash" doc:"SHA-256 of the lines as the model saw them."`
	Text      string    `json:"text" doc:"The lines, if the explanation cites them, with secrets redacted."`
}

// Investigation is what a model read before it gave an explanation.
type Investigation struct {
	Calls  []ToolCall `json:"calls" nullable:"false" doc:"Calls of tools in their order, refused ones too."`
	Tokens int64      `json:"tokens" doc:"Tokens that were used for it."`
	Ended  string     `json:"ended" doc:"Done, or the limit that ended it: Calls, Tokens, Time, Requests; or Failed."`
}

// Explanation by a language model. No decision of KubeOps depends on it.
type Explanation struct {
	Provider      string         `json:"provider" doc:"AIProvider that answered."`
	Model         string         `json:"model" doc:"Model that answered."`
	Dropped       string         `json:"dropped" doc:"Why the answer was discarded. Empty if it was not."`
	DroppedClaims int32          `json:"droppedClaims" doc:"Number of claims that were discarded, since they cite no valid evidence."`
	Summary       string         `json:"summary" doc:"Cause, or summary of the report, in a few sentences."`
	Confidence    string         `json:"confidence" doc:"high, medium, low or unknown."`
	Why           []Claim        `json:"why" nullable:"false" doc:"Steps of the reasoning."`
	RuledOut      []RuledOut     `json:"ruledOut" nullable:"false" doc:"Other causes that evidence excludes."`
	Missing       []string       `json:"missing" nullable:"false" doc:"What would have to be known to be certain."`
	Next          []string       `json:"next" nullable:"false" doc:"Commands that only read and may show it."`
	Fix           []SuggestedFix `json:"fix" nullable:"false" doc:"Suggestions."`
	Evidence      []Evidence     `json:"evidence" nullable:"false" doc:"Evidence that it cites beside that of the finding."`
	Investigation *Investigation `json:"investigation,omitempty" doc:"What the model read, if it read anything."`
}

// explanationsOf a report by the id of each finding that they hold for, discarded ones too.
func explanationsOf(r *v1alpha1.InspectionReport) map[string]*Explanation {
	all := map[string]*Explanation{}
	for i := range r.Explanations {
		e := &r.Explanations[i]
		view := explanationOf(e)
		all[e.ID] = view
		for _, id := range e.AlsoFor {
			all[id] = view
		}
	}
	return all
}

func explanationOf(e *v1alpha1.Explanation) *Explanation {
	view := &Explanation{
		Provider: e.Provider, Model: printable.Block(e.Model), Dropped: e.Dropped, DroppedClaims: e.DroppedClaims,
		Summary: printable.Block(e.Summary), Confidence: string(e.Confidence), Why: []Claim{}, RuledOut: []RuledOut{},
		Missing: blocks(e.Missing), Next: blocks(e.Next), Fix: []SuggestedFix{}, Evidence: []Evidence{},
	}
	for _, claim := range e.Why {
		view.Why = append(view.Why, Claim{
			Text: printable.Block(claim.Claim), Evidence: notNil(claim.Evidence), Quote: printable.Block(claim.Quote),
		})
	}
	for _, other := range e.RuledOut {
		view.RuledOut = append(view.RuledOut, RuledOut{Cause: printable.Block(other.Cause), Evidence: notNil(other.Evidence)})
	}
	for _, fix := range e.Fix {
		view.Fix = append(view.Fix, SuggestedFix{
			Description: printable.Block(fix.Description), Target: printable.Block(fix.Target), Command: printable.Block(fix.Command),
			Patch: printable.Block(fix.Patch), Removed: fix.Removed, Evidence: notNil(fix.Evidence),
		})
	}
	for _, read := range e.Evidence {
		view.Evidence = append(view.Evidence, Evidence{ID: read.ID, Source: string(read.Source), Text: printable.Block(read.Text)})
	}
	view.Investigation = investigationOf(e.Investigation)
	return view
}

func investigationOf(i *v1alpha1.Investigation) *Investigation {
	if i == nil {
		return nil
	}
	view := &Investigation{Calls: []ToolCall{}, Tokens: i.Tokens, Ended: string(i.Ended)}
	for _, call := range i.Calls {
		view.Calls = append(view.Calls, ToolCall{
			ID: call.ID, Tool: printable.Block(call.Tool), Arguments: printable.Block(call.Arguments), Time: call.Time.UTC(),
			Refused: printable.Block(call.Refused), Lines: call.Lines, Hash: call.Hash, Text: printable.Block(call.Text),
		})
	}
	return view
}

// blocks is the printable form of texts.
func blocks(texts []string) []string {
	shown := []string{}
	for _, text := range texts {
		shown = append(shown, printable.Block(text))
	}
	return shown
}
