package cli

import (
	"bytes"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

// foundForTest is a finding that a model investigated.
func foundForTest() (*foundFinding, *v1alpha1.Explanation) {
	f := v1alpha1.Finding{
		ID: "4f0c2a", Check: "pod-crash-looping", Severity: v1alpha1.SeverityHigh, Class: v1alpha1.ClassProblem, Message: "container app exits with code 1",
		Object: v1alpha1.ObjectReference{Kind: "Deployment", Namespace: "shop", Name: "cart"},
	}
	e := &v1alpha1.Explanation{
		ID: f.ID, Model: "m", Confidence: v1alpha1.ConfidenceHigh, Summary: "The table carts is missing.",
		Why: []v1alpha1.ExplainedClaim{{Claim: "It ends because of it.", Evidence: []string{"t1:4-5"}, Quote: "no such table"}},
		Investigation: &v1alpha1.Investigation{Ended: v1alpha1.InvestigationDone, Calls: []v1alpha1.ToolCall{
			{ID: "t1", Tool: "logs", Arguments: `{"pod":"cart-0"}`, Lines: 5, Text: "one\ntwo\nthree\nfour\nFATAL: no such table"},
			{ID: "t2", Tool: "get", Arguments: `{"kind":"Secret"}`, Refused: "Secrets are not read"},
		}},
	}
	i := &v1alpha1.Inspection{}
	i.Namespace = "shop"
	i.Name = "everything"
	i.Spec.AI = &v1alpha1.AIUse{}
	i.Status.Explained = &v1alpha1.ExplainedReport{Done: true}
	return &foundFinding{i, &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{f}}, f}, e
}

func explainedText(t *testing.T, found *foundFinding, e *v1alpha1.Explanation) string {
	t.Helper()
	var out bytes.Buffer
	p, err := newPrinter(&out, "table", "never", "")
	if err != nil {
		t.Fatal(err)
	}
	p.width = 100
	if err := p.explained(found, e); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExplainPrintsWhatTheModelReadInFull(t *testing.T) {
	found, e := foundForTest()
	text := explainedText(t, found, e)
	for _, want := range []string{
		"explanation by m (confidence: high): The table carts is missing.", `[t1:4-5] "no such table"`, `t1: logs {"pod":"cart-0"}`,
		"FATAL: no such table\n", "read for it: 2 calls of tools, 1 refused", `t2: get {"kind":"Secret"} refused: Secrets are not read`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

func TestExplainSaysWhyThereIsNoExplanation(t *testing.T) {
	for want, change := range map[string]func(*foundFinding){
		"Inspection shop/everything has no spec.ai":                   func(f *foundFinding) { f.inspection.Spec.AI = nil },
		"only root causes are explained":                              func(f *foundFinding) { f.finding.CausedBy = "abc" },
		"condition Explained of Inspection shop/everything":           func(f *foundFinding) { f.inspection.Status.Explained.Done = false },
		"spec.ai.maxExplanations of Inspection shop/everything is 10": func(*foundFinding) {},
	} {
		found, _ := foundForTest()
		change(found)
		if text := strings.Join(strings.Fields(explainedText(t, found, nil)), " "); !strings.Contains(text, want) {
			t.Errorf("want %q in %s", want, text)
		}
	}
}
