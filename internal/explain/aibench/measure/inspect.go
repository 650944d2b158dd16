// Package measure runs the scenarios of package aibench: their inspection, the prompts, and what a model answers.
package measure

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Now is the time at which scenarios are inspected, to which the times in their objects are related.
func Now() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

// Inspected is a scenario after its inspection.
type Inspected struct {
	Report  *v1alpha1.InspectionReport
	Cluster *aibench.Cluster
}

// Inspect inspects the objects of a scenario with all checks, as if everything in the cluster was read.
func Inspect(ctx context.Context, s aibench.Scenario) (Inspected, error) {
	documents, err := s.Documents()
	if err != nil {
		return Inspected{}, err
	}
	builder := facts.NewBuilder("test", Now())
	builder.SetVersion("v1.37.2")
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []client.Object
	for document := range strings.SplitSeq(documents, "---\n") {
		decoded, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			return Inspected{}, fmt.Errorf("scenario %s: %w", s.Name, err)
		}
		object, ok := decoded.(client.Object)
		if !ok {
			return Inspected{}, fmt.Errorf("scenario %s: %T is no object", s.Name, decoded)
		}
		if node := facts.Reduce(object); node != nil {
			builder.Add(node)
		}
		objects = append(objects, object)
	}
	for _, kind := range append(append(facts.Kinds(), facts.Custom), facts.CustomKinds()...) {
		builder.Covered(kind, "")
	}
	judge, err := inspect.NewJudge(inspect.Input{
		Checks: checks.Builtin(), Params: check.DefaultParams(), Clock: testclock.NewFakePassiveClock(Now()),
	})
	if err != nil {
		return Inspected{}, err
	}
	result, err := judge.Judge(ctx, collect.Collected{Graph: builder.Graph()}, inspect.Judging{})
	if err != nil {
		return Inspected{}, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return Inspected{Report: result.Report, Cluster: aibench.NewCluster(objects, s.Logs)}, nil
}
