package promapi

import (
	"encoding/json"
	"io"
	"net/http"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// refused words an answer with a status other than 2xx. Of its body, only the type of the error is looked at.
func (a *API) refused(answer *provider.Answer) error {
	told := struct {
		ErrorType string `json:"errorType"`
	}{}
	if content, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10)); err == nil {
		_ = json.Unmarshal(content, &told) // what is not JSON has no type
	}
	return a.failed(answer.Status, told.ErrorType)
}

// failed words an error by the status and the type that Prometheus documents for it; VictoriaMetrics repeats the status as type.
func (a *API) failed(status int, kind string) *problem.Problem {
	host := a.client.Host()
	switch status {
	case http.StatusOK, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusInternalServerError:
	default:
		return a.client.RefusedStatus(status)
	}
	switch {
	case kind == "bad_data":
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "%s cannot parse the query; try the expression on the server's own page", host)
	case kind == "execution", kind == "422":
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"%s cannot evaluate the query; try the expression on the server's own page: it may not parse, match series twice, or load more samples than the server allows", host)
	case kind == "timeout":
		return problem.Retrying(v1alpha1.ReasonTimeout, nil, "%s gave the query up after its own time limit; ask for less, or look at its load", host)
	case status == http.StatusOK:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s says that the query failed; look at its own log", host)
	}
	return a.client.RefusedStatus(status)
}
