package cli

import (
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
)

func TestComparedChecksExistAndDecisionsHaveAReason(t *testing.T) {
	all := checks.Builtin()
	for _, p := range peers() {
		seen := map[string]bool{}
		for _, c := range p.checks {
			for _, id := range c.ours {
				if !slices.ContainsFunc(all, func(known check.Check) bool { return known.ID == id }) {
					t.Errorf("%s: %s: no check %s", p.name, c.theirs, id)
				}
			}
			if len(c.ours) == 0 && c.note == "" {
				t.Errorf("%s: %s: neither a check nor a reason", p.name, c.theirs)
			}
			for _, theirs := range strings.Split(c.theirs, ", ") {
				if p.name != "Pod Security Standards" && seen[theirs] {
					t.Errorf("%s: %s is compared twice", p.name, theirs)
				}
				seen[theirs] = true
			}
		}
	}
}
