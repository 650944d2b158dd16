package rbac

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

func bindingRoleMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, b := range g.Bindings {
		if (b.Role.Kind != facts.Role && b.Role.Kind != facts.ClusterRole) || !b.Deleting.IsZero() || g.Has(b.Role) ||
			!g.Complete(b.Role.Kind, b.Role.Namespace) || !g.OlderThan(b.Created, params.StartupGrace) {
			continue
		}
		finding := check.Finding{
			Object: b.Ref, Culprits: []facts.Ref{b.Role},
			Message:  fmt.Sprintf("%s refers to %s, which does not exist: it grants nothing.", describeBinding(b), describeRole(b.Role)),
			Evidence: []check.Evidence{check.FromSpec("roleRef: %s", describeRole(b.Role)), check.FromSpec("subjects: %s", subjectTexts(asAccounts(b.Subjects)))},
		}
		finding.Remediation = fmt.Sprintf("Create %s, or delete the binding: %s.", describeRole(b.Role), deleteBinding(b))
		if other := otherKind(g, b); other != "" {
			finding.Evidence = append(finding.Evidence, check.FromSpec("%s exists", other))
			finding.Remediation = fmt.Sprintf("If %s is intended, recreate the binding, since its roleRef is immutable: %s, then create it with that role.", other, deleteBinding(b))
		}
		findings = append(findings, finding)
	}
	return findings
}

// otherKind is the role of the same name and the other kind that a RoleBinding may have meant; empty where there is none.
func otherKind(g *facts.Graph, b *facts.BindingNode) string {
	other := facts.Ref{Kind: facts.ClusterRole, Name: b.Role.Name}
	if b.Role.Kind == facts.ClusterRole {
		other = facts.Ref{Kind: facts.Role, Namespace: b.Namespace, Name: b.Role.Name}
	}
	if b.Namespace == "" || !g.Has(other) {
		return ""
	}
	return describeRole(other)
}

func bindingSubjectMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, b := range g.Bindings {
		if shippedBinding(b) || !g.OlderThan(b.Created, params.StartupGrace) {
			continue
		}
		missing := boundTo(b, func(s facts.Subject) bool {
			return s.Kind == "ServiceAccount" && s.Name != "" && g.Complete(facts.ServiceAccount, s.Namespace) &&
				!g.Has(facts.Ref{Kind: facts.ServiceAccount, Namespace: s.Namespace, Name: s.Name})
		})
		if len(missing) == 0 {
			continue
		}
		finding := check.Finding{
			Object:   b.Ref,
			Message:  fmt.Sprintf("%s grants %s to %s, which %s not exist.", describeBinding(b), describeRole(b.Role), subjectTexts(missing), phrase.Plural(len(missing), "does", "do")),
			Evidence: []check.Evidence{check.FromSpec("roleRef: %s", describeRole(b.Role))},
		}
		for _, s := range missing {
			finding.Culprits = append(finding.Culprits, facts.Ref{Kind: facts.ServiceAccount, Namespace: s.Namespace, Name: s.Name})
		}
		edit := "kubectl edit clusterrolebinding " + b.Name
		if b.Namespace != "" {
			edit = "kubectl -n " + b.Namespace + " edit rolebinding " + b.Name
		}
		if others := len(b.Subjects) - len(missing); others > 0 {
			finding.Evidence = append(finding.Evidence, check.FromSpec("%d other %s", others, phrase.Plural(others, "subject", "subjects")))
			finding.Remediation = fmt.Sprintf("Correct or remove the subject: `%s`.", edit)
		} else {
			finding.Remediation = fmt.Sprintf("Correct the subject (`%s`), or delete the binding: %s.", edit, deleteBinding(b))
		}
		findings = append(findings, finding)
	}
	return findings
}

func roleUnused(g *facts.Graph, params check.Params) []check.Finding {
	used := map[facts.Ref]bool{}
	for _, b := range g.Bindings {
		used[b.Role] = true
	}
	var findings []check.Finding
	for _, role := range g.Roles {
		if role.Kind != facts.Role || used[role.Ref] || shippedRole(role) || role.Owned || !role.Deleting.IsZero() ||
			!g.Complete(facts.RoleBinding, role.Namespace) || !g.OlderThan(role.Created, params.StartupGrace) {
			continue
		}
		finding := check.Finding{
			Object:  role.Ref,
			Message: fmt.Sprintf("Role %s is not bound: no RoleBinding in namespace %s refers to it.", role.Name, role.Namespace),
			Remediation: fmt.Sprintf("Bind it (`kubectl -n %[1]s create rolebinding %[2]s --role=%[2]s --serviceaccount=%[1]s:<name>`) or delete it: `kubectl -n %[1]s delete role %[2]s`.", role.Namespace, role.Name),
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
			names, source = slices.DeleteFunc(slices.Clone(account.TokenSecrets), func(name string) bool {
				return !strings.HasPrefix(name, account.Name+"-token-") // others may be mounted, and hold no token
			}), "Secrets listed in the ServiceAccount"
		}
		if len(names) == 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   account.Ref,
			Message:  fmt.Sprintf("ServiceAccount %s has a token in a Secret that does not expire.", account.Name),
			Evidence: []check.Evidence{check.FromSpec("%s: %s", source, phrase.List(names))},
			Remediation: fmt.Sprintf("Check when it was last used: `kubectl -n %[1]s get secret %[2]s -o jsonpath='{.metadata.labels.kubernetes\\.io/legacy-token-last-used}'`. If it is no longer needed: `kubectl -n %[1]s delete secret %[2]s`. For external clients, request a token that expires: `kubectl -n %[1]s create token %[3]s`.", account.Namespace, names[0], account.Name),
		})
	}
	return findings
}
