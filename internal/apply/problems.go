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
	// ReasonConflict: another manager owns a field that the object sets.
	ReasonConflict = "ApplyConflict"
	// ReasonForbidden: a permission is missing, or admission denied the object.
	ReasonForbidden = "ApplyForbidden"
	// ReasonRefused: the API server rejects the object.
	ReasonRefused = "ApplyRefused"
	// ReasonFailed: the API server is unreachable or returned another error.
	ReasonFailed = "ApplyFailed"
)

// maxNamed fields per message.
const maxNamed = 5

// toProblem turns an error of the API server into a problem. The object may be a Secret: messages only contain names of fields.
func toProblem(err error, ref Ref) error {
	var status apierrors.APIStatus
	switch {
	case apierrors.IsConflict(err) && errors.As(err, &status):
		if named := conflicts(status.Status().Details); named != "" {
			return problem.UserError(ReasonConflict, nil,
				"%s cannot be applied: %s; remove these fields from the other manager's configuration, or release its ownership", ref,
				named)
		}
		return problem.Retrying(ReasonFailed, nil, "%s was modified concurrently", ref)
	case apierrors.IsForbidden(err):
		return problem.Retrying(ReasonForbidden, nil,
			"%s cannot be applied: permissions are missing (RBAC) or admission denied it; see the manager's log for the response", ref)
	case apierrors.IsInvalid(err) && errors.As(err, &status):
		return problem.UserError(ReasonRefused, nil, "%s was rejected by the API server: invalid %s", ref,
			invalidFields(status.Status().Details))
	case meta.IsNoMatchError(err):
		return problem.Retrying(ReasonRefused, nil, "%s cannot be applied: the cluster does not serve %s %s", ref, ref.APIVersion,
			ref.Kind)
	}
	return problem.Retrying(ReasonFailed, err, "%s cannot be applied; see the manager's log", ref)
}

// conflicts lists fields and their managers: `field .spec.replicas is owned by "kubectl"`.
func conflicts(details *metav1.StatusDetails) string {
	if details == nil {
		return ""
	}
	var named []string
	for _, cause := range details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		// Form of the message: conflict with "manager" with subresource "x" using apps/v1 at <time>.
		manager := "another manager"
		if parts := strings.SplitN(cause.Message, `"`, 3); len(parts) == 3 {
			manager = fmt.Sprintf("%q", parts[1])
		}
		named = append(named, fmt.Sprintf("field %s is owned by %s", cause.Field, manager))
	}
	return joinNames(named)
}

func invalidFields(details *metav1.StatusDetails) string {
	var named []string
	if details != nil {
		for _, cause := range details.Causes {
			named = append(named, "field "+cause.Field)
		}
	}
	if len(named) == 0 {
		return "object"
	}
	return joinNames(named)
}

func joinNames(named []string) string {
	slices.Sort(named)
	named = slices.Compact(named)
	if len(named) > maxNamed {
		named = append(named[:maxNamed], "and others")
	}
	return strings.Join(named, ", ")
}
