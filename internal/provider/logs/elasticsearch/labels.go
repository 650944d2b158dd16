package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// maxValues of a label that are listed.
const maxValues = 5000

// LabelValues lists the values that the most lines have. Where a field is text without a subfield keyword, and where the query
// has texts, the values are those of the newest lines that were looked at.
func (p *Provider) LabelValues(ctx context.Context, label string, q logs.Query, limit int) ([]string, error) {
	if limit <= 0 || limit > maxValues {
		limit = maxValues
	}
	if _, err := p.resolve(ctx, label); err != nil {
		return nil, err
	}
	q.Cursor = ""
	q.Backward = true
	s, err := p.scan(ctx, q)
	if err != nil {
		return nil, err
	}
	m := s.m
	if len(m.labels[label]) == 0 || s.plan.never {
		return nil, nil
	}
	values := map[string]bool{}
	if exact := exactNames(m.labels[label]); exact != nil && s.plan.exact() {
		err = s.terms(ctx, exact, limit, func(value string) { values[value] = true })
	} else {
		err = s.valuesHere(ctx, label, limit, values)
	}
	if err != nil {
		return nil, err
	}
	list := slices.Sorted(maps.Keys(foldLevels(label, values)))
	return list[:min(len(list), limit)], nil
}

// exactNames to list the values of all fields by; nil when one of them has none.
func exactNames(fields []field) []string {
	var list []string
	for _, f := range fields {
		switch {
		case f.analysed && (len(f.exact) == 0 || f.whole):
			return nil
		case len(f.exact) > 0:
			list = append(list, f.exact...)
		default:
			list = append(list, f.path)
		}
	}
	return list
}

func foldLevels(label string, values map[string]bool) map[string]bool {
	folded := map[string]bool{}
	for value := range values {
		if label == logs.LabelLevel {
			value = strings.ToLower(value)
		}
		if value != "" {
			folded[value] = true
		}
	}
	return folded
}

func (s *scanner) terms(ctx context.Context, fields []string, limit int, each func(string)) error {
	aggregations := object{}
	for i, name := range fields {
		aggregations[fmt.Sprint("f", i)] = object{"terms": object{"field": name, "size": limit}}
	}
	var answer struct {
		Aggregations map[string]struct {
			Buckets []struct {
				Key  termKey `json:"key"`
				Text string  `json:"key_as_string"`
			}
		}
	}
	request := post("labels", "/"+s.p.index+"/_search", s.plan.body(nil, nil, object{"size": 0, "track_total_hits": false,
		"aggs": aggregations}))
	request.MaxBytes = provider.ListBytes
	request.Query = partial()
	if err := s.p.client.JSON(ctx, request, &answer); err != nil {
		return err
	}
	for i := range fields {
		if answer.Aggregations[fmt.Sprint("f", i)].Buckets == nil {
			return s.p.client.Invalid(nil)
		}
	}
	for _, aggregation := range answer.Aggregations {
		for _, bucket := range aggregation.Buckets {
			switch {
			case bucket.Key.number && bucket.Text != "":
				each(bucket.Text)
			case bucket.Key.known:
				each(bucket.Key.text)
			}
		}
	}
	return nil
}

// termKey is the key of a bucket: a text or a number.
type termKey struct {
	text          string
	number, known bool
}

// UnmarshalStream reads the key. A number is shown as encoding/json does it.
func (k *termKey) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	if err != nil {
		return err
	}
	switch kind {
	case stream.String:
		k.known = true
		k.text, err = d.Text(stream.Unlimited)
	case stream.Number:
		var number float64
		if number, err = d.Float64(); err != nil {
			return err
		}
		text, marshalErr := json.Marshal(number)
		k.number = true
		k.known = marshalErr == nil
		k.text = string(text)
	default:
		err = d.Skip()
	}
	return err
}

// valuesHere looks at documents until there are enough values.
func (s *scanner) valuesHere(ctx context.Context, label string, limit int, values map[string]bool) error {
	for looked := 0; looked < scanned && len(values) < limit; {
		n, last, err := s.next(ctx, batch, func(_ hit, _ string, labels map[string]string) bool {
			values[labels[label]] = true
			return true
		})
		if err != nil || last {
			return err
		}
		looked += n
	}
	return nil
}
