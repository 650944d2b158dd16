package loki

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/provider/logs"
)

// expression is a query in parts: matchers of the stream, and what follows them.
type expression struct {
	matchers []string
	// chooses reports that a matcher wants a value that is not empty; Loki refuses a selector without one.
	chooses bool
	// filters of lines and of their labels.
	filters []string
}

// String in LogQL.
func (e expression) String() string {
	return strings.Join(append([]string{e.selector()}, e.filters...), " ")
}

func (e expression) selector() string { return "{" + strings.Join(e.matchers, ", ") + "}" }

// expression of a query. A label that streams have by one name is a matcher, which the index answers; one that they have by several
// names, or none, is a filter, which finds it among structured metadata, too.
func (p *Provider) expression(ctx context.Context, query logs.Query) (expression, error) {
	known, err := p.names.streamNames(ctx, query)
	if err != nil {
		return expression{}, err
	}
	var e expression
	for _, text := range query.Contains {
		if text != "" {
			e.filters = append(e.filters, contains(text))
		}
	}
	for _, label := range slices.Sorted(maps.Keys(query.Labels)) {
		e.add(p.names.of(label), known, label == logs.LabelLevel, query.Labels[label])
	}
	for _, label := range slices.Sorted(maps.Keys(query.AnyOf)) {
		if values := query.AnyOf[label]; len(values) > 0 {
			e.add(p.names.of(label), known, label == logs.LabelLevel, values...)
		}
	}
	if !e.chooses {
		e.matchers = append(e.matchers, p.names.anyStream(known)+`=~".+"`)
	}
	return e, nil
}

// add that a label has one of the values.
func (e *expression) add(spellings []string, known map[string]bool, anyCase bool, values ...string) {
	there := slices.DeleteFunc(slices.Clone(spellings), func(name string) bool { return !known[name] })
	if len(there) == 1 && !anyCase {
		e.matchers = append(e.matchers, there[0]+equals(anyCase, values))
		e.chooses = e.chooses || !slices.Contains(values, "")
		return
	}
	if len(there) == 0 || anyCase {
		there = spellings
	}
	alternatives := make([]string, 0, len(there))
	for _, name := range there {
		alternatives = append(alternatives, name+equals(anyCase, values))
	}
	e.filters = append(e.filters, "| "+strings.Join(alternatives, " or "))
}

// equals one of the values. Regular expressions of labels are anchored by Loki itself.
func equals(anyCase bool, values []string) string {
	if len(values) == 1 && !anyCase {
		return "=" + quote(values[0])
	}
	quoted := make([]string, 0, len(values))
	for _, value := range values {
		quoted = append(quoted, regexp.QuoteMeta(strings.ToValidUTF8(value, "\uFFFD")))
	}
	pattern := strings.Join(quoted, "|")
	if anyCase {
		pattern = "(?i)(" + pattern + ")"
	}
	return "=~" + quote(pattern)
}

// contains a text, in any case. A text that has no case is looked for as it is, which costs less.
func contains(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.ToLower(text) == text && strings.ToUpper(text) == text {
		return "|= " + quote(text)
	}
	return "|~ " + quote("(?i)"+regexp.QuoteMeta(text))
}

// quote a text as LogQL reads it: as Go does.
func quote(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "\uFFFD")) }

// anyStream is a label that as many streams as possible have, for queries that choose none. Loki 3 gives each stream a
// service_name; before it, every collector sets one of the others. Where nothing is stored yet, it is the marker's own.
func (n *names) anyStream(known map[string]bool) string {
	usual := slices.Concat([]string{"service_name"}, n.of(logs.LabelNamespace), []string{"job", labelApp, "stream", "filename"})
	for _, name := range usual {
		if known[name] {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if safeName(name) == name && !strings.HasPrefix(name, "__") {
			return name
		}
	}
	return logs.LabelProbe
}
