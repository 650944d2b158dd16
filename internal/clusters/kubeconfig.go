package clusters

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// maxKubeconfig in bytes.
const maxKubeconfig = 256 << 10

// Access is how to connect to one cluster, from one context of a kubeconfig. It never prints its secrets.
type Access struct {
	// Server is the URL of the API server, with its path prefix.
	Server *url.URL
	// TLS settings.
	TLS provider.TLS
	// Token to send, unless there is a client certificate.
	Token string
}

// String names the server and nothing else.
func (a Access) String() string { return "access to " + a.Server.Host }

// GoString hides the same from %#v.
func (a Access) GoString() string { return a.String() }

// KubeconfigOptions say what of a kubeconfig to use.
type KubeconfigOptions struct {
	// Source names the kubeconfig in messages, for example "Secret shop/prod, key value".
	Source string
	// Context to use. Default: the current context, or the only one.
	Context string
	// InsecureSkipTLSVerify accepts insecure-skip-tls-verify.
	InsecureSkipTLSVerify bool
}

// ParseKubeconfig reads a kubeconfig that someone else wrote. Nothing in it may run a program, read a file, or act as another user.
// Errors are problems with reason InvalidKubeconfig that name the field, and never contain a value but names of entries.
func ParseKubeconfig(content []byte, options KubeconfigOptions) (Access, error) {
	parser := kubeconfigParser{options}
	if len(content) > maxKubeconfig {
		return Access{}, parser.invalid("is larger than 256 KiB; keep one cluster in it: kubectl config view --minify --flatten")
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return Access{}, parser.invalid("is empty")
	}
	config, err := clientcmd.Load(content)
	if err != nil {
		// The error of the decoder may quote the content.
		return Access{}, parser.invalid("is not a kubeconfig: its YAML or JSON cannot be read")
	}
	context, err := parser.context(config)
	if err != nil {
		return Access{}, err
	}
	cluster := config.Clusters[context.Cluster]
	user := config.AuthInfos[context.AuthInfo]
	switch {
	case cluster == nil:
		return Access{}, parser.invalid("has no cluster %s, which its context names", names.Quote(context.Cluster))
	case user == nil:
		return Access{}, parser.invalid("has no user %s, which its context names", names.Quote(context.AuthInfo))
	}
	server, err := parser.cluster(cluster)
	if err != nil {
		return Access{}, err
	}
	if err := parser.user(user); err != nil {
		return Access{}, err
	}
	access := Access{Server: server, Token: strings.TrimSpace(user.Token), TLS: provider.TLS{
		CA: cluster.CertificateAuthorityData, Certificate: user.ClientCertificateData, Key: user.ClientKeyData,
		ServerName: cluster.TLSServerName, InsecureSkipVerify: cluster.InsecureSkipTLSVerify,
	}}
	if err := parser.credentials(access); err != nil {
		return Access{}, err
	}
	return access, nil
}

// kubeconfigParser judges the parts of a kubeconfig.
type kubeconfigParser struct{ options KubeconfigOptions }

func (p kubeconfigParser) invalid(format string, args ...any) *problem.Problem {
	what := fmt.Sprintf(format, args...)
	return problem.UserError(v1alpha1.ReasonInvalidKubeconfig, nil, "the kubeconfig in %s %s", p.options.Source, what)
}

// refused is a field that is never used.
func (p kubeconfigParser) refused(field, instead string) *problem.Problem {
	return p.invalid("has %s, which is not allowed: %s", field, instead)
}

// context to use.
func (p kubeconfigParser) context(config *api.Config) (*api.Context, error) {
	name := p.options.Context
	if name == "" {
		name = config.CurrentContext
	}
	if name == "" && len(config.Contexts) == 1 {
		for only := range config.Contexts {
			name = only
		}
	}
	if name == "" {
		return nil, p.invalid("has %d contexts and no current-context; set spec.kubeconfig.context", len(config.Contexts))
	}
	if context := config.Contexts[name]; context != nil {
		return context, nil
	}
	var known []string
	for other := range config.Contexts {
		known = append(known, names.Quote(other))
	}
	slices.Sort(known)
	const most = 5
	if len(known) > most {
		known = append(known[:most], "...")
	}
	if len(known) == 0 {
		return nil, p.invalid("has no contexts")
	}
	return nil, p.invalid("has no context %s; it has %s", names.Quote(name), strings.Join(known, ", "))
}

func (p kubeconfigParser) cluster(cluster *api.Cluster) (*url.URL, error) {
	switch {
	case cluster.CertificateAuthority != "":
		return nil, p.refused("certificate-authority", "it is the path of a file; use certificate-authority-data")
	case cluster.ProxyURL != "":
		return nil, p.refused("proxy-url", "the manager uses the proxy of its environment")
	case cluster.InsecureSkipTLSVerify && !p.options.InsecureSkipTLSVerify:
		return nil, p.refused("insecure-skip-tls-verify",
			"use certificate-authority-data, or set spec.kubeconfig.insecureSkipTLSVerify, too")
	case cluster.InsecureSkipTLSVerify && len(cluster.CertificateAuthorityData) > 0:
		return nil, p.invalid("has both insecure-skip-tls-verify and certificate-authority-data; remove one")
	}
	server, err := url.Parse(cluster.Server)
	switch {
	case cluster.Server == "":
		return nil, p.invalid("has a cluster without a server")
	case err != nil || server.Hostname() == "":
		return nil, p.invalid("has a server that is not a URL")
	case server.Scheme != "https":
		return nil, p.invalid("has a server that is not an https URL")
	case server.User != nil || server.RawQuery != "" || server.Fragment != "":
		return nil, p.invalid("has a server with credentials, a query or a fragment in its URL")
	}
	return server, nil
}

// user refuses all that is not a token or a client certificate.
func (p kubeconfigParser) user(user *api.AuthInfo) error {
	const token = "use a token or a client certificate as data"
	switch {
	case user.Exec != nil:
		return p.refused("exec", "the manager runs no programs of others; "+token)
	case user.AuthProvider != nil:
		return p.refused("auth-provider", token)
	case user.TokenFile != "":
		return p.refused("tokenFile", "it is the path of a file; use token")
	case user.ClientCertificate != "":
		return p.refused("client-certificate", "it is the path of a file; use client-certificate-data")
	case user.ClientKey != "":
		return p.refused("client-key", "it is the path of a file; use client-key-data")
	case user.Username != "" || user.Password != "":
		return p.refused("username and password", "Kubernetes removed basic authentication; "+token)
	case user.Impersonate != "" || user.ImpersonateUID != "" || len(user.ImpersonateGroups) > 0 || len(user.ImpersonateUserExtra) > 0:
		return p.refused("impersonation (as, as-uid, as-groups, as-user-extra)", "use the credentials of that user")
	}
	return nil
}

func (p kubeconfigParser) credentials(access Access) error {
	certificate := len(access.TLS.Certificate) > 0 || len(access.TLS.Key) > 0
	switch {
	case certificate && access.Token != "":
		return p.invalid("has both a token and a client certificate; remove one")
	case !certificate && access.Token == "":
		return p.invalid("has a user without a token or client certificate")
	case strings.ContainsFunc(access.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return p.invalid("has a token with spaces, line breaks or other characters that a header cannot contain")
	}
	fields := provider.Fields{}
	if _, err := (provider.TLS{Certificate: access.TLS.Certificate, Key: access.TLS.Key}).Config(fields); err != nil {
		return p.invalid("has a client certificate that cannot be used: client-certificate-data and client-key-data must be PEM and match")
	}
	if _, err := access.TLS.Config(fields); err != nil {
		return p.invalid("has certificate-authority-data without a certificate in PEM form")
	}
	return nil
}
