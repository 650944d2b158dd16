package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

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

func TestObjectsThatDoNotFitAreLeftOutAndNotOneObject(t *testing.T) {
	misfit := `{"metadata":{"name":"` + strings.Repeat("a", 16<<10) + `"},"kind":1}`
	response := `{"items":[{}` + strings.Repeat(","+misfit, maxObject/len(misfit)+20) + `]}`
	if nodes, _, err := pageOf(t, []byte(response), facts.APIService); err != nil || len(nodes) != 1 {
		t.Errorf("%d objects, error %v; want the one that fits", len(nodes), err)
	}
}

func TestAResponseThatIsNoListIsNotAnEmptyOne(t *testing.T) {
	for _, response := range []string{"{}", `{"error":"sign in"}`, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":401}`} {
		for _, kind := range []facts.Kind{facts.Pod, facts.Secret, facts.Custom} {
			if _, _, err := pageOf(t, []byte(response), kind); err == nil {
				t.Errorf("%s is a list of %s", response, kind)
			}
		}
	}
	if _, _, err := pageOf(t, []byte(`{"kind":"SecretList","apiVersion":"v1"}`), facts.Secret); err != nil {
		t.Errorf("a list without items: %v", err)
	}
}

func TestALongContinueTokenIsAnError(t *testing.T) {
	token := strings.Repeat("a", maxToken+1)
	for name, response := range map[string]string{
		"JSON": `{"metadata":{"continue":"` + token + `"},"items":[]}`, "protobuf": string(encoded(t, podList(token, 1))),
	} {
		if _, next, err := pageOf(t, []byte(response), facts.Pod); err == nil || next != "" {
			t.Errorf("%s: a token of %d bytes, error %v", name, len(next), err)
		}
	}
}

func TestALengthIsNoReasonToTakeMemory(t *testing.T) {
	response := protobufMagic + "\x12\xf0\xff\xff\x03" + "\x12\x80\xe0\xff\x01" + "{}"
	_, _, _ = pageOf(t, []byte(response), facts.Node) // what is made once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const pages = 10
	for range pages {
		if _, _, err := pageOf(t, []byte(response), facts.Node); err == nil {
			t.Error("a list that ends within an object was read")
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / pages; each > 1<<20 {
		t.Errorf("a response of %d bytes took %d bytes", len(response), each)
	}
}

// pagesOf serves a list in pages of the size that is requested, as an API server does.
func pagesOf(all *corev1.PodList, encode func(*corev1.PodList) []byte, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		end := min(from+limit, len(all.Items))
		part := &corev1.PodList{TypeMeta: all.TypeMeta, Items: all.Items[from:end]}
		if end < len(all.Items) {
			part.Continue = strconv.Itoa(end)
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(encode(part))
	}
}

func TestPagesThatAreTooLargeAreReadAgainAndCountedOnce(t *testing.T) {
	const count = 500
	lengths := make([]int, count)
	for i := range lengths {
		lengths[i] = 20<<10 + i
	}
	all := podList("", lengths...)
	for name, handler := range map[string]http.HandlerFunc{
		"protobuf": pagesOf(all, func(part *corev1.PodList) []byte { return encoded(t, part) }, "application/vnd.kubernetes.protobuf"),
		"JSON": pagesOf(all, func(part *corev1.PodList) []byte {
			text, err := json.Marshal(part)
			if err != nil {
				t.Error(err)
			}
			return text
		}, "application/json"),
	} {
		t.Run(name, func(t *testing.T) {
			_, source := serve(t, map[string][]http.HandlerFunc{pods: {handler}})
			collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
			if err != nil || len(collected.Graph.Pods) != count {
				t.Errorf("%d Pods, error %v; want %d", len(collected.Graph.Pods), err, count)
			}
			var sum int
			if err := Each(t.Context(), source, facts.Pod, &sum, func(sum *int, _ any) { *sum++ }); err != nil || sum != count {
				t.Errorf("a sum of %d Pods, error %v; want %d", sum, err, count)
			}
		})
	}
}

func TestALongErrorIsNotKept(t *testing.T) {
	long := `{"kind":"Status","apiVersion":"v1","status":"Failure","code":400,"message":"` + strings.Repeat("a", 1<<20) + `"}`
	_, source := serve(t, map[string][]http.HandlerFunc{pods: {body(http.StatusBadRequest, "application/json", long)}})
	_, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
	if err == nil || len(err.Error()) > maxError {
		t.Errorf("an error of %d bytes", len(fmt.Sprint(err)))
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
		if err != nil && list.Items == nil {
			return // no list at all
		}
		if err != nil || len(nodes) != len(list.Items) || next != list.Continue {
			t.Errorf("%d Pods, continue %q, error %v; want %d and %q", len(nodes), next, err, len(list.Items), list.Continue)
		}
	})
}
