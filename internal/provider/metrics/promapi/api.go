// Package promapi speaks the query API of Prometheus (https://prometheus.io/docs/prometheus/latest/querying/api/), which
// VictoriaMetrics, Thanos and Mimir have, too. Answers are decoded while they arrive, so that one that is over the query budget
// is dropped at that point and never kept as a whole. The public client library reads and keeps whole answers first, which is
// why it does not serve here.
package promapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
)

// longForm is from how many bytes on parameters are posted: shorter ones go into the URL, because read-only proxies and caches
// let GET through, and longer ones would be over the limits of URLs.
const longForm = 2 << 10

// Options of an API.
type Options struct {
	// Prefix of all paths, for example /select/0/prometheus of a VictoriaMetrics cluster.
	Prefix string
	// Budget of queries.
	Budget metrics.Budget
	// Slots to take for each query. Default: as many as the budget says, for this API alone.
	Slots metrics.Slots
	// Timeout of one request, sent to the server, which then stops when the client is gone. Defaults to that of the API.
	Timeout time.Duration
	// Params are sent with each query.
	Params url.Values
}

// API asks one server. It may be used from many goroutines.
type API struct {
	client  *provider.Client
	options Options
}

// New is an API over a client. It sends nothing.
func New(client *provider.Client, options Options) *API {
	options.Budget = options.Budget.Defaulted()
	if options.Timeout <= 0 {
		options.Timeout = v1alpha1.DefaultBackendTimeout
	}
	if options.Slots == nil {
		options.Slots = metrics.NewSlots(options.Budget)
	}
	return &API{client: client, options: options}
}

// Dial makes the client of an endpoint of a backend, with the limits of its settings. It sends nothing.
func Dial(settings metrics.Settings, endpoint provider.Endpoint, backend string) (*provider.Client, error) {
	return provider.NewClient(endpoint, provider.Options{
		Type: backend, Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory,
		Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.Budget.Defaulted().MaxBytes},
	})
}

// Client underneath.
func (a *API) Client() *provider.Client { return a.client }

// Close closes idle connections.
func (a *API) Close() { a.client.Close() }

// call is one request.
type call struct {
	operation, path string
	params          url.Values
	// query reports that it makes the server read series: it waits for a slot of the budget, and is given the parameters of queries.
	query bool
	// bytes of the response, when they are less than the budget allows.
	bytes int64
}

// get sends a call and hands the field data of the answer to a function while it arrives. What the function keeps must be
// dropped when get fails, but for an answer in part: then there is data and a problem.
func (a *API) get(ctx context.Context, c call, data func(*stream.Decoder) error) error {
	if c.query {
		release, err := a.options.Slots.Take(ctx)
		if err != nil {
			return err
		}
		defer release()
		for name, values := range a.options.Params {
			c.params[name] = values
		}
	}
	answer, err := a.client.Do(ctx, a.request(c))
	if err != nil {
		return tooLarge(err, c.query)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return a.refused(answer)
	}
	e := envelope{data: data}
	if err := e.read(answer.Decoder()); err != nil {
		if errors.Is(err, stream.ErrShape) && e.status == "error" { // there is no data then
			return a.toProblem(http.StatusOK, e.errorType)
		}
		return tooLarge(a.client.DecodeProblem(err), c.query && e.begun)
	}
	return a.judge(e)
}

func (a *API) request(c call) provider.Request {
	r := provider.Request{Operation: c.operation, Path: a.options.Prefix + c.path, MaxBytes: c.bytes}
	if len(c.params.Encode()) > longForm {
		r.Method = http.MethodPost
		r.Form = c.params
	} else {
		r.Query = c.params
	}
	return r
}

// judge the status of a response, after all of it was read.
func (a *API) judge(e envelope) error {
	switch {
	case e.status == "success" && !e.begun, e.status != "success" && e.status != "error":
		return a.client.Invalid(nil)
	case e.status == "error":
		return a.toProblem(http.StatusOK, e.errorType)
	case e.partial:
		return problem.Retrying(v1alpha1.ReasonUnhealthy, nil,
			"%s returned a partial result because some of its stores do not respond; check their state", a.client.Host())
	}
	return nil
}

// tooLarge turns an answer to a query that is over the limit into what it is to the user: over the budget. An answer that
// is endless before it comes to its data is no answer to a query, and stays what it is.
func tooLarge(err error, query bool) error {
	if p := problem.As(err); query && p != nil && p.Reason == v1alpha1.ReasonResponseTooLarge {
		return metrics.Exceeded("maxBytes", "the response to the query is too large; query less")
	}
	return err
}

// seconds since 1970 to the millisecond, as the API wants times.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// spanned are the parameters start and end; none for the zero range.
func spanned(span metrics.Range) url.Values {
	params := url.Values{}
	if !span.Start.IsZero() {
		params.Set("start", seconds(span.Start))
	}
	if !span.End.IsZero() {
		params.Set("end", seconds(span.End))
	}
	return params
}
