package rbac

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// systemNamespace is where Kubernetes' own controllers run. Full access to it equals access to the cluster.
const systemNamespace = "kube-system"

// grant is one binding with those of its subjects that are checked.
type grant struct {
	binding  *facts.BindingNode
	subjects []facts.Subject
}

// roleGrants are the grants of a role: in the whole cluster, in kube-system, or in other namespaces only.
type roleGrants struct {
	cluster, system, namespaces []grant
}

// grants returns the bindings of the cluster by role. Bindings without a checked subject are skipped.
func grants(g *facts.Graph) map[facts.Ref]*roleGrants {
	all := map[facts.Ref]*roleGrants{}
	for _, binding := range g.Bindings {
		subjects := slices.DeleteFunc(access.AsAccounts(binding.Subjects), func(s facts.Subject) bool {
			return shippedSubject(s) || (s.Kind == "ServiceAccount" && s.Namespace == systemNamespace)
		})
		if !binding.Deleting.IsZero() || len(subjects) == 0 {
			continue
		}
		of := all[binding.Role]
		if of == nil {
			of = &roleGrants{}
			all[binding.Role] = of
		}
		switch {
		case binding.Kind == facts.ClusterRoleBinding:
			of.cluster = append(of.cluster, grant{binding, subjects})
		case binding.Namespace == systemNamespace:
			of.system = append(of.system, grant{binding, subjects})
		default:
			of.namespaces = append(of.namespaces, grant{binding, subjects})
		}
	}
	return all
}

// shippedName reports whether the name of a role, binding, user or group belongs to Kubernetes, kubeadm or the control plane
// of a cloud provider.
func shippedName(name string) bool {
	return slices.ContainsFunc([]string{"system:", "kubeadm:", "eks:", "gce:", "aks-"},
		func(p string) bool { return strings.HasPrefix(name, p) })
}

// shippedRole reports whether a role comes with the cluster.
//
// The API server labels the roles that it creates, so that a role named system: without the label was created by someone else: a
// distribution, or a person who wants it to be overlooked.
func shippedRole(role *facts.RoleNode) bool {
	if strings.HasPrefix(role.Name, "system:") {
		return role.Bootstrap || slices.ContainsFunc(distributionRoles(), func(p string) bool { return strings.HasPrefix(role.Name, p) })
	}
	return role.Bootstrap || shippedRoleRef(role.Ref)
}

// distributionRoles begin the names of roles that distributions and the usual add-ons create without the label of the API server.
func distributionRoles() []string {
	return []string{
		"system:openshift:", "system:gke-", "system:gcp-", "system:azure-", "system:aws-", "system:coredns", "system:metrics-server",
		"system:aggregated-metrics-reader", "system:cloud-controller-manager", "system:cloud-node-controller", "system:k3s-",
		"system:rke2-", "system:kube-dns", "system:kubevirt", "system:glbc-status",
	}
}

func shippedRoleRef(ref facts.Ref) bool {
	if ref.Kind == facts.ClusterRole {
		switch ref.Name {
		case "cluster-admin", "admin", "edit", "view":
			return true
		}
	}
	return shippedName(ref.Name)
}

func shippedBinding(binding *facts.BindingNode) bool {
	return binding.Bootstrap || shippedName(binding.Name)
}

// shippedSubject reports whether a subject is a component of the cluster, or its administrators by certificate. Subjects that
// stand for everyone, for every ServiceAccount or for every node are checked.
func shippedSubject(s facts.Subject) bool {
	if s.Kind == "ServiceAccount" || s.Name == "system:nodes" || strings.HasPrefix(s.Name, "system:serviceaccount") {
		return false
	}
	return shippedName(s.Name) && !anonymous(s) && !allAuthenticated(s)
}

// anonymous reports whether a subject stands for clients without credentials.
func anonymous(s facts.Subject) bool {
	return (s.Kind == "User" && s.Name == "system:anonymous") || (s.Kind == "Group" && s.Name == "system:unauthenticated")
}

// allAuthenticated reports whether a subject stands for every authenticated user, or for every ServiceAccount.
func allAuthenticated(s facts.Subject) bool {
	return s.Kind == "Group" && (s.Name == "system:authenticated" || s.Name == "system:serviceaccounts")
}

func subjectText(s facts.Subject) string {
	if s.Kind == "ServiceAccount" {
		return s.Kind + " " + s.Namespace + "/" + s.Name
	}
	return s.Kind + " " + s.Name
}

func subjectTexts(subjects []facts.Subject) string {
	texts := make([]string, 0, len(subjects))
	for _, s := range subjects {
		texts = append(texts, subjectText(s))
	}
	return phrase.List(texts)
}

// grantEvidence lists up to three bindings with their subjects.
func grantEvidence(granted []grant) []check.Evidence {
	const maxListed = 3
	var evidence []check.Evidence
	for _, one := range granted[:min(maxListed, len(granted))] {
		evidence = append(evidence, check.FromSpec("bound by %s to %s", describeBinding(one.binding), subjectTexts(one.subjects)))
	}
	if more := len(granted) - maxListed; more > 0 {
		evidence = append(evidence, check.FromSpec("and %d more %s", more, phrase.Plural(more, "binding", "bindings")))
	}
	return evidence
}

func describeBinding(binding *facts.BindingNode) string {
	if binding.Namespace == "" {
		return string(binding.Kind) + " " + binding.Name
	}
	return string(binding.Kind) + " " + binding.Name + " in namespace " + binding.Namespace
}
