package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/config"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/text"
)

const (
	// minConstrained is the minor version of Kubernetes that constrains impersonation by default.
	minConstrained = 36
	// onAccount precedes the verbs of what may be requested as a ServiceAccount.
	onAccount = "impersonate-on:serviceaccount:"
	// asAccount is the verb of acting as a ServiceAccount with constrained impersonation, and asAnything that without it.
	asAccount  = "impersonate:serviceaccount"
	asAnything = "impersonate"
)

// attribute is a permission that the manager needs.
type attribute struct {
	namespace, group, resource, name, verb, path string
	// role that grants it in the default installation.
	role config.Role
}

// permissions asks the API server what the ServiceAccounts of the managers may do.
func (e *examination) permissions(ctx context.Context) error {
	roles, err := config.Roles()
	if err != nil {
		return err
	}
	for n := range e.installed {
		i := &e.installed[n]
		if i.unknown { // in which namespaces it needs them
			continue
		}
		mode := asAnything // as accounts whose names are not known, nothing is checked
		if i.impersonated, err = e.impersonatedBy(ctx, i); err != nil {
			e.gap(checkImpersonation, err)
		} else if mode, err = e.impersonation(ctx, i); err != nil {
			return err
		}
		var needed []attribute
		for _, role := range roles {
			if role.Kind == "Role" && !i.elects {
				continue // that of the Lease
			}
			// Impersonation without constraints needs no permission for each request.
			if mode == asAccount || !strings.HasPrefix(role.Name, "kubeops-manager-impersonation") {
				needed = append(needed, attributesOf(role, i)...)
			}
		}
		refused, err := e.refused(ctx, i, needed)
		if err != nil {
			return err
		}
		e.missing(i, refused)
	}
	return nil
}

// impersonation finds how a manager acts as the ServiceAccounts of tenants, and reports if it cannot, or can do more than it should.
func (e *examination) impersonation(ctx context.Context, i *installation) (mode string, err error) {
	namespace := ""
	if len(i.namespaces) > 0 {
		namespace = i.namespaces[0]
	}
	can := map[string][]string{} // the accounts of each verb
	for verb, group := range map[string]string{asAccount: "authentication.k8s.io", asAnything: ""} {
		var asked []attribute
		for _, name := range i.impersonated.in(namespace) {
			asked = append(asked, attribute{namespace: namespace, group: group, resource: "serviceaccounts", name: name, verb: verb})
		}
		refused, err := e.refused(ctx, i, asked)
		if err != nil {
			return "", err
		}
		for _, one := range asked {
			if !slices.ContainsFunc(refused, func(r attribute) bool { return r.name == one.name }) {
				can[verb] = append(can[verb], one.name)
			}
		}
	}
	from := originOf(i.deployment)
	object := accountOf(i)
	constrains := e.minor == 0 || e.minor >= minConstrained
	switch {
	case constrains && len(can[asAnything]) > 0:
		e.warn(checkImpersonation, object, "can make any request as the ServiceAccounts "+text.List(can[asAnything], maxLacks)+
			" of all namespaces: impersonation is not constrained, which only Kubernetes 1.35 and earlier and clusters without the "+
			"feature gate ConstrainedImpersonation need",
			from.component("plain-impersonation", "plainImpersonation", false))
		return asAnything, nil
	case len(can[asAnything]) > 0:
		return asAnything, nil
	case constrains:
		return asAccount, nil // what is missing of it is reported with the other permissions
	case len(can[asAccount]) > 0:
		e.problem(checkImpersonation, object, fmt.Sprintf("cannot act as ServiceAccounts: Kubernetes %s does not know constrained "+
			"impersonation", e.report.Kubernetes), from.component("plain-impersonation", "plainImpersonation", true))
	default:
		e.problem(checkImpersonation, object, "cannot act as ServiceAccounts (verb impersonate on serviceaccounts)",
			from.component("plain-impersonation", "plainImpersonation", true))
	}
	return asAnything, nil
}

func accountOf(i *installation) string {
	return fmt.Sprintf("ServiceAccount %s/%s", i.deployment.Namespace, i.account)
}

// attributesOf a role are the requests that it permits: of a ClusterRole in all namespaces that the manager serves.
func attributesOf(role config.Role, i *installation) (list []attribute) {
	namespaces := i.namespaces
	switch {
	case role.Kind == "Role":
		namespaces = []string{i.deployment.Namespace}
	case len(namespaces) == 0:
		namespaces = []string{""}
	}
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				list = append(list, attribute{path: path, verb: verb, role: role})
			}
			for _, namespace := range namespaces {
				asked := rule
				if verb == asAccount {
					asked.ResourceNames = i.impersonated.in(namespace)
				}
				list = append(list, attributesOfRule(asked, namespace, verb, role)...)
			}
		}
	}
	return list
}

func attributesOfRule(rule rbacv1.PolicyRule, namespace, verb string, role config.Role) (list []attribute) {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, name := range names {
				one := attribute{namespace: namespace, group: group, resource: resource, name: name, verb: verb, role: role}
				// What a manager of single namespaces does not read.
				if namespace != "" && role.Kind == "ClusterRole" && isClusterScoped(group, resource) {
					continue
				}
				list = append(list, one)
			}
		}
	}
	return list
}

// isClusterScoped reports whether a resource of a role of the manager has no namespace.
func isClusterScoped(group, resource string) bool {
	switch group {
	case "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authorization.k8s.io", "scheduling.k8s.io",
		"storage.k8s.io":
		return true
	}
	return slices.Contains([]string{"namespaces", "nodes", "persistentvolumes", "ingressclasses", "clusterroles", "clusterrolebindings",
		"gatewayclasses", "clusterissuers"}, resource)
}

// refused are the permissions that a manager does not have.
func (e *examination) refused(ctx context.Context, i *installation, needed []attribute) (refused []attribute, err error) {
	var mutex sync.Mutex
	var failures []error
	connect.InParallel(len(needed), func(n int) {
		allowed, err := e.allowed(ctx, i, &needed[n])
		mutex.Lock()
		defer mutex.Unlock()
		failures = append(failures, err)
		if err == nil && !allowed {
			refused = append(refused, needed[n])
		}
	})
	if err := errors.Join(failures...); err != nil {
		if at := slices.IndexFunc(failures, apierrors.IsForbidden); at >= 0 {
			err = failures[at]
		}
		return nil, e.failed(err, "create SubjectAccessReviews")
	}
	return refused, nil
}

func (e *examination) allowed(ctx context.Context, i *installation, a *attribute) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + i.deployment.Namespace + ":" + i.account,
		Groups: []string{
			"system:serviceaccounts", "system:serviceaccounts:" + i.deployment.Namespace, "system:authenticated",
		},
	}}
	if a.path != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: a.path, Verb: a.verb}
	} else {
		resource, subresource, _ := strings.Cut(a.resource, "/")
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: a.namespace, Verb: a.verb, Group: a.group, Resource: resource, Subresource: subresource, Name: a.name,
		}
	}
	err := e.client.Create(ctx, review)
	return review.Status.Allowed, err
}

// missing reports refused permissions: one finding for each role, which lists its resources.
func (e *examination) missing(i *installation, refused []attribute) {
	byRole := map[string]map[string][]string{} // role -> what -> verbs
	roles := map[string]config.Role{}
	for _, a := range refused {
		what := a.resource
		if a.group != "" {
			what += "." + a.group
		}
		if a.path != "" {
			what = a.path
		}
		if a.namespace != "" {
			what += " in namespace " + a.namespace
		}
		if byRole[a.role.Name] == nil {
			byRole[a.role.Name] = map[string][]string{}
		}
		verb := strings.TrimPrefix(a.verb, onAccount)
		if !slices.Contains(byRole[a.role.Name][what], verb) {
			byRole[a.role.Name][what] = append(byRole[a.role.Name][what], verb)
		}
		roles[a.role.Name] = a.role
	}
	for _, name := range slices.Sorted(maps.Keys(byRole)) {
		var lacks []string
		for _, what := range slices.Sorted(maps.Keys(byRole[name])) {
			verbs := byRole[name][what]
			slices.Sort(verbs)
			lacks = append(lacks, strings.Join(verbs, ", ")+" "+what)
		}
		e.lacks(i, roles[name], text.List(lacks, maxLacks))
	}
}

// lacks reports what a manager does not have of a role. In single namespaces it has Roles, and what only a ClusterRole can grant may be
// left out on purpose.
func (e *examination) lacks(i *installation, role config.Role, list string) {
	kind := role.Kind
	fix := originOf(i.deployment).again("config/rbac")
	doing := ""
	if strings.HasPrefix(role.Name, "kubeops-manager-impersonation") {
		doing = ", for requests as the ServiceAccounts of tenants"
	}
	report := e.problem
	switch {
	case len(i.namespaces) == 0 || role.Kind == "Role":
	case role.Name == "kubeops-manager-impersonation-discovery":
		report = e.warn
		fix += " An installation without permissions in the cluster has it not: ManagedClusters with inCluster and ResourceBundles need it."
	default:
		kind = "Role"
		if originOf(i.deployment).release == "" {
			fix = "Create the Roles in each namespace that the manager serves: " +
				"`kubectl apply --server-side -n <namespace> -k config/tenant`."
		}
	}
	report(checkPermissions, accountOf(i), fmt.Sprintf("lacks permissions of %s %s%s: %s", kind, role.Name, doing, list),
		fix+" `kubectl describe clusterrolebinding,rolebinding -A` shows who has the role.")
}

// maxLacks permissions that a finding lists.
const maxLacks = 8
