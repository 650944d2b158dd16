package runner

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/problem"
)

// everything is a reader that finds any object and records what is requested.
type everything struct {
	client.Reader
	keys []string
}

func (e *everything) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	e.keys = append(e.keys, key.String())
	return nil
}

// elsewhere would lead to another namespace. The API server refuses it today; objects of earlier versions keep it.
const elsewhere = "../../shop/serviceaccounts/kubeops"

func stored(spec v1alpha1.InspectionSpec) *v1alpha1.Inspection {
	return &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "i"}, Spec: spec}
}

func TestAStoredSpecThatLeadsElsewhereStartsNoRun(t *testing.T) {
	for field, spec := range map[string]v1alpha1.InspectionSpec{
		"spec.serviceAccountName":       {ServiceAccountName: elsewhere},
		"spec.namespaces[1]":            {Namespaces: []string{"shop", elsewhere}},
		"spec.logAnalysis.namespaces[0": {LogAnalysis: &v1alpha1.LogAnalysis{Namespaces: []string{elsewhere}}},
	} {
		asked := &everything{}
		in := &Local{
			Reader: asked, Accounts: impersonate.Source{Reader: asked, Config: &rest.Config{}}, Clock: &clocktesting.FakePassiveClock{},
		}
		_, resolved := in.resolve(t.Context(), stored(spec))
		for _, err := range []error{resolved, in.Check(t.Context(), stored(spec))} {
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonInvalidSpec || !strings.HasPrefix(p.Message, field) ||
				!strings.Contains(p.Message, `"`+elsewhere+`"`) {
				t.Errorf("%s: got %v", field, err)
			}
		}
		if len(asked.keys) != 0 {
			t.Errorf("%s: requested %q", field, asked.keys)
		}
	}
}

func TestAStoredReferenceThatLeadsElsewhereIsAGap(t *testing.T) {
	asked := &everything{}
	in := &Local{Reader: asked}
	ref := &v1alpha1.LocalReference{Name: elsewhere}
	inspection := stored(v1alpha1.InspectionSpec{MetricsRef: ref, LogsRef: ref})
	input := inspect.Input{}
	if err := in.openBackends(t.Context(), inspection, nil, &input); err != nil || len(input.Gaps) != 2 {
		t.Fatalf("%v, %+v", err, input.Gaps)
	}
	for i, field := range []string{"spec.metricsRef", "spec.logsRef"} {
		gap := input.Gaps[i]
		if !strings.Contains(gap.Message, field+".name: \""+elsewhere) || strings.Contains(string(gap.Remediation), elsewhere) {
			t.Errorf("%+v", gap)
		}
	}
	if len(asked.keys) != 0 {
		t.Errorf("requested %q", asked.keys)
	}
}
