package clusters

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

const (
	// maxProbe is the size of a response to a probe in bytes.
	maxProbe = 1 << 20
	// certificateIdentity precedes an identity that is derived from the certificate of the API server.
	certificateIdentity = "certificate:"
	// anonymous is who asks where an API server ignores the credentials, such as a client certificate of another authority.
	anonymous = `User \"system:anonymous\"`
	// The path of the version, and of the namespace whose UID identifies a cluster.
	versionPath  = "/version"
	identityPath = "/api/v1/namespaces/kube-system"
	// retryIdentity is when to ask again a server that is another cluster, or that refuses to let the manager act as a ServiceAccount. A
	// probe notices it before, and its caller is woken.
	retryIdentity = time.Minute
)

// Health is what a probe found.
type Health struct {
	// Version of the API server, for example v1.37.2.
	Version string
	// Latency of the request for it.
	Latency time.Duration
	// Identity of the cluster: the UID of namespace kube-system, or, weaker, certificate: followed by a hash of the public key of the
	// authority that signed the server's certificate, where that namespace cannot be read. Empty if neither is known.
	Identity string
	// Forbidden says that the namespace cannot be read.
	Forbidden bool
}

// unreachableError is a probe that got no response of an API server.
type unreachableError struct{ *problem.Problem }

// Unwrap to the problem.
func (e unreachableError) Unwrap() error { return e.Problem }

// Unreachable reports whether a failed probe got no response of an API server, in contrast to one that rejects the credentials.
func Unreachable(err error) bool {
	var unreachable unreachableError
	return errors.As(err, &unreachable)
}

// Probe asks the API server for its version and identity, each within a timeout, which is spec.timeout of the ManagedCluster. Errors are
// problems that do not change between attempts.
func (c *Connection) Probe(ctx context.Context, timeout time.Duration) (Health, error) {
	began := time.Now()
	var info version.Info
	fields := provider.Fields{Timeout: "spec.timeout"}
	status, body, err := c.get(ctx, timeout, fields, versionPath, &info)
	health := Health{Version: info.GitVersion, Latency: time.Since(began)}
	switch {
	case err != nil:
		return Health{}, err
	case status == http.StatusForbidden:
		if p := c.refusal(body); p != nil {
			return Health{}, p
		}
		health.Version = "" // it answers and knows who asks; the version is not for everyone
	case status != http.StatusOK:
		return Health{}, c.answered(status)
	case health.Version == "":
		return Health{}, c.noAPIServer()
	}
	if health.Identity, health.Forbidden, err = c.identify(ctx, timeout, fields); err != nil {
		return Health{}, err
	}
	return health, nil
}

// identify asks the API server for the identity of the cluster. It is empty if it is not known.
func (c *Connection) identify(
	ctx context.Context, timeout time.Duration, fields provider.Fields,
) (identity string, forbidden bool, err error) {
	var namespace metav1.PartialObjectMetadata
	status, body, err := c.get(ctx, timeout, fields, identityPath, &namespace)
	switch {
	case err != nil:
		return "", false, err
	case status == http.StatusOK && namespace.UID != "":
		return string(namespace.UID), false, nil
	case status == http.StatusForbidden && bytes.Contains(body, []byte(anonymous)):
		return "", false, c.answered(http.StatusUnauthorized)
	case status == http.StatusForbidden, status == http.StatusNotFound:
		if p := c.refusal(body); p != nil {
			return "", false, p
		}
		if authority := c.state.authority.Load(); authority != nil {
			identity = certificateIdentity + *authority
		}
		return identity, status == http.StatusForbidden, nil
	default:
		return "", false, c.answered(status)
	}
}

// Identified records the identity that the cluster has, which Confirm compares with.
func (c *Connection) Identified(identity string) { c.state.identity.Store(&identity) }

// Confirm asks the API server whether it is still the one of the cluster, within a timeout. It is for callers that write or delete: between
// two probes, another cluster may have taken the address. Errors are problems, with reason IdentityChanged if another cluster answers.
func (c *Connection) Confirm(ctx context.Context, timeout time.Duration) error {
	known := c.state.identity.Load()
	if known == nil {
		return nil
	}
	identity, _, err := c.identify(ctx, timeout, provider.Fields{})
	if err == nil && !SameCluster(*known, identity) {
		err = problem.Waiting(v1alpha1.ReasonIdentityChanged, retryIdentity,
			"%s is another cluster than before (uid %s, before %s), so it is left alone", c.Host(), identity, *known)
	}
	return err
}

// SameCluster reports whether two identities can be of one cluster. One by UID and one by certificate cannot be compared.
func SameCluster(before, now string) bool {
	if before == "" || now == "" {
		return true
	}
	if isCertificate(before) != isCertificate(now) {
		return true
	}
	return types.UID(before) == types.UID(now)
}

// Stronger reports whether an identity is better evidence than the one that is known.
func Stronger(known, now string) bool {
	return known == "" || (isCertificate(known) && now != "" && !isCertificate(now))
}

func isCertificate(identity string) bool {
	return len(identity) > len(certificateIdentity) && identity[:len(certificateIdentity)] == certificateIdentity
}

// get a path as JSON. The status is that of the response; an error is a server without one. fields are those of a spec, for messages.
func (c *Connection) get(
	ctx context.Context, timeout time.Duration, fields provider.Fields, path string, into any,
) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.JoinPath(path).String(), nil)
	if err != nil {
		return 0, nil, problem.UserError(v1alpha1.ReasonInvalidKubeconfig, err, "the server of the kubeconfig is not a URL")
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.probe.Do(request)
	if err != nil {
		return 0, nil, c.noResponse(err, fields)
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxProbe+1))
	switch {
	case err != nil:
		return 0, nil, c.noResponse(err, fields)
	case len(body) > maxProbe:
		return 0, nil, c.tooLarge()
	}
	if response.StatusCode == http.StatusOK && json.Unmarshal(body, into) != nil {
		return 0, nil, c.noAPIServer()
	}
	return response.StatusCode, body, nil
}

// noResponse is the problem of a server that does not answer.
func (c *Connection) noResponse(err error, fields provider.Fields) error {
	if errors.Is(err, errRedirected) {
		return unreachableError{problem.UserError(v1alpha1.ReasonRedirected, err,
			"%s redirects to another address, which is never followed; set the final URL in the kubeconfig", c.Host())}
	}
	p := provider.ToProblem(err, c.Host(), fields)
	return unreachableError{p}
}

// tooLarge is the problem of a response that no API server gives to a probe.
func (c *Connection) tooLarge() error {
	return unreachableError{problem.Retrying(v1alpha1.ReasonResponseTooLarge, nil,
		"%s answers a probe with more than the size limit of %dMi, so the response was dropped; check the server of the kubeconfig",
		c.Host(), maxProbe>>20)}
}

func (c *Connection) noAPIServer() error {
	return unreachableError{problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
		"%s does not answer as an API server of Kubernetes does; check the server of the kubeconfig", c.Host())}
}

// refusal is the problem of a response to the manager itself, which may not act as the ServiceAccount that its cluster is read as. It is
// nil for a response to that ServiceAccount, and for other clusters.
func (c *Connection) refusal(body []byte) *problem.Problem {
	namespace, account, err := serviceaccount.SplitUsername(c.config.Impersonate.UserName)
	if err != nil {
		return nil //nolint:nilerr // it acts as no ServiceAccount
	}
	answer := &apierrors.StatusError{}
	if err := json.Unmarshal(body, &answer.ErrStatus); err != nil {
		return nil //nolint:nilerr // not a response of an API server
	}
	refused, ok := apierror.ImpersonationRefused(answer)
	if !ok || !refused.OfAccount() {
		return nil
	}
	return problem.Waiting(v1alpha1.ReasonImpersonationForbidden, retryIdentity, "%s", refused.Message(namespace, account))
}

// answered is the problem of a status that no working API server sends.
func (c *Connection) answered(status int) error {
	switch {
	case status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s rejects the credentials (401); renew the token or certificate in the kubeconfig", c.Host())
	case status == http.StatusTooManyRequests:
		return problem.Retrying(v1alpha1.ReasonRateLimited, nil, "%s is overloaded (429); it is asked again later", c.Host())
	case status >= http.StatusInternalServerError:
		return unreachableError{problem.Retrying(v1alpha1.ReasonServerError, nil,
			"%s answers with status %d; check the API server and what is in front of it", c.Host(), status)}
	default:
		return unreachableError{problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"%s answers with status %d, as no API server does; check the server of the kubeconfig", c.Host(), status)}
	}
}
