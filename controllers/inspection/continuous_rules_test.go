package inspection

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"kubeops.io/kubeops/controllers/testsuite"
)

// watchRules are those of the inspectors with config/components/continuous.
func watchRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	rules := testsuite.InspectorRules(t)
	for i := range rules {
		if slices.Contains(rules[i].Verbs, "list") {
			rules[i].Verbs = append(rules[i].Verbs, "watch")
		}
	}
	return rules
}

// watcher makes the default ServiceAccount, which may list and watch in its namespace.
func (c *continuousWorld) watcher(t *testing.T) {
	t.Helper()
	c.Account()
	c.Role(c.Namespace, watchRules(t)...)
}
