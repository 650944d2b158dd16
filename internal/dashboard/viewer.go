package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
)

// systemPrefix of the names that Kubernetes reserves for its own users and groups.
const systemPrefix = "system:"

// Viewer is who looks. Every request to Kubernetes has the permissions of the viewer.
type Viewer struct {
	// User and Groups as the API server authenticated them.
	User   string
	Groups []string
	// Own is true for --insecure-local: requests have the credentials of the dashboard itself, without impersonation.
	Own bool
}

// refusal is the reason why the dashboard never acts as a viewer, or empty. Names that begin with system: belong to Kubernetes: acting as
// one of them could be acting as the control plane. ServiceAccounts are the exception, with the groups that the API server gives them.
func (v Viewer) refusal() string {
	if v.Own {
		return ""
	}
	if v.User == "" {
		return "The token has no user name."
	}
	allowed := []string{user.AllAuthenticated}
	if namespace, _, err := serviceaccount.SplitUsername(v.User); err == nil {
		allowed = append(allowed, serviceaccount.MakeGroupNames(namespace)...)
	} else if strings.HasPrefix(v.User, systemPrefix) {
		return fmt.Sprintf("User %q is reserved for Kubernetes. Sign in as a person or as a ServiceAccount.", v.User)
	}
	for _, group := range v.Groups {
		if strings.HasPrefix(group, systemPrefix) && !slices.Contains(allowed, group) {
			return fmt.Sprintf("Group %q is reserved for Kubernetes. Sign in as a user without it.", group)
		}
	}
	return ""
}

// isServiceAccount reports whether the viewer is a ServiceAccount, for which other rules of impersonation apply.
func (v Viewer) isServiceAccount() bool {
	_, _, err := serviceaccount.SplitUsername(v.User)
	return err == nil
}

// impersonation for a configuration. The API server adds the groups of a ServiceAccount, and system:authenticated to all users.
func (v Viewer) impersonation() rest.ImpersonationConfig {
	if v.Own {
		return rest.ImpersonationConfig{}
	}
	config := rest.ImpersonationConfig{UserName: v.User}
	for _, group := range v.Groups {
		if !strings.HasPrefix(group, systemPrefix) {
			config.Groups = append(config.Groups, group)
		}
	}
	return config
}

// key is the same for viewers with the same permissions.
func (v Viewer) key() string {
	groups := slices.Sorted(slices.Values(v.Groups))
	sum := sha256.Sum256(fmt.Appendf(nil, "%v %q %q", v.Own, v.User, groups))
	return hex.EncodeToString(sum[:])
}
