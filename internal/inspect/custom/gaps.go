package custom

import (
	"errors"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// Gaps reports expressions that failed or exceeded the cost limit, and findings beyond maxFindings.
func (s *Session) Gaps() []facts.Gap {
	var gaps []facts.Gap
	for _, st := range s.states {
		objects, dropped, failed, firstError := st.sums()
		add := func(reason v1alpha1.GapReason, message string, remediation remedy.Text) {
			gaps = append(gaps, facts.Gap{
				Source: "check " + st.ID(), Reason: reason, Checks: []string{st.ID()}, Message: message, Remediation: remediation,
			})
		}
		if failed > 0 {
			add(
				v1alpha1.GapCheckFailed,
				fmt.Sprintf("The custom check %s failed on %s, first on %s.", st.check.ID, text.Count(failed, "object"), firstError),
				"Test optional fields before use: has(object.spec.field) or object.?spec.?field.orValue(0); or restrict the check "+
					"with match. "+
					"A field of facts is missing if its source could not be read.",
			)
		}
		if !st.stopped.IsZero() {
			add(
				v1alpha1.GapCheckFailed,
				fmt.Sprintf("The custom check %s exceeded its %s and stopped at object %d, %s.", st.check.ID, st.limitName(), objects,
					refName(st.stopped)),
				"Simplify the expression: nested loops over long lists cost most. Or restrict the check with match.",
			)
		}
		if dropped > 0 {
			add(
				v1alpha1.GapIncomplete,
				fmt.Sprintf("The custom check %s has more than %d findings: %d are not in the report.", st.check.ID, maxFindings,
					dropped),
				"Restrict the check with match, or fix the reported objects first.",
			)
		}
	}
	return gaps
}

// limitName is the limit that the check exceeded.
func (st *state) limitName() string {
	if st.limit == nil {
		return "cost limit"
	}
	return "limits (" + st.limit.text + ")"
}

// failures returns the gaps as one error.
func (s *Session) failures() error {
	var errs []error
	for _, gap := range s.Gaps() {
		errs = append(errs, errors.New(gap.Message))
	}
	return errors.Join(errs...)
}

// refName omits the group of the kind.
func refName(r facts.Ref) string {
	r.Kind = facts.Kind(kindName(r.Kind))
	return r.String()
}
