package promapi

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
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
	err = a.get(ctx, call{operation: "series", path: "/api/v1/series", params: params, query: true}, func(d *stream.Decoder) error {
		s := scanner{Decoder: d}
		return d.Array(func() error {
			if len(series) == limit {
				truncated = true
				return errEnough
			}
			labels, err := s.labels()
			if err != nil {
				return err
			}
			series = append(series, labels)
			return d.Keep(seriesBytes)
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
	err := a.get(ctx, c, func(d *stream.Decoder) error {
		return d.Array(func() error {
			if err := a.room(len(list)); err != nil {
				return err
			}
			name, err := d.Text(maxLabelValue)
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
	err := a.get(ctx, call{operation: "metadata", path: "/api/v1/metadata", params: params}, func(d *stream.Decoder) error {
		return d.Object(func(name []byte) error {
			if err := a.room(len(found)); err != nil {
				return err
			}
			key := string(name)
			one, any, err := firstMetadata(d)
			if err != nil || !any {
				return err
			}
			found[key] = one
			return d.Keep(int64(len(key)) + 2*seriesBytes)
		})
	})
	if !answered(err) {
		return nil, err
	}
	return found, err
}

// firstMetadata reads a list and keeps its first element.
func firstMetadata(d *stream.Decoder) (first metrics.Metadata, any bool, err error) {
	err = d.Array(func() error {
		if any {
			return nil
		}
		any = true
		return d.Decode(&first)
	})
	return first, any, err
}
