package collect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// flood answers each list with bytes without an end, and measures how many are read of all responses that are open.
type flood struct {
	contentType, begin, repeated string

	mu         sync.Mutex
	open, most int64
	lists      int
}

func (f *flood) RoundTrip(request *http.Request) (*http.Response, error) {
	answer := func(contentType string, body io.ReadCloser) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Request: request, Body: body,
			Header: http.Header{"Content-Type": {contentType}},
		}, nil
	}
	if request.URL.Path == versionPath {
		return answer("application/json", io.NopCloser(strings.NewReader(`{"gitVersion":"v1.37.2"}`)))
	}
	f.mu.Lock()
	f.lists++
	f.mu.Unlock()
	return answer(f.contentType, &floodBody{flood: f, next: f.begin})
}

func (f *flood) read(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open += n
	f.most = max(f.most, f.open)
}

type floodBody struct {
	flood *flood
	next  string
	read  int64
}

func (b *floodBody) Read(p []byte) (int, error) {
	if b.next == "" {
		b.next = b.flood.repeated
	}
	n := copy(p, b.next)
	b.next = b.next[n:]
	b.read += int64(n)
	b.flood.read(int64(n))
	runtime.Gosched() // to the next list that is read
	return n, nil
}

func (b *floodBody) Close() error {
	b.flood.read(-b.read)
	b.read = 0
	return nil
}

func TestOneLargeResponseIsHeldAtATime(t *testing.T) {
	kinds := []facts.Kind{facts.Pod, facts.Node, facts.Service, facts.Deployment, facts.Secret, facts.Event, facts.CRD}
	const json, protobuf = "application/json", "application/vnd.kubernetes.protobuf"
	for name, tt := range map[string]struct {
		server *flood
		// least and most bytes that are held at some time.
		least, most int64
		gap         string
	}{
		"one object in JSON": {
			server: &flood{contentType: json, begin: `{"items":[{"a":"`, repeated: strings.Repeat("a", 16<<10)},
			least:  maxObject, most: maxObject + (parallel-1)*maxHeld, gap: "one object exceeds 4 MiB",
		},
		"one object in protobuf": {
			server: &flood{contentType: protobuf, begin: largeObject, repeated: strings.Repeat("\x0a", 16<<10)},
			least:  maxObject - 8<<10, most: maxObject + (parallel-1)*maxHeld, gap: "one object exceeds 4 MiB",
		},
		"small objects in JSON": {
			server: &flood{contentType: json, begin: `{"items":[{}`, repeated: strings.Repeat(",{}", 4<<10)},
			least:  3 * maxObjects, most: 3 * (maxObjects + (parallel-1)*maxShared), gap: crowdedError{pageSize}.Error(),
		},
		"small objects in protobuf": {
			server: &flood{contentType: protobuf, begin: protobufMagic + "\x12\xf0\xff\xff\x03", repeated: strings.Repeat("\x12\x00", 8<<10)},
			least:  2 * maxObjects, most: 2 * (maxObjects + (parallel-1)*maxShared), gap: crowdedError{pageSize}.Error(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := Source{Cluster: "hostile", Config: &rest.Config{Host: "http://192.0.2.1", Transport: tt.server}}
			_, err := All(t.Context(), source, Scope{}, kinds, clock.RealClock{}, nil)
			if p := problem.As(err); p == nil || !strings.Contains(p.Message, tt.gap) {
				t.Errorf("got %v, want a problem with %q", err, tt.gap)
			}
			const buffer = 1 << 20 // what one call of Read may return
			if held := tt.server.most; held < tt.least || held > tt.most+parallel*buffer {
				t.Errorf("%d bytes were held, want %d to %d, and the buffers of the readers", held, tt.least, tt.most)
			}
			if tt.server.lists < len(kinds) {
				t.Errorf("%d lists were requested, want all %d", tt.server.lists, len(kinds))
			}
		})
	}
}

// largeObject starts a list in protobuf whose only object has nearly the largest size.
const largeObject = protobufMagic + "\x12\xf0\xff\xff\x03" + "\x12\x80\xe0\xff\x01"

func TestListsOfSmallObjectsDoNotWaitForEachOther(t *testing.T) {
	item := "\x12\x86\x08\x0a\x83\x08\x0a\x80\x08" + strings.Repeat("n", 1<<10) // an object of which the name is a kibibyte
	var together sync.WaitGroup
	together.Add(parallel)
	answers := map[string][]http.HandlerFunc{}
	for _, path := range []string{pods, services, "/api/v1/nodes", "/api/v1/configmaps"} {
		answers[path] = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
			list := strings.Repeat(item, 4*maxHeld/len(item))
			_, _ = io.WriteString(w, protobufMagic+"\x12"+string(protowire.AppendVarint(nil, uint64(len(list))))+list[:len(list)-1])
			_ = http.NewResponseController(w).Flush()
			together.Done()
			together.Wait() // nobody reads on before all have nearly everything
			_, _ = io.WriteString(w, list[len(list)-1:])
		}}
	}
	_, source := serve(t, answers)
	kinds := []facts.Kind{facts.Pod, facts.Service, facts.Node, facts.ConfigMap}
	collected, err := All(t.Context(), source, Scope{}, kinds, clock.RealClock{}, nil)
	if err != nil || len(collected.Gaps) > 0 {
		t.Errorf("gaps %v, error %v", gapTexts(collected.Gaps), err)
	}
}

func TestAListThatWaitsForAnotherEndsAtItsDeadline(t *testing.T) {
	r := &reader{large: make(chan struct{}, 1)}
	_, first := r.hold(t.Context())
	_, second := r.hold(t.Context())
	endless := strings.NewReader(strings.Repeat("x", maxResponse))
	buffer := make([]byte, maxHeld)
	read := func(ctx context.Context, h *held) error {
		_, err := h.read(ctx, endless, buffer)
		return err
	}
	for range 2 {
		if err := read(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := errors.Join(read(ended, second), read(ended, second)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	first.release()
	if err := read(t.Context(), second); err != nil {
		t.Errorf("after the first was released: %v", err)
	}
	second.release()
	second.release() // once more than it was read
}
