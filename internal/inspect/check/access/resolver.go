package access

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// maxCompared bounds the words of rules that one resolver compares. Aggregated roles are taken as their controller wrote them, so that
// a cycle of aggregation costs nothing.
const maxCompared = 5_000_000

// Kinds are those that an answer is derived from.
func Kinds() []facts.Kind {
	return []facts.Kind{facts.Role, facts.ClusterRole, facts.RoleBinding, facts.ClusterRoleBinding, facts.ServiceAccount}
}

// Answer is why a request is denied.
type Answer struct {
	// Allowed is set if a binding that was read allows the request: it was denied before that binding existed.
	Allowed bool
	// Why is a clause in words that are stable between runs: ServiceAccount cart cannot list pods in namespace shop (RBAC): ...
	Why string
	// Fix is the smallest change that allows the request.
	Fix remedy.Text
	// Evidence are the bindings and rules that come nearest.
	Evidence []check.Evidence
	// Culprits are the objects to blame.
	Culprits []facts.Ref
}

// Resolver explains denials by the roles and bindings of one graph. It is not safe for concurrent use.
type Resolver struct {
	g *facts.Graph
	// bySubject are the bindings of each subject, byScope those of each namespace, the cluster's under the empty name.
	bySubject map[facts.Subject][]*facts.BindingNode
	byScope   map[string][]*facts.BindingNode
	// uses counts the subjects that get each role.
	uses map[facts.Ref]int
	// compared counts the words of rules that were compared.
	compared int
}

// NewResolver returns a resolver for a graph. It indexes at the first denial, since most runs have none.
func NewResolver(g *facts.Graph) *Resolver { return &Resolver{g: g} }

func (r *Resolver) index() {
	if r.bySubject != nil {
		return
	}
	r.bySubject = map[facts.Subject][]*facts.BindingNode{}
	r.byScope = map[string][]*facts.BindingNode{}
	r.uses = map[facts.Ref]int{}
	for _, binding := range r.g.Bindings {
		if !binding.Deleting.IsZero() {
			continue
		}
		r.byScope[binding.Namespace] = append(r.byScope[binding.Namespace], binding)
		r.uses[binding.Role] += len(binding.Subjects)
		for _, subject := range AsAccounts(binding.Subjects) {
			r.bySubject[subject] = append(r.bySubject[subject], binding)
		}
	}
}

// bindingsOf are the bindings that name a ServiceAccount, itself or by a group, in the order of their names.
func (r *Resolver) bindingsOf(d Denial) []*facts.BindingNode {
	var found []*facts.BindingNode
	for _, subject := range []facts.Subject{
		{Kind: string(facts.ServiceAccount), Namespace: d.Namespace, Name: d.Account},
		{Kind: "Group", Name: "system:serviceaccounts:" + d.Namespace},
		{Kind: "Group", Name: "system:serviceaccounts"},
		{Kind: "Group", Name: "system:authenticated"},
	} {
		found = append(found, r.bySubject[subject]...)
	}
	return found
}

// inForce reports whether a binding grants its role where a request was made.
func inForce(binding *facts.BindingNode, d Denial) bool {
	return binding.Namespace == "" || binding.Namespace == d.Scope
}

// nearest is the rule of a role that comes nearest to a request, and what it lacks.
func (r *Resolver) nearest(role *facts.RoleNode, d Denial) (facts.AccessRule, distance) {
	best := unrelated
	var rule facts.AccessRule
	for _, candidate := range role.Rules {
		words := len(candidate.Verbs) + len(candidate.Groups) + len(candidate.Resources) + len(candidate.Names) + len(candidate.URLs)
		if r.compared += 1 + words; r.compared > maxCompared {
			break
		}
		if at := distanceTo(candidate, d); at < best {
			rule = candidate
			best = at
		}
	}
	return rule, best
}

// Explain returns why a request is denied. The workload that made it is used for the remedy; it may be zero.
func (r *Resolver) Explain(d Denial, workload facts.Ref) Answer {
	r.index()
	q := &question{Resolver: r, d: d, workload: workload, mine: r.bindingsOf(d)}
	for _, explain := range []func() (Answer, bool){
		q.allowedNow, q.accountMissing, q.roleMissing, q.aggregatesNothing, q.nearRule, q.otherScope, q.otherAccount,
	} {
		if answer, ok := explain(); ok {
			return q.complete(answer)
		}
	}
	return q.complete(q.nothing())
}

// question is a denial that is being explained.
type question struct {
	*Resolver
	d        Denial
	workload facts.Ref
	// mine are the bindings of the ServiceAccount.
	mine []*facts.BindingNode
}

// complete puts the request in front of the reason.
func (q *question) complete(a Answer) Answer {
	if !a.Allowed {
		a.Why = fmt.Sprintf("ServiceAccount %s cannot %s %s (RBAC): %s", q.d.Account, q.d.Verb, q.d.Target(), a.Why)
	}
	a.Culprits = append(a.Culprits, q.d.Ref())
	return a
}

func (q *question) allowedNow() (Answer, bool) {
	for _, binding := range q.mine {
		role, ok := facts.Lookup[*facts.RoleNode](q.g, binding.Role)
		if !ok || !inForce(binding, q.d) {
			continue
		}
		if rule, at := q.nearest(role, q.d); at == allowed {
			return Answer{
				Allowed: true,
				Why: fmt.Sprintf("ServiceAccount %s could not %s %s; %s allows it now", q.d.Account, q.d.Verb, q.d.Target(),
					describeBinding(binding)),
				Fix:      "Wait for the next attempt of the program, or restart it.",
				Evidence: []check.Evidence{bindingEvidence(binding), ruleEvidence(role, rule)},
			}, true
		}
	}
	return Answer{}, false
}

func (q *question) accountMissing() (Answer, bool) {
	if !q.g.Complete(facts.ServiceAccount, q.d.Namespace) || q.g.Has(q.d.Ref()) {
		return Answer{}, false
	}
	return Answer{
		Why: fmt.Sprintf("the ServiceAccount does not exist in namespace %s", q.d.Namespace),
		Fix: remedy.Sprintf("Create it: `kubectl -n %s create serviceaccount %s`, then grant it what the program needs. %s",
			q.d.Namespace, q.d.Account, q.grant()),
	}, true
}

func (q *question) roleMissing() (Answer, bool) {
	for _, binding := range q.mine {
		known := binding.Role.Kind == facts.Role || binding.Role.Kind == facts.ClusterRole
		if !known || !inForce(binding, q.d) || q.g.Has(binding.Role) || !q.g.Complete(binding.Role.Kind, binding.Role.Namespace) {
			continue
		}
		return Answer{
			Why: fmt.Sprintf("%s refers to %s, which does not exist", describeBinding(binding), describeRole(binding.Role)),
			Fix: remedy.Sprintf("Create the role with the smallest rule: `%s`. The binding then grants it.",
				q.createRole(binding.Role)),
			Evidence: []check.Evidence{bindingEvidence(binding)},
			Culprits: []facts.Ref{binding.Ref},
		}, true
	}
	return Answer{}, false
}

func (q *question) aggregatesNothing() (Answer, bool) {
	for _, binding := range q.mine {
		role, ok := facts.Lookup[*facts.RoleNode](q.g, binding.Role)
		if !ok || !role.Aggregated || len(role.Rules) > 0 || !inForce(binding, q.d) {
			continue
		}
		return Answer{
			Why: fmt.Sprintf("%s is aggregated and has no rules: no ClusterRole with rules has the labels that it selects",
				describeRole(role.Ref)),
			Fix:      q.labelRole(role),
			Evidence: []check.Evidence{bindingEvidence(binding), check.FromSpec("aggregationRule: %s", aggregation(role))},
			Culprits: []facts.Ref{role.Ref},
		}, true
	}
	return Answer{}, false
}

// nearRule explains by the rule that comes nearest, among the roles that are bound to the account where it asked.
func (q *question) nearRule() (Answer, bool) {
	best := unrelated
	var binding *facts.BindingNode
	var role *facts.RoleNode
	var rule facts.AccessRule
	for _, candidate := range q.mine {
		of, ok := facts.Lookup[*facts.RoleNode](q.g, candidate.Role)
		if !ok || !inForce(candidate, q.d) {
			continue
		}
		if near, at := q.nearest(of, q.d); at < best {
			best = at
			binding = candidate
			role = of
			rule = near
		}
	}
	if best == unrelated {
		return Answer{}, false
	}
	return Answer{
		Why: describeRole(role.Ref) + " " + q.lacks(rule, best), Fix: q.extend(role, binding),
		Evidence: []check.Evidence{bindingEvidence(binding), ruleEvidence(role, rule)},
		Culprits: []facts.Ref{role.Ref},
	}, true
}

// lacks completes a sentence about a role.
func (q *question) lacks(rule facts.AccessRule, at distance) string {
	resource, _, _ := strings.Cut(q.d.Resource, "/")
	switch at {
	case otherNames:
		if q.d.Name == "" {
			return fmt.Sprintf("allows %s on %s only for objects by name, which does not cover this request", q.d.Verb, q.d.Resource)
		}
		return fmt.Sprintf("allows %s on %s only for those named %s, not %s", q.d.Verb, q.d.Resource, listed(rule.Names), q.d.Name)
	case otherVerb:
		if q.d.Path != "" {
			return fmt.Sprintf("allows %s on %s, not %s", listed(rule.Verbs), q.d.Path, q.d.Verb)
		}
		return fmt.Sprintf("allows %s on %s, not %s", listed(rule.Verbs), q.d.Resource, q.d.Verb)
	case otherSubresource:
		return fmt.Sprintf("allows %s on %s, which does not include %s", q.d.Verb, resource, q.d.Resource)
	default:
		return fmt.Sprintf("names %s in API group %s, not "+
			"%s", q.d.Resource, listed(quoteCore(rule.Groups)), quoteCore([]string{q.d.Group})[0])
	}
}

// otherScope explains by a binding of the account that grants the request in another namespace.
func (q *question) otherScope() (Answer, bool) {
	for _, binding := range q.mine {
		role, ok := facts.Lookup[*facts.RoleNode](q.g, binding.Role)
		if !ok || inForce(binding, q.d) {
			continue
		}
		if _, at := q.nearest(role, q.d); at != allowed {
			continue
		}
		a := Answer{
			Why:      fmt.Sprintf("%s grants it in namespace %s only", describeBinding(binding), binding.Namespace),
			Evidence: []check.Evidence{bindingEvidence(binding)}, Culprits: []facts.Ref{binding.Ref},
			Fix: q.grant(),
		}
		switch {
		case q.d.Scope == "":
			a.Fix = remedy.Sprintf("If the program needs only namespace %s, restrict it to that namespace by its own setting. "+
				"Otherwise: %s",
				binding.Namespace, q.grant())
		case role.Kind == facts.ClusterRole && !role.Bootstrap:
			a.Fix = q.bind(role.Ref)
		}
		return a, true
	}
	return Answer{}, false
}

// otherAccount explains by a binding that grants the request to another subject, which is probably a mistake.
func (q *question) otherAccount() (Answer, bool) {
	for _, binding := range slices.Concat(q.byScope[q.d.Scope], q.byScope[""]) {
		if !inForce(binding, q.d) {
			continue
		}
		i := slices.IndexFunc(binding.Subjects, q.isLike)
		role, ok := facts.Lookup[*facts.RoleNode](q.g, binding.Role)
		if i < 0 || !ok || role.Bootstrap {
			continue
		}
		if _, at := q.nearest(role, q.d); at != allowed {
			continue
		}
		other := binding.Subjects[i]
		a := Answer{
			Why:      fmt.Sprintf("%s grants it to %s", describeBinding(binding), subjectText(other)),
			Fix:      q.addSubject(binding),
			Evidence: []check.Evidence{bindingEvidence(binding)}, Culprits: []facts.Ref{binding.Ref},
		}
		if q.d.Account == "default" && other.Namespace == q.d.Namespace {
			a.Why = fmt.Sprintf("Pods without serviceAccountName use ServiceAccount default, and %s grants it to %s",
				describeBinding(binding), subjectText(other))
			a.Fix = q.useAccount(other)
		}
		return a, true
	}
	return Answer{}, false
}

// isLike reports whether a subject may have been meant to be the account: it has its name in another namespace or as another kind, or
// is another account of the namespace of Pods that use the default one.
func (q *question) isLike(s facts.Subject) bool {
	switch {
	case s.Kind != string(facts.ServiceAccount):
		return s.Name == q.d.Account || s.Name == q.d.Namespace+":"+q.d.Account
	case s.Namespace == q.d.Namespace && s.Name == q.d.Account:
		return false
	case s.Namespace == q.d.Namespace:
		plain := func(name string) string { return strings.ReplaceAll(name, "-", "") }
		return q.d.Account == "default" || plain(s.Name) == plain(q.d.Account) || similar(s.Name, q.d.Account)
	default:
		return s.Name == q.d.Account && s.Name != "default"
	}
}

// nothing explains by what is not there, as far as everything was read.
func (q *question) nothing() Answer {
	a := Answer{Fix: q.grant()}
	if unread := q.unread(); unread != "" {
		a.Why = unread + " could not be read, and may show what is missing"
		return a
	}
	var bound []*facts.BindingNode
	for _, binding := range q.mine {
		if inForce(binding, q.d) && !binding.Bootstrap {
			bound = append(bound, binding)
		}
	}
	if len(bound) == 0 {
		a.Why = "no binding grants it a role there"
		if q.d.Scope == "" {
			a.Why = "no ClusterRoleBinding grants it a role"
		}
		return a
	}
	a.Why = fmt.Sprintf("none of its roles has a rule for %s", q.d.FullResource()+q.d.Path)
	const maxListed = 3
	for _, binding := range bound[:min(maxListed, len(bound))] {
		a.Evidence = append(a.Evidence, bindingEvidence(binding))
	}
	if more := len(bound) - maxListed; more > 0 {
		a.Evidence = append(a.Evidence, check.FromSpec("and %d more %s", more, phrase.Plural(more, "binding", "bindings")))
	}
	return a
}

// unread is what was not read of the bindings and roles that may grant the request; empty if all of them were.
func (q *question) unread() string {
	var kinds []string
	add := func(kind facts.Kind, namespace, name string) {
		if !q.g.Complete(kind, namespace) {
			kinds = append(kinds, name)
		}
	}
	if q.d.Scope != "" {
		add(facts.RoleBinding, q.d.Scope, "RoleBindings of namespace "+q.d.Scope)
		add(facts.Role, q.d.Scope, "Roles of namespace "+q.d.Scope)
	}
	add(facts.ClusterRoleBinding, "", "ClusterRoleBindings")
	add(facts.ClusterRole, "", "ClusterRoles")
	if len(kinds) == 0 && q.compared > maxCompared {
		return "too many roles to compare: some"
	}
	return strings.Join(kinds, ", ")
}
