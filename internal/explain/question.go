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

// version of the questions and of how answers are judged. A new one asks everything anew.
const version = "1"

// question is one that a model is to answer.
type question struct {
	// id of the explanation.
	id string
	// ids that an answer may cite.
	ids []string
	// digest of what the answer depends on.
	digest string
	// data that the prompt holds, as it leaves the gate, cut to a number of runes for each text and a number of entries for each
	// list.
	data func(gate *Gate, runes, entries int) any
	// task in the words of the prompt.
	task string
}

// chainLength is how many of the findings that a root cause explains are told to the model.
const chainLength = 10

// ask makes the questions of a report: one for each root cause, worst first as the report has them, and one for the whole.
func ask(in Input) []question {
	var causes []v1alpha1.Finding
	below := map[string][]v1alpha1.Finding{}
	for _, f := range in.Report.Findings {
		if f.CausedBy == "" {
			causes = append(causes, f)
		} else {
			below[f.CausedBy] = append(below[f.CausedBy], f)
		}
	}
	if len(causes) == 0 {
		return nil
	}
	causes = causes[:min(len(causes), max(in.Most, 1))]
	var questions []question
	for _, f := range causes {
		questions = append(questions, ofCause(f, chain(f.ID, below)))
	}
	return append(questions, ofReport(causes))
}

// chain is what a finding explains, the nearest first.
func chain(id string, below map[string][]v1alpha1.Finding) []v1alpha1.Finding {
	var found []v1alpha1.Finding
	for queue := []string{id}; len(queue) > 0 && len(found) < chainLength; queue = queue[1:] {
		for _, f := range below[queue[0]] {
			found = append(found, f)
			queue = append(queue, f.ID)
		}
	}
	return found[:min(len(found), chainLength)]
}

// told is a finding as the model is told of it.
type told struct {
	ID       string         `json:"id,omitempty"`
	Check    string         `json:"check"`
	Severity string         `json:"severity"`
	Object   string         `json:"object"`
	Message  string         `json:"message"`
	Advice   string         `json:"advice,omitempty"`
	Explains int32          `json:"explains,omitempty"`
	Evidence []toldEvidence `json:"evidence,omitempty"`
	Leads    []told         `json:"leadsTo,omitempty"`
}

type toldEvidence struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Text   string `json:"text"`
}

func tell(f v1alpha1.Finding, runes int, gate *Gate) told {
	object := f.Object.Kind + "/" + f.Object.Name
	if f.Object.Namespace != "" {
		object = f.Object.Kind + "/" + f.Object.Namespace + "/" + f.Object.Name
	}
	return told{Check: f.Check, Severity: string(f.Severity), Object: gate.Out(clean(object)), Message: clip(gate.Out(clean(f.Message)), runes), Explains: f.Affects}
}

func ofCause(f v1alpha1.Finding, chain []v1alpha1.Finding) question {
	q := question{id: f.ID, task: "Explain the finding in the data: why it happens, what it breaks, and how to mend it."}
	h := sha256.New()
	write := func(parts ...string) { h.Write([]byte(strings.Join(parts, "\x00") + "\x01")) }
	// Neither the severity nor what follows from it: both come and go with each restart of a container, and change no cause.
	write(f.ID, f.Check, steady(f.Message))
	for _, e := range f.Evidence {
		q.ids = append(q.ids, e.ID)
		write(e.ID, string(e.Source), steady(e.Text))
	}
	q.digest = hex.EncodeToString(h.Sum(nil))
	q.data = func(gate *Gate, runes, entries int) any {
		t := tell(f, max(runes, 200), gate)
		t.Advice = clip(gate.Out(clean(f.Remediation)), runes)
		for _, e := range f.Evidence {
			t.Evidence = append(t.Evidence, toldEvidence{e.ID, string(e.Source), clip(gate.Out(clean(e.Text)), runes)})
		}
		for _, c := range chain[:min(len(chain), entries)] {
			t.Leads = append(t.Leads, tell(c, min(runes, 200), gate))
		}
		return t
	}
	return q
}

func ofReport(causes []v1alpha1.Finding) question {
	q := question{id: v1alpha1.OverallExplanation, task: "The data has the root causes that an inspection of a cluster found, worst first. Sum up what is wrong, what to mend first, and whether some of them belong together. The ids of findings are the evidence to cite."}
	h := sha256.New()
	for _, f := range causes {
		q.ids = append(q.ids, f.ID)
		h.Write([]byte(strings.Join([]string{f.ID, f.Check, steady(f.Message)}, "\x00") + "\x01"))
	}
	q.digest = hex.EncodeToString(h.Sum(nil))
	q.data = func(gate *Gate, runes, _ int) any {
		var list []told
		for _, f := range causes {
			t := tell(f, max(min(runes, 400), 60), gate)
			t.ID = f.ID
			list = append(list, t)
		}
		return map[string]any{"findings": list}
	}
	return q
}

// key under which an answer is kept.
func (q question) key(c Candidate, language v1alpha1.Language) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{q.id, q.digest, c.Identity, c.Provider, c.Name, version, string(language)}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// steady is a text without what changes while a problem stays: times, durations, counts, and names that are made by chance. What
// tells one cause from another, such as an exit code or a port, stays.
func steady(text string) string {
	// What the kubelet says while it waits before the next try, and the API server of events that it counts.
	text = regexp.MustCompile(`ImagePullBackOff: (?:Back-off pulling image "[^"]*": )?|\(combined from similar events\): `).ReplaceAllString(text, "")
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

// lengths of the parts of an answer, in characters and entries.
type lengths struct{ summary, why, claim, fix, description, command, patch int }

// roomFor an answer of so many tokens: a model that keeps to the schema is never cut off by its limit. A token is about three
// characters of English, and less than one of Chinese.
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
	text := func(most int) map[string]any { return map[string]any{"type": "string", "maxLength": most} }
	object := func(properties map[string]any, required ...string) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	list := func(most int, items any) map[string]any {
		return map[string]any{"type": "array", "maxItems": most, "items": items}
	}
	id := map[string]any{"type": "string"}
	if len(ids) > 0 {
		id["enum"] = ids
	}
	patch := text(room.patch)
	if room.patch == 0 {
		patch = map[string]any{"type": "string", "enum": []string{""}}
	}
	content, err := json.Marshal(object(map[string]any{
		"summary": text(room.summary),
		"why":     list(room.why, object(map[string]any{"claim": text(room.claim), "evidence": list(min(max(room.why, 2), 4), id)}, "claim", "evidence")),
		"fix": list(room.fix, object(map[string]any{"description": text(room.description), "command": text(room.command), "patch": patch},
			"description", "command", "patch")),
		"confidence": map[string]any{"type": "string", "enum": []v1alpha1.Confidence{
			v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow, v1alpha1.ConfidenceUnknown,
		}},
	}, "summary", "why", "fix", "confidence"))
	if err != nil {
		return nil // strings and numbers can be written as JSON
	}
	return content
}

// answer is how many tokens an answer may have: a small model keeps two thirds of its context for the question.
func (c Candidate) answer() int { return min(c.AnswerTokens, max(int(c.ContextLength/3), 128)) }

// room for the user's part of a prompt, in tokens. More than some thousands makes answers no better.
func (c Candidate) room() int64 {
	const most, least, around = 6000, 256, 64
	return max(min(c.ContextLength-int64(c.answer())-ai.Estimate(system(v1alpha1.LanguageChinese))-around, most), least)
}
