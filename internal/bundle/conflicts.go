package bundle

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// FieldState says why a field has another value than in the manifest.
type FieldState string

// Values of FieldState.
const (
	// Conflicting: the bundle never applied the field.
	Conflicting FieldState = "Conflict"
	// Drifting: the bundle applied the field, and someone changed it since.
	Drifting FieldState = "Drift"
	// Yielding: the field is left to the other manager.
	Yielding FieldState = "Yielded"
	// Adopting: the field is taken over from the other manager, whom spec.adopt names.
	Adopting FieldState = "Adopted"
	// Shared: the other manager owns the field, too, with the same value.
	Shared FieldState = "Shared"
)

// Field that has another value than in the manifest.
type Field struct {
	// Path, for example .spec.replicas.
	Path  string
	State FieldState
	// Manager is the field manager that owns it; empty if no one does.
	Manager string
	// LastWrite is when that manager wrote to the object last, to this or another field; nil if it is not known.
	LastWrite *metav1.Time
	// Live and Manifest are the values of the field, if the run is detailed; nil if there is none, and those of a Secret are left out.
	Live, Manifest any

	path        fieldpath.Path
	subresource string
}

// scaled reports whether a field is the number of replicas, set through the scale subresource, as a HorizontalPodAutoscaler does.
func (f Field) scaled() bool { return f.Path == ".spec.replicas" && f.subresource == "scale" }

// conflictsOf reads the fields from a conflict between field managers; nil for any other error.
func conflictsOf(err error, live *unstructured.Unstructured) (fields []Field) {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		field := Field{Path: cause.Field, Manager: managerIn(cause.Message)}
		if live != nil {
			if owner, ok := ownerOf(live, field.Path, field.Manager); ok {
				field.LastWrite = owner.lastWrite
				field.path = owner.path
				field.subresource = owner.subresource
			}
		}
		fields = append(fields, field)
	}
	return fields
}

// managerIn reads the manager from `conflict with "MANAGER" with subresource "S" using VERSION at TIME`.
func managerIn(message string) string {
	parts := strings.SplitN(message, `"`, 3)
	if len(parts) == 3 {
		return parts[1]
	}
	return ""
}
