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
	"kubeops.io/kubeops/internal/inspect/facts"
)

// cause is why lists were not read. Lists with one cause are one gap, since they have one remedy.
type cause struct {
	reason v1alpha1.GapReason
	// said by the server, in short; only where a person can use it.
	said string
	// home: read in the home namespace only.
	home bool
	// secrets: reading them is a grant of its own, which many will not give.
	secrets bool
	// impersonation: not the reader is forbidden to read, but somebody to act as the reader.
	impersonation bool
	// missing: the namespace does not exist.
	missing bool
	// version: the server's version, which is no list.
	version bool
	// custom: custom resources, whose grant is another; discovery: which of them there are is not known.
	custom, discovery bool
	// objects: a list that custom checks want, for which the inspector's role gives no right.
	objects bool
}

// lists are what was not read for one cause: these resources in each of these namespaces (in all, when there is none).
type lists struct {
	cause
	kinds      []facts.Kind
	checks     []string
	resources  []string
	namespaces []string
}

// gaps turns failures into gaps, one for each cause.
func gaps(who string, scope Scope, failures []failure) []facts.Gap {
	var made []facts.Gap
	for _, l := range group(failures) {
		gap := facts.Gap{Kinds: l.kinds, Checks: l.checks, Source: fewNames(l.resources, 5) + l.where(3), Reason: l.reason}
		if l.missing {
			gap.Source, gap.Kinds = strings.TrimPrefix(l.where(3), " in "), nil
		}
		if l.version {
			gap.Checks = []string{"node-version-skew"}
		}
		gap.Message, gap.Remediation = l.explain(who, scope, failures)
		made = append(made, gap)
	}
	slices.SortFunc(made, func(a, b facts.Gap) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return made
}

// group joins the failures of one namespace and cause, and then namespaces in which the same failed.
func group(failures []failure) []lists {
	type place struct {
		cause
		namespace string
	}
	byPlace := map[place][]resource{}
	for _, f := range failures {
		at := place{causeOf(f), f.namespace}
		byPlace[at] = append(byPlace[at], f.resource)
	}
	type key struct {
		cause
		resources string
	}
	joined := map[key]*lists{}
	for at, failed := range byPlace {
		slices.SortFunc(failed, func(a, b resource) int { return cmp.Compare(a.label(), b.label()) })
		l := &lists{cause: at.cause}
		for _, r := range failed {
			l.resources = append(l.resources, r.label())
			l.checks = append(l.checks, r.checks...)
			if r.kind != "" {
				l.kinds = append(l.kinds, r.kind)
			}
		}
		l.resources = slices.Compact(l.resources) // /apis stands for many kinds
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

func causeOf(f failure) cause {
	objects := len(f.resource.checks) > 0
	c := cause{
		reason: reason(f), home: f.home, objects: objects, version: f.resource.kind == "" && !objects,
		missing: f.resource.kind == facts.Namespace && f.namespace != "",
	}
	switch {
	case c.missing:
		c.reason = v1alpha1.GapNotServed
	case apierrors.IsForbidden(f.err):
		c.secrets = f.resource.kind == facts.Secret
		c.discovery = f.resource.name == discoveryPath
		c.custom = c.discovery || f.resource.custom.kind != ""
		c.impersonation = strings.Contains(f.err.Error(), "cannot impersonate")
	case c.reason == v1alpha1.GapIncomplete || c.reason == v1alpha1.GapUnavailable:
		c.said = brief(f.err)
	}
	if c.impersonation {
		c.secrets, c.version, c.custom, c.discovery = false, false, false, false // one grant opens everything
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
	case outOfTime(f.err):
		return v1alpha1.GapTimedOut
	default:
		return v1alpha1.GapUnavailable
	}
}

// where is the end of a sentence: in which namespaces. At most limit of them are named; none, when limit is 0.
func (l lists) where(limit int) string {
	switch len(l.namespaces) {
	case 0:
		return ""
	case 1:
		return " in namespace " + l.namespaces[0]
	default:
		if limit == 0 {
			limit = len(l.namespaces)
		}
		return " in namespaces " + fewNames(l.namespaces, limit)
	}
}

func fewNames(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:limit], ", ") + fmt.Sprintf(" and %d more", len(names)-limit)
}

// explain words a gap: what could not be read and why, and what to do.
func (l lists) explain(who string, scope Scope, failures []failure) (message, remediation string) {
	if l.reason == v1alpha1.GapForbidden || l.home || l.impersonation {
		return l.explainForbidden(who, scope, failures)
	}
	list, in := strings.Join(l.resources, ", "), l.where(0)
	const wait = "Check the API server and its log; the next run reads them anew."
	switch {
	case l.missing && len(l.namespaces) == 1:
		return fmt.Sprintf("Namespace %s does not exist, so nothing could be inspected in it.", l.namespaces[0]),
			"Create the namespace, or take it out of the namespaces to inspect."
	case l.missing:
		return fmt.Sprintf("These namespaces do not exist, so nothing could be inspected in them: %s.", strings.Join(l.namespaces, ", ")),
			"Create the namespaces, or take them out of those to inspect."
	case l.version:
		return fmt.Sprintf("The API server does not tell its version (%s), so version skew is not seen.", cmp.Or(l.said, string(l.reason))),
			"Ask it yourself: kubectl get --raw /version."
	case l.reason == v1alpha1.GapNotServed:
		return fmt.Sprintf("The cluster does not serve these: %s.", list),
			"Nothing to do if the cluster is meant to be without them; else check its version and `kubectl api-resources`."
	case l.reason == v1alpha1.GapTimedOut:
		return fmt.Sprintf("These were not read in time%s: %s.", in, list),
			"Check the load of the API server, or allow more time (spec.timeout, --timeout)."
	case l.said == unauthorized:
		return fmt.Sprintf("The API server refused the credentials for these%s: %s.", in, list),
			"Renew the token or certificate; it may have expired during the run."
	case l.reason == v1alpha1.GapIncomplete:
		return fmt.Sprintf("These were read in part%s, then it failed (%s): %s.", in, l.said, list), wait
	default:
		return fmt.Sprintf("These could not be listed%s (%s): %s.", in, l.said, list), wait
	}
}

// explainForbidden words a gap that a grant would close.
func (l lists) explainForbidden(who string, scope Scope, failures []failure) (message, remediation string) {
	const inspector = "kubeops-inspector"
	list, in := strings.Join(l.resources, ", "), l.where(0)
	switch {
	case l.impersonation:
		return fmt.Sprintf("%s may not act as %s, with whose rights this is read.", firstUser(failures), who),
			"Grant the verb impersonate on it, as ClusterRole kubeops-manager does for ServiceAccounts."
	case l.version:
		return fmt.Sprintf("%s may not get /version, so version skew is not seen.", who),
			"Bind ClusterRole system:public-info-viewer, which clusters bind to everybody by default."
	case l.secrets && l.home:
		return fmt.Sprintf("%s may not list Secrets in all namespaces, so they were read in namespace %s only (their names, not their data).", who, scope.Home),
			grant(who, inspector+"-secrets", nil)
	case l.secrets:
		return fmt.Sprintf("%s may not list Secrets%s, so one that is missing is not seen. KubeOps would read their names only.", who, in),
			grant(who, inspector+"-secrets", l.namespaces) + " Or exclude the checks that this hurts."
	case l.custom:
		return l.explainCustom(who, scope)
	case l.home:
		return fmt.Sprintf("%s may not list these in all namespaces, so they were read in namespace %s only: %s.", who, scope.Home, list),
			l.grant(who, inspector, nil) + fmt.Sprintf(" Or inspect namespace %s only (spec.namespaces, --namespace).", scope.Home)
	default:
		return fmt.Sprintf("%s may not list these%s: %s.", who, in, list), l.grant(who, inspector, l.namespaces)
	}
}

// grant is the grant that these lists need: of the role, or for what custom checks want, of one that has to be made first.
func (l lists) grant(who, role string, namespaces []string) string {
	if !l.objects {
		return grant(who, role, namespaces)
	}
	role = "kubeops-list-" + l.resources[0]
	first := fmt.Sprintf("kubectl create clusterrole %s --verb=list --resource=%s", role, strings.Join(l.resources, ","))
	if who == anonymousReader {
		return fmt.Sprintf("Make a role: %s. %s", first, grant(who, role, namespaces))
	}
	return strings.Replace(grant(who, role, namespaces), ": kubectl", ": "+first+" && kubectl", 1)
}

// grant says which binding would let somebody read: everywhere, or in the namespaces.
func grant(who, role string, namespaces []string) string {
	if who == anonymousReader {
		return fmt.Sprintf("Bind ClusterRole %s to whoever reads.", role)
	}
	account, isAccount := strings.CutPrefix(who, "system:serviceaccount:")
	subject := "--user=" + quote(who)
	if isAccount {
		subject = "--serviceaccount=" + quote(account)
	}
	switch len(namespaces) {
	case 0:
		name := role + "-" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(account), "-"), "-")
		return fmt.Sprintf("Grant it: kubectl create clusterrolebinding %s --clusterrole=%s %s.", name, role, subject)
	case 1:
		return fmt.Sprintf("Grant it: kubectl -n %s create rolebinding %s --clusterrole=%s %s.", namespaces[0], role, role, subject)
	default:
		return fmt.Sprintf("Grant it in each: kubectl -n <namespace> create rolebinding %s --clusterrole=%s %s.", role, role, subject)
	}
}

// quote makes a name safe to paste into a shell: it came from a server, and may hold anything.
func quote(name string) string {
	if regexp.MustCompile(`^[A-Za-z0-9:._@/-]+$`).MatchString(name) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// unauthorized is how brief names refused credentials.
const unauthorized = "401 Unauthorized"

// brief names an error without what changes from try to try.
func brief(err error) string {
	var status apierrors.APIStatus
	switch {
	case outOfTime(err):
		return "the time was up"
	case errors.As(err, &status):
		s := status.Status()
		return strings.TrimSpace(fmt.Sprintf("%d %s", s.Code, s.Reason))
	case untrusted(err):
		return "the server's certificate is not trusted"
	case connectionError(err):
		return "the connection broke"
	case errors.Is(err, tooManyError{}):
		return "there are more custom resources than KubeOps keeps"
	case tooLarge(err):
		return "a single object is larger than KubeOps reads"
	default:
		return "the answer could not be read"
	}
}

// anonymousReader stands for a reader whose name is not known.
const anonymousReader = "the reader"

// identity is whose rights were used: the impersonated user, else the name in the API server's refusals.
func identity(source Source, failures []failure) string {
	if source.Config.Impersonate.UserName != "" {
		return source.Config.Impersonate.UserName
	}
	return firstUser(failures)
}

// firstUser is the name in the first refusal that has one. An authorizer words it so: User "jane" cannot list ...
func firstUser(failures []failure) string {
	pattern := regexp.MustCompile(`User "([^"]+)" cannot`)
	for _, f := range failures {
		if found := pattern.FindStringSubmatch(f.err.Error()); found != nil {
			return found[1]
		}
	}
	return anonymousReader
}
