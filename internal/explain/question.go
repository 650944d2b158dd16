package explain

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
)

// version of prompts and validation. Changing it invalidates all cached answers.
const version = "5"

// question for a model.
type question struct {
	// id of the explanation.
	id string
	// cited is everything that an answer may cite, by its id.
	cited map[string]source
	// ids of the finding itself, in order. Those of the background follow as far as they fit into a prompt.
	ids []string
	// alsoFor are the ids of further findings that the answer holds for.
	alsoFor []string
	// digest of everything that the answer depends on.
	digest string
	// data of the prompt after the gate, limited to a number of runes per text and of entries per list.
	data func(gate *Gate, runes, entries int) *promptFinding
	// entries of the background, the most telling first.
	entries []background.Entry
	// task is the first line of the prompt.
	task string
	// investigable is set for problems, of the severity. Recommendations and the report as a whole are not investigated.
	investigable bool
	severity     v1alpha1.Severity
	// read is what the model read for this question.
	read []tools.Call
}

// source is what an id stands for.
type source struct {
	of   v1alpha1.EvidenceSource
	text string
	// ours is set for evidence that the report has, or will have.
	ours bool
	// lines of what the model read, which can be cited by their numbers.
	lines []string
}

// maxChain is how many effects of a root cause the prompt contains.
const maxChain = 10

// Cause is a root cause to explain.
type Cause struct {
	v1alpha1.Finding
	// Effects are the findings that it causes, direct ones first, at most 10.
	Effects []v1alpha1.Finding
	// Same are findings with the same recommendation for other objects, at most 100.
	Same []v1alpha1.Finding
}

// maxSame is how many further findings one explanation can hold for.
const maxSame = 100

// Causes returns the root causes of a report that are explained: problems first, then recommendations, both in the report's order, worst
// first. Equal recommendations for several objects are one. maxCauses below 1 counts as 1.
func Causes(report *v1alpha1.InspectionReport, maxCauses int) []Cause {
	var causes []Cause
	effects := map[string][]v1alpha1.Finding{}
	for _, f := range report.Findings {
		if f.CausedBy == "" {
			causes = append(causes, Cause{Finding: f})
		} else {
			effects[f.CausedBy] = append(effects[f.CausedBy], f)
		}
	}
	isAdvice := func(c Cause) bool { return c.ClassOrDefault() == v1alpha1.ClassRecommendation }
	slices.SortStableFunc(causes, func(a, b Cause) int {
		switch {
		case isAdvice(a) == isAdvice(b):
			return 0
		case isAdvice(b):
			return -1
		}
		return 1
	})
	causes = joined(causes)
	causes = causes[:min(len(causes), max(maxCauses, 1))]
	for i := range causes {
		causes[i].Effects = chain(causes[i].ID, effects)
	}
	return causes
}

// joined joins equal recommendations, whose texts differ only in the names of their objects. Those that cause others stay on their own.
func joined(causes []Cause) []Cause {
	first := map[string]int{}
	var kept []Cause
	for _, c := range causes {
		if c.ClassOrDefault() != v1alpha1.ClassRecommendation || c.Affects > 0 {
			kept = append(kept, c)
			continue
		}
		key := c.Cluster + "\x00" + c.Check + "\x00" + c.Object.Kind + "\x00" + unnamed(c.Finding, c.Message)
		for _, e := range c.Evidence {
			key += "\x00" + unnamed(c.Finding, e.Text)
		}
		i, known := first[key]
		if known && len(kept[i].Same) < maxSame {
			kept[i].Same = append(kept[i].Same, c.Finding)
			continue
		}
		first[key] = len(kept)
		kept = append(kept, c)
	}
	return kept
}

// unnamed is a text about a finding without the names of its object and namespace.
func unnamed(f v1alpha1.Finding, text string) string {
	text = strings.ReplaceAll(text, f.Object.Name, "#")
	if f.Object.Namespace != "" {
		text = strings.ReplaceAll(text, f.Object.Namespace, "#")
	}
	return background.Stable(text)
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
	Check    string           `json:"check,omitempty"`
	Class    string           `json:"class,omitempty"`
	Severity string           `json:"severity,omitempty"`
	Object   string           `json:"object,omitempty"`
	Message  string           `json:"message,omitempty"`
	Explains int32            `json:"explains,omitempty"`
	Evidence []promptEvidence `json:"evidence,omitempty"`
	Leads    []promptFinding  `json:"leadsTo,omitempty"`
	// Context is what surrounds the object.
	Context []promptEvidence `json:"context,omitempty"`
	NotRead []string         `json:"notRead,omitempty"`
	// Same are other objects with the same finding.
	Same []string `json:"sameFor,omitempty"`
	// Advice of the check comes last: models that read it first repeat it.
	Advice string `json:"advice,omitempty"`
	// Explanation of a root cause, in the question about a whole report.
	Explanation string `json:"explanation,omitempty"`
	// Totals of a whole report.
	Totals *promptTotals `json:"totals,omitempty"`
	// Findings are the root causes in the question about a whole report.
	Findings []promptFinding `json:"findings,omitempty"`
}

// promptTotals are the figures of a report.
type promptTotals struct {
	Score           *int32 `json:"score,omitempty"`
	Problems        int32  `json:"problems"`
	Recommendations int32  `json:"recommendations"`
	// NotRead counts what could not be read.
	NotRead int32 `json:"notRead"`
}

type promptEvidence struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	About  string `json:"about,omitempty"`
	Text   string `json:"text"`
}

// objectName is how a prompt names the object of a finding.
func objectName(f v1alpha1.Finding) string {
	if f.Object.Namespace != "" {
		return f.Object.Kind + "/" + f.Object.Namespace + "/" + f.Object.Name
	}
	return f.Object.Kind + "/" + f.Object.Name
}

func newPromptFinding(f v1alpha1.Finding, runes int, gate *Gate) promptFinding {
	return promptFinding{
		Check: f.Check, Class: string(f.ClassOrDefault()), Severity: string(f.Severity), Object: gate.Out(clean(objectName(f))),
		Message: clip(gate.Out(clean(f.Message)), runes), Explains: f.Affects,
	}
}

// effectID is the id by which an answer cites an effect. It does not depend on the other effects.
func effectID(f v1alpha1.Finding) string { return "b-" + f.ID[:min(len(f.ID), 8)] }

// maxAdvice is the length of the check's advice in runes: models paraphrase it instead of explaining.
const maxAdvice = 300

func ofCause(c Cause, facts background.Facts) question {
	f := c.Finding
	q := question{
		id: f.ID, task: "Explain the finding in the data: why it happens, what it breaks, and how to fix it.", entries: facts.Entries,
		cited: map[string]source{}, severity: f.Severity, investigable: f.ClassOrDefault() == v1alpha1.ClassProblem,
	}
	evidence := slices.DeleteFunc(slices.Clone(f.Evidence), volatile)
	for _, e := range evidence {
		q.ids = append(q.ids, e.ID)
		q.cited[e.ID] = source{of: e.Source, text: e.Text, ours: true}
	}
	for _, s := range c.Same {
		q.alsoFor = append(q.alsoFor, s.ID)
	}
	for _, e := range c.Effects {
		q.ids = append(q.ids, effectID(e))
		q.cited[effectID(e)] = source{of: v1alpha1.EvidenceCondition, text: objectName(e) + ": " + e.Message}
	}
	for _, e := range facts.Entries {
		q.cited[e.ID] = source{of: e.Source, text: e.About + "\n" + e.Text}
	}
	q.digest = digestOf(f, facts)
	q.data = func(gate *Gate, runes, entries int) *promptFinding {
		t := newPromptFinding(f, max(runes, 200), gate)
		t.Advice = clip(gate.Out(clean(f.Remediation)), min(runes, maxAdvice))
		for _, e := range evidence {
			t.Evidence = append(t.Evidence, promptEvidence{ID: e.ID, Source: string(e.Source), Text: clip(gate.Out(clean(e.Text)), runes)})
		}
		for _, e := range c.Effects[:min(len(c.Effects), entries)] {
			effect := newPromptFinding(e, min(runes, 200), gate)
			effect.ID = effectID(e)
			t.Leads = append(t.Leads, effect)
		}
		for _, s := range c.Same[:min(len(c.Same), entries)] {
			t.Same = append(t.Same, gate.Out(clean(objectName(s))))
		}
		t.NotRead = facts.NotRead
		return &t
	}
	return q
}

// volatile reports whether evidence comes and goes while a problem persists: that a container waits for its next start, and how many Pods
// there are at the moment. It is not sent: the background has the state of the worst Pod.
func volatile(e v1alpha1.Evidence) bool {
	pattern := regexp.MustCompile(`^(?:(?:init )?container \S+ is waiting: CrashLoopBackOff\b|\d+ of \d+ Pods?: )`)
	return e.Source == v1alpha1.EvidenceCondition && pattern.MatchString(e.Text)
}

// digestOf is a hash of what the answer about a root cause depends on. Severity and effects are left out: they change with every restart
// of a container, but the cause stays.
func digestOf(f v1alpha1.Finding, facts background.Facts) string {
	h := sha256.New()
	write := func(parts ...string) { h.Write([]byte(strings.Join(parts, "\x00") + "\x01")) }
	write(f.ID, f.Check, background.Stable(f.Message))
	for _, e := range f.Evidence {
		switch {
		case volatile(e):
		case e.Source == v1alpha1.EvidenceLog:
			write(e.ID, background.LogKey(e.Text))
		default:
			write(e.ID, string(e.Source), background.Stable(e.Text))
		}
	}
	for _, e := range facts.Entries {
		if e.Key != "" {
			write(e.ID, e.Key)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ofReport is the question about the whole report, from the explanations of its root causes.
func ofReport(report *v1alpha1.InspectionReport, causes []Cause, explained map[string]v1alpha1.Explanation) question {
	q := question{
		id: v1alpha1.OverallExplanation, cited: map[string]source{},
		task: "The data lists what an inspection of a cluster found, with the explanations of the root causes: problems first, then " +
			"recommendations, worst first. Summarize as the cause what is wrong, what to fix first, and which of them are related. Cite " +
			"the ids of findings as evidence.",
	}
	h := sha256.New()
	for _, f := range causes {
		q.ids = append(q.ids, f.ID)
		q.cited[f.ID] = source{text: objectName(f.Finding) + ": " + f.Message, ours: true}
		parts := []string{f.ID, f.Check, background.Stable(f.Message), explained[f.ID].Key}
		h.Write([]byte(strings.Join(parts, "\x00") + "\x01"))
	}
	q.digest = hex.EncodeToString(h.Sum(nil))
	q.data = func(gate *Gate, runes, _ int) *promptFinding {
		whole := &promptFinding{Totals: totalsOf(report)}
		for _, f := range causes {
			t := newPromptFinding(f.Finding, max(min(runes, 400), 60), gate)
			t.ID = f.ID
			if e := explained[f.ID]; e.Summary != "" {
				t.Explanation = clip(gate.Out(clean(e.Summary)), max(min(runes, 400), 60))
			}
			whole.Findings = append(whole.Findings, t)
		}
		return whole
	}
	return q
}

// totalsOf are the figures of a report.
func totalsOf(report *v1alpha1.InspectionReport) *promptTotals {
	s := report.Summary
	return &promptTotals{Score: s.Score, Problems: s.Problems.Total, Recommendations: s.Recommendations.Total, NotRead: s.RequiredGaps}
}

// allIDs are the ids that an answer may cite, whatever fits into a prompt.
func (q question) allIDs() []string {
	ids := slices.Clone(q.ids)
	for _, e := range q.entries {
		ids = append(ids, e.ID)
	}
	return ids
}

// reading is how a question may be investigated. It is part of the key of the answer.
type reading struct {
	investigate v1alpha1.Investigate
	// tools are the names of those that the model may call: an answer that could not read metrics or logs is none to a question that can.
	tools []string
}

// key of the cached answer. An answer without reads is no answer to a question that is investigated; may is nil for one that is not.
func (q question) key(c Candidate, language v1alpha1.Language, may *reading) string {
	parts := []string{q.id, q.digest, c.Identity, c.Provider, c.Name, version, string(language)}
	if q.investigable && may != nil {
		parts = append(parts, string(may.investigate), strings.Join(may.tools, ","))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
