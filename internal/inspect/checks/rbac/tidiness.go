package rbac

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func bindingRoleMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		if (binding.Role.Kind != facts.Role && binding.Role.Kind != facts.ClusterRole) || !binding.Deleting.IsZero() ||
			g.Has(binding.Role) || shippedRoleRef(binding.Role) && g.FromManifests ||
			!g.Complete(binding.Role.Kind, binding.Role.Namespace) ||
			!g.OlderThan(binding.Created, params.StartupGrace) {
			continue
		}
		finding := check.Finding{
			Object: binding.Ref, Culprits: []facts.Ref{binding.Role},
			Message: fmt.Sprintf("%s refers to %s, which does not exist: it grants nothing.", describeBinding(binding),
				describeRole(binding.Role)),
			Evidence: []check.Evidence{
				check.FromSpec("roleRef: %s", describeRole(binding.Role)),
				check.FromSpec("subjects: %s", subjectTexts(access.AsAccounts(binding.Subjects))),
			},
		}
		finding.Remediation = remedy.Sprintf("Create %s, or delete the binding: %s.", describeRole(binding.Role), deleteBinding(binding))
		if other := otherKind(g, binding); other != "" {
			finding.Evidence = append(finding.Evidence, check.FromSpec("%s exists", other))
			finding.Remediation = remedy.Sprintf(
				"If %s is intended, recreate the binding, since its roleRef is immutable: %s, then create it with that role.",
				other,
				deleteBinding(binding),
			)
		}
		findings = append(findings, finding)
	}
	return findings
}

// otherKind is the role with the same name and the other kind that a RoleBinding may have intended; empty if there is none.
func otherKind(g *facts.Graph, binding *facts.BindingNode) string {
	other := facts.Ref{Kind: facts.ClusterRole, Name: binding.Role.Name}
	if binding.Role.Kind == facts.ClusterRole {
		other = facts.Ref{Kind: facts.Role, Namespace: binding.Namespace, Name: binding.Role.Name}
	}
	if binding.Namespace == "" || !g.Has(other) {
		return ""
	}
	return describeRole(other)
}

func bindingSubjectMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		if shippedBinding(binding) || !g.OlderThan(binding.Created, params.StartupGrace) {
			continue
		}
		missing := boundTo(binding, func(s facts.Subject) bool {
			return s.Kind == "ServiceAccount" && s.Name != "" && g.Complete(facts.ServiceAccount, s.Namespace) &&
				!g.Has(facts.Ref{Kind: facts.ServiceAccount, Namespace: s.Namespace, Name: s.Name})
		})
		if len(missing) == 0 {
			continue
		}
		finding := check.Finding{
			Object: binding.Ref,
			Message: fmt.Sprintf("%s grants %s to %s, which %s not exist.", describeBinding(binding), describeRole(binding.Role),
				subjectTexts(missing), phrase.Plural(len(missing), "does", "do")),
			Evidence: []check.Evidence{check.FromSpec("roleRef: %s", describeRole(binding.Role))},
		}
		for _, s := range missing {
			finding.Culprits = append(finding.Culprits, facts.Ref{Kind: facts.ServiceAccount, Namespace: s.Namespace, Name: s.Name})
		}
		edit := bindingCommand("edit", binding)
		if others := len(binding.Subjects) - len(missing); others > 0 {
			finding.Evidence = append(finding.Evidence,
				check.FromSpec("%d other %s", others, phrase.Plural(others, "subject", "subjects")))
			finding.Remediation = remedy.Sprintf("Correct or remove the subject: `%s`.", edit)
		} else {
			finding.Remediation = remedy.Sprintf("Correct the subject (`%s`), or delete the binding: %s.", edit, deleteBinding(binding))
		}
		findings = append(findings, finding)
	}
	return findings
}

func roleUnused(g *facts.Graph, params check.Params) []check.Finding {
	used := map[facts.Ref]bool{}
	for _, binding := range g.Bindings {
		used[binding.Role] = true
	}
	var findings []check.Finding
	for _, role := range g.Roles {
		shipped := shippedRole(role) || shippedName(role.Name)
		if role.Kind != facts.Role || used[role.Ref] || shipped || role.Owned || !role.Deleting.IsZero() ||
			!g.Complete(facts.RoleBinding, role.Namespace) || !g.OlderThan(role.Created, params.StartupGrace) {
			continue
		}
		finding := check.Finding{
			Object:  role.Ref,
			Message: fmt.Sprintf("Role %s is not bound: no RoleBinding in namespace %s refers to it.", role.Name, role.Namespace),
			Remediation: remedy.Sprintf(
				"Delete it: `kubectl -n %[1]s delete role %[2]s`. Or bind it: `kubectl -n %[1]s create rolebinding %[2]s --role=%[2]s "+
					"--serviceaccount=%[1]s:<name>`.",
				role.Namespace,
				role.Name,
			),
		}
		for _, rule := range role.Rules[:min(3, len(role.Rules))] {
			finding.Evidence = append(finding.Evidence, ruleEvidence(rule))
		}
		findings = append(findings, finding)
	}
	return findings
}

func legacyTokens(g *facts.Graph, _ check.Params) []check.Finding {
	tokens := map[facts.Ref][]string{}
	for _, node := range g.Configs {
		if node.Kind == facts.Secret && node.TokenOf != "" && node.Deleting.IsZero() {
			account := facts.Ref{Kind: facts.ServiceAccount, Namespace: node.Namespace, Name: node.TokenOf}
			tokens[account] = append(tokens[account], node.Name)
		}
	}
	var findings []check.Finding
	for _, account := range g.Configs {
		if account.Kind != facts.ServiceAccount || !account.Deleting.IsZero() {
			continue
		}
		names := tokens[account.Ref]
		source := "Secrets with its token"
		if !g.Complete(facts.Secret, account.Namespace) {
			names = slices.DeleteFunc(slices.Clone(account.TokenSecrets), func(name string) bool {
				return !strings.HasPrefix(name, account.Name+"-token-") // others may be mounted Secrets without a token
			})
			source = "Secrets listed in the ServiceAccount"
		}
		if len(names) == 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   account.Ref,
			Message:  fmt.Sprintf("ServiceAccount %s has a token in a Secret that does not expire.", account.Name),
			Evidence: []check.Evidence{check.FromSpec("%s: %s", source, phrase.List(names))},
			Remediation: remedy.Sprintf(
				"Check when it was last used: `kubectl -n %[1]s get secret %[2]s -o "+
					"jsonpath='{.metadata.labels.kubernetes\\.io/legacy-token-last-used}'`. If it is no longer needed: `kubectl -n "+
					"%[1]s delete secret %[2]s`. For external clients, request a token that expires: `kubectl -n %[1]s create token "+
					"%[3]s`.",
				account.Namespace,
				names[0],
				account.Name,
			),
		})
	}
	return findings
}
