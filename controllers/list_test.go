package controllers

import (
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/config"
)

// TestTheRolesOfTheManagerLetEveryControllerStart compares what the list waits for with the default installation: a controller that waits
// for a permission that no role grants never starts.
func TestTheRolesOfTheManagerLetEveryControllerStart(t *testing.T) {
	roles, err := config.Roles()
	if err != nil {
		t.Fatal(err)
	}
	crds, err := config.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	plural := map[string]string{}
	for _, crd := range crds {
		plural[crd.Spec.Names.Kind] = crd.Spec.Names.Plural
	}
	granted := func(kind, verb string) bool {
		return slices.ContainsFunc(roles, func(role config.Role) bool {
			for _, rule := range role.Rules {
				if role.Kind == "ClusterRole" && slices.Contains(rule.APIGroups, v1alpha1.Group) &&
					slices.Contains(rule.Resources, plural[kind]) && slices.Contains(rule.Verbs, verb) {
					return true
				}
			}
			return false
		})
	}
	for _, c := range list() {
		for _, kind := range c.kinds {
			if !granted(kind, "list") || !granted(kind, "watch") {
				t.Errorf("controller %s never starts: no role of the manager grants list and watch on %s", c.name, strings.ToLower(kind))
			}
		}
		for _, kind := range c.reads {
			if !granted(kind, "list") {
				t.Errorf("controller %s never starts: no role of the manager grants list on %s", c.name, strings.ToLower(kind))
			}
		}
	}
}
