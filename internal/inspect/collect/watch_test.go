package collect

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// protoObject is an object that can be encoded.
type protoObject interface {
	runtime.Object
	Marshal() ([]byte, error)
}

// envelope is an object in protobuf, as in an event.
func envelope(t testing.TB, apiVersion, kind string, object protoObject) []byte {
	t.Helper()
	raw, err := object.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: apiVersion, Kind: kind}, Raw: raw}
	encoded, err := unknown.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(protobufMagic), encoded...)
}

// frame is one event of a watch in protobuf.
func frame(t testing.TB, kind watch.EventType, object []byte) []byte {
	t.Helper()
	event := metav1.WatchEvent{Type: string(kind), Object: runtime.RawExtension{Raw: object}}
	encoded, err := event.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(encoded))), encoded...) //nolint:gosec // small
}

func podReader(t testing.TB) (*reader, resource) {
	t.Helper()
	r, err := newReader(&rest.Config{Host: "https://192.0.2.1"}, facts.Reducer{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := resources([]facts.Kind{facts.Pod})
	if err != nil {
		t.Fatal(err)
	}
	found[0].wire = r.wire(facts.Pod)
	return r, found[0]
}

func pod(name, version, phase string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: version},
		Status:     corev1.PodStatus{Phase: corev1.PodPhase(phase)},
	}
}

// summary of an event, to compare.
func summary(e Event) string {
	text := string(e.Type) + " " + e.Object.Namespace + "/" + e.Object.Name + " " + e.Object.Version
	if node, ok := e.Object.Node.(*facts.PodNode); ok {
		text += " " + node.Phase
	}
	return text
}

func TestEventsOfAWatchAreReduced(t *testing.T) {
	events := []struct {
		kind watch.EventType
		pod  *corev1.Pod
	}{
		{watch.Added, pod("api", "7", "Pending")}, {watch.Modified, pod("api", "8", "Running")},
		{watch.Bookmark, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "9"}}}, {watch.Deleted, pod("api", "10", "Running")},
	}
	want := []string{"ADDED shop/api 7 Pending", "MODIFIED shop/api 8 Running", "BOOKMARK / 9", "DELETED shop/api 10 Running"}
	var protobuf, asJSON bytes.Buffer
	for _, e := range events {
		protobuf.Write(frame(t, e.kind, envelope(t, "v1", "Pod", e.pod)))
		if err := json.NewEncoder(&asJSON).Encode(map[string]any{"type": e.kind, "object": e.pod}); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range map[string]*bytes.Buffer{"protobuf": &protobuf, "JSON": &asJSON} {
		t.Run(name, func(t *testing.T) {
			r, pods := podReader(t)
			var got []string
			err := r.events(body, pods, func(e Event) error {
				got = append(got, summary(e))
				return nil
			})
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
}

func TestTheErrorOfAWatchIsThatOfTheAPI(t *testing.T) {
	gone := apierrors.NewResourceExpired("too old resource version").Status()
	r, pods := podReader(t)
	encoded, err := json.Marshal(map[string]any{"type": watch.Error, "object": gone})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"protobuf": frame(t, watch.Error, envelope(t, "v1", "Status", &gone)), "JSON": encoded} {
		err := r.events(bytes.NewReader(body), pods, func(Event) error { return nil })
		if !Expired(err) {
			t.Errorf("%s: %v, want that the version has expired", name, err)
		}
	}
}

func TestBrokenEventsAreErrors(t *testing.T) {
	whole := frame(t, watch.Added, envelope(t, "v1", "Pod", pod("api", "7", "Running")))
	large := binary.BigEndian.AppendUint32(nil, maxResponse+1)
	for name, tc := range map[string]struct {
		body []byte
		want func(error) bool
	}{
		"the end between events": {whole, func(err error) bool { return err == nil }},
		"the end in an event":    {whole[:len(whole)-3], func(err error) bool { return err != nil }},
		"an event that is too large": {large, func(err error) bool {
			return tooLarge(err)
		}},
		"no protobuf": {[]byte{0, 0, 0, 2, 0xff, 0xff}, func(err error) bool { return errors.As(err, new(decodeError)) }},
		"no JSON":     {[]byte(`{"type":]`), func(err error) bool { return errors.As(err, new(decodeError)) }},
		"an unknown type": {[]byte(`{"type":"RENAMED","object":{}}`), func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "RENAMED")
		}},
		"JSON without an end": {append([]byte(`{"type":"`), bytes.Repeat([]byte("a"), 2*maxResponse)...), tooLarge},
	} {
		r, pods := podReader(t)
		if err := r.events(bytes.NewReader(tc.body), pods, func(Event) error { return nil }); !tc.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzWatchEvents(f *testing.F) {
	f.Add(frame(f, watch.Added, envelope(f, "v1", "Pod", pod("api", "7", "Running"))))
	f.Add([]byte(`{"type":"ADDED","object":{"metadata":{"name":"api"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, pods := podReader(t)
		count := 0
		_ = r.events(bytes.NewReader(body), pods, func(Event) error {
			count++
			return nil
		})
		if count > len(body) {
			t.Errorf("%d events in %d bytes", count, len(body))
		}
	})
}
