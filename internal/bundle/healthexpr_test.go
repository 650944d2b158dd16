package bundle

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
)

func database(name string, status map[string]any) Result {
	live := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": "Database", "metadata": map[string]any{"name": name}, "status": status,
	}}
	return Result{Key: KeyOf(live), Applied: true, live: live}
}

func TestHealthExpressionsDecideForTheirKinds(t *testing.T) {
	expressions := func(healthy, failed string) []v1alpha1.HealthExpression {
		return []v1alpha1.HealthExpression{{Group: "example.com", Kind: "Database", Healthy: healthy, Failed: failed}}
	}
	ready := expressions("object.status.phase == 'Ready'", "has(object.status.error) && object.status.error != ''")
	for name, tc := range map[string]struct {
		expressions []v1alpha1.HealthExpression
		status      map[string]any
		want        health
		message     string
	}{
		"healthy":   {ready, map[string]any{"phase": "Ready"}, healthy, ""},
		"not yet":   {ready, map[string]any{"phase": "Creating"}, inProgress, "spec.healthExprs[0].healthy is false"},
		"failed":    {ready, map[string]any{"phase": "Ready", "error": "disk"}, failed, "spec.healthExprs[0].failed is true"},
		"no status": {ready, map[string]any{}, inProgress, "cannot be evaluated yet: no such key: phase"},
		"conditions": {
			expressions("object.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", ""),
			map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}, healthy, "",
		},
		"numbers": {expressions("object.status.ready >= 3", ""), map[string]any{"ready": int64(3)}, healthy, ""},
		"invalid": {expressions("object.status.", ""), map[string]any{}, failed, "the expression is invalid: spec.healthExprs[0].healthy"},
		"too expensive": {expressions("[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, "+
			"[1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, a+b+c+d+e+f > 0))))))", ""),
			map[string]any{}, inProgress, "cost limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{Health: tc.expressions, Expressions: expression.Local{}}
			result := database("db", tc.status)
			got, err := r.assess(t.Context(), []Result{result, {Key: Key{Name: "other"}, Applied: true}})
			if err != nil {
				t.Fatal(err)
			}
			if a := got[result.Key]; len(got) != 1 || a.health != tc.want || !strings.Contains(a.message, tc.message) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestExpressionsLeaveTimeToReportThatTheyTookTooLong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if limit := assessmentTime(ctx); limit > 5*time.Second || limit < time.Second {
		t.Errorf("%s of 10s", limit)
	}
	if limit := assessmentTime(t.Context()); limit != maxAssessment {
		t.Errorf("%s without a deadline", limit)
	}
	// What is evaluated when the time of the expressions is over is not healthy yet; the cluster still has time.
	ctx, cancel = context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	r := &Run{
		Health:      []v1alpha1.HealthExpression{{Group: "example.com", Kind: "Database", Healthy: "true"}},
		Expressions: endless{},
	}
	result := database("db", nil)
	got, err := r.assess(ctx, []Result{result})
	if a := got[result.Key]; err != nil || a.health != inProgress || !strings.Contains(a.message, "spec.healthExprs[0] was not evaluated in time") {
		t.Errorf("%+v, error %v", got, err)
	}
}

// endless evaluates until its time is over.
type endless struct{}

func (endless) Evaluate(ctx context.Context, _ expression.Request) ([]expression.Result, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestHealthExpressionsAreEvaluatedInBatches(t *testing.T) {
	r := &Run{Expressions: expression.Local{}, Health: []v1alpha1.HealthExpression{
		{Group: "example.com", Kind: "Database", Healthy: "object.metadata.name.endsWith('0')"},
	}}
	var results []Result
	for i := range 3 * maxBatch {
		results = append(results, database(fmt.Sprintf("db-%d", i), nil))
	}
	results = append(results, database("large", map[string]any{"x": strings.Repeat("x", maxEvaluated)}))
	got, err := r.assess(t.Context(), results)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for key, a := range got {
		if (a.health == healthy) != strings.HasSuffix(key.Name, "0") {
			t.Errorf("%s: %+v", key.Name, a)
		}
		if a.health == healthy {
			n++
		}
	}
	if n != 3*maxBatch/10 || !strings.Contains(got[results[3*maxBatch].Key].message, "exceeds 512 KiB") {
		t.Errorf("%d healthy of %d", n, len(got))
	}
}
