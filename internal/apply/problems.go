package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/problem"
)

// Reasons of problems of an apply.
const (
	// ReasonConflict says that another manager owns a field that the object sets.
	ReasonConflict = "ApplyConflict"
	// ReasonForbidden says that a right is missing.
	ReasonForbidden = "ApplyForbidden"
	// ReasonRefused says that the API server does not take the object.
	ReasonRefused = "ApplyRefused"
	// ReasonFailed says that the API server could not be asked, or failed.
	ReasonFailed = "ApplyFailed"
)

// maxNamed bounds how many fields a message names.
const maxNamed = 5

// explain an error of the API server. Messages hold no part of the object but names of fields: it may be a Secret.
func explain(err error, ref Ref) error {
	var status apierrors.APIStatus
	switch {
	case apierrors.IsConflict(err) && errors.As(err, &status):
		if named := conflicts(status.Status().Details); named != "" {
			return problem.UserError(ReasonConflict, nil, "%s cannot be applied: %s; remove these fields there, or give up their ownership", ref, named)
		}
		return problem.Retrying(ReasonFailed, nil, "%s was changed by somebody else at the same time", ref)
	case apierrors.IsForbidden(err):
		return problem.Retrying(ReasonForbidden, nil, "%s may not be applied: the rights for it are missing, or admission refuses it; the manager's log names the answer", ref)
	case apierrors.IsInvalid(err) && errors.As(err, &status):
		return problem.UserError(ReasonRefused, nil, "%s is refused by the API server because of %s", ref, fields(status.Status().Details))
	case meta.IsNoMatchError(err):
		return problem.Retrying(ReasonRefused, nil, "%s cannot be applied: the cluster does not know this kind", ref)
	}
	return problem.Retrying(ReasonFailed, err, "%s could not be applied", ref)
}

// conflicts names managers and fields: `field .spec.replicas is owned by "kubectl"`.
func conflicts(details *metav1.StatusDetails) string {
	if details == nil {
		return ""
	}
	var named []string
	for _, cause := range details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		// The message reads: conflict with "manager" with subresource "x" using apps/v1 at some time.
		manager := "another manager"
		if parts := strings.SplitN(cause.Message, `"`, 3); len(parts) == 3 {
			manager = fmt.Sprintf("%q", parts[1])
		}
		named = append(named, fmt.Sprintf("field %s is owned by %s", cause.Field, manager))
	}
	return list(named)
}

func fields(details *metav1.StatusDetails) string {
	var named []string
	if details != nil {
		for _, cause := range details.Causes {
			named = append(named, "field "+cause.Field)
		}
	}
	if len(named) == 0 {
		return "what it holds"
	}
	return list(named)
}

func list(named []string) string {
	slices.Sort(named)
	named = slices.Compact(named)
	if len(named) > maxNamed {
		named = append(named[:maxNamed], "and others")
	}
	return strings.Join(named, ", ")
}
