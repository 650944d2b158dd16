// Package testkit holds what the tests of several packages share. Nothing but tests may import it.
package testkit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Now is the time at which graphs from YAML are read: noon of a winter day, UTC.
func Now() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

// Graph reads the objects of YAML documents, as `kubectl get -o yaml` prints them, through the reducers into a graph at
// time Now, in which every kind counts as completely read except those named in unread.
func Graph(t testing.TB, documents string, unread ...facts.Kind) *facts.Graph {
	t.Helper()
	builder := facts.NewBuilder("test", Now())
	builder.SetVersion("v1.37.2")
	for _, object := range Objects(t, documents) {
		node := facts.Reduce(object)
		if _, event := object.(*corev1.Event); node == nil && !event {
			t.Fatalf("no reducer for %T", object)
		}
		builder.Add(node)
	}
	for _, kind := range Kinds() {
		covered := true
		for _, k := range unread {
			covered = covered && k != kind
		}
		if covered {
			builder.Covered(kind, "")
		}
	}
	return builder.Graph()
}

// Kinds are all kinds that a reader may have read.
func Kinds() []facts.Kind {
	return append(append(facts.Kinds(), facts.Custom), facts.CustomKinds()...)
}

// Objects decodes YAML documents into typed API objects; an unknown field or kind fails the test. (Of APIServices,
// CustomResourceDefinitions and custom resources only the fields that are reduced are known, so that others of theirs may
// stand there. An object of any API group that client-go does not know is a custom resource.)
func Objects(t testing.TB, documents string) []any {
	t.Helper()
	var objects []any
	reader := yaml.NewYAMLReader(newLineReader(documents))
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("read YAML: %v", err)
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		if untyped := untypedObject(document); untyped != nil {
			if err := yaml.Unmarshal(document, untyped); err != nil {
				t.Fatalf("decode:\n%s\n%v", document, err)
			}
			objects = append(objects, untyped)
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("decode:\n%s\n%v", document, err)
		}
		objects = append(objects, object)
	}
}

// untypedObject is an empty object for a document of a kind whose type is not in client-go; nil for all others.
func untypedObject(document []byte) any {
	var object metav1.TypeMeta
	if yaml.Unmarshal(document, &object) != nil {
		return nil
	}
	kind := object.GroupVersionKind()
	switch {
	case kind.Kind == string(facts.APIService):
		return &facts.APIServiceObject{}
	case kind.Kind == string(facts.CRD):
		return &facts.CRDObject{}
	case kind.Group != "" && !scheme.Scheme.IsGroupRegistered(kind.Group):
		return &facts.CustomObject{}
	default:
		return nil
	}
}

func newLineReader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }
