package apierror_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/internal/apierror"
)

func TestDescribeIsStableBetweenAttempts(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"forbidden":             {apierrors.NewForbidden(pods, "cart-1", errors.New("no")), "403 Forbidden"},
		"unauthorized":          {apierrors.NewUnauthorized("token expired"), apierror.Unauthorized},
		"wrapped":               {fmt.Errorf("list: %w", apierrors.NewUnauthorized("token expired")), apierror.Unauthorized},
		"unknown reason":        {&apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusBadGateway}}, "502 Bad Gateway"},
		"unknown code":          {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 599}}, "HTTP status 599"},
		"reason without code":   {&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonGone}}, "Gone"},
		"empty status":          {&apierrors.StatusError{}, "request failed"},
		"deadline":              {context.DeadlineExceeded, "timed out"},
		"timeout of the server": {apierrors.NewTimeoutError("slow", 3), "timed out"},
		"broken connection":     {&url.Error{Op: "Get", URL: "https://10.0.0.1:6443", Err: io.EOF}, "connection failed"},
		"untrusted":             {&url.Error{Op: "Get", URL: "https://a", Err: &tls.CertificateVerificationError{Err: errors.New("x509")}}, "TLS certificate not trusted"},
		"other error":           {errors.New("read tcp 10.0.0.1:4711: reset"), "request failed"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := apierror.Describe(tc.err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTheMessageIsAddedWhereTheUserMustKnowIt(t *testing.T) {
	quota := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "cart-1", errors.New("exceeded quota: small"))
	if got, want := apierror.DescribeWithMessage(quota, 36), `403 Forbidden: pods "cart-1" is forbidden: excee...`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := apierror.DescribeWithMessage(apierrors.NewInternalError(errors.New("etcd")), 512), "500 InternalError"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
