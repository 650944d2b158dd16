package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// retryUnread is when to look again whether a permission was granted or a namespace created: neither is watched.
const retryUnread = time.Minute

// optional reports whether a run is complete without a list; see docs/adr/0017-blind-is-never-green.md.
func (s Scope) optional(f failure) bool {
	kind := f.resource.kind
	asked := slices.Contains(s.Asked, kind) || kind.IsCustom() && slices.Contains(s.Asked, facts.Custom) || len(f.resource.checks) > 0
	if asked || refusedAccount(f.err) {
		return false
	}
	switch {
	case f.resource.name == versionPath:
		return len(s.Namespaces) > 0
	case f.resource.name == discoveryPath || !apierrors.IsForbidden(f.err):
		return false
	case kind == facts.Secret:
		return true // needs ClusterRole kubeops-inspector-secrets, which is bound only where it is wanted
	default: // ClusterRole kubeops-inspector covers only the custom resources with checks of their own
		return kind.IsCustom() && !slices.Contains(facts.CustomKinds(), kind)
	}
}

// refusedAccount reports whether the reader cannot be impersonated at all.
func refusedAccount(err error) bool {
	refused, ok := apierror.ImpersonationRefused(err)
	return ok && refused.OfAccount()
}

// nothingRead returns the problem of a run that read nothing of what the scope selects; nil if it read anything, or wanted nothing.
func (c *collector) nothingRead(source Source, failures []failure) *problem.Problem {
	failures = slices.DeleteFunc(slices.Clone(failures), func(f failure) bool { return f.resource.name == versionPath })
	if missing := c.allMissing(failures); missing != nil {
		return missing
	}
	if c.read.Load() > 0 || len(failures) == 0 {
		return nil
	}
	for _, f := range failures {
		if f.partly || f.home {
			return nil
		}
	}
	if p := c.refused(source, failures); p != nil {
		return p
	}
	for _, f := range failures {
		if apierror.IsConnection(f.err) || apierrors.IsUnauthorized(f.err) || apierror.IsTimeout(f.err) {
			return unreachableProblem(source, f.err)
		}
	}
	// Discovery may fail for another reason than the lists.
	first := failures[max(0, slices.IndexFunc(failures, func(f failure) bool { return f.resource.name != discoveryPath }))]
	return problem.Retrying(v1alpha1.ReasonClusterUnreachable, first.err, "cluster %s returned an error for every list (%s), so nothing "+
		"was inspected; check its API server", source.Cluster, DescribeError(first.err))
}

// allMissing is the problem of a scope whose namespaces do not exist.
func (c *collector) allMissing(failures []failure) *problem.Problem {
	missing := map[string]failure{}
	for _, f := range failures {
		if f.resource.kind == facts.Namespace && f.namespace != "" && apierrors.IsNotFound(f.err) {
			missing[f.namespace] = f
		}
	}
	if len(missing) == 0 || slices.ContainsFunc(c.scope.Namespaces, func(name string) bool {
		_, is := missing[name]
		return !is
	}) {
		return nil
	}
	l := lists{cause: cause{missing: true}}
	for name := range missing {
		l.namespaces = append(l.namespaces, name)
	}
	slices.Sort(l.namespaces)
	message, remediation := l.describeMissing(failures)
	return problem.Waiting(v1alpha1.ReasonNamespaceNotFound, retryUnread, "%s %s", message, remediation)
}

// refused is the problem of a reader without permission for any of the lists; nil if none was forbidden.
func (c *collector) refused(source Source, failures []failure) *problem.Problem {
	who := identity(source, failures)
	denied := slices.DeleteFunc(slices.Clone(failures), func(f failure) bool { return !apierrors.IsForbidden(f.err) })
	if len(denied) == 0 {
		return nil
	}
	found := group(c.scope, denied)
	slices.SortFunc(found, func(a, b lists) int { // the lists that everyone needs first, and of them the most
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(b.resources), len(a.resources)),
			strings.Compare(a.resources[0], b.resources[0]))
	})
	l := found[0]
	message, remediation := l.describe(who, c.scope, denied)
	if l.impersonation || l.constrained {
		return problem.Waiting(v1alpha1.ReasonImpersonationForbidden, retryUnread, "%s %s", message, remediation)
	}
	if !l.unlisted {
		message = fmt.Sprintf("%s cannot %s %s%s (RBAC), so nothing was inspected.", who, l.verbs(),
			text.List(l.resources, maxSourceNames), l.where(maxSourceNamespaces))
	}
	return problem.Waiting(v1alpha1.ReasonForbidden, retryUnread, "%s %s", message, remediation)
}

func rank(l lists) int {
	switch {
	case l.impersonation || l.constrained:
		return 0
	case l.optional || l.custom:
		return 2
	default:
		return 1
	}
}

// describeMissing describes namespaces that do not exist, and globs without a namespace.
func (l lists) describeMissing(failures []failure) (message string, remediation remedy.Text) {
	var names, globs []string
	for _, entry := range l.namespaces {
		label := entry
		for _, f := range failures {
			if f.namespace == entry && f.similar != "" {
				label = fmt.Sprintf("%s (did you mean %s?)", entry, f.similar)
			}
		}
		if pattern(entry) {
			globs = append(globs, label)
		} else {
			names = append(names, label)
		}
	}
	var parts []string
	if len(names) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s %s not exist, so nothing was inspected there.",
			text.Plural(len(names), "Namespace", "Namespaces"), strings.Join(names, ", "), text.Plural(len(names), "does", "do")))
	}
	if len(globs) > 0 {
		parts = append(parts, "No namespace matches "+strings.Join(globs, " or ")+".")
	}
	message = strings.Join(parts, " ")
	switch {
	case len(names) == 0:
		return message, "Correct the glob, or remove it from the namespaces to inspect."
	case len(l.namespaces) == 1:
		return message, "Create the namespace, or remove it from the namespaces to inspect."
	default:
		return message, "Create the namespaces, or remove them from the namespaces to inspect."
	}
}
