package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Explain words why no answer came: which of the causes it was, and what to look at. The words hold still from try to try;
// the error itself goes along as the cause.
func (c *Client) Explain(err error) *problem.Problem {
	if p := problem.As(err); p != nil {
		return p
	}
	return explain(err, c.base.Host)
}

func explain(err error, host string) *problem.Problem {
	var resolve *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errEgress):
		return problem.UserError(v1alpha1.ReasonEgressDenied, err, "%s leads to a loopback, link-local, multicast or metadata address, which KubeOps never calls", host)
	case errors.Is(err, errRedirected):
		return problem.UserError(v1alpha1.ReasonRedirected, err, "%s redirects to another address, which is never followed; put the final URL into the spec", host)
	case errors.Is(err, errTooLarge):
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, err, "%s answered more than is read; ask for less, or raise the limit", host)
	case errors.As(err, &resolve) && !resolve.IsTimeout:
		return problem.Retrying(v1alpha1.ReasonNameNotResolved, err, "the host name of %s cannot be resolved; check its spelling, the Service and the cluster's DNS", host)
	case tlsProblem(err) != "":
		return problem.Retrying(v1alpha1.ReasonTLSFailed, err, "no secure connection to %s: %s", host, tlsProblem(err))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return problem.Retrying(v1alpha1.ReasonTimeout, err, "%s did not answer in time; check its load, network policies, and spec.timeout", host)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return problem.Retrying(v1alpha1.ReasonUnreachable, err, "%s broke the connection off before its answer was complete", host)
	default:
		return problem.Retrying(v1alpha1.ReasonUnreachable, err, "%s does not answer; check that it runs, its port, and network policies", host)
	}
}

// tlsProblem says which of the usual things is wrong, or "".
func tlsProblem(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an authority that is not trusted; name the CA in spec.tls.ca"
	case errors.As(err, &name):
		return "its certificate is for another host name; set spec.tls.serverName, or have it issued anew"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &invalid), errors.As(err, &verification):
		return "its certificate cannot be used"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS on this port; use http:// or another port"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return "it refused ours; it may want a client certificate, see spec.tls.clientCertificate"
	}
	return ""
}

// Refused words an answer with a status other than 2xx, and reads no more than a little of its body, which never gets into
// the message.
func (c *Client) Refused(answer *Answer) *problem.Problem {
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can be used again
	return c.RefusedStatus(answer.Status)
}

// RefusedStatus words a status other than 2xx.
func (c *Client) RefusedStatus(status int) *problem.Problem {
	host := c.base.Host
	switch {
	case status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil, "%s does not accept the credentials (401); check the Secret that spec.auth names", host)
	case status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil, "%s knows the credentials and forbids this (403); give them the right to read there", host)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return problem.Retrying(v1alpha1.ReasonNotFound, nil, "%s does not have this path (%d); check the path of the URL", host, status)
	case status == http.StatusTooManyRequests:
		return problem.Retrying(v1alpha1.ReasonRateLimited, nil, "%s asks for fewer requests (429); lengthen spec.interval or raise its limits", host)
	case status >= 500:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s failed by itself (%d); look at its own log", host, status)
	case status >= 300 && status < 400:
		return explain(errRedirected, host)
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return problem.Retrying(v1alpha1.ReasonInvalidQuery, nil, "%s does not understand what was asked (%d)", host, status)
	default:
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s answered with the unexpected status %d", host, status)
	}
}
