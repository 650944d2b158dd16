package elasticsearch

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// field that is there in at least one index.
type field struct {
	path string
	// exact are the names to ask for whole values by: the field itself, its subfield keyword, or both where indices differ.
	exact []string
	// analysed says that the field is text in some index, whole reports that it is whole values (keyword) in some index; neither
	// is a number, a boolean or the like.
	analysed, whole bool
	// sure reports that asking by the exact names finds what has the value, and nothing else.
	sure bool
}

// mapping is which fields mean what. It is never changed once it is made.
type mapping struct {
	at time.Time
	// time is the field to sort by, "" when nothing is stored; nanos reports that some index keeps it in nanoseconds.
	time  string
	nanos bool
	// message fields, and those of labels of the contract and of others that were asked for.
	message []field
	labels  map[string][]field
	// guesses are where the message and labels of the contract may stand, too: in no document when the server was asked, but maybe in a
	// newer one, as when a collector is added or changed.
	guesses map[string][]string
	// disputing are fields that may name another namespace; see logs.Fields.Disputing.
	disputing []string
	schema    string
}

// capabilities of a field by type, as _field_caps tells.
type capabilities map[string]map[string]struct {
	Type         string
	Searchable   bool
	Aggregatable bool
}

// resolve finds out which fields there are. What is known and not old serves again, unless a wanted label was not there: it may
// have come.
func (p *Provider) resolve(ctx context.Context, wanted ...string) (*mapping, error) {
	p.mu.Lock()
	m := p.mapping
	p.mu.Unlock()
	if m != nil && time.Since(m.at) < known && m.time != "" && m.has(wanted) {
		return m, nil
	}
	others := map[string]bool{}
	for _, label := range wanted {
		if !isRole(label) && foreign(label) != nil {
			others[label] = true
		}
	}
	if m != nil {
		for label := range m.labels { // those that were asked for before, so that callers do not take turns
			if !isRole(label) && len(others) < 16 {
				others[label] = true
			}
		}
	}
	m, err := p.read(ctx, slices.Sorted(maps.Keys(others)))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.mapping = m
	p.mu.Unlock()
	return m, nil
}

func (m *mapping) has(wanted []string) bool {
	for _, label := range wanted {
		if len(m.labels[label]) == 0 {
			return false
		}
	}
	return true
}

func (p *Provider) read(ctx context.Context, others []string) (*mapping, error) {
	var paths []string
	for _, role := range roles() {
		paths = append(paths, candidates(p.fields, role)...)
	}
	for _, label := range others {
		paths = append(paths, foreign(label)...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	ask := make([]string, 0, 2*len(paths))
	for _, path := range paths {
		ask = append(ask, path, path+".keyword")
	}
	var answer struct{ Fields capabilities }
	err := p.client.JSON(ctx, provider.Request{
		Operation: "fields", Path: "/" + p.index + "/_field_caps", MaxBytes: provider.ListBytes,
		Query: url.Values{"fields": {strings.Join(ask, ",")}, "ignore_unavailable": {"true"}, "allow_no_indices": {"true"}},
	}, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Fields == nil {
		return nil, p.client.Invalid(nil)
	}
	return p.build(answer.Fields, others)
}

// build the mapping from what a server told.
func (p *Provider) build(caps capabilities, others []string) (*mapping, error) {
	m := &mapping{
		at: time.Now(), labels: map[string][]field{}, guesses: map[string][]string{},
		disputing: p.fields.Disputing(names(schemaAuto, logs.LabelNamespace)),
	}
	for _, path := range candidates(p.fields, roleTime) {
		_, date := caps[path]["date"]
		_, nanos := caps[path]["date_nanos"]
		switch {
		case m.time == "" && (date || nanos):
			m.time, m.nanos = path, nanos
		case m.time == "" && len(caps[path]) > 0 && explicit(p.fields, roleTime) == path:
			return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
				"field %s of spec.fields.time is not a date in index %s; use a field that is, or map it as date", path, p.index)
		}
	}
	m.message = caps.present(candidates(p.fields, roleMessage))
	m.guesses[roleMessage] = absent(candidates(p.fields, roleMessage), m.message)
	for _, role := range roles()[2:] {
		m.labels[role] = caps.present(candidates(p.fields, role))
		m.guesses[role] = absent(candidates(p.fields, role), m.labels[role])
	}
	for _, label := range others {
		m.labels[label] = caps.present(foreign(label))
	}
	m.schema = p.schemaOf(m)
	return m, nil
}

// absent are those of the paths that are not among the fields.
func absent(paths []string, fields []field) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		return slices.ContainsFunc(fields, func(f field) bool { return f.path == path })
	})
}

// present are those of the paths that are there as values, not as objects.
func (c capabilities) present(paths []string) []field {
	var list []field
	for _, path := range paths {
		f := field{path: path}
		there := false
		for kind, about := range c[path] {
			switch kind {
			case "object", "nested", "unmapped", "passthrough", "binary":
				continue
			case "text", "match_only_text", "annotated_text":
				f.analysed = true
			case "keyword", "constant_keyword", "wildcard", "flattened", "flat_object":
				f.whole = true
			}
			there = there || about.Searchable
		}
		if !there {
			continue
		}
		_, sub := c[path+".keyword"]["keyword"]
		if f.whole {
			f.exact = append(f.exact, path)
		}
		if f.analysed && sub {
			f.exact = append(f.exact, path+".keyword")
		}
		// A term asked for in a field that is text somewhere finds words there.
		f.sure = !f.analysed || (sub && !f.whole)
		list = append(list, f)
	}
	return list
}

// schemaOf a mapping: what the settings say, or the first whose fields are there; "" when no namespace or Pod is stored.
func (p *Provider) schemaOf(m *mapping) string {
	if m.time == "" {
		return ""
	}
	if p.fields.Schema != "" && p.fields.Schema != schemaAuto {
		return p.fields.Schema
	}
	for _, schema := range schemas() {
		for _, label := range []string{logs.LabelNamespace, logs.LabelPod} {
			for _, f := range m.labels[label] {
				if slices.Contains(names(schema, label), f.path) {
					return schema
				}
			}
		}
	}
	return ""
}
