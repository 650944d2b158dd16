package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// gaps turns failures into gaps. Failures of one reason in one scope are one gap, since they have one remedy.
func gaps(who string, scope Scope, failures []failure) []facts.Gap {
	type key struct {
		reason    v1alpha1.GapReason
		namespace string
		home      bool
		secrets   bool
		missing   bool
	}
	grouped := map[key][]failure{}
	for _, f := range failures {
		k := key{
			reason: reason(f), namespace: f.namespace, home: f.home,
			// Reading Secrets is a grant of its own, which many will not give.
			secrets: f.resource.kind == facts.Secret && apierrors.IsForbidden(f.err),
			missing: f.resource.kind == facts.Namespace && f.namespace != "",
		}
		grouped[k] = append(grouped[k], f)
	}
	var made []facts.Gap
	for k, group := range grouped {
		slices.SortFunc(group, func(a, b failure) int { return cmp.Compare(a.resource.label(), b.resource.label()) })
		gap := facts.Gap{Reason: k.reason}
		names := make([]string, 0, len(group))
		for _, f := range group {
			gap.Kinds = append(gap.Kinds, f.resource.kind)
			names = append(names, f.resource.label())
		}
		gap.Source = fewNames(names, 5) + where(k.namespace)
		switch {
		case k.missing:
			gap.Source, gap.Reason, gap.Kinds = "namespace "+k.namespace, v1alpha1.GapNotServed, nil
			gap.Message = fmt.Sprintf("Namespace %s does not exist, so nothing could be inspected in it.", k.namespace)
			gap.Remediation = "Create the namespace, or take it out of the namespaces to inspect."
		default:
			gap.Message, gap.Remediation = explain(who, scope, k.reason, k.home, names, group[0])
		}
		made = append(made, gap)
	}
	slices.SortFunc(made, func(a, b facts.Gap) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return made
}

func where(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in namespace " + namespace
}

func fewNames(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:limit], ", ") + fmt.Sprintf(" and %d more", len(names)-limit)
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
	case errors.Is(f.err, context.DeadlineExceeded) || apierrors.IsTimeout(f.err):
		return v1alpha1.GapTimedOut
	default:
		return v1alpha1.GapUnavailable
	}
}

// explain words a gap: what could not be read and why, and what to do.
func explain(who string, scope Scope, reason v1alpha1.GapReason, home bool, names []string, first failure) (message, remediation string) {
	list := strings.Join(names, ", ")
	in := where(first.namespace)
	switch {
	case first.resource.kind == facts.Secret && apierrors.IsForbidden(first.err):
		return fmt.Sprintf("%s may not list Secrets%s, so a missing TLS Secret is not seen. KubeOps would read their names only.", who, in),
			grant(who, "kubeops-inspector-secrets", first.namespace) + " Or exclude the checks that this hurts."
	case home:
		return fmt.Sprintf("%s may not list these in all namespaces, so they were read in namespace %s only: %s.", who, scope.Home, list),
			grant(who, "kubeops-inspector", "") + fmt.Sprintf(" Or set spec.namespaces to [%s], to inspect that namespace only.", scope.Home)
	case reason == v1alpha1.GapForbidden:
		return fmt.Sprintf("%s may not list these%s: %s.", who, in, list), grant(who, "kubeops-inspector", first.namespace)
	case reason == v1alpha1.GapNotServed:
		return fmt.Sprintf("The cluster does not serve these: %s.", list),
			"Nothing to do if the cluster is meant to be without them; else check its version and `kubectl api-resources`."
	case reason == v1alpha1.GapTimedOut:
		return fmt.Sprintf("These were not read in time%s: %s.", in, list),
			"Check the load of the API server, or allow more time (spec.timeout, --timeout)."
	case reason == v1alpha1.GapIncomplete:
		return fmt.Sprintf("These were read in part%s, then the API server failed (%s): %s.", in, brief(first.err), list),
			"Check the API server; the next run reads them anew."
	default:
		return fmt.Sprintf("The API server could not list these%s (%s): %s.", in, brief(first.err), list),
			"Check the API server and its log; the next run reads them anew."
	}
}

// grant says which binding would let somebody read.
func grant(who, role, namespace string) string {
	account, isAccount := strings.CutPrefix(who, "system:serviceaccount:")
	subject := "--user=" + who
	if isAccount {
		subject = "--serviceaccount=" + account
	}
	if who == anonymousReader {
		return fmt.Sprintf("Bind ClusterRole %s to whoever reads.", role)
	}
	if namespace != "" {
		return fmt.Sprintf("Grant it: kubectl -n %s create rolebinding %s --clusterrole=%s %s.", namespace, role, role, subject)
	}
	name := role + "-" + strings.NewReplacer(":", "-", "/", "-", "@", "-").Replace(strings.ToLower(account))
	return fmt.Sprintf("Grant it: kubectl create clusterrolebinding %s --clusterrole=%s %s.", name, role, subject)
}

// brief names an error without what changes from try to try.
func brief(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		s := status.Status()
		if s.Reason != "" {
			return fmt.Sprintf("%d %s", s.Code, s.Reason)
		}
		return fmt.Sprintf("status %d", s.Code)
	}
	if connectionError(err) {
		return "the connection broke"
	}
	return "its answer could not be read"
}

// anonymousReader stands for a reader whose name is not known.
const anonymousReader = "the reader"

// identity is whose rights were used: the impersonated user, else the name in the API server's refusals.
func identity(source Source, failures []failure) string {
	if source.Config.Impersonate.UserName != "" {
		return source.Config.Impersonate.UserName
	}
	pattern := regexp.MustCompile(`User "([^"]+)" cannot`)
	for _, f := range failures {
		if found := pattern.FindStringSubmatch(f.err.Error()); found != nil {
			return found[1]
		}
	}
	return anonymousReader
}
