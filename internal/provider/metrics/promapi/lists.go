package promapi

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// selected are the parameters of a query for series or labels.
func (a *API) selected(selectors []string, span metrics.Range) (url.Values, error) {
	if err := a.options.Budget.FitSpan(span); err != nil {
		return nil, err
	}
	params := spanned(span)
	if len(selectors) > 0 {
		params["match[]"] = selectors
	}
	return params, nil
}

// Series that match, see metrics.SeriesLister. The limit is that of the budget where it is zero or greater.
func (a *API) Series(ctx context.Context, selectors []string, span metrics.Range, limit int) (series []metrics.Labels, truncated bool,
	err error) {
	params, err := a.selected(selectors, span)
	if err != nil {
		return nil, false, err
	}
	if limit <= 0 || limit > a.options.Budget.MaxSeries {
		limit = a.options.Budget.MaxSeries
	}
	params.Set("limit", strconv.Itoa(limit+1)) // servers that do not know it answer with more
	var s scanner
	var raw json.RawMessage
	err = a.get(ctx, call{operation: "series", path: "/api/v1/series", params: params, query: true}, func(decoder *json.Decoder) error {
		return eachElement(decoder, func() error {
			if err := decoder.Decode(&raw); err != nil {
				return err
			}
			if len(series) == limit {
				truncated = true
				return errEnough
			}
			s.raw = raw
			s.at = 0
			labels, err := s.labels()
			series = append(series, labels)
			return err
		})
	})
	switch {
	case truncated: // the rest was not read, on purpose
		return series, true, nil
	case !answered(err):
		return nil, false, err
	}
	return series, false, err
}

// errEnough ends the reading of an answer of which no more is wanted.
var errEnough = problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil, "no more is wanted")

// LabelNames of series that match, sorted, see metrics.LabelLister.
func (a *API) LabelNames(ctx context.Context, selectors []string, span metrics.Range) ([]string, error) {
	params, err := a.selected(selectors, span)
	if err != nil {
		return nil, err
	}
	return a.names(ctx, call{operation: "labels", path: "/api/v1/labels", params: params, query: true})
}

// LabelValues of a label of series that match, sorted, see metrics.LabelLister.
func (a *API) LabelValues(ctx context.Context, label string, selectors []string, span metrics.Range) ([]string, error) {
	// https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels; nothing else may get into the path.
	if right, err := regexp.MatchString(`^[a-zA-Z_][a-zA-Z0-9_]*$`, label); err != nil || !right || len(label) > 1024 {
		return nil, problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"the name of a label must consist of letters, digits and underscores")
	}
	params, err := a.selected(selectors, span)
	if err != nil {
		return nil, err
	}
	return a.names(ctx, call{operation: "label_values", path: "/api/v1/label/" + label + "/values", params: params, query: true})
}

func (a *API) names(ctx context.Context, c call) ([]string, error) {
	var list []string
	err := a.get(ctx, c, func(decoder *json.Decoder) error {
		return eachElement(decoder, func() error {
			if err := a.room(len(list)); err != nil {
				return err
			}
			var name string
			err := decoder.Decode(&name)
			list = append(list, name)
			return err
		})
	})
	if !answered(err) {
		return nil, err
	}
	slices.Sort(list)
	return list, err
}

// room says whether one more may be kept of what is no series, but just as many.
func (a *API) room(have int) error {
	if have >= a.options.Budget.MaxSeries {
		return metrics.Exceeded("maxSeries", "the answer has more than %d entries; ask for fewer", a.options.Budget.MaxSeries)
	}
	return nil
}

// Metadata of metrics, see metrics.MetadataReader. Where targets do not agree about a metric, the first one counts.
func (a *API) Metadata(ctx context.Context, metric string) (map[string]metrics.Metadata, error) {
	params := url.Values{}
	if metric != "" {
		params.Set("metric", metric)
	}
	found := map[string]metrics.Metadata{}
	err := a.get(ctx, call{operation: "metadata", path: "/api/v1/metadata", params: params}, func(decoder *json.Decoder) error {
		return eachField(decoder, func(name string) error {
			if err := a.room(len(found)); err != nil {
				return err
			}
			var list []metrics.Metadata
			if err := decoder.Decode(&list); err != nil {
				return err
			}
			if len(list) > 0 {
				found[name] = list[0]
			}
			return nil
		})
	})
	if !answered(err) {
		return nil, err
	}
	return found, err
}
