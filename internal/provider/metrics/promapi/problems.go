package promapi

import (
	"io"
	"net/http"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/stream"
)

// refused words an answer with a status other than 2xx. Of its body, only the type of the error is looked at.
func (a *API) refused(answer *provider.Answer) error {
	var told struct {
		ErrorType string `json:"errorType" max:"64"`
	}
	const enough = 64 << 10
	// What is not JSON has no type.
	_ = stream.New(io.LimitReader(answer.Body, enough), stream.Limits{}).Decode(&told)
	return a.toProblem(answer.Status, told.ErrorType)
}

// toProblem describes an error by its status and the type that Prometheus documents for it; VictoriaMetrics repeats the status as type.
func (a *API) toProblem(status int, kind string) *problem.Problem {
	host := a.client.Host()
	switch status {
	case http.StatusOK,
		http.StatusBadRequest,
		http.StatusUnprocessableEntity,
		http.StatusServiceUnavailable,
		http.StatusInternalServerError:
	default:
		return a.client.RefusedStatus(status)
	}
	switch {
	case kind == "bad_data":
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "%s cannot parse the query; try the expression in its web UI", host)
	case kind == "execution", kind == "422":
		return problem.UserError(
			v1alpha1.ReasonInvalidQuery,
			nil,
			"%s cannot evaluate the query: parse error, duplicate series, or more samples than it allows; try the expression in its web UI",
			host,
		)
	case kind == "timeout":
		return problem.Retrying(v1alpha1.ReasonTimeout, nil, "the query timed out on %s; query less, or check its load", host)
	case status == http.StatusOK:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "the query failed on %s; see its log", host)
	}
	return a.client.RefusedStatus(status)
}
