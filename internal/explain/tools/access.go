package tools

import (
	"context"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func accessTool() Tool {
	return Tool{
		Name: "can_i", Description: "Whether RBAC permits a ServiceAccount a verb on a resource in its namespace, and by which binding.",
		Arguments: []Argument{
			required(text("serviceAccount", "name of the ServiceAccount, for example that of a Pod")),
			required(text("namespace", "namespace of the ServiceAccount, and of the resource")),
			required(text("verb", "for example get")), required(text("resource", "plural name with a subresource, for example pods/log")),
			text("group", "API group of the resource, for example apps; default: the core group"),
			text("name", "name of the object, if it is one"),
		},
		run: access,
	}
}

// attempt is what a ServiceAccount wants to do.
type attempt struct {
	account, namespace, verb, group, resource, name string
	// judged are the roles that were read.
	judged map[rbacv1.RoleRef]judgement
}

// judgement says whether a role permits an attempt, or that it was not read.
type judgement struct {
	permits, failed bool
	// missing is set if the role does not exist.
	missing bool
}

// maxRoles are read for one call. A namespace can have any number of bindings.
const maxRoles = 50

func access(ctx context.Context, s *Set, a arguments) (Output, error) {
	t := attempt{
		account: a.text("serviceAccount"), namespace: a.text("namespace"), verb: a.text("verb"), group: a.text("group"),
		resource: a.text("resource"), name: a.text("name"), judged: map[rbacv1.RoleRef]judgement{},
	}
	found := Output{Names: []string{t.account, t.namespace, t.name}}
	var unread []string
	bindings := &rbacv1.RoleBindingList{}
	if err := s.cluster.List(ctx, bindings, client.InNamespace(t.namespace), client.Limit(maxListed)); err != nil {
		return Output{}, err
	}
	for _, b := range bindings.Items {
		if t.isAmong(b.Subjects) {
			unread = append(unread, t.judge(ctx, s, &found, "RoleBinding", b.Name, b.RoleRef)...)
		}
	}
	cluster := &rbacv1.ClusterRoleBindingList{}
	if err := s.cluster.List(ctx, cluster, client.Limit(maxListed)); err != nil {
		unread = append(unread, "ClusterRoleBindings")
	}
	for _, b := range cluster.Items {
		if t.isAmong(b.Subjects) {
			unread = append(unread, t.judge(ctx, s, &found, "ClusterRoleBinding", b.Name, b.RoleRef)...)
		}
	}
	if bindings.Continue != "" || cluster.Continue != "" {
		unread = append(unread, "some bindings")
	}
	if len(found.Lines) > 0 {
		return found, nil
	}
	what := "ServiceAccount " + t.account + " to " + t.verb + " " + t.resource
	if len(unread) > 0 {
		slices.Sort(unread)
		found.Lines = []string{
			"No binding that can be read permits " + what + ". Not read: " + strings.Join(slices.Compact(unread), ", ") + ".",
		}
		return found, nil
	}
	found.Lines = []string{"no: no RoleBinding and ClusterRoleBinding permits " + what + "."}
	return found, nil
}

// isAmong reports whether the ServiceAccount is a subject, itself or by a group.
func (t attempt) isAmong(subjects []rbacv1.Subject) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			return s.Name == t.account && s.Namespace == t.namespace
		case rbacv1.UserKind:
			return s.Name == "system:serviceaccount:"+t.namespace+":"+t.account
		case rbacv1.GroupKind:
			groups := []string{"system:authenticated", "system:serviceaccounts", "system:serviceaccounts:" + t.namespace}
			return slices.Contains(groups, s.Name)
		}
		return false
	})
}

// judge adds a line if the role of a binding permits the attempt. It returns what could not be read.
func (t attempt) judge(ctx context.Context, s *Set, found *Output, kind, name string, ref rbacv1.RoleRef) (unread []string) {
	found.Names = append(found.Names, name, ref.Name)
	role, known := t.judged[ref]
	if !known {
		if len(t.judged) == maxRoles {
			return []string{"some roles"}
		}
		role = t.read(ctx, s, ref)
		t.judged[ref] = role
	}
	switch {
	case role.missing:
		return []string{ref.Kind + " " + ref.Name + " of " + kind + " " + name + ", which does not exist"}
	case role.failed:
		return []string{ref.Kind + " " + ref.Name + " of " + kind + " " + name}
	case role.permits:
		found.Lines = append(found.Lines, "yes: "+kind+" "+name+" grants "+ref.Kind+" "+ref.Name+" to it.")
	}
	return nil
}

// read reads a role.
func (t attempt) read(ctx context.Context, s *Set, ref rbacv1.RoleRef) judgement {
	var rules []rbacv1.PolicyRule
	var err error
	if ref.Kind == "ClusterRole" {
		role := &rbacv1.ClusterRole{}
		err = s.cluster.Get(ctx, client.ObjectKey{Name: ref.Name}, role)
		rules = role.Rules
	} else {
		role := &rbacv1.Role{}
		err = s.cluster.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: ref.Name}, role)
		rules = role.Rules
	}
	switch {
	case apierrors.IsNotFound(err):
		return judgement{missing: true}
	case err != nil:
		return judgement{failed: true}
	}
	return judgement{permits: slices.ContainsFunc(rules, t.isPermitted)}
}

func (t attempt) isPermitted(rule rbacv1.PolicyRule) bool {
	has := func(list []string, value string) bool {
		return slices.Contains(list, value) || slices.Contains(list, "*")
	}
	_, sub, isSub := strings.Cut(t.resource, "/")
	resource := has(rule.Resources, t.resource) || isSub && slices.Contains(rule.Resources, "*/"+sub)
	named := len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, t.name)
	return has(rule.Verbs, t.verb) && has(rule.APIGroups, t.group) && resource && named
}
