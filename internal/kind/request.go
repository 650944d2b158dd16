package kind

import (
	"unicode/utf8"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// Request is the value of the annotation kubeops.io/requested-at as a status records it.
func Request(object client.Object) string { return v1alpha1.RequestOf(object) }

// Event records an event about an object. Its text is cut to what the API server takes: 1024 bytes.
func Event(recorder events.EventRecorder, object client.Object, eventType, reason, action, message string) {
	const maxBytes = 1024
	message = printable.Line(message)
	if len(message) > maxBytes {
		message = text.Clip(message, maxBytes/utf8.UTFMax)
	}
	recorder.Eventf(object, nil, eventType, reason, action, "%s", message)
}
