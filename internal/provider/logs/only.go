package logs

import (
	"context"
	"maps"
)

// Only is a provider of the lines that have some labels, such as those of one cluster in a backend of several. It searches, and lists
// values if the backend does. A query for another value of one of the labels finds nothing. Without labels it is the backend itself.
func Only(backend Provider, labels map[string]string) Provider {
	if len(labels) == 0 {
		return backend
	}
	selected := &only{Provider: backend, labels: labels}
	if lister, ok := backend.(LabelLister); ok {
		return &onlyLister{only: selected, lister: lister}
	}
	return selected
}

type only struct {
	Provider
	labels map[string]string
}

// narrow a query. ok is false if no line can match.
func (o *only) narrow(query Query) (narrowed Query, ok bool) {
	labels := maps.Clone(o.labels)
	for name, value := range query.Labels {
		if fixed, both := labels[name]; both && fixed != value {
			return query, false
		}
		labels[name] = value
	}
	query.Labels = labels
	return query, true
}

// Search implements Provider.
func (o *only) Search(ctx context.Context, query Query) (Page, error) {
	narrowed, ok := o.narrow(query)
	if !ok {
		return Page{}, nil
	}
	return o.Provider.Search(ctx, narrowed)
}

type onlyLister struct {
	*only
	lister LabelLister
}

// LabelValues implements LabelLister.
func (o *onlyLister) LabelValues(ctx context.Context, label string, query Query, limit int) ([]string, error) {
	narrowed, ok := o.narrow(query)
	if !ok {
		return nil, nil
	}
	return o.lister.LabelValues(ctx, label, narrowed, limit)
}
