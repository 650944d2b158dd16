// Package conformance is the suite of every metrics backend. It runs against servers that misbehave, against a strict fake, and
// against real servers that are stopped, paused and started again.
package conformance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// Subject is the backend under test.
type Subject struct {
	// New is its factory.
	New func(metrics.Settings) (metrics.Provider, error)
	// Settings are completed with the endpoint, limits and egress rules of each test.
	Settings metrics.Settings
	// Prefix of the paths of queries.
	Prefix string
	// Params that each query must contain, in addition to those of the API.
	Params url.Values
}

// Password of the user kubeops, which the fake requires.
const Password = hostile.Password

func lastHour() metrics.Range {
	now := time.Now()
	return metrics.Range{Start: now.Add(-time.Hour), End: now, Step: time.Minute}
}

// calls are what every backend implements, by name.
func calls(span metrics.Range) map[string]func(context.Context, metrics.Provider) error {
	return map[string]func(context.Context, metrics.Provider) error{
		"probe": func(ctx context.Context, p metrics.Provider) error { _, err := p.Probe(ctx); return err },
		"query": func(ctx context.Context, p metrics.Provider) error {
			_, err := p.Query(ctx, "up", span.End)
			return err
		},
		"range": func(ctx context.Context, p metrics.Provider) error {
			_, err := p.QueryRange(ctx, "up", span)
			return err
		},
	}
}

// Run the suite against servers that misbehave and against the fake.
func Run(t *testing.T, s Subject) {
	for name, call := range calls(lastHour()) {
		t.Run(name+" of a server that", func(t *testing.T) {
			t.Parallel()
			hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
				p, err := s.provider(endpoint)
				if err != nil {
					return err
				}
				defer p.Close()
				return call(ctx, p)
			})
		})
	}
	for _, c := range append(s.instants(), append(s.ranges(), s.lists()...)...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, c)
		})
	}
	t.Run("concurrency is bounded", func(t *testing.T) { t.Parallel(); s.concurrency(t) })
}

func (s Subject) provider(endpoint provider.Endpoint) (metrics.Provider, error) {
	settings := s.Settings
	settings.Endpoint = endpoint
	settings.Timeout = hostile.Timeout
	settings.Egress = provider.Egress{AllowLoopback: true}
	if settings.Budget.MaxBytes == 0 {
		settings.Budget.MaxBytes = hostile.MaxBytes
	}
	return s.New(settings)
}

// fixture is one call to the fake: the expected request, the response, and the expected result.
type fixture struct {
	name string
	// call the backend.
	call func(context.Context, metrics.Provider) (any, error)
	// path and params that must be sent, besides timeout and those of the Subject; nil path means that nothing may be sent.
	path   string
	params url.Values
	// query says that the parameters of the Subject are sent, and post that the parameters are posted.
	query, post bool
	// status and body of the answer.
	status int
	body   string
	budget metrics.Budget
	// want is the result; reason that of the problem; contains is in its message.
	want             any
	reason, contains string
}

// serve the fake.
func (s Subject) serve(t *testing.T, c fixture) (server *httptest.Server, asked chan struct{}) {
	asked = make(chan struct{}, 16)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		if user, password, _ := r.BasicAuth(); user != "kubeops" || password != Password {
			t.Errorf("%s has the wrong credentials", r.URL.Path)
		}
		want := url.Values{}
		for name, values := range c.params {
			want[name] = values
		}
		if c.query {
			for name, values := range s.Params {
				want[name] = values
			}
		}
		method := http.MethodGet
		got := r.URL.Query()
		if c.post {
			_ = r.ParseForm()
			method = http.MethodPost
			got = r.PostForm
			if len(r.URL.Query()) > 0 {
				t.Errorf("parameters are in the URL and the body: %s", r.URL)
			}
		}
		if c.params.Get("query") != "" {
			if got.Get("timeout") != "1" {
				t.Errorf("the parameter timeout is %q, want 1", got.Get("timeout"))
			}
			got.Del("timeout")
		}
		if r.Method != method || r.URL.Path != c.path {
			t.Errorf("got %s %s, want %s %s", r.Method, r.URL.Path, method, c.path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s has other parameters (-want +got):\n%s", r.URL.Path, diff)
		}
		w.Header().Set("Content-Type", "application/json")
		if c.status != 0 {
			w.WriteHeader(c.status)
		}
		_, _ = w.Write([]byte(c.body))
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func (s Subject) run(t *testing.T, c fixture) {
	server, asked := s.serve(t, c)
	s.Settings.Budget = c.budget
	p, err := s.provider(provider.Endpoint{URL: server.URL, Auth: provider.Auth{Username: "kubeops", Password: Password}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), hostile.Deadline)
	defer cancel()
	got, err := c.call(ctx, p)
	if c.path == "" && len(asked) > 0 {
		t.Error("something was sent")
	}
	if c.reason != "" {
		Reason(t, err, c.reason, c.contains)
	} else if err != nil {
		t.Fatal(err)
	}
	if c.want != nil && !reflect.DeepEqual(got, c.want) {
		t.Errorf("got another result (-want +got):\n%s", cmp.Diff(c.want, got))
	}
}
