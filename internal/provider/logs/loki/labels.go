package loki

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/provider/logs"
)

// LabelValues lists values, sorted. Labels of streams come from Loki's index, which knows times roughly; what is structured
// metadata, and queries for a text, are answered by counting lines, which reads all of them.
func (p *Provider) LabelValues(ctx context.Context, label string, query logs.Query, limit int) ([]string, error) {
	if limit <= 0 || !query.Start.Before(query.End) {
		return nil, ctx.Err()
	}
	e, err := p.expression(ctx, query)
	if err != nil {
		return nil, err
	}
	known, err := p.names.streamNames(ctx, query)
	if err != nil {
		return nil, err
	}
	spellings := p.names.of(label)
	there := slices.DeleteFunc(slices.Clone(spellings), func(name string) bool { return !known[name] })
	var values []string
	if len(there) > 0 && len(e.filters) == 0 && label != logs.LabelLevel {
		values, err = p.indexed(ctx, there, e, query)
	} else {
		values, err = p.counted(ctx, spellings, label == logs.LabelLevel, e, query)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(values)
	values = slices.Compact(values)
	return values[:min(limit, len(values))], nil
}

// indexed values of labels of streams.
func (p *Provider) indexed(ctx context.Context, names []string, e expression, query logs.Query) ([]string, error) {
	var all []string
	for _, name := range names {
		values, err := p.list(ctx, "label_values", "/loki/api/v1/label/"+name+"/values", url.Values{
			"start": {strconv.FormatInt(nanos(query.Start), 10)}, "end": {strconv.FormatInt(nanos(query.End), 10)}, "query": {e.selector()},
		})
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}

// counted values of whatever lines carry.
func (p *Provider) counted(ctx context.Context, names []string, level bool, e expression, query logs.Query) ([]string, error) {
	from, to := wholeMillis(query.Start), wholeMillis(query.End)
	if !from.Before(to) {
		return nil, nil
	}
	series, err := p.instant(ctx, "label_values", "sum by ("+strings.Join(names, ", ")+")", e, from, to)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, one := range series {
		for _, name := range names {
			value := one.Metric[name]
			if level {
				value = strings.ToLower(value)
			}
			if value != "" && (!level || value != "unknown") {
				all = append(all, value)
				break
			}
		}
	}
	return all, nil
}
