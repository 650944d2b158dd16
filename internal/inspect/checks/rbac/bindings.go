package rbac

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// boundTo returns the subjects of a binding that satisfy a predicate; none if the binding is being deleted.
func boundTo(binding *facts.BindingNode, pick func(facts.Subject) bool) []facts.Subject {
	if !binding.Deleting.IsZero() {
		return nil
	}
	return slices.DeleteFunc(access.AsAccounts(binding.Subjects), func(s facts.Subject) bool { return !pick(s) })
}

// deleteBinding is the command that deletes a binding.
func deleteBinding(binding *facts.BindingNode) remedy.Text {
	return bindingCommand("delete", binding).Code()
}

// bindingCommand is a command about a binding: edit or delete.
func bindingCommand(verb remedy.Words, binding *facts.BindingNode) remedy.Words {
	return remedy.Command("%s %s %s %s", kubectl.Command(binding.Ref), verb, strings.ToLower(string(binding.Kind)), binding.Name)
}

func describeRole(role facts.Ref) string { return string(role.Kind) + " " + role.Name }

func clusterAdminBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		if binding.Role != (facts.Ref{Kind: facts.ClusterRole, Name: "cluster-admin"}) {
			continue
		}
		subjects := boundTo(binding, func(s facts.Subject) bool { return !shippedSubject(s) })
		if len(subjects) == 0 {
			continue
		}
		finding := check.Finding{
			Object: binding.Ref, Severity: v1alpha1.SeverityMedium,
			Message: fmt.Sprintf("ClusterRoleBinding %s grants cluster-admin to %s.", binding.Name, subjectTexts(subjects)),
			Evidence: []check.Evidence{
				check.FromSpec("roleRef: ClusterRole cluster-admin"),
				check.FromSpec("subjects: %s", subjectTexts(subjects)),
			},
			Remediation: remedy.Sprintf(
				"Bind a role with only the required permissions (`kubectl auth can-i --list --as=<subject>` lists the current ones), "+
					"then delete the binding: %s.",
				deleteBinding(binding),
			),
		}
		narrow := binding.Kind == facts.RoleBinding && binding.Namespace != systemNamespace
		if narrow {
			finding.Severity = v1alpha1.SeverityLow
		}
		if binding.Kind == facts.RoleBinding {
			finding.Message = fmt.Sprintf("RoleBinding %s grants cluster-admin in namespace %s to %s.", binding.Name, binding.Namespace,
				subjectTexts(subjects))
		}
		for _, s := range subjects {
			if everyone := anonymous(s) || allAuthenticated(s); everyone && narrow {
				finding.Severity = v1alpha1.SeverityHigh
			} else if everyone {
				finding.Severity = v1alpha1.SeverityCritical
			} else if s.Kind == "ServiceAccount" && s.Namespace != systemNamespace && finding.Severity == v1alpha1.SeverityMedium {
				finding.Severity = v1alpha1.SeverityHigh
			}
		}
		findings = append(findings, finding)
	}
	return findings
}

// secretsByBuiltin reports bindings of the built-in roles that read Secrets, in the whole cluster or in kube-system. Built-in roles must
// not be changed, so the finding is on the binding.
func secretsByBuiltin(g *facts.Graph) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		if binding.Kind == facts.RoleBinding && binding.Namespace != systemNamespace || binding.Role.Kind != facts.ClusterRole ||
			(binding.Role.Name != "admin" && binding.Role.Name != "edit") {
			continue
		}
		subjects := boundTo(binding, func(s facts.Subject) bool {
			return !shippedSubject(s) && (s.Kind != "ServiceAccount" || s.Namespace != systemNamespace)
		})
		if len(subjects) == 0 {
			continue
		}
		where := "every Secret in the cluster"
		if binding.Kind == facts.RoleBinding {
			where = "every Secret in " + systemNamespace + ", with the tokens of Kubernetes' own components"
		}
		findings = append(findings, check.Finding{
			Object: binding.Ref,
			Message: fmt.Sprintf("%s %s allows %s to read %s: role %s includes it.",
				binding.Kind, binding.Name, subjectTexts(subjects), where, binding.Role.Name),
			Evidence: []check.Evidence{
				check.FromSpec("roleRef: %s", describeRole(binding.Role)),
				check.FromSpec("subjects: %s", subjectTexts(subjects)),
			},
			Remediation: remedy.Sprintf(
				"Bind the role with a RoleBinding in each namespace that needs it (`kubectl -n <namespace> create rolebinding %s "+
					"--clusterrole=%s --user=<name>`), then delete this one: %s. For read access without Secrets, the role view is "+
					"sufficient.",
				binding.Name,
				binding.Role.Name,
				deleteBinding(binding),
			),
		})
	}
	return findings
}

// reach is what a role allows, as far as these checks need to know.
type reach struct {
	// known is false if the role could not be read; missing is true if it does not exist.
	known, missing bool
	// secrets: reads Secrets. writes: changes anything; kubernetes: also in an API group of Kubernetes itself.
	secrets, writes, kubernetes bool
	// uses is true for roles with rules of the verb use only, by which policies select accounts.
	uses bool
	// resources is false for roles with non-resource rules only.
	resources bool
}

func reachOf(g *facts.Graph, ref facts.Ref) reach {
	role, ok := facts.Lookup[*facts.RoleNode](g, ref)
	if !ok {
		builtin := ref == facts.Ref{Kind: facts.ClusterRole, Name: "cluster-admin"} // known without reading
		return reach{
			missing: !builtin &&
				g.Complete(ref.Kind,
					ref.Namespace), known: builtin, secrets: builtin, writes: builtin, kubernetes: builtin, resources: true,
		}
	}
	r := reach{known: true, uses: len(role.Rules) > 0}
	for _, rule := range role.Rules {
		r.resources = r.resources || len(rule.Resources) > 0
		r.uses = r.uses && slices.Equal(rule.Verbs, []string{"use"})
		r.secrets = r.secrets || readsSecrets(rule)
		if writes(rule) {
			r.writes = true
			r.kubernetes = r.kubernetes || slices.ContainsFunc(rule.Groups, kubernetesGroup)
		}
	}
	return r
}

// evidence explains the severity.
func (r reach) evidence(role facts.Ref) check.Evidence {
	switch {
	case !r.known:
		return check.FromSpec("roleRef: %s, which could not be read", describeRole(role))
	case r.secrets && r.writes:
		return check.FromSpec("roleRef: %s, which reads Secrets and changes objects", describeRole(role))
	case r.secrets:
		return check.FromSpec("roleRef: %s, which reads Secrets", describeRole(role))
	case r.writes:
		return check.FromSpec("roleRef: %s, which changes objects", describeRole(role))
	case r.uses:
		return check.FromSpec("roleRef: %s, which changes nothing: policies apply to who may use them", describeRole(role))
	default:
		return check.FromSpec("roleRef: %s, which only reads", describeRole(role))
	}
}

// isPublic reports whether Kubernetes binds a role to everyone, or the binding only grants read access in kube-public.
func isPublic(binding *facts.BindingNode, r reach) bool {
	switch binding.Role.Name {
	case "system:public-info-viewer", "system:discovery", "system:basic-user", "system:service-account-issuer-discovery":
		return true
	}
	return r.missing || (binding.Namespace == "kube-public" && r.known && !r.writes && !r.secrets)
}

func anonymousBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		subjects := boundTo(binding, anonymous)
		if len(subjects) == 0 {
			continue
		}
		granted := reachOf(g, binding.Role)
		if isPublic(binding, granted) {
			continue
		}
		finding := check.Finding{
			Object: binding.Ref,
			Message: fmt.Sprintf("%s grants %s to %s: every client that can reach the API server has it.", describeBinding(binding),
				describeRole(binding.Role), subjectTexts(subjects)),
			Evidence: []check.Evidence{check.FromSpec("subjects: %s", subjectTexts(subjects)), granted.evidence(binding.Role)},
			Remediation: remedy.Sprintf("Delete the binding: %s. Bind the role to the ServiceAccount or group that needs it.",
				deleteBinding(binding)),
		}
		switch {
		case granted.writes || granted.secrets:
			finding.Severity = v1alpha1.SeverityCritical
		case granted.known && !granted.resources:
			finding.Severity = v1alpha1.SeverityMedium
		}
		findings = append(findings, finding)
	}
	return findings
}

func allAuthenticatedBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		subjects := boundTo(binding, allAuthenticated)
		if len(subjects) == 0 {
			continue
		}
		granted := reachOf(g, binding.Role)
		grave := granted.secrets || granted.kubernetes
		if isPublic(binding, granted) || (!grave && (shippedBinding(binding) || shippedName(binding.Role.Name))) {
			continue
		}
		who := "every authenticated user"
		if !slices.ContainsFunc(subjects, func(s facts.Subject) bool { return s.Name == "system:authenticated" }) {
			who = "every ServiceAccount, and therefore every Pod,"
		}
		finding := check.Finding{
			Object: binding.Ref,
			Message: fmt.Sprintf("%s grants %s to %s: %s has it.", describeBinding(binding), describeRole(binding.Role),
				subjectTexts(subjects), who),
			Evidence: []check.Evidence{check.FromSpec("subjects: %s", subjectTexts(subjects)), granted.evidence(binding.Role)},
			Remediation: remedy.Sprintf("Bind the role to the groups or ServiceAccounts that need it, then delete the binding: %s.",
				deleteBinding(binding)),
		}
		if grave {
			finding.Severity = v1alpha1.SeverityHigh
		}
		findings = append(findings, finding)
	}
	return findings
}

func defaultAccountBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, binding := range g.Bindings {
		subjects := boundTo(binding, func(s facts.Subject) bool { return s.Kind == "ServiceAccount" && s.Name == "default" })
		if len(subjects) == 0 || shippedBinding(binding) {
			continue
		}
		granted := reachOf(g, binding.Role)
		if granted.missing {
			continue
		}
		finding := check.Finding{
			Object: binding.Ref,
			Message: fmt.Sprintf("%s grants %s to %s: every Pod there without a serviceAccountName has it.", describeBinding(binding),
				describeRole(binding.Role), subjectTexts(subjects)),
			Evidence: []check.Evidence{check.FromSpec("subjects: %s", subjectTexts(subjects)), granted.evidence(binding.Role)},
			Remediation: remedy.Sprintf(
				"Create a ServiceAccount for the workload that needs the role: `kubectl -n %s create serviceaccount <name>`. Set it in "+
					"the workload's serviceAccountName, bind the role to it, then delete this binding: %s.",
				subjects[0].Namespace,
				deleteBinding(binding),
			),
		}
		if binding.Namespace != "" && granted.known && !granted.writes && !granted.secrets {
			finding.Severity = v1alpha1.SeverityLow
		}
		findings = append(findings, finding)
	}
	return findings
}
