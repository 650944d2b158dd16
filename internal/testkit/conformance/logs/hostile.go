package conformance

import (
	"context"
	"slices"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// Exception is a misbehaviour that a method cannot detect, because a correct response of the real server looks the same.
type Exception struct {
	// Method is Health, Search, Write, Histogram or LabelValues.
	Method string
	// Misbehaviour by its name in the package hostile.
	Misbehaviour string
}

// RunHostile runs every method that the backend implements against every misbehaving server. Create the backend with
// hostile.Timeout, hostile.MaxBytes and loopback allowed.
func RunHostile(t *testing.T, newProvider func(provider.Endpoint) (logs.Provider, error), exceptions ...Exception) {
	for _, method := range methods() {
		if !implements(t, newProvider, method.name) {
			continue
		}
		var except []string
		for _, exception := range exceptions {
			if exception.Method == method.name {
				except = append(except, exception.Misbehaviour)
			}
		}
		t.Run(method.name, func(t *testing.T) {
			t.Parallel()
			hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
				p, err := newProvider(endpoint)
				if err != nil {
					return err
				}
				defer p.Close()
				return method.call(ctx, p)
			}, except...)
		})
	}
}

// method of a backend.
type method struct {
	name string
	call func(context.Context, logs.Provider) error
}

func methods() []method {
	now := time.Now()
	query := logs.Query{
		Start: now.Add(-time.Hour), End: now, Labels: map[string]string{logs.LabelNamespace: "default"}, Contains: []string{"x"},
	}
	return []method{
		{"Health", func(ctx context.Context, p logs.Provider) error {
			_, err := p.Health(ctx)
			return err
		}},
		{"Search", func(ctx context.Context, p logs.Provider) error {
			_, err := p.Search(ctx, query)
			return err
		}},
		{"Write", func(ctx context.Context, p logs.Provider) error {
			return p.(logs.Writer).Write(ctx, []logs.Entry{{Time: now, Line: "x", Labels: map[string]string{logs.LabelProbe: "true"}}})
		}},
		{"Histogram", func(ctx context.Context, p logs.Provider) error {
			_, err := p.(logs.Histogrammer).Histogram(ctx, query, time.Minute)
			return err
		}},
		{"LabelValues", func(ctx context.Context, p logs.Provider) error {
			_, err := p.(logs.LabelLister).LabelValues(ctx, logs.LabelPod, query, 10)
			return err
		}},
	}
}

// RunMemory runs every method that the backend implements against responses that decoders may turn into a multiple of their size, see
// hostile.RunMemory. Create the backend as for RunHostile, and do not run the test in parallel.
func RunMemory(
	t *testing.T, newProvider func(provider.Endpoint) (logs.Provider, error), usual []hostile.Response, responses ...hostile.Response,
) {
	for _, method := range append(methods(), method{"Retention", func(ctx context.Context, p logs.Provider) error {
		_, _, err := p.(logs.RetentionReader).Retention(ctx)
		return err
	}}) {
		if !implements(t, newProvider, method.name) {
			continue
		}
		t.Run(method.name, func(t *testing.T) {
			hostile.RunMemory(t, hostile.Backend{Usual: usual, Call: func(ctx context.Context, endpoint provider.Endpoint) error {
				p, err := newProvider(endpoint)
				if err != nil {
					return err
				}
				defer p.Close()
				return method.call(ctx, p)
			}}, responses...)
		})
	}
}

func implements(t *testing.T, newProvider func(provider.Endpoint) (logs.Provider, error), method string) bool {
	t.Helper()
	p, err := newProvider(provider.Endpoint{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	capability := map[string]string{
		"Health": "search", "Search": "search", "Write": "write", "Histogram": "histogram", "LabelValues": "labels",
		"Retention": "retention",
	}[method]
	return slices.Contains(logs.Capabilities(p), capability)
}
