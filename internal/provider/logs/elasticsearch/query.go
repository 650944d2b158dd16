package elasticsearch

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
)

// object of a query.
type object = map[string]any

// plan is a query in the server's words, and what is left to check on this side.
type plan struct {
	// never reports that nothing can match: a label is asked for that no document has.
	never bool
	// filters must all hold.
	filters []any
	// texts in lower case must all stand in the line; values must be among those of the label.
	texts  []string
	values map[string][]string
	// costly reports that a filter runs over all words of an index, which a server may refuse.
	costly bool
}

// exact reports that the server's answer is the right one without a check on this side.
func (p *plan) exact() bool { return len(p.texts) == 0 && len(p.values) == 0 }

// newPlan for a query. Cheap leaves out filters that a server may refuse; the check on this side is the same.
func newPlan(m *mapping, q logs.Query, server server, cheap bool) *plan {
	p := &plan{values: map[string][]string{}}
	start, end := millis(q.Start), millis(q.End)
	if m.time == "" || start >= end {
		p.never = true
		return p
	}
	p.filters = append(p.filters, between(m.time, start, end))
	for _, label := range slices.Sorted(maps.Keys(q.Labels)) {
		p.label(m, label, []string{q.Labels[label]})
	}
	for _, label := range slices.Sorted(maps.Keys(q.AnyOf)) {
		if len(q.AnyOf[label]) > 0 {
			p.label(m, label, q.AnyOf[label])
		}
	}
	_, probe := q.Labels[logs.LabelProbe]
	for _, text := range q.Contains {
		if text == "" {
			continue
		}
		p.texts = append(p.texts, strings.ToLower(strings.ToValidUTF8(text, string(utf8.RuneError))))
		if !probe { // its few lines are found by label and time
			p.text(m, text, server, cheap)
		}
	}
	return p
}

// millis of a time, rounded up: a line's whole millisecond is at or after a time just when it is at or after this.
func millis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

// between two times in milliseconds, the end not included.
func between(field string, start, end int64) object {
	return object{"range": object{field: object{"gte": start, "lt": end, "format": "epoch_millis"}}}
}

// anyOf clauses must hold.
func anyOf(clauses []any) any {
	if len(clauses) == 1 {
		return clauses[0]
	}
	return object{"bool": object{"should": clauses, "minimum_should_match": 1}}
}

// label asks for one of several values. A field that is only there as text finds its words, which are checked on this side.
func (p *plan) label(m *mapping, label string, values []string) {
	fields := m.labels[label]
	if len(fields) == 0 {
		p.never = true
		return
	}
	if label == logs.LabelLevel {
		values = spellings(values)
	}
	var clauses []any
	sure := true
	for _, f := range fields {
		sure = sure && f.sure
		switch {
		case len(f.exact) > 0:
			for _, name := range f.exact {
				clauses = append(clauses, object{"terms": object{name: values}})
			}
		case f.analysed:
			for _, value := range values {
				clauses = append(clauses, object{"match_phrase": object{f.path: value}})
			}
		default: // a number, a boolean: lenient, for other values cannot be in it
			for _, value := range values {
				clauses = append(clauses, object{"match": object{f.path: object{"query": value, "lenient": true}}})
			}
		}
	}
	p.filters = append(p.filters, anyOf(clauses))
	if !sure {
		p.values[label] = append(p.values[label], values...)
	}
}

// spellings of levels: collectors keep them as the program wrote them, the contract has them in lower case.
func spellings(levels []string) []string {
	var all []string
	for _, level := range levels {
		lower := strings.ToLower(level)
		title := lower
		if first, size := utf8.DecodeRuneInString(lower); size > 0 {
			title = string(unicode.ToUpper(first)) + lower[size:]
		}
		all = append(all, lower, strings.ToUpper(lower), title)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fits checks on this side what the server's answer leaves open.
func (p *plan) fits(line string, labels map[string]string) bool {
	if len(p.texts) > 0 {
		line = strings.ToLower(line)
		for _, text := range p.texts {
			if !strings.Contains(line, text) {
				return false
			}
		}
	}
	for label, values := range p.values {
		if !slices.Contains(values, labels[label]) {
			return false
		}
	}
	return true
}

// body of a search: the plan's filters, those of a position, and the fields to return.
func (p *plan) body(more []any, skip []any, rest object) []byte {
	condition := object{"filter": append(slices.Clone(p.filters), more...)}
	if len(skip) > 0 {
		condition["must_not"] = skip
	}
	rest["query"] = object{"bool": condition}
	content, err := json.Marshal(rest)
	if err != nil {
		panic(err) // maps, lists, texts and numbers only
	}
	return content
}
