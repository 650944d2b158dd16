package custom

import (
	"errors"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Gaps are what the session could not judge: expressions that failed on objects or were too expensive, and findings beyond
// those that are kept.
func (s *Session) Gaps() []facts.Gap {
	var gaps []facts.Gap
	for _, st := range s.states {
		objects, dropped, failed, first := st.sums()
		add := func(reason v1alpha1.GapReason, message, remediation string) {
			gaps = append(gaps, facts.Gap{
				Source: "check " + st.ID(), Reason: reason, Checks: []string{st.ID()}, Message: message, Remediation: remediation,
			})
		}
		if failed > 0 {
			add(v1alpha1.GapCheckFailed,
				fmt.Sprintf("The custom check %s could not be evaluated on %s, first: %s.", st.check.ID, count(failed, "object"), first),
				"Ask for a field before it is used: has(object.spec.field), or object.?spec.?field.orValue(0); or narrow the check with match. "+
					"A field of facts is missing where what it is made from could not be read.")
		}
		if !st.stopped.IsZero() {
			add(v1alpha1.GapCheckFailed,
				fmt.Sprintf("The custom check %s is too expensive: it was stopped at object %d, %s.", st.check.ID, objects, shown(st.stopped)),
				"Simplify its expression: loops within loops over long lists cost most. Or narrow it with match.")
		}
		if dropped > 0 {
			add(v1alpha1.GapIncomplete,
				fmt.Sprintf("The custom check %s found more than %d objects: %d further are not in the report.", st.check.ID, maxFindings, dropped),
				"Narrow the check with match, or mend what it found first.")
		}
	}
	return gaps
}

// failures are the gaps as one error.
func (s *Session) failures() error {
	var errs []error
	for _, gap := range s.Gaps() {
		errs = append(errs, errors.New(gap.Message))
	}
	return errors.Join(errs...)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func shown(r facts.Ref) string {
	r.Kind = facts.Kind(kindName(r.Kind))
	return r.String()
}
