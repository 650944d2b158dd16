package selfcheck

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

func TestSchemasAreComparedByFieldsAndValues(t *testing.T) {
	object := func(properties map[string]apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
		return &apiextensionsv1.JSONSchemaProps{Properties: properties}
	}
	one := object(map[string]apiextensionsv1.JSONSchemaProps{
		"kept": {Enum: []apiextensionsv1.JSON{{Raw: []byte(`"a"`)}, {Raw: []byte(`"b"`)}}},
		"list": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: object(map[string]apiextensionsv1.JSONSchemaProps{"in": {}})}},
		"gone": *object(map[string]apiextensionsv1.JSONSchemaProps{"child": {}}),
	})
	other := object(map[string]apiextensionsv1.JSONSchemaProps{
		"kept": {Enum: []apiextensionsv1.JSON{{Raw: []byte(`"a"`)}}},
		"list": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: object(nil)}},
		"more": {},
	})
	missing, extra := Compare(one, other)
	if diff := cmp.Diff([]string{"gone", `kept "b"`, "list[].in"}, missing); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"more"}, extra); diff != "" {
		t.Error(diff)
	}
	if missing, extra := Compare(one, nil); len(missing) == 0 || len(extra) != 0 {
		t.Errorf("a version that is not served: %q, %q", missing, extra)
	}
}
