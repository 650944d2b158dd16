package rbac

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// systemNamespace is where Kubernetes' own controllers run. Whoever may act in it at will has the cluster.
const systemNamespace = "kube-system"

// grant is one binding, with those of its subjects that are judged.
type grant struct {
	binding  *facts.BindingNode
	subjects []facts.Subject
}

// given is by whom and to whom a role is given: in the whole cluster, in kube-system, or in other namespaces only.
type given struct {
	cluster, system, namespaces []grant
}

// grants are the bindings of the cluster by the role that they give. Bindings without a subject that is judged are left out.
func grants(g *facts.Graph) map[facts.Ref]*given {
	all := map[facts.Ref]*given{}
	for _, b := range g.Bindings {
		subjects := slices.DeleteFunc(asAccounts(b.Subjects), func(s facts.Subject) bool {
			return shippedSubject(s) || (s.Kind == "ServiceAccount" && s.Namespace == systemNamespace)
		})
		if !b.Deleting.IsZero() || len(subjects) == 0 {
			continue
		}
		of := all[b.Role]
		if of == nil {
			of = &given{}
			all[b.Role] = of
		}
		switch {
		case b.Kind == facts.ClusterRoleBinding:
			of.cluster = append(of.cluster, grant{b, subjects})
		case b.Namespace == systemNamespace:
			of.system = append(of.system, grant{b, subjects})
		default:
			of.namespaces = append(of.namespaces, grant{b, subjects})
		}
	}
	return all
}

// asAccounts is a copy of the subjects in which users that stand for ServiceAccounts are written as those.
func asAccounts(subjects []facts.Subject) []facts.Subject {
	out := slices.Clone(subjects)
	for i, s := range out {
		if rest, ok := strings.CutPrefix(s.Name, "system:serviceaccount:"); ok && s.Kind == "User" {
			if namespace, name, ok := strings.Cut(rest, ":"); ok {
				out[i] = facts.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
			}
		}
	}
	return out
}

// shippedName says whether the name of a role, binding, user or group is one that Kubernetes, kubeadm or a cloud's own
// control plane brings.
func shippedName(name string) bool {
	return slices.ContainsFunc([]string{"system:", "kubeadm:", "eks:", "gce:", "aks-"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// shippedRole says whether a role is one of those that come with the cluster.
func shippedRole(role *facts.RoleNode) bool { return role.Bootstrap || shippedRoleRef(role.Ref) }

func shippedRoleRef(ref facts.Ref) bool {
	if ref.Kind == facts.ClusterRole {
		switch ref.Name {
		case "cluster-admin", "admin", "edit", "view":
			return true
		}
	}
	return shippedName(ref.Name)
}

func shippedBinding(b *facts.BindingNode) bool { return b.Bootstrap || shippedName(b.Name) }

// shippedSubject says whether a subject is one of the cluster's own components, or its administrators by certificate. What
// stands for everybody, for every ServiceAccount or for every node is judged.
func shippedSubject(s facts.Subject) bool {
	if s.Kind == "ServiceAccount" || s.Name == "system:nodes" || strings.HasPrefix(s.Name, "system:serviceaccount") {
		return false
	}
	return shippedName(s.Name) && !anonymous(s) && !allAuthenticated(s)
}

// anonymous says whether a subject is whoever can reach the API server, without any credentials.
func anonymous(s facts.Subject) bool {
	return (s.Kind == "User" && s.Name == "system:anonymous") || (s.Kind == "Group" && s.Name == "system:unauthenticated")
}

// allAuthenticated says whether a subject is everybody with credentials, or every ServiceAccount.
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

// grantEvidence names up to three bindings and to whom they give the role.
func grantEvidence(granted []grant) []check.Evidence {
	const few = 3
	var evidence []check.Evidence
	for _, one := range granted[:min(few, len(granted))] {
		evidence = append(evidence, check.FromSpec("bound by %s to %s", describeBinding(one.binding), subjectTexts(one.subjects)))
	}
	if more := len(granted) - few; more > 0 {
		evidence = append(evidence, check.FromSpec("and %d more %s", more, phrase.Plural(more, "binding", "bindings")))
	}
	return evidence
}

func describeBinding(b *facts.BindingNode) string {
	if b.Namespace == "" {
		return string(b.Kind) + " " + b.Name
	}
	return string(b.Kind) + " " + b.Name + " in namespace " + b.Namespace
}
