package explain

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/provider/ai"
)

// answer in the shape of the schema. Null counts as empty.
type answer struct {
	Cause *string `json:"cause"`
	// Summary is accepted in place of the cause: models know the word from elsewhere.
	Summary    *string           `json:"summary"`
	Why        []answeredClaim   `json:"why"`
	RuledOut   []answeredRuleOut `json:"ruledOut"`
	Missing    []string          `json:"missing"`
	Next       []string          `json:"next"`
	Fix        []answeredFix     `json:"fix"`
	Confidence *string           `json:"confidence"`
}

type answeredClaim struct {
	Claim    string   `json:"claim"`
	Evidence []string `json:"evidence"`
	Quote    string   `json:"quote"`
}

type answeredRuleOut struct {
	Cause    string   `json:"cause"`
	Evidence []string `json:"evidence"`
}

type answeredFix struct {
	Description string   `json:"description"`
	Target      string   `json:"target"`
	Evidence    []string `json:"evidence"`
	Command     string   `json:"command"`
	Patch       string   `json:"patch"`
}

// decode reads an answer into an explanation, without what it may not contain.
func decode(text string, want expectation) (e v1alpha1.Explanation, dropped string) {
	text = ai.JSONText(text)
	switch {
	case text == "":
		return e, DroppedEmpty
	case len(text) > maxAnswer:
		return e, DroppedTooLarge
	}
	var a answer
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return e, DroppedInvalidJSON
		}
		return e, DroppedWrongShape
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return e, DroppedInvalidJSON
	}
	if a.Cause == nil {
		a.Cause = a.Summary
	}
	if a.Cause == nil || a.Confidence == nil || len(a.Why) > maxWhy || len(a.Fix) > maxFix {
		return e, DroppedWrongShape
	}
	e.Summary = want.sentence(*a.Cause, maxSummary)
	e.Confidence = v1alpha1.Confidence(strings.ToLower(strings.TrimSpace(*a.Confidence)))
	switch e.Confidence {
	case v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow, v1alpha1.ConfidenceUnknown:
	default:
		return e, DroppedWrongShape
	}
	if strings.TrimSpace(e.Summary) == "" {
		return e, DroppedEmpty
	}
	a.open(&e, want)
	dropped = a.claims(&e, want)
	if e.Confidence == v1alpha1.ConfidenceUnknown {
		return e, "" // an unknown cause needs no claims, and has no fix
	}
	if dropped != "" {
		return e, dropped
	}
	a.ruledOut(&e, want)
	a.fixes(&e, want)
	return e, ""
}

// claims copies the reasoning. Claims that cite no evidence, or evidence that does not exist, are left out and counted. The reason is
// returned if no claim is left.
func (a *answer) claims(e *v1alpha1.Explanation, want expectation) (dropped string) {
	reason := DroppedNoEvidence
	verified := want.unquoted
	for _, w := range a.Why {
		claim := want.sentence(w.Claim, maxText)
		cited, known := citations(w.Evidence, want)
		if claim == "" || len(cited) == 0 || !known {
			e.DroppedClaims++
			if !known {
				reason = DroppedUnknownEvidence
			}
			continue
		}
		kept := v1alpha1.ExplainedClaim{Claim: claim, Evidence: cited}
		if quoted(w.Quote, cited, want) {
			kept.Quote = want.sentence(w.Quote, maxQuote)
			verified = true
		}
		e.Why = append(e.Why, kept)
	}
	if len(e.Why) == 0 {
		return reason
	}
	if !verified && e.Confidence != v1alpha1.ConfidenceUnknown {
		e.Confidence = v1alpha1.ConfidenceLow
	}
	return ""
}

// citations returns the ids, each once. known is false if one of them does not exist, or if there are too many.
func citations(ids []string, want expectation) (cited []string, known bool) {
	if len(ids) > maxCited {
		return nil, false
	}
	for _, id := range ids {
		if !want.exists(id) {
			return nil, false
		}
		if !slices.Contains(cited, id) {
			cited = append(cited, id)
		}
	}
	return cited, true
}

// quoted reports whether a text is a part of the cited evidence, as the model has seen it.
func quoted(quote string, cited []string, want expectation) bool {
	const minQuote = 4
	plain := func(text string) string { return strings.ToLower(strings.Join(strings.Fields(clean(text)), " ")) }
	quote = strings.Trim(plain(quote), "\"'`… .")
	if len([]rune(quote)) < minQuote || len([]rune(quote)) > maxQuote {
		return false
	}
	return slices.ContainsFunc(cited, func(id string) bool {
		seen := plain(want.gate.seen(clean(want.textOf(id))))
		if !want.cached {
			return strings.Contains(seen, quote)
		}
		// A cached answer quotes without addresses, and the times and counts of then.
		same := func(text string) string { return background.Stable(withoutAddresses(text, nil)) }
		return strings.Contains(seen, quote) || len(letters(same(quote))) >= minQuote && strings.Contains(same(seen), same(quote))
	})
}

// open copies what an answer leaves open: what is missing, and which reads may show it.
func (a *answer) open(e *v1alpha1.Explanation, want expectation) {
	for _, text := range a.Missing {
		if text = want.sentence(text, maxShort); text != "" && len(e.Missing) < maxOpen {
			e.Missing = append(e.Missing, text)
		}
	}
	for _, command := range a.Next {
		command = strings.Trim(strings.TrimSpace(want.gate.in(clean(command))), "`")
		if len([]rune(command)) <= maxShort && onlyReads(command) && len(e.Next) < maxOpen && !slices.Contains(e.Next, command) {
			e.Next = append(e.Next, command)
		}
	}
}

// ruledOut copies the causes that the model excludes.
func (a *answer) ruledOut(e *v1alpha1.Explanation, want expectation) {
	for _, r := range a.RuledOut {
		cause := want.sentence(r.Cause, maxShort)
		cited, known := citations(r.Evidence, want)
		if cause == "" || !known || len(e.RuledOut) == maxRuledOut {
			continue
		}
		e.RuledOut = append(e.RuledOut, v1alpha1.RuledOut{Cause: cause, Evidence: cited})
	}
}

// fixes copies the suggestions. Commands and patches that could do harm are removed, which is said.
func (a *answer) fixes(e *v1alpha1.Explanation, want expectation) {
	for _, f := range a.Fix {
		fix := v1alpha1.SuggestedFix{
			Description: want.sentence(f.Description, maxText), Target: want.sentence(f.Target, maxShort),
		}
		if fix.Description == "" {
			continue
		}
		if cited, known := citations(f.Evidence, want); known {
			fix.Evidence = cited
		}
		command := strings.Trim(strings.TrimSpace(want.gate.in(clean(f.Command))), "`")
		if harmless(command) {
			fix.Command = command
		}
		patch := strings.Trim(want.gate.in(clean(f.Patch)), "\n")
		if harmlessPatch(patch) {
			fix.Patch = patch
		}
		fix.Removed = command != fix.Command || patch != fix.Patch
		e.Fix = append(e.Fix, fix)
	}
}
