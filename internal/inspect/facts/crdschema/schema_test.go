package crdschema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func schemaOf(properties string) []byte {
	return []byte(`{"openAPIV3Schema":{"type":"object","description":"d","properties":{"spec":{"type":"object","properties":{` + properties + `}}}}}`)
}

func TestEqualSchemasHaveOneHash(t *testing.T) {
	base := schemaOf(`"size":{"type":"integer","description":"Size."},"mode":{"enum":["a","b"],"type":"string"}`)
	for name, other := range map[string][]byte{
		"other descriptions": schemaOf(`"size":{"type":"integer","description":"The size.","title":"t"},"mode":{"enum":["a","b"],"type":"string"}`),
		"other order":        schemaOf(`"mode":{"type":"string","enum":["b","a"]},"size":{"type":"integer"}`),
	} {
		t.Run(name, func(t *testing.T) {
			left, err := Hash(base)
			right, otherErr := Hash(other)
			if err != nil || otherErr != nil || left != right {
				t.Errorf("%s (%v), %s (%v)", left, err, right, otherErr)
			}
			if paths, err := Differences(base, other); err != nil || len(paths) > 0 {
				t.Errorf("differ at %q (%v)", paths, err)
			}
		})
	}
}

func TestTheFieldsAtWhichSchemasDifferAreNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		one, other string
		want       []string
	}{
		"type":                  {`"size":{"type":"integer"}`, `"size":{"type":"string"}`, []string{".spec.size"}},
		"added field":           {`"a":{"type":"string"}`, `"a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"string"}}}`, []string{".spec.b"}},
		"removed field":         {`"a":{"type":"string"},"b":{"type":"string"}`, `"a":{"type":"string"}`, []string{".spec.b"}},
		"a field description":   {`"description":{"type":"string"}`, `"description":{"type":"integer"}`, []string{".spec.description"}},
		"name with a dot":       {`"a.b":{"type":"string"}`, `"a.b":{"type":"integer"}`, []string{".spec.a.b"}},
		"items":                 {`"l":{"type":"array","items":{"type":"string"}}`, `"l":{"type":"array","items":{"type":"integer"}}`, []string{".spec.l[]"}},
		"map":                   {`"m":{"additionalProperties":{"type":"string"}}`, `"m":{"additionalProperties":true}`, []string{".spec.m{}"}},
		"rule":                  {`"a":{"x-kubernetes-validations":[{"rule":"self > 1"}]}`, `"a":{"x-kubernetes-validations":[{"rule":"self > 2"}]}`, []string{".spec.a"}},
		"default with a key":    {`"a":{"default":{"description":"x"}}`, `"a":{"default":{"description":"y"}}`, []string{".spec.a"}},
		"alternatives":          {`"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}`, `"a":{"anyOf":[{"type":"string"}]}`, []string{".spec.a"}},
		"alternatives in order": {`"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}`, `"a":{"anyOf":[{"type":"integer"},{"type":"string"}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			one, other := schemaOf(tc.one), schemaOf(tc.other)
			got, err := Differences(one, other)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
			left, _ := Hash(one)
			if right, _ := Hash(other); (left == right) != (tc.want == nil) {
				t.Errorf("hashes %s and %s", left, right)
			}
		})
	}
}

func TestAMalformedSchemaHasNoHash(t *testing.T) {
	for name, schema := range map[string]string{
		"text": `"x"`, "cut": `{"openAPIV3Schema":{"type":`, "deep": `{"openAPIV3Schema":` + strings.Repeat(`{"items":`, 300) + `{}` + strings.Repeat("}", 301),
		"list": `{"openAPIV3Schema":{"properties":[]}}`,
	} {
		if hash, err := Hash([]byte(schema)); err == nil {
			t.Errorf("%s: hash %s", name, hash)
		}
	}
}

func FuzzSchemaHash(f *testing.F) {
	f.Add(schemaOf(`"size":{"type":"integer"}`))
	f.Add(schemaOf(`"size":{"anyOf":[{"type":"string"}],"required":["a"],"items":[]}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		hash, err := Hash(schema)
		if err != nil {
			return
		}
		if again, err := Hash(schema); err != nil || again != hash {
			t.Errorf("%s, then %s (%v)", hash, again, err)
		}
		if paths, err := Differences(schema, schema); err != nil || len(paths) > 0 {
			t.Errorf("a schema differs from itself at %q (%v)", paths, err)
		}
	})
}
