package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/printable"
)

// notFound answers for what does not exist and for what the viewer cannot read. The two cannot be distinguished.
const notFound = "It does not exist, or you cannot read it. Page You lists your permissions."

// problem is an error of the API as RFC 9457 describes it.
func problem(status int, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}
}

// writeProblem answers a request outside of the API description, with the body that the API has.
func writeProblem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	body := problem(status, detail)
	body.Instance = instance(r.Context())
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the viewer has gone
}

// failed turns an error of the API server into a problem. Forbidden and missing are the same problem.
func failed(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := apierror.ImpersonationRefused(err); ok {
		return problem(http.StatusServiceUnavailable,
			"ServiceAccount "+printable.Line(refused.User)+" of the dashboard cannot "+refused.Verb+
				" (RBAC). Apply config/dashboard, or its component plain-impersonation on Kubernetes 1.35 and earlier.")
	}
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return problem(http.StatusNotFound, notFound)
	case errors.Is(err, context.DeadlineExceeded), apierror.IsTimeout(err):
		return problem(http.StatusGatewayTimeout, "The API server did not answer in time. Try again.")
	}
	return problem(http.StatusBadGateway, "The API server returned an error ("+apierror.Describe(err)+"). Try again.")
}
