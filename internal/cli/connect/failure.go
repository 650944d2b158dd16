package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// maxServerMessage is how much of a message of the API server an error quotes, in runes.
const maxServerMessage = 300

// Failed describes an error of the API server: what could not be done, which server of which context, and the next step. Doing
// completes "cannot ...". The text contains no chain of Go errors, but wraps the error.
func (t Target) Failed(err error, doing string) error {
	if err == nil {
		return nil
	}
	return &Failure{Text: t.describe(err, doing), Cause: err}
}

// Failure is an error with its own text. Unwrap keeps its class.
type Failure struct {
	Text  string
	Cause error
}

func (f *Failure) Error() string { return f.Text }

func (f *Failure) Unwrap() error { return f.Cause }

func (t Target) describe(err error, doing string) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case apierrors.IsUnauthorized(err):
		return t.server() + " rejected the credentials (401); " + t.CredentialsAdvice()
	case apierror.IsUntrusted(err):
		return t.server() + " has a TLS certificate that is not trusted; check certificate-authority in the kubeconfig"
	case apierror.IsConnection(err):
		return fmt.Sprintf("cannot reach %s: %s; check that the server runs: %s", t.server(), connectionProblem(err),
			remedy.Command("kubectl --context %s cluster-info", t.Cluster).Code())
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("cannot %s (RBAC): %s; ClusterRole kubeops-viewer permits reading, and kubeops-editor changes too",
			doing, text.Clip(err.Error(), maxServerMessage))
	case isNotServed(err):
		return fmt.Sprintf("cannot %s: %s does not serve kubeops.io/v1alpha1; install KubeOps there, or upgrade it", doing, t.server())
	default:
		return fmt.Sprintf("cannot %s: %s", doing, describeStatus(err))
	}
}

// describeStatus names an error, with the message of the server as far as there is one.
func describeStatus(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return apierror.Describe(err)
	}
	return apierror.Describe(err) + ": " + text.Clip(status.Status().Message, maxServerMessage)
}

// server names the API server and the context.
func (t Target) server() string {
	return fmt.Sprintf("the API server %s of context %q", strings.TrimSuffix(t.Config.Host, "/"), t.Cluster)
}

// connectionProblem is why there was no response.
func connectionProblem(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &dns):
		return fmt.Sprintf("host %s not found", dns.Name)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no response in time"
	default:
		return apierror.Describe(err)
	}
}

// CauseText is a cause without the chain of Go errors that a failed connection has.
func CauseText(err error) string {
	if apierror.IsConnection(err) {
		return connectionProblem(err)
	}
	return err.Error()
}

// isNotServed reports whether the server does not know the resource, as opposed to the object.
func isNotServed(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}
