package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// podList has Pods in namespace shop whose names have the given lengths, so their sizes differ.
func podList(next string, lengths ...int) *corev1.PodList {
	list := &corev1.PodList{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: next},
	}
	for _, length := range lengths {
		list.Items = append(list.Items, corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: strings.Repeat("p", length)}, Spec: corev1.PodSpec{NodeName: "n1"},
		})
	}
	return list
}

// encoded is a list as an API server sends it.
func encoded(t testing.TB, list runtime.Object) []byte {
	t.Helper()
	body, err := runtime.Encode(protobuf.NewSerializer(nil, nil), list)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// readPods reads a response and returns the lengths of the names of the Pods.
func readPods(from io.Reader) (lengths []int, next string, err error) {
	reader := facts.Reducer{}.NewWireReader(facts.Pod)
	meta, err := readProtobufItems(bufio.NewReaderSize(from, streamBuffer), func(object []byte) error {
		node, err := reader.Reduce(object)
		if pod, ok := node.(*facts.PodNode); ok {
			lengths = append(lengths, len(pod.Name))
		}
		return err
	})
	return lengths, meta.next, err
}

func TestAProtobufListIsReadItemByItem(t *testing.T) {
	want := []int{1, 0, 200_000, 3, streamBuffer, 5}
	body := encoded(t, podList("more", want...))
	for name, from := range map[string]io.Reader{
		"at once": bytes.NewReader(body), "byte by byte": iotest.OneByteReader(bytes.NewReader(body)),
		"in halves": iotest.HalfReader(bytes.NewReader(body)),
	} {
		got, next, err := readPods(from)
		if err != nil || next != "more" || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, %q, %v, want %v", name, got, next, err, want)
		}
	}
	if got, next, err := readPods(bytes.NewReader(encoded(t, podList("")))); err != nil || next != "" || len(got) != 0 {
		t.Errorf("an empty list: got %v, %q, %v", got, next, err)
	}
}

func TestAnIncompleteProtobufListIsAnError(t *testing.T) {
	body := encoded(t, podList("more", 1, 2, 70_000))
	for _, length := range []int{4, 5, 20, 30, len(body) / 2, len(body) - 3} {
		if _, _, err := readPods(bytes.NewReader(body[:length])); err == nil && length > 4 {
			t.Errorf("%d of %d bytes: no error", length, len(body))
		}
	}
	broken := errors.New("connection reset")
	from := io.MultiReader(bytes.NewReader(body[:len(body)/2]), iotest.ErrReader(broken))
	if _, _, err := readPods(from); !errors.Is(err, broken) {
		t.Errorf("a broken connection: got %v", err)
	}
}

func TestPodsAreReadFromProtobuf(t *testing.T) {
	page := func(list *corev1.PodList) http.HandlerFunc {
		return body(http.StatusOK, runtime.ContentTypeProtobuf, string(encoded(t, list)))
	}
	fake, source := serve(t, map[string][]http.HandlerFunc{pods: {page(podList("2", 1, 2)), page(podList("", 3, 100_000))}})
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
	if err != nil || len(collected.Gaps) > 0 {
		t.Fatal(err, gapTexts(collected.Gaps))
	}
	if got := len(collected.Graph.Pods); got != 4 || fake.requests(pods) != 2 {
		t.Errorf("%d Pods in %d requests, want 4 in 2", got, fake.requests(pods))
	}
	if pod := collected.Graph.Pods[0]; pod.NodeName != "n1" || pod.Namespace != "shop" {
		t.Errorf("Pod %+v", pod)
	}
}

func TestMalformedProtobufIsAGap(t *testing.T) {
	text := string(encoded(t, podList("", 1)))
	_, source := serve(t, map[string][]http.HandlerFunc{
		pods:     {body(http.StatusOK, runtime.ContentTypeProtobuf, text[:len(text)-10]+"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
		services: {body(http.StatusOK, "application/json", `{"kind":"ServiceList","apiVersion":"v1","items":[{"metadata":{"name":"s"}}]}`)},
	})
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod, facts.Service}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(collected.Gaps) != 1 || len(collected.Graph.Services) != 1 || collected.Graph.Complete(facts.Pod, "") {
		t.Errorf("gaps %v, Services %v", gapTexts(collected.Gaps), collected.Graph.Services)
	}
}

// FuzzProtobufLists compares the reader with the decoder of the API where that succeeds.
func FuzzProtobufLists(f *testing.F) {
	body := encoded(f, podList("more", 1, 20, 300))
	f.Add(body)
	f.Add(body[:len(body)/2])
	f.Add([]byte(protobufMagic + "\x12\xff\xff\xff\xff\x0f"))
	f.Add([]byte(protobufMagic + "\x12\x02\x0b\x0c"))
	f.Add([]byte(protobufMagic + "\x12\x02\x12\x00\x12\x00")) // two lists, of one object and of none
	f.Fuzz(func(t *testing.T, response []byte) {
		if !bytes.HasPrefix(response, []byte(protobufMagic)) {
			return
		}
		got, next, err := readPods(bytes.NewReader(response))
		var unknown runtime.Unknown
		var list corev1.PodList
		if err != nil || unknown.Unmarshal(response[len(protobufMagic):]) != nil || list.Unmarshal(unknown.Raw) != nil {
			return
		}
		if next != list.Continue || len(got) != len(list.Items) {
			t.Errorf("got %d Pods and %q, want %d and %q", len(got), next, len(list.Items), list.Continue)
		}
	})
}
