package collect

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// cause is why lists were not read. Lists with the same cause are one gap, since they have one remedy.
type cause struct {
	reason v1alpha1.GapReason
	// detail describes the error; only where it helps the reader.
	detail string
	// home: read in the home namespace only.
	home bool
	// secrets: listing them is a separate permission, which many clusters do not grant.
	secrets bool
	// impersonation: the manager lacks the permission to impersonate the reader. constrained: it lacks it for these lists only, and
	// paths is for what is not a list.
	impersonation, constrained, paths bool
	// missing: the namespace does not exist, or none matches the glob. unproven: it may not exist. unlisted: globs cannot be resolved.
	missing, unproven, unlisted bool
	// optional: what was not read only supports the result.
	optional bool
	// version: the server's version, which is not a list.
	version bool
	// custom: custom resources, which need another role; discovery: the kinds of custom resources are unknown.
	custom, discovery bool
	// objects: a list for custom checks, which the inspector's role does not cover.
	objects bool
	// watched: the list was to be watched, too.
	watched bool
}

// verbs that the reader needs for a list.
func (c cause) verbs() string {
	if c.watched {
		return "list and watch"
	}
	return "list"
}

// lists were not read for one cause: these resources in each of these namespaces, or in all of them when there is none.
type lists struct {
	cause
	kinds      []facts.Kind
	checks     []string
	resources  []string
	namespaces []string
}

const (
	// maxSourceNames of resources and maxSourceNamespaces are named in the source of a gap; its message names all of them.
	maxSourceNames      = 5
	maxSourceNamespaces = 3
)

// gaps turns failures into gaps, one for each cause.
func gaps(who string, scope Scope, failures []failure) []facts.Gap {
	var found []facts.Gap
	for _, l := range group(scope, failures) {
		gap := facts.Gap{
			Kinds: l.kinds, Checks: l.checks, Source: text.List(l.resources, maxSourceNames) + l.where(maxSourceNamespaces),
			Reason: l.reason, Optional: l.optional,
		}
		if l.missing || l.unproven || l.unlisted {
			gap.Source = strings.TrimPrefix(l.where(maxSourceNamespaces), " in ")
			gap.Kinds = nil
		}
		if l.version {
			gap.Checks = []string{"node-version-skew"}
		}
		gap.Message, gap.Remediation = l.describe(who, scope, failures)
		found = append(found, gap)
	}
	slices.SortFunc(found, func(a, b facts.Gap) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return found
}

// group joins the failures of one namespace and cause, and then the namespaces in which the same lists failed.
func group(scope Scope, failures []failure) []lists {
	type place struct {
		cause
		namespace string
	}
	byPlace := map[place][]resource{}
	for _, f := range failures {
		at := place{causeOf(scope, f), f.namespace}
		byPlace[at] = append(byPlace[at], f.resource)
	}
	type key struct {
		cause
		resources string
	}
	joined := map[key]*lists{}
	for at, failed := range byPlace {
		l := listsOf(at.cause, failed)
		k := key{at.cause, strings.Join(l.resources, ", ")}
		if known, ok := joined[k]; ok {
			l = known
		}
		if at.namespace != "" {
			l.namespaces = append(l.namespaces, at.namespace)
		}
		joined[k] = l
	}
	var all []lists
	for _, l := range joined {
		slices.Sort(l.namespaces)
		all = append(all, *l)
	}
	return all
}

// listsOf sorts the resources that failed for one cause.
func listsOf(c cause, failed []resource) *lists {
	slices.SortFunc(failed, func(a, b resource) int { return cmp.Compare(a.label(), b.label()) })
	l := &lists{cause: c}
	for _, r := range failed {
		l.resources = append(l.resources, r.label())
		l.checks = append(l.checks, r.checks...)
		if r.kind != "" {
			l.kinds = append(l.kinds, r.kind)
		}
	}
	l.resources = slices.Compact(l.resources) // discovery stands for many kinds
	return l
}

func causeOf(scope Scope, f failure) cause {
	objects := len(f.resource.checks) > 0
	c := cause{
		reason: reason(f), home: f.home, objects: objects, version: f.resource.kind == "" && !objects, optional: scope.optional(f),
		watched: f.watched && apierrors.IsForbidden(f.err),
	}
	if f.resource.kind == facts.Namespace && f.namespace != "" {
		c.missing = apierrors.IsNotFound(f.err)
		c.unlisted = !c.missing && pattern(f.namespace)
		c.unproven = !c.missing && !c.unlisted
	}
	switch {
	case c.missing:
		c.reason = v1alpha1.GapNotServed
	case apierrors.IsForbidden(f.err):
		c.secrets = f.resource.kind == facts.Secret
		c.discovery = f.resource.name == discoveryPath
		c.custom = c.discovery || f.resource.custom.kind != ""
		if refused, ok := apierror.ImpersonationRefused(f.err); ok {
			c.impersonation = refused.OfAccount()
			c.constrained = !c.impersonation
		}
	case c.reason == v1alpha1.GapIncomplete || c.reason == v1alpha1.GapUnavailable:
		c.detail = DescribeError(f.err)
	}
	switch {
	case c.impersonation:
		c.secrets, c.version, c.custom, c.discovery = false, false, false, false // one permission fixes them all
	case c.constrained:
		c.paths = c.version || c.discovery
		c.custom = c.custom && !c.discovery
		c.version, c.discovery = false, false
	}
	return c
}

// reason classifies why a list was not read.
func reason(f failure) v1alpha1.GapReason {
	switch {
	case f.home || f.partly:
		return v1alpha1.GapIncomplete
	case apierrors.IsForbidden(f.err):
		return v1alpha1.GapForbidden
	case apierrors.IsNotFound(f.err):
		return v1alpha1.GapNotServed
	case apierror.IsTimeout(f.err):
		return v1alpha1.GapTimedOut
	default:
		return v1alpha1.GapUnavailable
	}
}

// where is the end of a sentence: in which namespaces. At most limit of them are named.
func (l lists) where(limit int) string {
	if len(l.namespaces) == 0 {
		return ""
	}
	return " in " + text.Plural(len(l.namespaces), "namespace ", "namespaces ") + text.List(l.namespaces, limit)
}

// everywhere is where, with all namespaces named.
func (l lists) everywhere() string { return l.where(len(l.namespaces)) }

// describe returns what could not be read and why, and what to do.
func (l lists) describe(who string, scope Scope, failures []failure) (message string, remediation remedy.Text) {
	if l.impersonation || l.constrained {
		return l.describeImpersonation(who, scope, failures)
	}
	if l.reason == v1alpha1.GapForbidden || l.home {
		return l.describeForbidden(who, scope)
	}
	failed := strings.Join(l.resources, ", ") + l.everywhere()
	const checkServer = "Check the API server and its log. The next run reads them again."
	switch {
	case l.missing:
		return l.describeMissing(failures)
	case l.unlisted:
		return fmt.Sprintf("Namespaces were not listed (%s), so %s selected none.", cmp.Or(l.detail, string(l.reason)),
			strings.Join(l.namespaces, ", ")), checkServer
	case l.unproven:
		return fmt.Sprintf("Nothing was found%s, and whether it exists is unknown (%s).", l.everywhere(),
			cmp.Or(l.detail, string(l.reason))), checkServer
	case l.version:
		return fmt.Sprintf("The API server did not report its version (%s); version skew was not checked.",
				cmp.Or(l.detail, string(l.reason))),
			"Check the response of `kubectl get --raw /version`."
	case l.reason == v1alpha1.GapNotServed:
		return fmt.Sprintf("The cluster does not serve %s.", failed),
			"Nothing to do if the cluster is not supposed to have them. Otherwise compare its version and `kubectl api-resources`."
	case l.reason == v1alpha1.GapTimedOut:
		return fmt.Sprintf("Listing %s timed out.", failed),
			"Check the load of the API server, or set a longer timeout (spec.timeout, --timeout)."
	case l.detail == apierror.Unauthorized:
		return fmt.Sprintf("The API server rejected the credentials (401) for %s.", failed),
			"Renew the token or certificate; it may have expired during the run."
	case l.reason == v1alpha1.GapIncomplete:
		return fmt.Sprintf("Only part of %s was read (%s).", failed, l.detail), checkServer
	default:
		return fmt.Sprintf("Listing %s failed (%s).", failed, l.detail), checkServer
	}
}

// inspector is the ClusterRole that an inspection needs.
const inspector = "kubeops-inspector"

// describeForbidden describes a gap that a permission would close.
func (l lists) describeForbidden(who string, scope Scope) (message string, remediation remedy.Text) {
	failed := strings.Join(l.resources, ", ")
	switch {
	case l.unlisted:
		return fmt.Sprintf("%s cannot list Namespaces (RBAC), so %s selected none.", who, strings.Join(l.namespaces, ", ")),
			l.grant(who, nil) + " Or name the namespaces instead of a glob."
	case l.unproven:
		return fmt.Sprintf("Nothing was found%s, and %s cannot get Namespaces (RBAC): it may not exist.", l.everywhere(), who),
			l.grant(who, l.namespaces)
	case l.version:
		return fmt.Sprintf("%s cannot get /version (RBAC); version skew was not checked.", who),
			"Bind ClusterRole system:public-info-viewer, which is bound to all users by default."
	case l.secrets && l.home:
		return fmt.Sprintf("%s cannot list Secrets in all namespaces (RBAC). Only namespace %s was read, names without data.", who,
				scope.Home),
			grant(who, inspector+"-secrets", nil, "")
	case l.secrets:
		return fmt.Sprintf("%s cannot %s Secrets%s (RBAC); missing Secrets were not detected. KubeOps reads names without data.",
				who, l.verbs(), l.everywhere()),
			grant(who, inspector+"-secrets", l.namespaces, "") + " Or exclude the affected checks."
	case l.custom:
		return l.describeCustom(who, scope)
	case l.home:
		return fmt.Sprintf("%s cannot list %s in all namespaces (RBAC). Only namespace %s was read.", who, failed, scope.Home),
			l.grant(who, nil) + remedy.Sprintf(" Or inspect namespace %s only (spec.namespaces, --namespace).", scope.Home)
	default:
		return fmt.Sprintf("%s cannot %s %s%s (RBAC).", who, l.verbs(), failed, l.everywhere()), l.grant(who, l.namespaces)
	}
}

// grant says how to grant what these lists need. Lists for custom checks need a role of their own, which is created first.
func (l lists) grant(who string, namespaces []string) remedy.Text {
	if !l.objects {
		return grant(who, inspector, namespaces, "")
	}
	role := "kubeops-list-" + l.resources[0]
	create := remedy.Command("kubectl create clusterrole %s --verb=list --resource=%s%s", role, strings.Join(l.resources, ","),
		remedy.Repeatable)
	if who == anonymousReader {
		return remedy.Sprintf("Create a role: `%s`. %s", create, grant(who, role, namespaces, ""))
	}
	return grant(who, role, namespaces, create+" && ")
}

// grant says which binding lets a user read: everywhere, or in the namespaces. first is what the command begins with.
func grant(who, role string, namespaces []string, first remedy.Words) remedy.Text {
	if who == anonymousReader {
		return remedy.Sprintf("Bind ClusterRole %s to the user that runs the inspection.", role)
	}
	account, isAccount := strings.CutPrefix(who, "system:serviceaccount:")
	subject := remedy.Command("--user=%s", who)
	if isAccount {
		subject = remedy.Command("--serviceaccount=%s", account)
	}
	switch len(namespaces) {
	case 0:
		name := role + "-" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(account), "-"), "-")
		return remedy.Sprintf("Grant it: `%skubectl create clusterrolebinding %s --clusterrole=%s %s%s`.", first, name, role,
			subject, remedy.Repeatable)
	case 1:
		return remedy.Sprintf("Grant it: `%s%s create rolebinding %s --clusterrole=%s %s%s`.", first,
			kubectl.InNamespace(namespaces[0]), role, role, subject, remedy.Repeatable)
	default:
		return remedy.Sprintf("Grant it in each namespace: `%skubectl -n <namespace> create rolebinding %s --clusterrole=%s %s%s`.", first,
			role, role, subject, remedy.Repeatable)
	}
}

// DescribeError is apierror.Describe, with the limits of this package and of connections.
func DescribeError(err error) string {
	var (
		decode  decodeError
		crowded crowdedError
	)
	switch {
	case errors.As(err, &crowded):
		return crowded.Error()
	case errors.Is(err, oversizedError{}):
		return oversizedError{}.Error()
	case errors.Is(err, tooManyError{}):
		return fmt.Sprintf("KubeOps keeps at most %d custom resources", maxCustomObjects)
	case errors.As(err, &decode):
		return "unreadable response"
	case tooLarge(err):
		return fmt.Sprintf("a response exceeds %d MiB", maxResponse>>20)
	case problem.As(err) != nil:
		return problem.As(err).Message
	default:
		return apierror.Describe(err)
	}
}

// anonymousReader stands for a reader whose name is unknown.
const anonymousReader = "the reader"

// identity is the user that the lists were read as: the impersonated user, else the name in the API server's refusals.
func identity(source Source, failures []failure) string {
	if source.Config.Impersonate.UserName != "" {
		return source.Config.Impersonate.UserName
	}
	return firstUser(failures)
}

// firstUser is the name in the first refusal that has one: User "jane" cannot list ...
func firstUser(failures []failure) string {
	pattern := regexp.MustCompile(`User "([^"]+)" cannot`)
	for _, f := range failures {
		if found := pattern.FindStringSubmatch(f.err.Error()); found != nil {
			return found[1]
		}
	}
	return anonymousReader
}
