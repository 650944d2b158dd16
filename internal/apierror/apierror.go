// Package apierror describes errors of the Kubernetes API in one way. The texts do not change between attempts, so they may stand
// in conditions and messages that identify a problem.
package apierror

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/text"
)

// Unauthorized is what Describe returns for rejected credentials.
const Unauthorized = "401 Unauthorized"

// Describe names an error without the details that change between attempts: "403 Forbidden", "connection failed", "timed out".
func Describe(err error) string {
	var status apierrors.APIStatus
	switch {
	case IsTimeout(err):
		return "timed out"
	case errors.As(err, &status):
		return describeStatus(status.Status())
	case IsUntrusted(err):
		return "TLS certificate not trusted"
	case IsConnection(err):
		return "connection failed"
	default:
		return "request failed"
	}
}

// DescribeWithMessage is Describe followed by the server's message, cut to a number of runes, where the message is what a user
// must know: an exceeded quota, a missing permission, an invalid field.
func DescribeWithMessage(err error, maxRunes int) string {
	reasons := []metav1.StatusReason{metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonRequestEntityTooLarge}
	if !slices.Contains(reasons, apierrors.ReasonForError(err)) {
		return Describe(err)
	}
	return Describe(err) + ": " + text.Clip(err.Error(), maxRunes)
}

// describeStatus is the code and the reason of a status, as far as it has them.
func describeStatus(status metav1.Status) string {
	reason := string(status.Reason)
	if status.Reason == metav1.StatusReasonUnknown {
		reason = http.StatusText(int(status.Code))
	}
	switch {
	case status.Code == 0 && reason == "":
		return "request failed"
	case status.Code == 0:
		return reason
	case reason == "":
		return fmt.Sprintf("HTTP status %d", status.Code)
	default:
		return fmt.Sprintf("%d %s", status.Code, reason)
	}
}

// IsTimeout reports whether the deadline passed before the response.
func IsTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || apierrors.IsTimeout(err)
}

// IsUntrusted reports whether the server's certificate was rejected.
func IsUntrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// IsConnection reports whether there was no response, or only part of one.
func IsConnection(err error) bool {
	var status apierrors.APIStatus
	if err == nil || errors.As(err, &status) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}
