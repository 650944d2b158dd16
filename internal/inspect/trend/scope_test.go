package trend

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
)

// boundTo is the filter of an account that lists what is in namespace shop.
func boundTo(t *testing.T, documents string) (*facts.Graph, *scope.Filter) {
	t.Helper()
	builder := facts.NewBuilder("test", testkit.Now())
	for _, object := range testkit.Objects(t, documents) {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range testkit.Kinds() {
		if kind.Namespaced() {
			builder.Covered(kind, "shop")
		}
	}
	g := builder.Graph()
	return g, scope.New(g, nil)
}

const shopService = "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: shop}\n"

// crowded is a backend whose alerts, of everyone, exceed the query budget.
type crowded struct{ watching }

func (c crowded) Alerts(context.Context) ([]metrics.Alert, error) {
	return nil, problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil, "the response to the query is too large")
}

func TestAlertsOfOthersDoNotUseUpTheBudget(t *testing.T) {
	f := &fake{t: t, instant: map[string]metrics.Vector{
		`ALERTS{alertstate="firing",namespace=~"shop"} or ALERTS{alertstate="firing",exported_namespace=~"shop"}`: {
			{Labels: labelled("alertname", "X", "namespace", "shop", "service", "api", "severity", "page"), Value: 1},
			{Labels: labelled("alertname", "Y", "namespace", "shopping", "service", "api"), Value: 1},
		},
	}}
	g, filter := boundTo(t, shopService)
	gaps := Collect(t.Context(), Input{
		Provider: crowded{watching{listing: listing{f}}}, Graph: g, Scope: filter, Backend: backend(), Wanting: wanting(facts.SourceAlerts),
	})
	if found := g.Alerts().Firing; len(found) != 1 || found[0].Name != "X" || len(gaps) > 0 {
		t.Errorf("got %+v, gaps %+v", found, gaps)
	}
	g = shop(t)
	gaps = Collect(t.Context(), Input{
		Provider: crowded{watching{listing: listing{&fake{t: t}}}}, Graph: g, Backend: backend(), Wanting: wanting(facts.SourceAlerts),
	})
	if len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapIncomplete {
		t.Errorf("a run that read everything: %+v", gaps)
	}
}

func TestWithoutReadableNamespacesNothingIsQueried(t *testing.T) {
	f := &fake{t: t, names: []string{restartsMetric, claimSpace().free, "http_requests_total"}}
	g, _ := boundTo(t, shopService)
	gaps := Collect(t.Context(), Input{
		Provider: watching{listing: listing{f}}, Graph: g, Scope: scope.New(g, []string{"other"}), Backend: backend(), Wanting: wanting(Sources()...),
	})
	if len(f.asked) != 1 || len(gaps) > 0 || len(g.Alerts().Firing) > 0 { // metric names, of which none is of a namespace
		t.Errorf("asked %q, gaps %+v", f.asked, gaps)
	}
}

func TestNamesCannotLeaveTheirMatcher(t *testing.T) {
	r := newReader(Input{Graph: testkit.Graph(t, ""), MatchLabels: map[string]string{"cluster": `a"} or up{x="`}})
	for _, name := range []string{`a"} or up{namespace="b`, `.*`, `a|b`, "a\\", "a\nb", "é\xff", `a\"`} {
		matcher := r.matcher("namespace", []string{name, "shop"})
		const cluster = `cluster="a\"} or up{x=\"",namespace=~`
		text, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(matcher, cluster), ","))
		if err != nil {
			t.Errorf("%q: %s: %v", name, matcher, err)
			continue
		}
		// Prometheus anchors the expressions of matchers.
		pattern, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil || !pattern.MatchString(strings.ToValidUTF8(name, "")) || !pattern.MatchString("shop") {
			t.Errorf("%q does not match %s: %v", name, text, err)
		}
		for _, other := range []string{"b", "a", "shopping", "sho", "x"} {
			if err == nil && other != name && pattern.MatchString(other) {
				t.Errorf("%q: %s matches %q", name, text, other)
			}
		}
	}
}
