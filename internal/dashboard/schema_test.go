package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

func TestTheSchemaOfAKindIsThatOfTheAPIServer(t *testing.T) {
	w := newWorld(t)
	fields := func(path string) map[string]Field {
		t.Helper()
		found := map[string]Field{}
		for _, field := range decode[Schema](t, w.get(t, "nemo", "/api/v1/schemas/"+path)).Fields {
			found[field.Name] = field
		}
		return found
	}
	pod := decode[Schema](t, w.get(t, "nemo", "/api/v1/schemas/pods"))
	if pod.Kind != "Pod" || pod.APIVersion != "v1" || !strings.Contains(pod.Description, "Pod is a collection of containers") || len(pod.Fields) != 5 || pod.Cut {
		t.Errorf("%+v", pod)
	}
	for about, tc := range map[string]struct {
		field  Field
		want   string
		nested bool
	}{
		"a type":                {fields("pods")["spec"], "PodSpec", true},
		"a list":                {fields("pods?path=spec")["containers"], "[]Container", true},
		"a field of a list":     {fields("pods?path=spec.containers")["image"], "string", false},
		"a map":                 {fields("pods?path=metadata")["labels"], "map[string]string", false},
		"numbers and texts":     {fields("services?path=spec.ports")["targetPort"], "integer or string", false},
		"a quantity":            {fields("pods?path=spec.containers.resources")["limits"], "map[string]Quantity", false},
		"a custom resource":     {fields("inspections.kubeops.io")["spec"], "object", true},
		"a part of it":          {fields("inspections.kubeops.io?path=spec")["schedule"], "string", false},
		"a kind of the cluster": {fields("nodes?path=spec")["taints"], "[]Taint", true},
		"any value":             {fields("customresourcedefinitions.apiextensions.k8s.io?path=spec.versions.schema.openAPIV3Schema")["default"], "JSON", false},
		"a type in itself":      {fields("customresourcedefinitions.apiextensions.k8s.io?path=spec.versions.schema.openAPIV3Schema")["not"], "JSONSchemaProps", true},
	} {
		if tc.field.Type != tc.want || tc.field.Nested != tc.nested || tc.field.Description == "" {
			t.Errorf("%s: %+v, want %s, nested %v", about, tc.field, tc.want, tc.nested)
		}
	}
	if backend := fields("metricsbackends.kubeops.io?path=spec")["type"]; !backend.Required || len(backend.Values) == 0 {
		t.Errorf("the type of a backend: %+v", backend)
	}
	if container := fields("pods?path=spec.containers"); !container["name"].Required || container["image"].Required {
		t.Errorf("required fields of a container: %+v", container)
	}
}

func TestFieldsThatDoNotExistAreMissing(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]int{
		"nones": http.StatusNotFound, "pods?path=none": http.StatusNotFound, "pods?path=spec.containers.none": http.StatusNotFound,
		"pods?path=metadata.labels.app": http.StatusNotFound, "pods?path=" + url.QueryEscape("../x"): http.StatusUnprocessableEntity,
		"pods?path=.": http.StatusUnprocessableEntity, "pods?path=" + strings.Repeat("x", 501): http.StatusUnprocessableEntity,
	} {
		if got := w.get(t, "nemo", "/api/v1/schemas/"+path); got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.body)
		}
	}
}

// TestHostileDescriptions are those of an aggregated API, which anyone who runs one can write.
func TestHostileDescriptions(t *testing.T) {
	const kind = `"x-kubernetes-group-version-kind":[{"group":"x.io","version":"v1","kind":"X"}]`
	many := make([]string, 0, maxFields+10)
	for i := range maxFields + 10 {
		many = append(many, fmt.Sprintf(`"f%d":{}`, i))
	}
	for name, tc := range map[string]struct {
		types string
		holds func(Schema, bool) bool
	}{
		"a reference to itself": {
			`"X":{` + kind + `,"properties":{"spec":{"$ref":"#/components/schemas/Loop"}}},"Loop":{"$ref":"#/components/schemas/Loop"}`,
			func(s Schema, ok bool) bool { return ok && len(s.Fields) == 1 && !s.Fields[0].Nested },
		},
		"a list of itself": {
			`"X":{` + kind + `,"properties":{"spec":{"$ref":"#/components/schemas/L"}}},"L":{"type":"array","items":{"$ref":"#/components/schemas/L"}}`,
			func(s Schema, ok bool) bool {
				return ok && strings.HasPrefix(s.Fields[0].Type, "[][]") && len(s.Fields[0].Type) < 100
			},
		},
		"a reference to nothing": {
			`"X":{` + kind + `,"properties":{"spec":{"$ref":"#/components/schemas/none"}}}`,
			func(s Schema, ok bool) bool { return ok && !s.Fields[0].Nested },
		},
		"null": {
			`"X":null,"Y":{` + kind + `,"properties":{"a":null,"b":{"allOf":[null],"items":null,"additionalProperties":true,"description":"` + "\\u001b[31m" + `"}}}`,
			func(s Schema, ok bool) bool { return ok && len(s.Fields) == 1 && s.Fields[0].Description == `\x1b[31m` },
		},
		"a huge description": {
			`"X":{` + kind + `,"description":"` + strings.Repeat("x", 1<<20) + `","properties":{"a":{"enum":[` + strings.Repeat(`"v",`, 200) + `"v"]}}}`,
			func(s Schema, ok bool) bool {
				return ok && len(s.Description) < maxDescription+10 && len(s.Fields[0].Values) == maxValues
			},
		},
		"many fields": {
			`"X":{` + kind + `,"properties":{` + strings.Join(many, ",") + `}}`,
			func(s Schema, ok bool) bool { return ok && s.Cut && len(s.Fields) == maxFields },
		},
		"another kind": {`"X":{"properties":{"a":{}}}`, func(_ Schema, ok bool) bool { return !ok }},
	} {
		types, err := decodeDefinitions(strings.NewReader(`{"components":{"schemas":{` + tc.types + `}}}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := resource{kind: "X"}
		r.Group, r.Version, r.Resource = "x.io", "v1", "xs"
		view, ok := (&definitions{types: types}).view(r, "")
		if !tc.holds(view, ok) {
			t.Errorf("%s: %v %+.500v", name, ok, view)
		}
	}
	for _, broken := range []string{`[`, `{"components":7}`, `{"components":{"schemas":{"X":{"additionalProperties":"x"}}}}`, ``} {
		if _, err := decodeDefinitions(strings.NewReader(broken)); err == nil {
			t.Errorf("%s is accepted", broken)
		}
	}
}

// TestSchemasOfManyGroupsAreReadFewAtATime asks for all groups at once, as a viewer can.
func TestSchemasOfManyGroupsAreReadFewAtATime(t *testing.T) {
	const groups = 20
	begun := make(chan struct{}, groups)
	gate := make(chan struct{})
	all := &schemas{
		clock: clock.RealClock{}, documents: lru.New(maxDocuments), places: make(chan struct{}, parallelDocuments),
		client: func() (rest.Interface, error) {
			begun <- struct{}{}
			<-gate
			return nil, errors.New("no API server")
		},
	}
	var asked sync.WaitGroup
	for i := range groups {
		asked.Go(func() {
			if _, err := all.of(t.Context(), schema.GroupVersion{Group: fmt.Sprint("group-", i), Version: "v1"}); err == nil {
				t.Error("no error")
			}
		})
	}
	for range groups / parallelDocuments {
		for range parallelDocuments {
			<-begun
		}
		if len(begun) > 0 || len(all.places) != parallelDocuments {
			t.Errorf("%d more are read", len(begun))
		}
		for range parallelDocuments {
			gate <- struct{}{}
		}
	}
	asked.Wait()
}

func FuzzDefinitions(f *testing.F) {
	f.Add(`{"components":{"schemas":{"X":{"x-kubernetes-group-version-kind":[{"group":"x.io","version":"v1","kind":"X"}],"properties":{"a":{"$ref":"#/components/schemas/X"}}}}}}`, "a.a")
	f.Fuzz(func(t *testing.T, document, path string) {
		types, err := decodeDefinitions(strings.NewReader(document))
		if err != nil {
			return
		}
		r := resource{kind: "X"}
		r.Group, r.Version, r.Resource = "x.io", "v1", "xs"
		if view, ok := (&definitions{types: types}).view(r, path); ok && len(view.Fields) > maxFields {
			t.Errorf("%d fields", len(view.Fields))
		}
	})
}
