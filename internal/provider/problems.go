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

	"k8s.io/apimachinery/pkg/api/resource"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/stream"
)

// ToProblem says why there is no response: which of the causes it was, and what to check. The message is stable between tries;
// the error itself is the cause.
func (c *Client) ToProblem(err error) *problem.Problem { return ToProblem(err, c.base.Host, c.fields) }

// ToProblem says why the server at host did not respond, for backends that do not use a Client; see Client.ToProblem.
func ToProblem(err error, host string, fields Fields) *problem.Problem {
	if p := problem.As(err); p != nil {
		return p
	}
	var resolve *net.DNSError
	var timeout net.Error
	var size *sizeError
	switch {
	case errors.Is(err, errEgress):
		return deniedHost(err, host, fields)
	case errors.Is(err, errProxyOnly):
		return problem.Retrying(v1alpha1.ReasonNameNotResolved, err,
			"the manager cannot resolve the host name of %s, so it does not ask the proxy for it; check its spelling. If only the proxy "+
				"can resolve it, add it to backends.egress.proxyResolvedHosts in the manager's configuration", host)
	case errors.Is(err, errNotConnected):
		return problem.Retrying(v1alpha1.ReasonUnreachable, err,
			"cannot connect to %s: the port is closed, or a firewall or network policy drops packets; check that it runs, its port, and "+
				"network policies", host)
	case errors.Is(err, errRedirected):
		return redirected(err, host, fields)
	case errors.As(err, &size):
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, err, "the response of %s is over the size limit of %s and was dropped",
			host, quantity(size.limit))
	case isHeader(err):
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, err, "the header of the response of %s is over the size limit of %s, so "+
			"the response was dropped; check that the URL leads to the right service", host, quantity(maxHeader))
	case isMemory(err):
		return outOfMemory(err, host)
	case errors.As(err, &resolve) && !resolve.IsTimeout:
		return problem.Retrying(v1alpha1.ReasonNameNotResolved, err,
			"the host name of %s cannot be resolved; check its spelling, the Service and the cluster's DNS", host)
	case describeTLS(err, fields) != "":
		return problem.Retrying(v1alpha1.ReasonTLSFailed, err, "no TLS connection to %s: %s", host, describeTLS(err, fields))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return problem.Retrying(v1alpha1.ReasonTimeout, err,
			"%s did not respond in time; check its load and network policies%s", host, advice(", or raise ", fields.Timeout))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return problem.Retrying(v1alpha1.ReasonUnreachable, err, "%s closed the connection before its response was complete", host)
	default:
		return problem.Retrying(v1alpha1.ReasonUnreachable, err,
			"cannot connect to %s; check that it runs, its port, and network policies", host)
	}
}

// deniedHost is the problem of a host that is never called.
func deniedHost(err error, host string, fields Fields) *problem.Problem {
	check := advice("; check ", fields.URL)
	switch {
	case errors.Is(err, errEgressOperator):
		return problem.UserError(v1alpha1.ReasonEgressDenied, err,
			"%s is not allowed by backends.egress in the manager's configuration%s", host, check)
	case errors.Is(err, errEgressSpelling):
		return problem.UserError(v1alpha1.ReasonEgressDenied, err,
			"%s is neither a full IP address nor an allowed host name; localhost, metadata services and addresses in other notations "+
				"are never called%s", host, check)
	default:
		return problem.UserError(v1alpha1.ReasonEgressDenied, err,
			"%s resolves to a loopback, link-local, multicast or metadata address, which is never called%s", host, check)
	}
}

// outOfMemory is the problem of a response that the ResponseMemory has no room for.
func outOfMemory(err error, host string) *problem.Problem {
	var share *shareError
	var wait *waitError
	switch {
	case errors.As(err, &share) && share.others:
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, err,
			"the responses that are read for this namespace exceed its share of %s, so that of %s was dropped; request less at once, or "+
				"raise backends.responseMemory", quantity(share.share), host)
	case errors.As(err, &share):
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, err,
			"the response of %s exceeds %s, the share of one namespace, and was dropped; request less, or raise backends.responseMemory",
			host, quantity(share.share))
	case errors.As(err, &wait):
		return problem.Retrying(v1alpha1.ReasonTimeout, err,
			"the response of %s was not read in time: other responses use the memory of %s; raise backends.responseMemory, or run fewer "+
				"inspections at once", host, quantity(wait.limit))
	}
	return nil
}

// overLimit is the problem of a response whose JSON exceeds a limit. Fewer values of one that is too deep would not help.
func overLimit(limit *stream.LimitError, host string) *problem.Problem {
	switch limit.Limit {
	case stream.LimitDepth:
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, limit,
			"the response of %s nests more than %d objects and arrays and was dropped", host, limit.Max)
	case stream.LimitName:
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, limit,
			"the response of %s has a field name of more than %s and was dropped", host, quantity(limit.Max))
	case stream.LimitMemory:
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, limit,
			"the values in the response of %s need more than %s of memory and were dropped", host, quantity(limit.Max))
	}
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, limit,
		"the response of %s has more than %d %s and was dropped", host, limit.Max, limit.Limit)
}

// TooLarge reports whether an error is that of a response which exceeds a limit alone: asking again gives the same.
func TooLarge(err error) bool {
	var size *sizeError
	var share *shareError
	return errors.As(err, &size) || errors.As(err, &share) && !share.others
}

// isHeader reports whether the header of a response is over maxHeader. net/http has no type for this error, of HTTP/1 and HTTP/2.
func isHeader(err error) bool {
	text := err.Error()
	return strings.Contains(text, "server response headers exceeded") || strings.Contains(text, "response header list larger than")
}

// quantity of bytes, such as 32Mi.
func quantity(bytes int64) string { return resource.NewQuantity(bytes, resource.BinarySI).String() }

func redirected(cause error, host string, fields Fields) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonRedirected, cause,
		"%s redirects to another host, which is never followed; set %s to the final URL", host, orText(fields.URL, "the URL"))
}

// describeTLS says which of the usual causes it is, or "" for an error that is not about TLS.
func describeTLS(err error, fields Fields) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority" + advice("; name the CA in ", fields.tls("ca"))
	case errors.As(err, &name):
		return "its certificate is for another host name; reissue it" + advice(", or set ", fields.tls("serverName"))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &invalid), errors.As(err, &verification):
		return "its certificate is not valid for a server"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS on this port; use http:// or another port"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return "it rejected the handshake; it may require a client certificate" + advice(", see ", fields.tls("clientCertificate"))
	}
	return ""
}

// Refused is the problem of a response with a status other than 2xx. At most a little of its body is read, and none of it gets into
// the message.
func (c *Client) Refused(answer *Answer) *problem.Problem {
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can be reused
	return c.RefusedStatus(answer.Status)
}

// RefusedStatus is the problem of a status other than 2xx.
func (c *Client) RefusedStatus(status int) *problem.Problem {
	host := c.base.Host
	fields := c.fields
	switch {
	case status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s rejected the credentials (401)%s", host, advice("; check the Secret referenced by ", fields.Auth))
	case status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s accepted the credentials but denied access (403); grant them read access there", host)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return problem.Retrying(v1alpha1.ReasonNotFound, nil,
			"%s does not serve this path (%d); check the path of %s", host, status, orText(fields.URL, "the URL"))
	case status == http.StatusTooManyRequests:
		return problem.Retrying(v1alpha1.ReasonRateLimited, nil,
			"%s limits the rate of requests (429); raise its limits%s", host, advice(", or lengthen ", fields.Interval))
	case status >= 500:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s returned a server error (%d); see its log", host, status)
	case status >= 300 && status < 400:
		return redirected(errRedirected, host, fields)
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return problem.Retrying(v1alpha1.ReasonInvalidQuery, nil, "%s rejected the request (%d)", host, status)
	default:
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s returned the unexpected status %d", host, status)
	}
}
