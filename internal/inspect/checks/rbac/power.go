package rbac

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// power is a permission that few subjects should have. Each is one check of Roles and ClusterRoles.
type power struct {
	id       string
	severity v1alpha1.Severity
	// narrow is the severity if the role is bound in single namespaces only; empty if that is not reported.
	narrow v1alpha1.Severity
	// clusterOnly powers apply to cluster-scoped resources: a RoleBinding does not grant them.
	clusterOnly bool
	summary     string
	meaning     string
	// remedy is the remediation; EDIT in it is replaced by the command that edits the role.
	remedy remedy.Text
	link   string
	// allows describes what a rule grants, as a phrase after "allows its subjects to"; empty for nothing.
	allows func(facts.AccessRule) string
	// before135 is what a rule grants on API servers before Kubernetes 1.35, in addition; may be nil.
	before135 func(facts.AccessRule) string
	// graver is the severity of a cluster-wide rule that is worse than the others; may be nil.
	graver func(facts.AccessRule) v1alpha1.Severity
	// enabled reports whether the rules together grant the power if one alone does not; may be nil.
	enabled func([]facts.AccessRule) bool
}

// judgedRoles ends the meaning of each of these checks.
const judgedRoles = " Only bound roles are checked. Roles that Kubernetes ships, and roles bound only to users and groups whose names " +
	"begin with system: or to ServiceAccounts of kube-system, are not reported. A name that begins with system: alone makes no role one " +
	"that Kubernetes ships: its label kubernetes.io/bootstrapping does. Operators often need such permissions: accept the " +
	"trusted ones with an ignore rule of the Inspection, by check and name of the role."

func (p power) check() check.Check {
	meaning := p.meaning
	if p.graver == nil {
		meaning += " A rule that allows every verb on every resource is reported by rbac-wildcard-resources only."
	}
	return check.Check{
		ID: p.id, Category: v1alpha1.CategorySecurity, Subject: "permissions of the role",
		Severity: p.severity, Summary: p.summary, Meaning: meaning + judgedRoles,
		Remediation: remedy.Replace(p.remedy, "EDIT", "`kubectl edit clusterrole <name>`"), Link: p.link,
		Needs: p.needs(), Uses: p.uses(), Run: p.run, Static: true,
	}
}

func (p power) needs() []facts.Kind {
	if p.clusterOnly {
		return []facts.Kind{facts.ClusterRole, facts.ClusterRoleBinding}
	}
	return []facts.Kind{facts.RoleBinding}
}

func (p power) uses() []facts.Kind {
	if p.clusterOnly {
		return nil
	}
	return []facts.Kind{facts.Role, facts.ClusterRole, facts.ClusterRoleBinding}
}

func (p power) run(g *facts.Graph, _ check.Params) []check.Finding {
	all := grants(g)
	if p.before135 != nil && olderThan(g.Version, "1.35") {
		p.allows = anyPermission(p.allows, p.before135)
	}
	var findings []check.Finding
	for _, role := range g.Roles {
		of := all[role.Ref]
		if of == nil || shippedRole(role) || !role.Deleting.IsZero() {
			continue
		}
		granted, where, severity := p.judge(of, role)
		if len(granted) == 0 || (p.enabled != nil && !p.enabled(role.Rules)) {
			continue
		}
		if finding, found := p.finding(role, where, severity); found {
			finding.Evidence = append(finding.Evidence, grantEvidence(granted)...)
			findings = append(findings, finding)
		}
	}
	return findings
}

// judge returns the bindings that count, the scope of the grant, and its severity.
func (p power) judge(of *roleGrants, role *facts.RoleNode) (granted []grant, where string, severity v1alpha1.Severity) {
	switch {
	case len(of.cluster) > 0:
		return of.cluster, "in the whole cluster", p.severity
	case p.clusterOnly:
		return nil, "", ""
	case len(of.system) > 0:
		return of.system, "in namespace " + systemNamespace, p.severity
	case p.narrow == "":
		return nil, "", ""
	case role.Namespace != "":
		return of.namespaces, "in namespace " + role.Namespace, p.narrow
	default:
		return of.namespaces, "in the namespaces of its bindings", p.narrow
	}
}

// finding quotes up to three rules, the most severe first; its message describes the first.
func (p power) finding(role *facts.RoleNode, where string, severity v1alpha1.Severity) (finding check.Finding, found bool) {
	const maxQuoted = 3
	worse := func(rule facts.AccessRule) v1alpha1.Severity {
		if p.graver == nil {
			return ""
		}
		return p.graver(rule)
	}
	var grave, others []facts.AccessRule
	for _, rule := range role.Rules {
		switch {
		case p.allows(rule) == "" || (p.graver == nil && everything(rule)):
		case worse(rule) != "":
			grave = append(grave, rule)
		default:
			others = append(others, rule)
		}
	}
	rules := append(grave, others...)
	if len(rules) == 0 {
		return finding, false
	}
	for _, rule := range rules[:min(maxQuoted, len(rules))] {
		finding.Evidence = append(finding.Evidence, ruleEvidence(rule))
	}
	finding.Object = role.Ref
	finding.Severity = severity
	if severity == p.severity {
		finding.Severity = cmp.Or(worse(rules[0]), severity)
	}
	finding.Message = fmt.Sprintf("%s %s allows its subjects to %s, %s.", role.Kind, role.Name, p.allows(rules[0]), where)
	finding.Remediation = remedy.Replace(p.remedy, "EDIT", editRole(role.Ref).Code())
	return finding, true
}

// olderThan reports whether the API server is known to be of an older minor version.
func olderThan(server, minor string) bool {
	parsed, err := version.ParseGeneric(server)
	return err == nil && parsed.LessThan(version.MustParseGeneric(minor))
}

func editRole(role facts.Ref) remedy.Words {
	return remedy.Command("%s edit %s %s", kubectl.Command(role), strings.ToLower(string(role.Kind)), role.Name)
}
