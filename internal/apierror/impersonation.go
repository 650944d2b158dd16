package apierror

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/internal/remedy"
)

// ClusterRoles that config/rbac ships for what the manager may do as a ServiceAccount, and the components that change them.
const (
	roleImpersonation = "kubeops-manager-impersonation"
	roleSecrets       = roleImpersonation + "-secrets"
	roleDiscovery     = roleImpersonation + "-discovery"
	componentExports  = "config/components/exports"
	componentPlain    = "config/components/plain-impersonation"
	// componentPipelines has the permissions of the job stages of Pipelines.
	componentPipelines = "config/components/pipelines"
)

// Verbs of impersonation: the one of all versions of Kubernetes, and the prefix of the second check of constrained
// impersonation (https://kep.k8s.io/5284), which Kubernetes 1.36 and later prefer. The first check is impersonate:serviceaccount.
const (
	verbPlain = "impersonate"
	verbOn    = "impersonate-on:serviceaccount:"
)

// Impersonation is a refusal to impersonate: the request was not made as the other user.
type Impersonation struct {
	// User who lacks the permission.
	User string
	// Verb that was refused, such as impersonate:serviceaccount.
	Verb string
	// Resource, with its subresource, and Group that the verb was refused on; Path instead of them for a request like /version.
	Resource, Group, Path string
}

// ImpersonationRefused reads a refusal from an error of the API server. Only the message distinguishes an impersonation that
// was refused from an impersonated user without permission: User "x" cannot VERB resource "y" in API group "z".
func ImpersonationRefused(err error) (Impersonation, bool) {
	if !apierrors.IsForbidden(err) {
		return Impersonation{}, false
	}
	const what = `(?:resource "([^"]*)" in API group "([^"]*)"|path "([^"]*)")`
	pattern := regexp.MustCompile(`User "([^"]*)" cannot (impersonate[a-z:-]*) ` + what)
	found := pattern.FindStringSubmatch(err.Error())
	if found == nil {
		return Impersonation{}, false
	}
	return Impersonation{User: found[1], Verb: found[2], Resource: found[3], Group: found[4], Path: found[5]}, true
}

// OfAccount reports whether the user cannot impersonate that ServiceAccount at all. Otherwise, only this request was refused.
func (i Impersonation) OfAccount() bool { return !strings.HasPrefix(i.Verb, verbOn) }

// Message says what the manager lacks to act as a ServiceAccount, and how to grant it. It does not change between attempts.
func (i Impersonation) Message(namespace, account string) string {
	if i.OfAccount() {
		return fmt.Sprintf("the manager cannot impersonate ServiceAccount %s/%s (RBAC). %s", namespace, account, i.GrantAccount(account))
	}
	what := cmp.Or(i.Path, qualified(i.Resource, i.Group))
	return fmt.Sprintf("the manager cannot %s %s as ServiceAccount %s/%s (RBAC). %s", strings.TrimPrefix(i.Verb, verbOn), what, namespace,
		account, i.Grant([]string{what}))
}

// Remedy is what grants a permission.
type Remedy struct {
	// Advice is a sentence without its end.
	Advice string
	// Command to run; it may be empty.
	Command remedy.Words
}

// String is the remedy for a condition.
func (r Remedy) String() string {
	if r.Command == "" {
		return r.Advice
	}
	return r.Advice + ": " + string(r.Command)
}

// GrantAccount says how to let the manager impersonate ServiceAccounts of a name.
func (i Impersonation) GrantAccount(account string) Remedy {
	advice := "Add the name to resourceNames of ClusterRole " + roleImpersonation + ", or of the Role of this name in the namespace if " +
		"the manager serves single ones"
	if i.Verb == verbPlain {
		advice += " (Kubernetes 1.35 and earlier also needs " + componentPlain + ")"
	}
	if len(validation.IsDNS1123Subdomain(account)) > 0 {
		return Remedy{Advice: advice} // no ServiceAccount has this name, and a shell could misread it
	}
	return Remedy{advice, remedy.Command("kubectl patch clusterrole %s --type=json "+
		`-p='[{"op":"add","path":"/rules/0/resourceNames/-","value":"%s"}]'`, roleImpersonation, account)}
}

// Grant says how to let the manager make the refused request on resources, such as widgets.example.com, as the ServiceAccounts
// that it can impersonate.
func (i Impersonation) Grant(resources []string) Remedy {
	account := strings.TrimPrefix(i.User, "system:serviceaccount:")
	bind := func(role string) remedy.Words {
		return remedy.Command("kubectl create clusterrolebinding %s --clusterrole=%s --serviceaccount=%s%s", role, role, account,
			remedy.Repeatable)
	}
	verb := strings.TrimPrefix(i.Verb, verbOn)
	switch {
	case i.Path != "":
		return Remedy{"Grant it", bind(roleDiscovery)}
	case i.Group == "batch" && i.Resource == "jobs" && (verb == "create" || verb == "patch"):
		return Remedy{Advice: "Install " + componentPipelines + ", which lets the manager run Jobs as ServiceAccounts"}
	case verb != "get" && verb != "list" && verb != "watch":
		return Remedy{Advice: "Install " + componentExports + ", which lets the manager write as ServiceAccounts"}
	case i.Group == "" && i.Resource == "secrets":
		return Remedy{"Grant it", bind(roleSecrets)}
	}
	verbs := verbOn + "get," + verbOn + "list"
	if verb == "watch" {
		verbs += "," + verbOn + "watch"
	}
	role := roleImpersonation + "-" + strings.ReplaceAll(resources[0], "/", "-")
	return Remedy{"Grant it", remedy.Command("kubectl create clusterrole %s --verb=%s --resource=%s%s && %s",
		role, verbs, strings.Join(resources, ","), remedy.Repeatable, bind(role))}
}

// qualified is a resource as RBAC and kubectl write it, such as widgets.example.com.
func qualified(resource, group string) string {
	if group == "" {
		return resource
	}
	resource, subresource, _ := strings.Cut(resource, "/")
	if subresource != "" {
		subresource = "/" + subresource
	}
	return resource + "." + group + subresource
}
