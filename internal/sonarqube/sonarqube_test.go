package sonarqube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

const token = "squ_0123456789"

// fake is a strict server: it refuses what the Web API refuses, and every request that the client has no use for.
type fake struct {
	t testing.TB
	// analyses of project shop by branch; the main branch is "".
	analyses map[string][]map[string]any
	// queue of the compute engine for project shop.
	queue []map[string]any
	// gates by the key of an analysis.
	gates map[string]string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fail := func(status int, text string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":[{"msg":%q}]}`, text)
	}
	only := func(names ...string) bool {
		for name, values := range r.URL.Query() {
			if !slices.Contains(names, name) || len(values) != 1 || values[0] == "" {
				f.t.Errorf("parameter %s=%q of %s", name, values, r.URL.Path)
				return false
			}
		}
		return r.Method == http.MethodGet
	}
	query := r.URL.Query()
	user, password, _ := r.BasicAuth()
	switch {
	case user != token || password != "":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/sonar/api/project_analyses/search" && only("project", "branch", "ps"):
		list, ok := f.analyses[query.Get("branch")]
		if query.Get("project") != "shop" || !ok {
			fail(http.StatusNotFound, "Component key '"+query.Get("project")+"' not found")
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{
			"paging": map[string]int{"pageIndex": 1, "pageSize": 100, "total": len(list)}, "analyses": list,
		}); err != nil {
			f.t.Error(err)
		}
	case r.URL.Path == "/sonar/api/ce/component" && only("component"):
		if query.Get("component") != "shop" {
			fail(http.StatusNotFound, "Component key '"+query.Get("component")+"' not found")
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"queue": f.queue, "current": map[string]any{"type": "REPORT"}}); err != nil {
			f.t.Error(err)
		}
	case r.URL.Path == "/sonar/api/qualitygates/project_status" && only("analysisId"):
		gate, ok := f.gates[query.Get("analysisId")]
		if !ok {
			fail(http.StatusNotFound, "Analysis with id '"+query.Get("analysisId")+"' is not found")
			return
		}
		_, _ = fmt.Fprintf(w, `{"projectStatus":%s}`, gate)
	default:
		f.t.Errorf("request %s %s", r.Method, r.URL)
		fail(http.StatusNotFound, "Unknown url")
	}
}

func of(key, revision string) map[string]any {
	return map[string]any{"key": key, "date": "2026-05-01T12:00:00+0000", "revision": revision, "events": []any{}}
}

func serve(t *testing.T) (*fake, func(password string) *Client) {
	t.Helper()
	f := &fake{t: t, analyses: map[string][]map[string]any{}, gates: map[string]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, func(password string) *Client {
		t.Helper()
		c, err := Open(Settings{
			Endpoint: provider.Endpoint{URL: server.URL + "/sonar", Auth: provider.Auth{Username: password}},
			Egress:   provider.Egress{AllowLoopback: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
}

func TestTheNewestAnalysisOfARevisionIsFound(t *testing.T) {
	f, open := serve(t)
	f.analyses[""] = []map[string]any{of("A3", "c2"), of("A2", "c1"), of("A1", "c1"), {"key": "A0", "date": "2026-05-01T12:00:00+0000"}}
	f.analyses["release"] = []map[string]any{of("B1", "c1")}
	c := open(token)
	for name, tc := range map[string]struct{ branch, revision, want string }{
		"the last":          {"", "c2", "A3"},
		"analyzed twice":    {"", "c1", "A2"},
		"of another branch": {"release", "c1", "B1"},
		"not yet":           {"", "c3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := c.Analysis(t.Context(), "shop", tc.branch, tc.revision); err != nil || got != tc.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestReportsThatAreNotAnalyzedYetArePending(t *testing.T) {
	f, open := serve(t)
	c := open(token)
	until := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	queued := func(change ...string) map[string]any {
		task := map[string]any{"id": "T", "type": "REPORT", "status": "PENDING", "submittedAt": "2026-05-01T13:59:59+0200"}
		for i := 0; i < len(change); i += 2 {
			task[change[i]] = change[i+1]
		}
		return task
	}
	for name, tc := range map[string]struct {
		queue  []map[string]any
		branch string
		want   bool
	}{
		"nothing":                          {},
		"of the main branch":               {queue: []map[string]any{queued()}, want: true},
		"of the main branch by its name":   {queue: []map[string]any{queued("branch", "main")}, want: true},
		"the second of two":                {queue: []map[string]any{queued("type", "ISSUE_SYNC"), queued()}, want: true},
		"of the branch":                    {queue: []map[string]any{queued("branch", "release")}, branch: "release", want: true},
		"of another branch":                {queue: []map[string]any{queued("branch", "main")}, branch: "release"},
		"of a branch without a name":       {queue: []map[string]any{queued()}, branch: "main", want: true},
		"of a pull request":                {queue: []map[string]any{queued("pullRequest", "7")}},
		"of another type":                  {queue: []map[string]any{queued("type", "PROJECT_EXPORT")}},
		"submitted later":                  {queue: []map[string]any{queued("submittedAt", "2026-05-01T12:00:01+0000")}},
		"submitted at a time that is none": {queue: []map[string]any{queued("submittedAt", "yesterday")}, want: true},
	} {
		f.queue = tc.queue
		if got, err := c.Pending(t.Context(), "shop", tc.branch, until); err != nil || got != tc.want {
			t.Errorf("%s: got %t, %v", name, got, err)
		}
	}
}

func TestAGateHasItsConditions(t *testing.T) {
	f, open := serve(t)
	f.gates["A1"] = `{"status":"ERROR","ignoredConditions":false,"caycStatus":"compliant","conditions":[
		{"status":"ERROR","metricKey":"new_coverage","comparator":"LT","periodIndex":1,"errorThreshold":"80","actualValue":"75.3"}]}`
	gate, err := open(token).Gate(t.Context(), "shop", "A1")
	want := Condition{Status: "ERROR", Metric: "new_coverage", Comparator: "LT", Threshold: "80", Value: "75.3"}
	if err != nil || gate.Status != "ERROR" || len(gate.Conditions) != 1 || gate.Conditions[0] != want {
		t.Errorf("got %+v, %v", gate, err)
	}
}

func TestWhyAGateCannotBeRead(t *testing.T) {
	f, open := serve(t)
	f.gates["empty"] = `{}`
	for name, tc := range map[string]struct {
		call   func(c *Client) error
		token  string
		reason string
		action problem.Action
	}{
		"no project": {func(c *Client) error {
			_, err := c.Analysis(t.Context(), "other", "", "c1")
			return err
		}, token, v1alpha1.ReasonNotFound, problem.UserMustAct},
		"a wrong token": {func(c *Client) error {
			_, err := c.Analysis(t.Context(), "shop", "", "c1")
			return err
		}, "wrong", v1alpha1.ReasonUnauthorized, problem.Retry},
		"no status": {func(c *Client) error {
			_, err := c.Gate(t.Context(), "shop", "empty")
			return err
		}, token, v1alpha1.ReasonInvalidResponse, problem.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			if p := problem.As(tc.call(open(tc.token))); p == nil || p.Reason != tc.reason || p.Action != tc.action {
				t.Errorf("got %+v", p)
			}
		})
	}
}

// calls of a client, for servers that misbehave.
func calls() map[string]func(context.Context, *Client) error {
	return map[string]func(context.Context, *Client) error{
		"analyses": func(ctx context.Context, c *Client) error {
			_, err := c.Analysis(ctx, "shop", "", "c1")
			return err
		},
		"tasks": func(ctx context.Context, c *Client) error {
			_, err := c.Pending(ctx, "shop", "", time.Now())
			return err
		},
		"gate": func(ctx context.Context, c *Client) error {
			_, err := c.Gate(ctx, "shop", "A1")
			return err
		},
	}
}

// against is a call of a client of an endpoint.
func against(call func(context.Context, *Client) error) func(context.Context, provider.Endpoint) error {
	return func(ctx context.Context, endpoint provider.Endpoint) error {
		c, err := Open(Settings{Endpoint: endpoint, Egress: provider.Egress{AllowLoopback: true}, Timeout: hostile.Timeout})
		if err != nil {
			return err
		}
		defer c.Close()
		return call(ctx, c)
	}
}

func TestServersThatMisbehave(t *testing.T) {
	for name, call := range calls() {
		t.Run(name, func(t *testing.T) { hostile.Run(t, against(call), "answers 404") }) // the project does not exist
	}
}

// The test is not parallel: what others allocate would count.
func TestHostileAnswersTakeBoundedMemory(t *testing.T) {
	for name, responses := range map[string][]hostile.Response{
		"analyses": {{Body: `{"analyses":VALUE}`}, {Body: `{"analyses":[{"key":VALUE}]}`}, {Body: `{"analyses":[<<{"key":"A","revision":"c"}>>]}`}},
		"tasks":    {{Body: `{"queue":VALUE}`}, {Body: `{"queue":[{"type":VALUE}]}`}, {Body: `{"queue":[<<{"type":"REPORT"}>>]}`}},
		"gate": {
			{Body: `{"projectStatus":VALUE}`}, {Body: `{"projectStatus":{"status":"ERROR","conditions":VALUE}}`},
			{Body: `{"projectStatus":{"status":"ERROR","conditions":[<<{"metricKey":"m","status":"ERROR"}>>]}}`},
		},
	} {
		t.Run(name, func(t *testing.T) { hostile.RunMemory(t, hostile.Backend{Call: against(calls()[name])}, responses...) })
	}
}
