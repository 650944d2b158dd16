package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Reasons for dropping an answer, besides those of an AIProvider's problems.
const (
	// DroppedEmpty: the answer is empty or makes no statement.
	DroppedEmpty = "EmptyAnswer"
	// DroppedTooLarge: the answer is longer than any explanation.
	DroppedTooLarge = "TooLarge"
	// DroppedInvalidJSON: the answer is not one JSON object: prose, truncated, or several objects.
	DroppedInvalidJSON = "InvalidJSON"
	// DroppedWrongShape: the JSON does not match the schema.
	DroppedWrongShape = "WrongShape"
	// DroppedNoEvidence: a claim cites no evidence, or there is no claim.
	DroppedNoEvidence = "NoEvidence"
	// DroppedUnknownEvidence: a claim cites evidence that does not exist.
	DroppedUnknownEvidence = "UnknownEvidence"
	// DroppedWrongLanguage: the answer is not in the requested language.
	DroppedWrongLanguage = "WrongLanguage"
	// DroppedLeak: the answer repeats the instructions.
	DroppedLeak = "RepeatsInstructions"
)

// Bounds of an answer, in bytes, entries and runes.
const (
	maxAnswer      = 64 << 10
	maxWhy, maxFix = 8, 5
	maxCited       = 16
	maxSummary     = 2048
	maxText        = 1024
	maxPatch       = 2048
)

// expectation is what an answer is validated against.
type expectation struct {
	ids []string
	// cited is what the ids stand for.
	cited    map[string]source
	language v1alpha1.Language
	system   string
	gate     *Gate
}

// answer in the shape of the schema.
type answer struct {
	Summary *string `json:"summary"`
	Why     *[]struct {
		Claim    *string   `json:"claim"`
		Evidence *[]string `json:"evidence"`
	} `json:"why"`
	Fix *[]struct {
		Description *string `json:"description"`
		Command     *string `json:"command"`
		Patch       *string `json:"patch"`
	} `json:"fix"`
	Confidence *v1alpha1.Confidence `json:"confidence"`
}

// validate turns an answer into an explanation, or sets Dropped to the reason why it is invalid.
func validate(text string, want expectation) v1alpha1.Explanation {
	e, dropped := decode(text, want)
	if dropped != "" {
		return v1alpha1.Explanation{Dropped: dropped}
	}
	if repeats(e, want.system) {
		return v1alpha1.Explanation{Dropped: DroppedLeak}
	}
	if !inLanguage(e, want.language) {
		return v1alpha1.Explanation{Dropped: DroppedWrongLanguage}
	}
	if e.Confidence != v1alpha1.ConfidenceUnknown && !makesStatements(e) {
		return v1alpha1.Explanation{Dropped: DroppedEmpty}
	}
	e.Evidence = citedEvidence(e, want)
	return e
}

// maxEvidence are the pieces of evidence that an explanation keeps, each of at most maxEvidenceText runes.
const maxEvidence, maxEvidenceText = 8, 1000

// citedEvidence is the evidence that an explanation cites and the report does not have.
func citedEvidence(e v1alpha1.Explanation, want expectation) []v1alpha1.Evidence {
	var kept []v1alpha1.Evidence
	for _, w := range e.Why {
		for _, id := range w.Evidence {
			s, known := want.cited[id]
			same := func(other v1alpha1.Evidence) bool { return other.ID == id }
			if !known || s.ours || len(kept) == maxEvidence || slices.ContainsFunc(kept, same) {
				continue
			}
			kept = append(kept, v1alpha1.Evidence{ID: id, Source: s.of, Text: clip(want.gate.in(clean(s.text)), maxEvidenceText)})
		}
	}
	return kept
}

// revalidate validates a cached explanation like a new answer, since someone else may have written to the cache.
func revalidate(e v1alpha1.Explanation, want expectation) (checked v1alpha1.Explanation, valid bool) {
	if e.Dropped != "" {
		return v1alpha1.Explanation{Dropped: e.Dropped}, regexp.MustCompile(`^[A-Za-z]{1,63}$`).MatchString(e.Dropped)
	}
	why := []map[string]any{}
	fix := []map[string]any{}
	for _, w := range e.Why {
		why = append(why, map[string]any{"claim": w.Claim, "evidence": w.Evidence})
	}
	for _, f := range e.Fix {
		fix = append(fix, map[string]any{"description": f.Description, "command": f.Command, "patch": f.Patch})
	}
	content, err := json.Marshal(map[string]any{"summary": e.Summary, "why": why, "fix": fix, "confidence": e.Confidence})
	if err != nil {
		return v1alpha1.Explanation{}, false
	}
	checked = validate(string(content), want)
	return checked, checked.Dropped == ""
}

func decode(text string, want expectation) (e v1alpha1.Explanation, dropped string) {
	text = unwrap(text)
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
	if a.Summary == nil || a.Why == nil || a.Fix == nil || a.Confidence == nil || len(*a.Why) > maxWhy || len(*a.Fix) > maxFix {
		return e, DroppedWrongShape
	}
	e.Summary = sentence(*a.Summary, maxSummary, want.gate.in)
	e.Confidence = *a.Confidence
	switch e.Confidence {
	case v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow, v1alpha1.ConfidenceUnknown:
	default:
		return e, DroppedWrongShape
	}
	if strings.TrimSpace(e.Summary) == "" {
		return e, DroppedEmpty
	}
	if e.Confidence == v1alpha1.ConfidenceUnknown {
		return e, "" // an unknown cause has no claims
	}
	if dropped := a.claims(&e, want); dropped != "" {
		return e, dropped
	}
	return e, a.fixes(&e, want)
}

// claims copies the reasoning. Every claim must cite existing evidence.
func (a *answer) claims(e *v1alpha1.Explanation, want expectation) (dropped string) {
	if len(*a.Why) == 0 {
		return DroppedNoEvidence
	}
	for _, w := range *a.Why {
		if w.Claim == nil || w.Evidence == nil {
			return DroppedWrongShape
		}
		claim := sentence(*w.Claim, maxText, want.gate.in)
		if claim == "" || len(*w.Evidence) == 0 {
			return DroppedNoEvidence
		}
		if len(*w.Evidence) > maxCited {
			return DroppedWrongShape
		}
		var cited []string
		for _, id := range *w.Evidence {
			if !slices.Contains(want.ids, id) {
				return DroppedUnknownEvidence
			}
			if !slices.Contains(cited, id) {
				cited = append(cited, id)
			}
		}
		e.Why = append(e.Why, v1alpha1.ExplainedClaim{Claim: claim, Evidence: cited})
	}
	return ""
}

// fixes copies the suggestions, without unsafe commands and patches.
func (a *answer) fixes(e *v1alpha1.Explanation, want expectation) (dropped string) {
	for _, f := range *a.Fix {
		if f.Description == nil || f.Command == nil || f.Patch == nil {
			return DroppedWrongShape
		}
		fix := v1alpha1.SuggestedFix{Description: sentence(*f.Description, maxText, want.gate.in)}
		if fix.Description == "" {
			continue
		}
		if command := strings.TrimSpace(want.gate.in(clean(*f.Command))); harmless(command) {
			fix.Command = command
		}
		if patch := strings.Trim(want.gate.in(clean(*f.Patch)), "\n"); harmlessPatch(patch) {
			fix.Patch = patch
		}
		e.Fix = append(e.Fix, fix)
	}
	return ""
}

// unwrap removes the Markdown code fence that models often put around JSON.
func unwrap(text string) string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "```"); ok {
		if inner, ok := strings.CutSuffix(rest, "```"); ok {
			text = strings.TrimSpace(strings.TrimPrefix(inner, "json"))
		}
	}
	return text
}

// sentence returns a text on one line of bounded length, without URLs and pipes into a shell: hostile text in a cluster could make
// the model suggest them, and a reader might follow.
func sentence(text string, maxLength int, redact func(string) string) string {
	urls := regexp.MustCompile(`(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.|mailto:|javascript:|data:)[^\s"'<>)\]]*`)
	text = urls.ReplaceAllString(clean(text), "[address removed]")
	text = strings.Join(strings.Fields(redact(text)), " ")
	pipes := regexp.MustCompile(`(?i)(?:\b(?:curl|wget|base64)\b[^|;&]*)?\|\s*(?:sudo\s+)?(?:[\w./-]*/)?` +
		`(?:(?:ba|z|k|da)?sh|python3?|perl|node)\b`)
	text = pipes.ReplaceAllString(text, "[command removed]")
	if runes := []rune(text); len(runes) > maxLength {
		return string(runes[:maxLength-1]) + "…"
	}
	return text
}

// repeats reports whether an answer contains a longer part of the instructions, or a line that fences data.
func repeats(e v1alpha1.Explanation, system string) bool {
	content, err := json.Marshal(e)
	if err != nil || regexp.MustCompile(`DATA-[0-9a-f]{16}`).Match(content) {
		return true
	}
	const partLength = 32
	said := letters(string(content))
	instructions := letters(system)
	for i := 0; i+partLength <= len(instructions); i++ {
		if bytes.Contains(said, instructions[i:i+partLength]) {
			return true
		}
	}
	return false
}

// letters returns the letters of a text in lower case, to compare texts regardless of spacing and quoting.
func letters(text string) []byte {
	return []byte(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text))
}

// makesStatements reports whether the summary and each claim have at least two words or some Chinese characters. Small models
// sometimes answer with a name or brackets.
func makesStatements(e v1alpha1.Explanation) bool {
	statement := func(text string) bool {
		var words, han int
		for _, field := range strings.Fields(text) {
			if strings.ContainsFunc(field, unicode.IsLetter) {
				words++
			}
			for _, r := range field {
				if unicode.Is(unicode.Han, r) {
					han++
				}
			}
		}
		return words >= 2 || han >= 4
	}
	return statement(e.Summary) &&
		!slices.ContainsFunc(e.Why, func(w v1alpha1.ExplainedClaim) bool { return !statement(w.Claim) })
}

// inLanguage reports whether an answer is in the requested language. Chinese answers contain many names in Latin letters.
func inLanguage(e v1alpha1.Explanation, language v1alpha1.Language) bool {
	text := e.Summary
	for _, w := range e.Why {
		text += w.Claim
	}
	var latin, han, others int
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Han, r):
			han++
		case unicode.Is(unicode.Latin, r):
			latin++
		case unicode.IsLetter(r):
			others++
		}
	}
	all := latin + han + others
	if language == v1alpha1.LanguageChinese {
		return han*6 >= all && others*4 <= all // a Chinese character counts for several letters
	}
	return latin > 0 && (han+others)*4 <= all
}
