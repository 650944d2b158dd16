package custom

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// deployment returns Deployment number n with a list of numbers for expensive expressions.
func deployment(n, numbers int) map[string]any {
	list := make([]any, numbers)
	for i := range list {
		list[i] = int64(i)
	}
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": fmt.Sprintf("d%05d", n), "namespace": "shop", "labels": map[string]any{"app": "d"}},
		"spec": map[string]any{
			"replicas": int64(n % 5), "numbers": list,
			"template": map[string]any{
				"spec": map[string]any{"containers": []any{map[string]any{"name": "c", "image": "registry.example/app:v1"}}},
			},
		},
	}
}

// costly exceeds the cost limit of an evaluation if the list of numbers is long.
const costly = "object.spec.numbers.all(a, object.spec.numbers.all(b, object.spec.numbers.all(c, a + b + c >= 0)))"

func TestAnExpensiveCheckStopsWithoutAffectingOthers(t *testing.T) {
	programs := compiled(t, onDeployments(costly),
		onDeployments("object.spec.replicas > 0", func(c *v1alpha1.CustomCheck) { c.ID = "cheap" }))
	s := NewSession(programs, testkit.Graph(t, ""), nil)
	for n, numbers := range []int{1, 1, 300, 300, 300, 1} {
		s.Object(t.Context(), deployment(n, numbers))
	}
	want := []string{
		"medium custom-cheap Deployment/shop/d00000: It is wrong.",
		"medium custom-cheap Deployment/shop/d00005: It is wrong.",
		"CheckFailed, check custom-owner-label: The custom check owner-label exceeded its cost limit and stopped at object 3, " +
			"Deployment/shop/d00002.",
	}
	if diff := cmp.Diff(want, summarize(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheCostOfACheckIsLimitedAcrossObjects(t *testing.T) {
	s := NewSession(compiled(t, onDeployments("object.spec.numbers.all(n, n >= 0)")), testkit.Graph(t, ""), nil)
	s.budget = 5000
	for n := range 100 {
		s.Object(t.Context(), deployment(n, 100))
	}
	got := summarize(s)
	if len(got) != 1 || !strings.Contains(got[0], "The custom check owner-label exceeded its cost limit and stopped at object") {
		t.Fatalf("got %v", got)
	}
	if spent := s.states[0].spent; spent < s.budget || spent > s.budget+2000 {
		t.Errorf("spent %d of %d", spent, s.budget)
	}
}

func TestAnEvaluationEndsWithItsContext(t *testing.T) {
	s := NewSession(compiled(t, onDeployments(costly)), testkit.Graph(t, ""), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Object(ctx, deployment(0, 300)) {
		t.Error("Object continues after ctx has ended")
	}
	if got := summarize(s); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestFindingsPerCheckAreBounded(t *testing.T) {
	s := NewSession(compiled(t, onDeployments("false")), testkit.Graph(t, ""), nil)
	for n := range maxFindings + 7 {
		s.Object(t.Context(), deployment(n, 0))
	}
	findings, gaps := s.Findings(), s.Gaps()
	if len(findings) != maxFindings || len(gaps) != 1 || !strings.Contains(gaps[0].Message, "more than 1000 findings: 7 are not") {
		t.Errorf("%d findings, gaps %v", len(findings), gaps)
	}
	if findings[0].Object.Name != "d00000" || findings[maxFindings-1].Object.Name != "d00999" {
		t.Error("the findings are not sorted")
	}
}

func TestMessagesAreTruncated(t *testing.T) {
	check := onDeployments("false",
		func(c *v1alpha1.CustomCheck) { c.MessageExpression = "object.spec.numbers.map(n, string(n)).join(' ')" })
	findings, err := Evaluate(t.Context(), compiled(t, check), deployment(0, 5000), testkit.Graph(t, ""))
	if err != nil || len(findings) != 1 || len(findings[0].Message) != maxText {
		t.Errorf("got %v, %v", findings, err)
	}
}

func TestMalformedObjectsAreHandled(t *testing.T) {
	programs := compiled(t, onDeployments("facts.owner.name == object.metadata.name"),
		onPods("facts.pods.count > 0 && facts.events.size() == 0"))
	for _, object := range []map[string]any{
		nil, {}, {"apiVersion": 1, "kind": true}, {"apiVersion": "apps/v1", "kind": "Deployment"},
		{"apiVersion": "v1", "kind": "Pod", "metadata": "text"},
		{"apiVersion": "a/b/c", "kind": "Deployment"},
		{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"ownerReferences": []any{"text",
			map[string]any{"controller": "yes"}, map[string]any{"controller": true}}}},
	} {
		if _, err := Evaluate(t.Context(), programs, object, testkit.Graph(t, "")); err != nil &&
			!strings.Contains(err.Error(), "no such key") {
			t.Errorf("%v: %v", object, err)
		}
	}
}

func FuzzCustomCheck(f *testing.F) {
	for _, seed := range []string{
		"object.spec.replicas > 1", costly, "facts.pods.count == 0", "[1,2].map(x, x * x).sum() > 2", "'a'.matches('(a+)+$')",
		"lists.range(1000000).size() > 0",
		"'%.999999999f'.format([1.0]) == ''", "object.metadata.name.split('').size() == 1", "quantity('1Gi') == object", "((((",
		"facts.x.y", "now > timestamp('x')",
		"optional.none().orValue(object) == 1", "object.spec.template.spec.containers.exists(c, c.image.endsWith(':latest'))",
		"b'\\xff' == 'ÿ'", "'x'.replace('', 'xxxxxxxxxx')",
	} {
		f.Add(seed)
	}
	graph := testkit.Graph(f, "")
	f.Fuzz(func(t *testing.T, expression string) {
		programs, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(expression,
			func(c *v1alpha1.CustomCheck) { c.Match, c.MessageExpression = expression, expression })})
		if err != nil {
			if text := err.Error(); strings.ContainsAny(text, "\n") && !strings.Contains(text, "id") {
				t.Errorf("a multi-line error: %q", text)
			}
			programs, err = Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(expression)})
			if err != nil {
				return
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		findings, _ := Evaluate(ctx, programs, deployment(3, 50), graph)
		if ctx.Err() != nil {
			t.Fatalf("an evaluation took a minute: %q", expression)
		}
		for _, finding := range findings {
			if finding.Message == "" || len([]rune(finding.Message)) > maxText {
				t.Errorf("message %q", finding.Message)
			}
		}
	})
}

func BenchmarkEvaluate1000Deployments(b *testing.B) {
	graph := testkit.Graph(b, shop)
	all := make([]map[string]any, 1000)
	for n := range all {
		all[n] = deployment(n, 0)
	}
	for name, check := range map[string]v1alpha1.CustomCheck{
		"object":  onDeployments("has(object.metadata.labels.owner) || object.spec.replicas >= 2"),
		"matches": onDeployments("object.spec.template.spec.containers.all(c, c.image.matches('^registry[.]example/.*:v[0-9]+$'))"),
		"facts":   onDeployments("facts.pods.count == 0 && facts.namespaceLabels.size() == 1"),
	} {
		b.Run(name, func(b *testing.B) {
			programs := compiled(b, check)
			b.ReportAllocs()
			for b.Loop() {
				s := NewSession(programs, graph, nil)
				for _, object := range all {
					s.Object(b.Context(), object)
				}
				if gaps := s.Gaps(); gaps != nil {
					b.Fatal(gaps)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	list := []v1alpha1.CustomCheck{onDeployments("has(object.metadata.labels.owner) || object.spec.replicas >= 2")}
	b.ReportAllocs()
	for b.Loop() {
		compiled(b, list...)
	}
}
