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
)

// errTooExpensive says that an evaluation, or all of a check together, cost more than is allowed.
var errTooExpensive = errors.New("it costs more than is allowed")

// about says whether the check is about an object, which tells its kind and not its plural.
func (p Program) about(object map[string]any) bool {
	gv, err := schema.ParseGroupVersion(text(object["apiVersion"]))
	kind := text(object["kind"])
	if err != nil || kind == "" || gv.Group != p.check.Resource.Group {
		return false
	}
	if version := p.check.Resource.Version; version != "" && version != gv.Version {
		return false
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(kind))
	return plural.Resource == p.check.Resource.Resource
}

// judge lets one check judge one object. It returns false when ctx has ended.
func (s *Session) judge(ctx context.Context, st *state, o *subject, list string) bool {
	t := st.in(list)
	if !st.stopped.IsZero() {
		return true
	}
	t.objects++
	o.fields, o.facts = st.fields, nil
	fine, err := s.fine(ctx, st, o)
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, errTooExpensive):
		st.stopped = o.ref
	case err != nil:
		if t.failed++; t.failed == 1 {
			t.first = fmt.Sprintf("%s: %s", shown(o.ref), facts.Clip(oneLine(err.Error()), maxMistake))
		}
	case !fine:
		s.record(ctx, st, t, o)
	}
	return true
}

// fine says whether the object is in order, or none of the check's business.
func (s *Session) fine(ctx context.Context, st *state, o *subject) (bool, error) {
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

// evaluate counts what the evaluation costs.
func (s *Session) evaluate(ctx context.Context, st *state, program cel.Program, o *subject) (ref.Val, error) {
	if st.spent >= s.budget {
		return nil, errTooExpensive
	}
	result, details, err := program.ContextEval(ctx, o)
	cost := uint64(1)
	if details != nil && details.ActualCost() != nil {
		cost = max(cost, *details.ActualCost())
	}
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		err, cost = errTooExpensive, celconfig.PerCallLimit
	}
	st.spent += cost
	return result, err
}

// record keeps a finding. Of the Pods of one workload, the first stands for all.
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
			Check: st.ID(), Object: object, Severity: custom.Severity, Message: s.message(ctx, st, o), Remediation: advice(custom),
			Evidence: []check.Evidence{{Source: v1alpha1.EvidenceSpec, Text: "not true: " + facts.Clip(oneLine(custom.Expression), maxText)}},
		}}
		if object == o.ref {
			known.finding.APIVersion = o.foreignVersion()
		}
		t.groups[object] = known
	}
	if object != o.ref {
		known.pods = append(known.pods, o.ref.Name)
	}
}

// message is what the check says about the object: in its own words where it has some, else the fixed text.
func (s *Session) message(ctx context.Context, st *state, o *subject) string {
	if st.message != nil {
		result, err := s.evaluate(ctx, st, st.message, o)
		if err == nil {
			if said := oneLine(fmt.Sprint(result.Value())); said != "" {
				return facts.Clip(said, maxText)
			}
		}
	}
	if st.check.Message != "" {
		return facts.Clip(oneLine(st.check.Message), maxText)
	}
	return "The object does not meet the custom check " + st.check.ID + "."
}

// advice is the check's remediation, and where to read more.
func advice(check v1alpha1.CustomCheck) string {
	text := strings.TrimSpace(check.Remediation)
	if check.Link == "" {
		return text
	}
	if text != "" && !strings.HasSuffix(text, ".") {
		text += "."
	}
	return strings.TrimSpace(text + " See " + check.Link)
}

// complete adds to the finding of a workload which of its Pods it is about.
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
