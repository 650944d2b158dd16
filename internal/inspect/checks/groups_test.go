package checks

import "testing"

func TestExplainedByListsExistingChecks(t *testing.T) {
	known := map[string]bool{}
	for _, check := range Builtin() {
		known[check.ID] = true
	}
	for _, check := range Builtin() {
		for _, id := range check.ExplainedBy {
			if !known[id] {
				t.Errorf("%s is explained by %s, which is not a check", check.ID, id)
			}
			// A custom resource may be created for another one.
			if id == check.ID && id != "custom-resource-not-ready" {
				t.Errorf("%s explains itself", id)
			}
		}
	}
}
