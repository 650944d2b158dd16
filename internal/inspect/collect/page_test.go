package collect

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// answer is a server with one response for all requests.
type answer []byte

func (a answer) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: request, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a))}, nil
}

// pageOf reads the response as a page of Pods, of Secrets, and of a custom resource.
func pageOf(t *testing.T, response []byte, kind facts.Kind) (nodes []any, next string, err error) {
	t.Helper()
	r, err := newReader(&rest.Config{Host: "http://192.0.2.1", Transport: answer(response)}, facts.Reducer{})
	if err != nil {
		t.Fatal(err)
	}
	if kind == facts.Custom {
		return r.page(t.Context(), resource{kind: "example.com/Thing", name: "things", custom: custom{kind: "Thing"}}, page{size: pageSize})
	}
	found, err := resources([]facts.Kind{kind})
	if err != nil {
		t.Fatal(err)
	}
	found[0].wire = r.wire(kind)
	return r.page(t.Context(), found[0], page{size: pageSize})
}

func TestTypedObjectsInJSONThatDoNotFitAreAnError(t *testing.T) {
	for name, response := range map[string]string{
		"a wrong type": `{"items":[{"metadata":{"name":"a"}},{"spec":{"nodeName":1}}]}`, "no list": `{"items":{}}`, "a text": `{"items":["a"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			nodes, _, err := pageOf(t, []byte(response), facts.Pod)
			if decode := (decodeError{}); !errors.As(err, &decode) || nodes != nil {
				t.Errorf("%d Pods, error %v; want none, and that it cannot be decoded", len(nodes), err)
			}
		})
	}
}

func TestAPageHasABoundedNumberOfObjects(t *testing.T) {
	for _, kind := range []facts.Kind{facts.Pod, facts.Secret, facts.Custom} {
		for encoding, text := range map[string][2]string{
			"JSON": {`{"items":[{}`, `,{}`}, "protobuf": {protobufMagic + "\x12\xc2\xb8\x02", "\x12\x00"},
		} {
			if kind == facts.Custom && encoding == "protobuf" {
				continue // they have none
			}
			response := text[0] + strings.Repeat(text[1], maxObjects+1) + "]}"
			nodes, _, err := pageOf(t, []byte(response), kind)
			if want := (crowdedError{pageSize}); !errors.Is(err, want) || nodes != nil {
				t.Errorf("%s in %s: %d objects, error %v; want none, and %v", kind, encoding, len(nodes), err, want)
			}
		}
	}
}

// FuzzPages reads any response in each way, and compares Pods in JSON with what the decoder of Kubernetes finds in the whole list.
func FuzzPages(f *testing.F) {
	f.Add([]byte(`{"metadata":{"continue":"more"},"items":[{"metadata":{"name":"a"}},{"spec":{"containers":[{}]}},null]}`))
	f.Add([]byte(`{"kind":"PodList","items":null,"other":[[]]}`))
	f.Add(encoded(f, podList("more", 1, 20)))
	f.Fuzz(func(t *testing.T, response []byte) {
		for _, kind := range []facts.Kind{facts.Secret, facts.Custom} {
			if nodes, _, err := pageOf(t, response, kind); err != nil && nodes != nil || len(nodes) > maxObjects {
				t.Errorf("%s: %d objects, error %v", kind, len(nodes), err)
			}
		}
		nodes, next, err := pageOf(t, response, facts.Pod)
		var list corev1.PodList
		lists := bytes.Count(response, []byte("items")) // of two, the decoder keeps the second, and the reader has read both
		if bytes.Contains(response, []byte(`\u`)) || lists > 1 || utiljson.Unmarshal(response, &list) != nil {
			return
		}
		if err != nil || len(nodes) != len(list.Items) || next != list.Continue {
			t.Errorf("%d Pods, continue %q, error %v; want %d and %q", len(nodes), next, err, len(list.Items), list.Continue)
		}
	})
}
