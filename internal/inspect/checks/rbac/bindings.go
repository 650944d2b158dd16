package rbac

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// boundTo are the subjects of a binding that a predicate picks; none where the binding is on its way out.
func boundTo(b *facts.BindingNode, pick func(facts.Subject) bool) []facts.Subject {
	if !b.Deleting.IsZero() {
		return nil
	}
	return slices.DeleteFunc(asAccounts(b.Subjects), func(s facts.Subject) bool { return !pick(s) })
}

// deleteBinding is the command that deletes a binding.
func deleteBinding(b *facts.BindingNode) string {
	if b.Namespace == "" {
		return "`kubectl delete clusterrolebinding " + b.Name + "`"
	}
	return "`kubectl -n " + b.Namespace + " delete rolebinding " + b.Name + "`"
}

func describeRole(role facts.Ref) string { return string(role.Kind) + " " + role.Name }

func clusterAdminBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, b := range g.Bindings {
		if b.Kind != facts.ClusterRoleBinding || b.Role != (facts.Ref{Kind: facts.ClusterRole, Name: "cluster-admin"}) {
			continue
		}
		subjects := boundTo(b, func(s facts.Subject) bool { return !shippedSubject(s) })
		if len(subjects) == 0 {
			continue
		}
		finding := check.Finding{
			Object: b.Ref, Severity: v1alpha1.SeverityMedium,
			Message:  fmt.Sprintf("ClusterRoleBinding %s grants cluster-admin to %s.", b.Name, subjectTexts(subjects)),
			Evidence: []check.Evidence{check.FromSpec("roleRef: ClusterRole cluster-admin"), check.FromSpec("subjects: %s", subjectTexts(subjects))},
			Remediation: fmt.Sprintf("Bind a role with only the required permissions (`kubectl auth can-i --list --as=<subject>` lists the current ones), then delete the binding: %s.", deleteBinding(b)),
		}
		for _, s := range subjects {
			if anonymous(s) || allAuthenticated(s) {
				finding.Severity = v1alpha1.SeverityCritical
			} else if s.Kind == "ServiceAccount" && s.Namespace != systemNamespace && finding.Severity == v1alpha1.SeverityMedium {
				finding.Severity = v1alpha1.SeverityHigh
			}
		}
		findings = append(findings, finding)
	}
	return findings
}

// secretsByBuiltin finds the built-in roles that read Secrets where they are given in the whole cluster. They are not to be
// changed: the binding is the matter.
func secretsByBuiltin(g *facts.Graph) []check.Finding {
	var findings []check.Finding
	for _, b := range g.Bindings {
		if b.Kind != facts.ClusterRoleBinding || b.Role.Kind != facts.ClusterRole || (b.Role.Name != "admin" && b.Role.Name != "edit") {
			continue
		}
		subjects := boundTo(b, func(s facts.Subject) bool {
			return !shippedSubject(s) && (s.Kind != "ServiceAccount" || s.Namespace != systemNamespace)
		})
		if len(subjects) == 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   b.Ref,
			Message:  fmt.Sprintf("ClusterRoleBinding %s allows %s to read every Secret in the cluster: role %s includes it.", b.Name, subjectTexts(subjects), b.Role.Name),
			Evidence: []check.Evidence{check.FromSpec("roleRef: %s", describeRole(b.Role)), check.FromSpec("subjects: %s", subjectTexts(subjects))},
			Remediation: fmt.Sprintf("Bind the role with a RoleBinding in each namespace that needs it (`kubectl -n <namespace> create rolebinding %s --clusterrole=%s --user=<name>`), then delete this one: %s. For read access without Secrets, the role view is sufficient.", b.Name, b.Role.Name, deleteBinding(b)),
		})
	}
	return findings
}

// reach is what a role allows its subjects to do, as far as these checks care.
type reach struct {
	// known is false where the role could not be read, missing true where it does not exist.
	known, missing bool
	// secrets: reads Secrets. writes: changes anything; kubernetes: and that in an API group of Kubernetes itself.
	secrets, writes, kubernetes bool
	// resources is false for roles that are about paths only.
	resources bool
}

func reachOf(g *facts.Graph, ref facts.Ref) reach {
	role, ok := facts.Lookup[*facts.RoleNode](g, ref)
	if !ok {
		builtin := ref == facts.Ref{Kind: facts.ClusterRole, Name: "cluster-admin"} // known without reading
		return reach{
			missing: !builtin && g.Complete(ref.Kind, ref.Namespace), known: builtin, secrets: builtin, writes: builtin, kubernetes: builtin, resources: true,
		}
	}
	r := reach{known: true}
	for _, rule := range role.Rules {
		r.resources = r.resources || len(rule.Resources) > 0
		r.secrets = r.secrets || readsSecrets(rule)
		if writes(rule) {
			r.writes = true
			r.kubernetes = r.kubernetes || slices.ContainsFunc(rule.Groups, kubernetesGroup)
		}
	}
	return r
}

// evidence says why it is as bad as it is.
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
	default:
		return check.FromSpec("roleRef: %s, which only reads", describeRole(role))
	}
}

// forEverybody says whether a role is one that Kubernetes gives to everybody, or is given where everybody may read.
func forEverybody(b *facts.BindingNode, r reach) bool {
	switch b.Role.Name {
	case "system:public-info-viewer", "system:discovery", "system:basic-user", "system:service-account-issuer-discovery":
		return true
	}
	return r.missing || (b.Namespace == "kube-public" && r.known && !r.writes && !r.secrets)
}

func anonymousBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, b := range g.Bindings {
		subjects := boundTo(b, anonymous)
		if len(subjects) == 0 {
			continue
		}
		r := reachOf(g, b.Role)
		if forEverybody(b, r) {
			continue
		}
		finding := check.Finding{
			Object: b.Ref,
			Message: fmt.Sprintf("%s grants %s to %s: every client that can reach the API server has it.", describeBinding(b), describeRole(b.Role),
				subjectTexts(subjects)),
			Evidence:    []check.Evidence{check.FromSpec("subjects: %s", subjectTexts(subjects)), r.evidence(b.Role)},
			Remediation: fmt.Sprintf("Delete the binding: %s. Bind the role to the ServiceAccount or group that needs it.", deleteBinding(b)),
		}
		switch {
		case r.writes || r.secrets:
			finding.Severity = v1alpha1.SeverityCritical
		case r.known && !r.resources:
			finding.Severity = v1alpha1.SeverityMedium
		}
		findings = append(findings, finding)
	}
	return findings
}

func allAuthenticatedBound(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, b := range g.Bindings {
		subjects := boundTo(b, allAuthenticated)
		if len(subjects) == 0 {
			continue
		}
		r := reachOf(g, b.Role)
		grave := r.secrets || r.kubernetes
		if forEverybody(b, r) || (!grave && (shippedBinding(b) || shippedName(b.Role.Name))) {
			continue
		}
		who := "every authenticated user"
		if !slices.ContainsFunc(subjects, func(s facts.Subject) bool { return s.Name == "system:authenticated" }) {
			who = "every ServiceAccount, and therefore every Pod,"
		}
		finding := check.Finding{
			Object:      b.Ref,
			Message:     fmt.Sprintf("%s grants %s to %s: %s has it.", describeBinding(b), describeRole(b.Role), subjectTexts(subjects), who),
			Evidence:    []check.Evidence{check.FromSpec("subjects: %s", subjectTexts(subjects)), r.evidence(b.Role)},
			Remediation: fmt.Sprintf("Bind the role to the groups or ServiceAccounts that need it, then delete the binding: %s.", deleteBinding(b)),
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
	for _, b := range g.Bindings {
		subjects := boundTo(b, func(s facts.Subject) bool { return s.Kind == "ServiceAccount" && s.Name == "default" })
		if len(subjects) == 0 || shippedBinding(b) {
			continue
		}
		r := reachOf(g, b.Role)
		if r.missing {
			continue
		}
		finding := check.Finding{
			Object: b.Ref,
			Message: fmt.Sprintf("%s grants %s to %s: every Pod there without a serviceAccountName has it.", describeBinding(b), describeRole(b.Role),
				subjectTexts(subjects)),
			Evidence: []check.Evidence{check.FromSpec("subjects: %s", subjectTexts(subjects)), r.evidence(b.Role)},
			Remediation: fmt.Sprintf("Create a ServiceAccount for the workload that needs the role: `kubectl -n %s create serviceaccount <name>`. Set it in the workload's serviceAccountName, bind the role to it, then delete this binding: %s.", subjects[0].Namespace, deleteBinding(b)),
		}
		if b.Namespace != "" && r.known && !r.writes && !r.secrets {
			finding.Severity = v1alpha1.SeverityLow
		}
		findings = append(findings, finding)
	}
	return findings
}
