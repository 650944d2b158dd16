package kind

import (
	"context"
	"unicode/utf8"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
	"kubeops.io/kubeops/internal/tracing"
)

// Request is the value of the annotation kubeops.io/requested-at as a status records it.
func Request(object client.Object) string { return v1alpha1.RequestOf(object) }

// Event records an event about an object. Its text is cut to what the API server takes: 1024 bytes. An event of a recorded trace has its ID
// as an annotation; one that is merged into a series of equal events keeps that of the first.
func Event(ctx context.Context, recorder events.EventRecorder, object client.Object, eventType, reason, action, message string) {
	const maxBytes = 1024
	message = printable.Line(message)
	if len(message) > maxBytes {
		message = text.Clip(message, maxBytes/utf8.UTFMax)
	}
	annotated, can := recorder.(events.AnnotatedEventRecorder)
	if id := tracing.ID(ctx); can && id != "" {
		annotations := map[string]string{v1alpha1.AnnotationTraceID: id}
		annotated.AnnotatedEventf(object, nil, annotations, eventType, reason, action, "%s", message)
		return
	}
	recorder.Eventf(object, nil, eventType, reason, action, "%s", message)
}
