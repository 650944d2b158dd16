package export

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
)

// receiver is a collector that refuses what the specification of OTLP over HTTP does not allow.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	spans   []*tracev1.Span
	service string
	tokens  []string
	// status that it answers; 0 is OK.
	status int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP takes an export.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = append(r.tokens, request.Header.Get("Authorization"))
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	export, err := decode(request)
	if err == nil {
		err = r.take(export)
	}
	if err != nil {
		r.t.Errorf("the export is not valid: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	answer, err := proto.Marshal(&collectorv1.ExportTraceServiceResponse{})
	if err != nil {
		r.t.Error(err)
	}
	_, _ = w.Write(answer)
}

func decode(request *http.Request) (*collectorv1.ExportTraceServiceRequest, error) {
	if request.Method != http.MethodPost || request.URL.Path != "/v1/traces" || request.URL.RawQuery != "" ||
		request.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, fmt.Errorf("%s %s with %q", request.Method, request.URL, request.Header.Get("Content-Type"))
	}
	body := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	export := &collectorv1.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(content, export); err != nil {
		return nil, err
	}
	return export, known(export.ProtoReflect())
}

// known refuses fields that the protocol does not have.
func known(m protoreflect.Message) (err error) {
	if len(m.GetUnknown()) > 0 {
		return fmt.Errorf("%s has unknown fields", m.Descriptor().Name())
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap() || field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range value.List().Len() {
				err = errors.Join(err, known(value.List().Get(i).Message()))
			}
		default:
			err = errors.Join(err, known(value.Message()))
		}
		return err == nil
	})
	return err
}

func (r *receiver) take(export *collectorv1.ExportTraceServiceRequest) error {
	for _, resource := range export.GetResourceSpans() {
		r.service = value(resource.GetResource().GetAttributes(), "service.name")
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				switch {
				case len(span.GetTraceId()) != 16, len(span.GetSpanId()) != 8, span.GetName() == "":
					return fmt.Errorf("span %q has no name or ID", span.GetName())
				case span.GetStartTimeUnixNano() == 0, span.GetEndTimeUnixNano() < span.GetStartTimeUnixNano():
					return fmt.Errorf("span %q ends before it starts", span.GetName())
				}
				r.spans = append(r.spans, span)
			}
		}
	}
	return nil
}

func value(attributes []*commonv1.KeyValue, key string) string {
	for _, a := range attributes {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// received spans by name.
func (r *receiver) received() map[string]*tracev1.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]*tracev1.Span{}
	for _, span := range r.spans {
		found[span.GetName()] = span
	}
	return found
}

func traceID(span *tracev1.Span) string { return hex.EncodeToString(span.GetTraceId()) }
