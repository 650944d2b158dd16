package security

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func accountTokenChecks() []check.Check {
	const accountLink = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/"
	return []check.Check{
		{
			ID: "token-automounted", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "Pods mount the token of a ServiceAccount that has no permissions.",
			Meaning: "automountServiceAccountToken is not false on the Pods or on the ServiceAccount, and no binding grants the " +
				"ServiceAccount more than every account has. The program probably does not need the token, but an attacker can use it " +
				"to read about the cluster, and it gains every permission that is bound to the ServiceAccount later. Programs that " +
				"authenticate to other services with it, such as Vault, do need it. One finding for each ServiceAccount, except in " +
				"kube-system.",
			Remediation: "`kubectl -n <namespace> patch serviceaccount <name> -p '{\"automountServiceAccountToken\":false}'`; set " +
				"automountServiceAccountToken: true in Pods that need the token.",
			Link: accountLink + "#opt-out-of-api-credential-automounting",
			// A binding that was not read can grant permissions.
			Needs: []facts.Kind{facts.Pod, facts.ServiceAccount, facts.RoleBinding, facts.ClusterRoleBinding},
			Uses:  specKinds(),
			Run:   tokenAutomounted,
		},
		{
			ID: "default-serviceaccount-used-with-rights", Static: true,
			Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload have permissions through the ServiceAccount default.",
			Meaning: "The Pods do not set serviceAccountName and run as default, and a binding grants a role to default: every Pod of " +
				"the namespace without a serviceAccountName has these permissions. Pods without a token are not " +
				"reported." + kubeSystemNote(),
			Remediation: "Create a ServiceAccount for the program that needs the permissions (`kubectl -n <namespace> create " +
				"serviceaccount <name>`), set serviceAccountName in its template, bind the role to it, and delete the binding of " +
				"default.",
			Link:  "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
			Needs: []facts.Kind{facts.Pod, facts.RoleBinding},
			Uses:  append(specKinds(), facts.ServiceAccount, facts.ClusterRoleBinding),
			Run:   defaultAccountWithPermissions,
		},
	}
}

// accountOf is the ServiceAccount that Pods with a spec run as.
func accountOf(owner facts.Ref, spec *facts.PodSpec) facts.Ref {
	name := spec.ServiceAccount
	if name == "" {
		name = "default"
	}
	return facts.Ref{Kind: facts.ServiceAccount, Namespace: owner.Namespace, Name: name}
}

// mountsToken is true if unfinished Pods of an owner mount the token of their ServiceAccount. A ServiceAccount that was not read counts as
// mounting it.
func mountsToken(g *facts.Graph, owner facts.Ref, spec *facts.PodSpec) bool {
	if spec.Lean == nil || isFinishedJob(g, owner) {
		return false
	}
	if automount := spec.Lean.AutomountServiceAccountToken; automount != nil {
		return *automount
	}
	node, ok := facts.Lookup[*facts.ConfigNode](g, accountOf(owner, spec))
	return !ok || node.Automount
}

// boundAccounts are the bindings of each ServiceAccount. Bindings of all accounts of a namespace, or of the cluster, have a ServiceAccount
// without a name as the key. Bindings that every cluster has for all accounts are omitted.
func boundAccounts(g *facts.Graph) map[facts.Ref][]*facts.BindingNode {
	bound := map[facts.Ref][]*facts.BindingNode{}
	for _, binding := range g.Bindings {
		for _, subject := range binding.Subjects {
			if account, ok := boundAccount(binding, subject); ok {
				bound[account] = append(bound[account], binding)
			}
		}
	}
	return bound
}

// boundAccount is the ServiceAccount that a subject of a binding stands for. It has no name if the subject is a group.
func boundAccount(binding *facts.BindingNode, subject facts.Subject) (account facts.Ref, ok bool) {
	account = facts.Ref{Kind: facts.ServiceAccount}
	const userPrefix, groupPrefix = "system:serviceaccount:", "system:serviceaccounts:"
	switch {
	case subject.Kind == "User":
		namespace, name, ok := strings.Cut(strings.TrimPrefix(subject.Name, userPrefix), ":")
		if !ok || !strings.HasPrefix(subject.Name, userPrefix) {
			return account, false
		}
		account.Namespace, account.Name = namespace, name
	case subject.Kind == "Group" && strings.HasPrefix(subject.Name, groupPrefix):
		account.Namespace = strings.TrimPrefix(subject.Name, groupPrefix)
	case subject.Kind == "Group":
		isEveryAccount := subject.Name == "system:serviceaccounts" || subject.Name == "system:authenticated"
		return account, isEveryAccount && !strings.HasPrefix(binding.Role.Name, "system:")
	default:
		account.Namespace, account.Name = subject.Namespace, subject.Name
	}
	if account.Name != "" && account.Namespace == "" {
		account.Namespace = binding.Namespace
	}
	return account, true
}

func tokenAutomounted(g *facts.Graph, _ check.Params) []check.Finding {
	if !g.Complete(facts.RoleBinding, "") || !g.Complete(facts.ClusterRoleBinding, "") {
		return nil // a binding that was not read can grant permissions
	}
	bound := boundAccounts(g)
	users := tokenUsers(g)
	var findings []check.Finding
	for _, node := range g.Configs {
		inNamespace := facts.Ref{Kind: facts.ServiceAccount, Namespace: node.Namespace}
		everywhere := facts.Ref{Kind: facts.ServiceAccount}
		if node.Kind != facts.ServiceAccount || len(users[node.Ref]) == 0 || node.Namespace == kubeSystem ||
			len(bound[node.Ref])+len(bound[inNamespace])+len(bound[everywhere]) > 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  node.Ref,
			Message: fmt.Sprintf("ServiceAccount %s has no permissions, but Pods mount its token.", node.Name),
			Evidence: []check.Evidence{
				check.FromSpec("automountServiceAccountToken is not false"),
				check.FromSpec("no RoleBinding or ClusterRoleBinding for it"),
				check.FromSpec("mounted by %s", phrase.List(users[node.Ref])),
			},
			Remediation: remedy.Sprintf("`kubectl -n %s patch serviceaccount %s -p '{\"automountServiceAccountToken\":false}'`; set "+
				"automountServiceAccountToken: true in Pods that need the token.", node.Namespace, node.Name),
			RestrictToCulprits: true,
		})
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

// tokenUsers are the owners of Pods that mount the token of each ServiceAccount, for example Deployment web.
func tokenUsers(g *facts.Graph) map[facts.Ref][]string {
	users := map[facts.Ref][]string{}
	for _, use := range g.Specs() {
		for _, owner := range reportTargets(g, use) {
			account := accountOf(owner, use.Spec)
			name := owner.Kind.Name() + " " + owner.Name
			if mountsToken(g, owner, use.Spec) && !slices.Contains(users[account], name) {
				users[account] = append(users[account], name)
			}
		}
	}
	return users
}

func defaultAccountWithPermissions(g *facts.Graph, _ check.Params) []check.Finding {
	bound := boundAccounts(g)
	reported := map[facts.Ref]bool{}
	var findings []check.Finding
	for _, use := range g.Specs() {
		for _, owner := range reportTargets(g, use) {
			account := accountOf(owner, use.Spec)
			if account.Name != "default" || len(bound[account]) == 0 || reported[owner] || !mountsToken(g, owner, use.Spec) {
				continue
			}
			reported[owner] = true
			findings = append(findings, defaultAccountFinding(owner, bound[account]))
		}
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

func defaultAccountFinding(owner facts.Ref, bindings []*facts.BindingNode) check.Finding {
	finding := check.Finding{
		Object: owner,
		Message: fmt.Sprintf("%s %s has permissions through the ServiceAccount default of its namespace.", owner.Kind,
			owner.Name),
		RestrictToCulprits: true,
	}
	if owner.Namespace == kubeSystem {
		finding.Severity = v1alpha1.SeverityInfo
	}
	for _, binding := range bindings {
		finding.Evidence = append(finding.Evidence, check.FromSpec("%s grants it %s %s", binding.Ref, binding.Role.Kind, binding.Role.Name))
	}
	finding.Remediation = remedy.Sprintf("Create a ServiceAccount for it: `kubectl -n %[1]s create serviceaccount %[2]s`. Set "+
		"serviceAccountName: %[2]s in its template, bind the role to the ServiceAccount if the permissions are needed, and remove "+
		"default from the bindings listed in the evidence.",
		owner.Namespace, owner.Name)
	return finding
}
