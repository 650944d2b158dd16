package kind

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// maxRequest is the longest value of the annotation that a status records as it is, in bytes.
const maxRequest = 128

// Request is the value of the annotation kubeops.io/requested-at as a status records it. An annotation may have 256 KiB;
// a value over 128 bytes is recorded as its hash.
func Request(object client.Object) string {
	value := object.GetAnnotations()[v1alpha1.AnnotationRequestedAt]
	if len(value) <= maxRequest {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Event records an event about an object. Its text is cut to what the API server takes: 1024 bytes.
func Event(recorder events.EventRecorder, object client.Object, eventType, reason, action, message string) {
	const maxBytes = 1024
	message = printable.Line(message)
	if len(message) > maxBytes {
		message = text.Clip(message, maxBytes/utf8.UTFMax)
	}
	recorder.Eventf(object, nil, eventType, reason, action, "%s", message)
}
