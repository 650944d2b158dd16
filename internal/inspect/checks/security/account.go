package security

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

func accountTokenChecks() []check.Check {
	return []check.Check{
		{
			ID: "token-automounted", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "Pods get a token of a ServiceAccount that has no rights.",
			Meaning: "Pods with the ServiceAccount get its token mounted, since automountServiceAccountToken is off neither at them nor at the ServiceAccount, and no " +
				"binding gives it any right beyond what every account has. The token is then of no use to the program, as a rule, but tells an intruder of the " +
				"cluster, and gets every right that is bound to the account later. Programs that show it to others, such as Vault, do need it. One finding for " +
				"each ServiceAccount; kube-system is left out.",
			Remediation: "`kubectl -n <namespace> patch serviceaccount <name> -p '{\"automountServiceAccountToken\":false}'`; Pods that need the token set " +
				"automountServiceAccountToken: true themselves.",
			Link: "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#opt-out-of-api-credential-automounting",
			// Without every binding nothing can be said to have no rights.
			Needs: []facts.Kind{facts.Pod, facts.ServiceAccount, facts.RoleBinding, facts.ClusterRoleBinding},
			Uses:  specKinds(),
			Run:   tokenAutomounted,
		},
		{
			ID: "default-serviceaccount-used-with-rights", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload have rights through the ServiceAccount default.",
			Meaning: "The Pods name no ServiceAccount, so that they run as default, and a binding gives default a role: every Pod of the namespace that names none has " +
				"these rights, whether it was meant to or not. Pods that get no token are left out." + aboutKubeSystem(),
			Remediation: "Make a ServiceAccount for the program that needs the rights (`kubectl -n <namespace> create serviceaccount <name>`), name it in its template's " +
				"serviceAccountName, bind the role to it, and delete the binding of default.",
			Link:  "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
			Needs: []facts.Kind{facts.Pod, facts.RoleBinding},
			Uses:  append(specKinds(), facts.ServiceAccount, facts.ClusterRoleBinding),
			Run:   defaultAccountWithRights,
		},
	}
}

// accountOf is the ServiceAccount that Pods with a spec run as.
func accountOf(owner facts.Ref, s *facts.PodSpec) facts.Ref {
	name := s.ServiceAccount
	if name == "" {
		name = "default"
	}
	return facts.Ref{Kind: facts.ServiceAccount, Namespace: owner.Namespace, Name: name}
}

// automounted says whether Pods with a spec get a token of their ServiceAccount. One that was not read counts as giving it.
func automounted(g *facts.Graph, account facts.Ref, s *facts.PodSpec) bool {
	if own := s.Lean.AutomountServiceAccountToken; own != nil {
		return *own
	}
	node, ok := facts.Lookup[*facts.ConfigNode](g, account)
	return !ok || node.Automount
}

// boundAccounts are the bindings of each ServiceAccount by name, and of all accounts of a namespace or the cluster, which are
// kept under a ServiceAccount without a name. What every cluster has for all accounts is left out.
func boundAccounts(g *facts.Graph) map[facts.Ref][]*facts.BindingNode {
	bound := map[facts.Ref][]*facts.BindingNode{}
	for _, b := range g.Bindings {
		for _, s := range b.Subjects {
			account := facts.Ref{Kind: facts.ServiceAccount, Namespace: s.Namespace, Name: s.Name}
			if s.Kind == "User" || s.Kind == "Group" {
				account.Namespace, account.Name = "", ""
				switch {
				case s.Kind == "User":
					namespace, name, ok := strings.Cut(strings.TrimPrefix(s.Name, "system:serviceaccount:"), ":")
					if !ok || !strings.HasPrefix(s.Name, "system:serviceaccount:") {
						continue
					}
					account.Namespace, account.Name = namespace, name
				case strings.HasPrefix(s.Name, "system:serviceaccounts:"):
					account.Namespace = strings.TrimPrefix(s.Name, "system:serviceaccounts:")
				case (s.Name == "system:serviceaccounts" || s.Name == "system:authenticated") && !strings.HasPrefix(b.Role.Name, "system:"):
				default:
					continue
				}
			}
			if account.Name != "" && account.Namespace == "" {
				account.Namespace = b.Namespace
			}
			bound[account] = append(bound[account], b)
		}
	}
	return bound
}

func tokenAutomounted(g *facts.Graph, _ check.Params) []check.Finding {
	if !g.Complete(facts.RoleBinding, "") || !g.Complete(facts.ClusterRoleBinding, "") {
		return nil // a binding that was not read may give rights
	}
	bound := boundAccounts(g)
	users := map[facts.Ref][]string{}
	for _, use := range g.Specs() {
		for _, owner := range reportedOn(g, use) {
			account := accountOf(owner, use.Spec)
			name := string(owner.Kind)+" "+owner.Name
			if use.Spec.Lean != nil && !finishedJob(g, owner) && automounted(g, account, use.Spec) && !slices.Contains(users[account], name) {
				users[account] = append(users[account], name)
			}
		}
	}
	var findings []check.Finding
	for _, node := range g.Configs {
		inNamespace := facts.Ref{Kind: facts.ServiceAccount, Namespace: node.Namespace}
		everywhere := facts.Ref{Kind: facts.ServiceAccount}
		if node.Kind != facts.ServiceAccount || len(users[node.Ref]) == 0 || node.Namespace == kubeSystem || len(bound[node.Ref])+len(bound[inNamespace])+len(bound[everywhere]) > 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   node.Ref,
			Message:  fmt.Sprintf("ServiceAccount %s has no rights, and Pods get its token all the same.", node.Name),
			Evidence: []check.Evidence{check.FromSpec("automountServiceAccountToken is not false"), check.FromSpec("no RoleBinding or ClusterRoleBinding names it"), check.FromSpec("mounted by %s", phrase.List(users[node.Ref]))},
			Remediation: fmt.Sprintf("`kubectl -n %s patch serviceaccount %s -p '{\"automountServiceAccountToken\":false}'`; Pods that need the token set "+
				"automountServiceAccountToken: true themselves.", node.Namespace, node.Name),
			RestrictToCulprits: true,
		})
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

func defaultAccountWithRights(g *facts.Graph, _ check.Params) []check.Finding {
	bound := boundAccounts(g)
	byOwner := map[facts.Ref]bool{}
	var findings []check.Finding
	for _, use := range g.Specs() {
		for _, owner := range reportedOn(g, use) {
			account := accountOf(owner, use.Spec)
			if account.Name != "default" || len(bound[account]) == 0 || use.Spec.Lean == nil || byOwner[owner] || finishedJob(g, owner) || !automounted(g, account, use.Spec) {
				continue
			}
			byOwner[owner] = true
			finding := check.Finding{Object: owner, Message: fmt.Sprintf("%s %s has rights through the ServiceAccount default of its namespace.", owner.Kind, owner.Name), RestrictToCulprits: true}
			if owner.Namespace == kubeSystem {
				finding.Severity = v1alpha1.SeverityInfo
			}
			for _, b := range bound[account] {
				finding.Evidence = append(finding.Evidence, check.FromSpec("%s gives it %s %s", b.Ref, b.Role.Kind, b.Role.Name))
			}
			finding.Remediation = fmt.Sprintf("Give it an account of its own: `kubectl -n %[1]s create serviceaccount %[2]s`, then serviceAccountName: %[2]s in its template, and "+
				"bind the role to that if it needs the rights; take default out of the bindings that the evidence names.", owner.Namespace, owner.Name)
			findings = append(findings, finding)
		}
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}
