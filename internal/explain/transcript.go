package explain

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/text"
)

// Lengths of a call in a report, in runes.
const (
	maxShownTool, maxShownArguments, maxShownReason = 128, 1024, 1024
	maxShownLines                                   = 8192
)

// unmasked are calls with the names that are masked for the model. Their texts pass the gate like others when they are sent.
func unmasked(calls []tools.Call, gate *Gate) []tools.Call {
	calls = slices.Clone(calls)
	for i := range calls {
		call := &calls[i]
		for _, field := range []*string{&call.Tool, &call.Arguments, &call.Refused} {
			*field = gate.restore(*field)
		}
		call.Lines = strings.Split(gate.restore(strings.Join(call.Lines, "\n")), "\n")
		if call.Refused != "" {
			call.Lines = nil
		}
	}
	return calls
}

// after is a question with what was read for it. An answer may cite it.
func (q question) after(calls []tools.Call) question {
	q.cited = cloned(q.cited)
	for _, call := range calls {
		if call.Refused == "" {
			q.read = append(q.read, call)
			q.cited[call.ID] = source{text: strings.Join(call.Lines, "\n"), ours: true, lines: call.Lines}
		}
	}
	q.task += ` What was read to find the cause has ids such as t1, and numbered lines: cite it as "t1", or its lines 5 to 8 as ` +
		`"t1:5-8", and quote without the numbers.`
	return q
}

// entryOf is a call in the data of a prompt.
func entryOf(call tools.Call) background.Entry {
	return background.Entry{ID: call.ID, About: call.Tool + " " + call.Arguments, Text: numbered(call.Lines)}
}

func cloned(sources map[string]source) map[string]source {
	c := make(map[string]source, len(sources))
	for id, s := range sources {
		c[id] = s
	}
	return c
}

// citation of lines: t3:5-8, t3:5 or t3.
type citation struct {
	id          string
	first, last int
}

// parseCitation splits an id into that of the evidence and the numbers of lines, which are 0 if it has none.
func parseCitation(id string) citation {
	match := regexp.MustCompile(`^(t\d{1,3}):(\d{1,4})(?:-(\d{1,4}))?$`).FindStringSubmatch(id)
	if match == nil {
		return citation{id: id}
	}
	c := citation{id: match[1]}
	c.first, _ = strconv.Atoi(match[2])
	c.last = c.first
	if match[3] != "" {
		c.last, _ = strconv.Atoi(match[3])
	}
	return c
}

// exists reports whether the evidence that an id names is among those that an answer may cite, with its lines.
func (w expectation) exists(id string) bool {
	c := parseCitation(id)
	if !slices.Contains(w.ids, c.id) {
		return false
	}
	return c.id == id || c.first >= 1 && c.first <= c.last && c.last <= len(w.cited[c.id].lines)
}

// textOf is the text that an id cites.
func (w expectation) textOf(id string) string {
	c := parseCitation(id)
	s := w.cited[c.id]
	if c.first >= 1 && c.first <= c.last && c.last <= len(s.lines) {
		return strings.Join(s.lines[c.first-1:c.last], "\n")
	}
	return s.text
}

// citedBy are the ids that an explanation cites, each without the numbers of lines.
func citedBy(e v1alpha1.Explanation) []string {
	var ids []string
	add := func(all []string) {
		for _, id := range all {
			ids = append(ids, parseCitation(id).id)
		}
	}
	for _, w := range e.Why {
		add(w.Evidence)
	}
	for _, r := range e.RuledOut {
		add(r.Evidence)
	}
	for _, f := range e.Fix {
		add(f.Evidence)
	}
	return ids
}

// transcript is what a report keeps of calls: the lines of those only that its explanation cites.
func transcript(calls []tools.Call, e v1alpha1.Explanation, gate *Gate) []v1alpha1.ToolCall {
	cited := citedBy(e)
	shown := func(s string, maxRunes int) string { return text.Clip(gate.in(clean(s)), maxRunes) }
	kept := []v1alpha1.ToolCall{}
	for _, call := range calls {
		one := v1alpha1.ToolCall{
			ID: call.ID, Tool: shown(call.Tool, maxShownTool), Arguments: shown(call.Arguments, maxShownArguments),
			Time: metav1.NewTime(call.At.UTC().Truncate(1e9)), Refused: shown(call.Refused, maxShownReason),
			Lines: int32(len(call.Lines)), Hash: call.Hash, //nolint:gosec // at most 4 KiB
		}
		if slices.Contains(cited, call.ID) {
			one.Text = shown(strings.Join(call.Lines, "\n"), maxShownLines)
		}
		kept = append(kept, one)
	}
	return kept
}

// withTranscript adds the lines in a stored investigation to what a cached answer may cite. They were read for another report, and are in
// this one, too.
func (w expectation) withTranscript(i *v1alpha1.Investigation) expectation {
	if i == nil {
		return w
	}
	w.cited = cloned(w.cited)
	w.ids = slices.Clone(w.ids)
	for _, call := range i.Calls[:min(len(i.Calls), tools.MaxRecorded)] {
		if call.Text == "" || parseCitation(call.ID+":1").id != call.ID {
			continue
		}
		lines := strings.Split(call.Text, "\n")
		w.cited[call.ID] = source{text: call.Text, ours: true, lines: lines}
		w.ids = append(w.ids, call.ID)
	}
	return w
}

// checked is a stored investigation whose texts passed the gate: someone else may have written to the cache.
func checked(i *v1alpha1.Investigation, gate *Gate) *v1alpha1.Investigation {
	if i == nil || !wellFormed(i) {
		return nil
	}
	i = i.DeepCopy()
	for n := range i.Calls {
		call := &i.Calls[n]
		for field, maxRunes := range map[*string]int{
			&call.Tool: maxShownTool, &call.Arguments: maxShownArguments, &call.Refused: maxShownReason, &call.Text: maxShownLines,
		} {
			*field = text.Clip(gate.in(clean(*field)), maxRunes)
		}
	}
	return i
}

// wellFormed reports whether the API server would take a stored investigation: it rejects the whole patch because of one.
func wellFormed(i *v1alpha1.Investigation) bool {
	ends := []v1alpha1.InvestigationEnd{
		v1alpha1.InvestigationDone, v1alpha1.InvestigationCalls, v1alpha1.InvestigationTokens, v1alpha1.InvestigationTime,
		v1alpha1.InvestigationRequests, v1alpha1.InvestigationFailed,
	}
	ids := map[string]bool{}
	for _, call := range i.Calls {
		if ids[call.ID] || parseCitation(call.ID+":1").id != call.ID || call.Time.IsZero() || len(call.Hash) > hex.EncodedLen(sha256.Size) {
			return false
		}
		ids[call.ID] = true
	}
	return i.Calls != nil && len(i.Calls) <= tools.MaxRecorded && slices.Contains(ends, i.Ended)
}
