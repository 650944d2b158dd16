package custom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// errTooExpensive means that an evaluation, or all evaluations of a check, exceeded the cost limit.
var errTooExpensive = errors.New("cost limit exceeded")

// about reports whether the check applies to an object. The resource name is derived from the kind.
func (p Program) about(object map[string]any) bool {
	gv, err := schema.ParseGroupVersion(stringOf(object["apiVersion"]))
	kind := stringOf(object["kind"])
	if err != nil || kind == "" || gv.Group != p.check.Resource.Group {
		return false
	}
	if version := p.check.Resource.Version; version != "" && version != gv.Version {
		return false
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(kind))
	return plural.Resource == p.check.Resource.Resource
}

// check evaluates a check on an object and records the result. It returns false when ctx has ended.
func (s *Session) check(ctx context.Context, st *state, o *subject, list string) bool {
	t := st.in(list)
	if !st.stopped.IsZero() {
		return true
	}
	t.objects++
	o.fields = st.fields
	o.facts = nil
	passed, err := s.passes(ctx, st, o)
	switch {
	case ctx.Err() != nil:
		return false
	case st.exceeds(err, o):
	case err != nil:
		if t.failed++; t.failed == 1 {
			t.firstError = fmt.Sprintf("%s: %s", refName(o.ref), facts.Clip(oneLine(start(err.Error())), maxIssue))
		}
	case !passed:
		s.record(ctx, st, t, o)
	}
	return true
}

// exceeds stops a check if an error means that it exceeded a limit on an object.
func (st *state) exceeds(err error, o *subject) bool {
	if errors.As(err, &st.limit) || errors.Is(err, errTooExpensive) {
		st.stopped = o.ref
		return true
	}
	return false
}

// passes reports whether the object passes the check or does not match it.
func (s *Session) passes(ctx context.Context, st *state, o *subject) (bool, error) {
	if st.match != nil {
		matches, err := s.evaluate(ctx, st, st.match, o)
		if err != nil || matches.Value() != true {
			return true, err
		}
	}
	result, err := s.evaluate(ctx, st, st.expression, o)
	if err != nil {
		return true, err
	}
	return result.Value() == true, nil
}

// evaluate runs a program and charges its cost to the check.
func (s *Session) evaluate(ctx context.Context, st *state, program cel.Program, o *subject) (ref.Val, error) {
	if st.spent >= s.budget {
		return nil, errTooExpensive
	}
	o.meter = meter{ctx: ctx}
	result, details, err := program.ContextEval(ctx, o)
	cost := uint64(1)
	if details != nil && details.ActualCost() != nil {
		cost = max(cost, *details.ActualCost())
	}
	var cancelled interpreter.EvalCancelledError
	switch {
	case o.meter.exceeded != nil:
		err = o.meter.exceeded
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		err = errTooExpensive
		cost = celconfig.PerCallLimit
	}
	st.spent += cost
	return result, err
}

// record adds a finding. The Pods of a workload share one finding, with the message for the first of them.
func (s *Session) record(ctx context.Context, st *state, t *tally, o *subject) {
	object := o.reportOn()
	known := t.groups[object]
	if known == nil {
		if st.kept() >= maxFindings {
			t.dropped++
			return
		}
		custom := st.check
		known = &group{finding: check.Finding{
			Check: st.ID(), Object: object, Severity: custom.Severity, Message: s.message(ctx, st, o),
			Remediation: remedy.Authored(remediation(custom)),
			Evidence: []check.Evidence{
				{Source: v1alpha1.EvidenceSpec, Text: "not true: " + facts.Clip(oneLine(custom.Expression), maxText)},
			},
		}}
		if object == o.ref {
			known.finding.APIVersion = o.unknownAPIVersion()
		}
		t.groups[object] = known
	}
	if object != o.ref {
		known.pods = append(known.pods, o.ref.Name)
	}
}

// message evaluates the check's messageExpression and falls back to its message.
func (s *Session) message(ctx context.Context, st *state, o *subject) string {
	if st.message != nil {
		result, err := s.evaluate(ctx, st, st.message, o)
		if err == nil {
			if text := oneLine(start(fmt.Sprint(result.Value()))); text != "" {
				return facts.Clip(text, maxText)
			}
		}
		if o.meter.exceeded != nil {
			st.exceeds(err, o)
		}
	}
	if st.check.Message != "" {
		return facts.Clip(oneLine(st.check.Message), maxText)
	}
	return "The object fails the custom check " + st.check.ID + "."
}

// start is the start of a text that may have megabytes.
func start(text string) string {
	const enough = 16 << 10
	if len(text) <= enough {
		return text
	}
	return strings.ToValidUTF8(text[:enough], "")
}

// remediation is the check's remediation and link.
func remediation(check v1alpha1.CustomCheck) string {
	text := strings.TrimSpace(check.Remediation)
	if check.Link == "" {
		return text
	}
	if text != "" && !strings.HasSuffix(text, ".") {
		text += "."
	}
	return strings.TrimSpace(text + " See " + check.Link)
}

// complete adds the names of the Pods to the finding of a workload.
func (g *group) complete(graph *facts.Graph) check.Finding {
	finding := g.finding
	if len(g.pods) == 0 {
		return finding
	}
	pods := slices.Clone(g.pods)
	slices.Sort(pods)
	all := max(len(graph.PodsOf(finding.Object)), len(pods))
	names := strings.Join(pods[:min(len(pods), 3)], ", ")
	if len(pods) > 3 {
		names += ", ..."
	}
	noun := "Pods"
	if all == 1 {
		noun = "Pod"
	}
	finding.Evidence = append(slices.Clone(finding.Evidence), check.Evidence{
		Source: v1alpha1.EvidenceCondition, Text: fmt.Sprintf("%d of %d %s: %s", len(pods), all, noun, names),
	})
	return finding
}
