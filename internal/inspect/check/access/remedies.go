package access

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// grant creates a role with the smallest rule that allows the request, and binds it.
func (q *question) grant() remedy.Text {
	role := facts.Ref{Kind: facts.ClusterRole, Name: q.newName()}
	if q.d.Scope != "" && q.d.Path == "" {
		role.Kind = facts.Role
		role.Namespace = q.d.Scope
	}
	return remedy.Sprintf("If the program needs it: `%s && %s`.", q.createRole(role), q.createBinding(role))
}

// bind grants an existing role where the request was made.
func (q *question) bind(role facts.Ref) remedy.Text {
	return remedy.Sprintf("If the program needs it: `%s`.", q.createBinding(role))
}

// createRole is the command that creates a role with the smallest rule.
func (q *question) createRole(role facts.Ref) remedy.Words {
	if q.d.Path != "" {
		return remedy.Command("kubectl create clusterrole %s --verb=%s --non-resource-url=%s", role.Name, q.d.Verb, q.d.Path)
	}
	command := remedy.Command("kubectl create clusterrole %s --verb=%s --resource=%s", role.Name, q.d.Verb, q.d.FullResource())
	if role.Kind == facts.Role {
		command = remedy.Command("kubectl -n %s create role %s --verb=%s --resource=%s", role.Namespace, role.Name, q.d.Verb,
			q.d.FullResource())
	}
	if q.byName() {
		command += remedy.Command(" --resource-name=%s", q.d.Name)
	}
	return command
}

// createBinding is the command that binds a role to the account where the request was made.
func (q *question) createBinding(role facts.Ref) remedy.Words {
	account := q.d.Namespace + ":" + q.d.Account
	name := q.newName()
	switch {
	case q.d.Scope == "" || q.d.Path != "":
		return remedy.Command("kubectl create clusterrolebinding %s --clusterrole=%s --serviceaccount=%s", name, role.Name, account)
	case role.Kind == facts.ClusterRole:
		return remedy.Command("kubectl -n %s create rolebinding %s --clusterrole=%s "+
			"--serviceaccount=%s", q.d.Scope, name, role.Name, account)
	default:
		return remedy.Command("kubectl -n %s create rolebinding %s --role=%s --serviceaccount=%s", q.d.Scope, name, role.Name, account)
	}
}

// newName is the name of a role and binding that do not exist yet, as far as they were read: cart-list-pods.
func (q *question) newName() string {
	const maxName = 200
	what := q.d.Resource
	if q.d.Path != "" {
		what = strings.Trim(q.d.Path, "/*")
	}
	name := strings.ToLower(strings.Trim(q.d.Account+"-"+strings.Trim(q.d.Verb, "*")+"-"+strings.NewReplacer("/", "-", "*", "all", "_", "-",
		"~", "-").Replace(what), "-.*"))
	name = name[:min(len(name), maxName)]
	taken := func(name string) bool {
		return slices.ContainsFunc([]facts.Ref{
			{Kind: facts.Role, Namespace: q.d.Scope, Name: name}, {Kind: facts.RoleBinding, Namespace: q.d.Scope, Name: name},
			{Kind: facts.ClusterRole, Name: name}, {Kind: facts.ClusterRoleBinding, Name: name},
		}, q.g.Has)
	}
	free := name
	for i := 2; taken(free) && i < 100; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}

// byName reports whether a rule can be restricted to the object of the request: the API server knows its name, and it keeps it.
func (q *question) byName() bool {
	if q.d.Name == "" || q.d.Verb == "create" || q.d.Verb == "list" || q.d.Verb == "watch" || q.d.Verb == "deletecollection" {
		return false
	}
	resource, _, _ := strings.Cut(q.d.Resource, "/")
	generated := []string{"pods", "replicasets", "jobs", "events", "endpointslices", "controllerrevisions", "certificatesigningrequests"}
	return !slices.Contains(generated, resource)
}

// extend adds the smallest rule to a role that is granted to this account alone; others get a role of their own beside it, since more
// accounts would get the rule, or a controller would revert it.
func (q *question) extend(role *facts.RoleNode, binding *facts.BindingNode) remedy.Text {
	shared := q.uses[role.Ref] != 1 || binding.Namespace != q.d.Scope || namesGroup(binding) || !q.usesKnown(role.Ref)
	if role.Bootstrap || role.Aggregated || role.Owned || shared || q.d.Path != "" || len(role.Rules) == 0 {
		return q.grant()
	}
	flags := remedy.Command("patch clusterrole %s", role.Name)
	if role.Namespace != "" {
		flags = remedy.Command("-n %s patch role %s", role.Namespace, role.Name)
	}
	patch := remedy.Command("--type=json -p '[{\"op\":\"add\",\"path\":\"/rules/-\",\"value\":{\"apiGroups\":[\"%s\"],\"resources\":"+
		"[\"%s\"],\"verbs\":[\"%s\"]}}]'", q.d.Group, q.d.Resource, q.d.Verb)
	if q.byName() {
		patch = remedy.Command("--type=json -p '[{\"op\":\"add\",\"path\":\"/rules/-\",\"value\":{\"apiGroups\":[\"%s\"],\"resources\":"+
			"[\"%s\"],\"resourceNames\":[\"%s\"],\"verbs\":[\"%s\"]}}]'", q.d.Group, q.d.Resource, q.d.Name, q.d.Verb)
	}
	return remedy.Sprintf("If the program needs it, add the smallest rule: `kubectl %s %s`.", flags, patch)
}

// namesGroup reports whether a binding is for a group, which are many accounts: system:authenticated are all.
func namesGroup(binding *facts.BindingNode) bool {
	return slices.ContainsFunc(binding.Subjects, func(s facts.Subject) bool { return s.Kind == "Group" })
}

// usesKnown reports whether all bindings that may grant a role were read.
func (q *question) usesKnown(role facts.Ref) bool {
	if role.Kind == facts.Role {
		return q.g.Complete(facts.RoleBinding, role.Namespace)
	}
	return q.g.Complete(facts.RoleBinding, "") && q.g.Complete(facts.ClusterRoleBinding, "")
}

// labelRole creates a role with the smallest rule that an aggregated one selects.
func (q *question) labelRole(role *facts.RoleNode) remedy.Text {
	created := q.createRole(facts.Ref{Kind: facts.ClusterRole, Name: q.newName()})
	labels := ""
	for _, selector := range role.Aggregates {
		if labels = selector.String(); labels != "" {
			break
		}
	}
	if labels == "" || strings.ContainsAny(labels, "!()<> ") {
		return remedy.Sprintf("If the program needs it, create a ClusterRole with a rule and the labels that %s selects: `%s`, then "+
			"`kubectl "+
			"label clusterrole %s <key>=<value>`.", role.Name, created, q.newName())
	}
	return remedy.Sprintf("If the program needs it: `%s && kubectl label clusterrole %s %s`. The controller then adds its rule to %s.",
		created, q.newName(), remedy.Quoted(strings.Split(labels, ",")...), role.Name)
}

// addSubject adds the account to a binding.
func (q *question) addSubject(binding *facts.BindingNode) remedy.Text {
	flags := remedy.Command("patch clusterrolebinding %s", binding.Name)
	if binding.Namespace != "" {
		flags = remedy.Command("-n %s patch rolebinding %s", binding.Namespace, binding.Name)
	}
	return remedy.Sprintf("Add the account: `kubectl %s --type=json -p '[{\"op\":\"add\",\"path\":\"/subjects/-\",\"value\":{\"kind\":"+
		"\"ServiceAccount\",\"namespace\":\"%s\",\"name\":\"%s\"}}]'`, and remove the other subject if it was a mistake.", flags,
		q.d.Namespace, q.d.Account)
}

// useAccount lets the workload use the account that has the permission.
func (q *question) useAccount(account facts.Subject) remedy.Text {
	switch q.workload.Kind {
	case facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.ReplicaSet, facts.ReplicationController:
		return remedy.Sprintf("Set serviceAccountName: `kubectl -n %s set serviceaccount %s %s %s`.", q.workload.Namespace,
			q.workload.Kind.Argument(), q.workload.Name, account.Name)
	default:
		return remedy.Sprintf("Set serviceAccountName: %s in the Pod template.", account.Name)
	}
}

func similar(a, b string) bool { return text.Similar([]string{a}, b) != "" }

func describeBinding(binding *facts.BindingNode) string {
	if binding.Namespace == "" {
		return string(binding.Kind) + " " + binding.Name
	}
	return string(binding.Kind) + " " + binding.Name + " of namespace " + binding.Namespace
}

func describeRole(role facts.Ref) string { return string(role.Kind) + " " + role.Name }

func subjectText(s facts.Subject) string {
	if s.Kind == string(facts.ServiceAccount) {
		return s.Kind + " " + s.Namespace + "/" + s.Name
	}
	return s.Kind + " " + s.Name
}

func bindingEvidence(binding *facts.BindingNode) check.Evidence {
	var subjects []string
	for _, s := range binding.Subjects {
		subjects = append(subjects, subjectText(s))
	}
	return check.FromSpec("%s: %s to %s", describeBinding(binding), describeRole(binding.Role), listed(subjects))
}

func ruleEvidence(role *facts.RoleNode, rule facts.AccessRule) check.Evidence {
	what := listed(slices.Concat(rule.Resources, rule.URLs))
	if len(rule.Groups) > 0 {
		what += " of API group " + listed(quoteCore(rule.Groups))
	}
	if len(rule.Names) > 0 {
		what += " named " + listed(rule.Names)
	}
	return check.FromSpec("rule of %s: %s on %s", describeRole(role.Ref), listed(rule.Verbs), what)
}

func aggregation(role *facts.RoleNode) string {
	var selectors []string
	for _, s := range role.Aggregates {
		selectors = append(selectors, s.String())
	}
	return listed(selectors)
}

// quoteCore makes the empty name of the core group visible.
func quoteCore(groups []string) []string {
	shown := slices.Clone(groups)
	for i, group := range shown {
		if group == "" {
			shown[i] = `""`
		}
	}
	return shown
}

// listed names some words, and counts the others.
func listed(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return phrase.List(words)
}
