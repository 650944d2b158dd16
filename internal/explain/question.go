package explain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ai"
)

// version of prompts and validation. Changing it invalidates all cached answers.
const version = "3"

// question for a model.
type question struct {
	// id of the explanation.
	id string
	// ids that an answer may cite.
	ids []string
	// digest of everything that the answer depends on.
	digest string
	// data of the prompt after the gate, limited to a number of runes per text and of entries per list.
	data func(gate *Gate, runes, entries int) any
	// task is the first line of the prompt.
	task string
}

// maxChain is how many effects of a root cause the prompt contains.
const maxChain = 10

// questionsOf returns the questions for a report: one per root cause, in the report's order (problems first, worst first), and one for
// the whole.
func questionsOf(in Input) []question {
	var causes []v1alpha1.Finding
	effects := map[string][]v1alpha1.Finding{}
	for _, f := range in.Report.Findings {
		if f.CausedBy == "" {
			causes = append(causes, f)
		} else {
			effects[f.CausedBy] = append(effects[f.CausedBy], f)
		}
	}
	if len(causes) == 0 {
		return nil
	}
	causes = causes[:min(len(causes), max(in.MaxCauses, 1))]
	var questions []question
	for _, f := range causes {
		questions = append(questions, ofCause(f, chain(f.ID, effects)))
	}
	return append(questions, ofReport(causes))
}

// chain returns the effects of a finding, direct ones first.
func chain(id string, effects map[string][]v1alpha1.Finding) []v1alpha1.Finding {
	var found []v1alpha1.Finding
	for queue := []string{id}; len(queue) > 0 && len(found) < maxChain; queue = queue[1:] {
		for _, f := range effects[queue[0]] {
			found = append(found, f)
			queue = append(queue, f.ID)
		}
	}
	return found[:min(len(found), maxChain)]
}

// promptFinding is a finding in the data of a prompt.
type promptFinding struct {
	ID       string           `json:"id,omitempty"`
	Check    string           `json:"check"`
	Class    string           `json:"class"`
	Severity string           `json:"severity"`
	Object   string           `json:"object"`
	Message  string           `json:"message"`
	Advice   string           `json:"advice,omitempty"`
	Explains int32            `json:"explains,omitempty"`
	Evidence []promptEvidence `json:"evidence,omitempty"`
	Leads    []promptFinding  `json:"leadsTo,omitempty"`
}

type promptEvidence struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Text   string `json:"text"`
}

func newPromptFinding(f v1alpha1.Finding, runes int, gate *Gate) promptFinding {
	object := f.Object.Kind + "/" + f.Object.Name
	if f.Object.Namespace != "" {
		object = f.Object.Kind + "/" + f.Object.Namespace + "/" + f.Object.Name
	}
	return promptFinding{
		Check: f.Check, Class: string(f.ClassOrDefault()), Severity: string(f.Severity), Object: gate.Out(clean(object)),
		Message: clip(gate.Out(clean(f.Message)), runes), Explains: f.Affects,
	}
}

func ofCause(f v1alpha1.Finding, chain []v1alpha1.Finding) question {
	q := question{id: f.ID, task: "Explain the finding in the data: why it happens, what it breaks, and how to fix it."}
	h := sha256.New()
	write := func(parts ...string) { h.Write([]byte(strings.Join(parts, "\x00") + "\x01")) }
	// Severity and effects are left out: they change with every restart of a container, but the cause stays.
	write(f.ID, f.Check, stable(f.Message))
	for _, e := range f.Evidence {
		q.ids = append(q.ids, e.ID)
		write(e.ID, string(e.Source), stable(e.Text))
	}
	q.digest = hex.EncodeToString(h.Sum(nil))
	q.data = func(gate *Gate, runes, entries int) any {
		t := newPromptFinding(f, max(runes, 200), gate)
		t.Advice = clip(gate.Out(clean(f.Remediation)), runes)
		for _, e := range f.Evidence {
			t.Evidence = append(t.Evidence, promptEvidence{e.ID, string(e.Source), clip(gate.Out(clean(e.Text)), runes)})
		}
		for _, c := range chain[:min(len(chain), entries)] {
			t.Leads = append(t.Leads, newPromptFinding(c, min(runes, 200), gate))
		}
		return t
	}
	return q
}

func ofReport(causes []v1alpha1.Finding) question {
	q := question{
		id: v1alpha1.OverallExplanation,
		task: "The data lists what an inspection of a cluster found: problems first, then recommendations, worst first. Summarize what " +
			"is wrong, what to fix first, and which of them are related. Cite the ids of findings as evidence.",
	}
	h := sha256.New()
	for _, f := range causes {
		q.ids = append(q.ids, f.ID)
		h.Write([]byte(strings.Join([]string{f.ID, f.Check, stable(f.Message)}, "\x00") + "\x01"))
	}
	q.digest = hex.EncodeToString(h.Sum(nil))
	q.data = func(gate *Gate, runes, _ int) any {
		var list []promptFinding
		for _, f := range causes {
			t := newPromptFinding(f, max(min(runes, 400), 60), gate)
			t.ID = f.ID
			list = append(list, t)
		}
		return map[string]any{"findings": list}
	}
	return q
}

// key of the cached answer.
func (q question) key(c Candidate, language v1alpha1.Language) string {
	parts := []string{q.id, q.digest, c.Identity, c.Provider, c.Name, version, string(language)}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// stable removes from a text what changes while a problem persists: times, durations, counts and generated names. It keeps what
// distinguishes causes, such as an exit code or a port.
func stable(text string) string {
	// Prefixes that the kubelet adds while it backs off, and the API server to aggregated events.
	prefixes := regexp.MustCompile(`ImagePullBackOff: (?:Back-off pulling image "[^"]*": )?|\(combined from similar events\): `)
	text = prefixes.ReplaceAllString(text, "")
	for _, pattern := range []string{
		`\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?`, // times
		`\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b`,
		`\b(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+\b`, // durations
		`\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`,
		`-[a-z0-9]{8,10}-[a-z0-9]{5}\b`,               // Pods of Deployments
		`\b(?:0x)?[0-9a-f]*\d[0-9a-f]*[0-9a-f]{7,}\b`, // hashes, addresses, large numbers
		`\b\d{6,}\b`,
		`(?i)\b\d+ (?:times|restarts|seconds|minutes|hours|days|ago)\b`,
		`(?i)\brestart(?:s|ed|count)?[ :=]+\d+\b`,
		`\bx\d+\b`,
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, "#")
	}
	return text
}

// lengths of the parts of an answer in characters and entries.
type lengths struct{ summary, why, claim, fix, description, command, patch int }

// roomFor returns the lengths for an answer of so many tokens, so that an answer that matches the schema is never truncated. A token
// is about three characters of English and less than one of Chinese.
func roomFor(tokens int, language v1alpha1.Language) lengths {
	if language == v1alpha1.LanguageChinese {
		tokens /= 3
	}
	switch {
	case tokens >= 2000:
		return lengths{summary: 500, why: 5, claim: 300, fix: 3, description: 300, command: 300, patch: 600}
	case tokens >= 800:
		return lengths{summary: 400, why: 3, claim: 200, fix: 2, description: 200, command: 200, patch: 200}
	}
	return lengths{summary: 160, why: 1, claim: 120, fix: 1, description: 80, command: 80, patch: 0}
}

// schema of an answer that may cite these ids.
func schema(ids []string, room lengths) json.RawMessage {
	text := func(maxLength int) map[string]any { return map[string]any{"type": "string", "maxLength": maxLength} }
	object := func(properties map[string]any, required ...string) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	list := func(maxItems int, items any) map[string]any {
		return map[string]any{"type": "array", "maxItems": maxItems, "items": items}
	}
	id := map[string]any{"type": "string"}
	if len(ids) > 0 {
		id["enum"] = ids
	}
	patch := text(room.patch)
	if room.patch == 0 {
		patch = map[string]any{"type": "string", "enum": []string{""}}
	}
	cited := list(min(max(room.why, 2), 4), id)
	content, err := json.Marshal(object(map[string]any{
		"summary": text(room.summary),
		"why":     list(room.why, object(map[string]any{"claim": text(room.claim), "evidence": cited}, "claim", "evidence")),
		"fix": list(room.fix, object(map[string]any{"description": text(room.description), "command": text(room.command), "patch": patch},
			"description", "command", "patch")),
		"confidence": map[string]any{"type": "string", "enum": []v1alpha1.Confidence{
			v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow, v1alpha1.ConfidenceUnknown,
		}},
	}, "summary", "why", "fix", "confidence"))
	if err != nil {
		return nil // cannot happen for strings and numbers
	}
	return content
}

// answerTokens bounds an answer: a model with a small context reserves two thirds of it for the question.
func (c Candidate) answerTokens() int { return min(c.AnswerTokens, max(int(c.ContextLength/3), 128)) }

// room for the user's part of a prompt in tokens. More than maxRoom does not improve answers.
func (c Candidate) room() int64 {
	const (
		maxRoom  = 6000
		minRoom  = 256
		overhead = 64
	)
	available := c.ContextLength - int64(c.answerTokens()) - ai.Estimate(system(v1alpha1.LanguageChinese)) - overhead
	return max(min(available, maxRoom), minRoom)
}
