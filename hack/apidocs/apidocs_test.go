package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        description: Thing is an example.
        type: object
        properties:
          apiVersion: {type: string}
          metadata: {type: object}
          spec:
            description: spec is what is wanted.
            type: object
            required: [mode]
            x-kubernetes-validations:
            - {rule: self.a < self.b, message: a must be less than b}
            properties:
              mode: {description: "mode of <work> | rest.", type: string, enum: [A, B], default: A}
              list:
                description: list of parts.
                type: array
                maxItems: 3
                items:
                  type: object
                  properties:
                    size: {description: size in bytes., type: integer, minimum: 1, maximum: 2000000}
              labels: {description: labels by key., type: object, additionalProperties: {type: string}}
`

func TestFieldsAreShownWithTypesValuesAndLimits(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "things.yaml", crd)
	kinds, err := readKinds(folder)
	if err != nil {
		t.Fatal(err)
	}
	page := string(fieldsPage(kinds))
	for _, line := range []string{
		"- [Thing](#thing)",
		"Thing is an example. Namespaced. Short name: `th`.",
		"| `spec` | object | spec is what is wanted. Checked: a must be less than b. |",
		"| `spec.labels` | map of string | labels by key. |",
		"| `spec.list` | []object | list of parts. At most 3 items. |",
		"| `spec.list[].size` | integer | size in bytes. At least 1, at most 2000000. |",
		"| **`spec.mode`** | string | mode of \\<work> \\| rest. One of `A`, `B`. Default: `A`. |",
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("the page has no line %q:\n%s", line, page)
		}
	}
	if strings.Contains(page, "`metadata`") {
		t.Error("fields that all objects have are not shown")
	}
}

func TestReasonsAreShownByGroup(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "z_types.go", "package p\n\n// Reasons of things. More.\nconst (\n\t// ReasonA: it is a|b.\n\tReasonA = \"A\"\n"+
		"\t// ReasonB: spec.b is wrong.\n\tReasonB = \"B\"\n\tDefaultC = \"c\"\n)\n\n// ConditionD is set\n// sometimes.\nconst ConditionD = \"D\"\n")
	write(t, folder, "conditions.go", "package p\n\n// Shared reasons.\nconst (\n\t// ReasonS: it is shared.\n\tReasonS = \"S\"\n)\n")
	blocks, err := readBlocks(folder)
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(reasonsPage(blocks)), "\n## ")
	const head = "\n\n| Value | Meaning |\n|---|---|\n"
	want := "Shared reasons" + head + "| `S` | It is shared. |\n\n## Reasons of things" + head + "| `A` | It is a\\|b. |\n| `B` | spec.b is wrong. |\n" +
		"\n## Other conditions and reasons" + head + "| `D` | Is set sometimes. |\n"
	if page != want {
		t.Errorf("the page is\n%s\nwant\n%s", page, want)
	}
}

func TestAReasonWithoutACommentIsAnError(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "types.go", "package p\n\nconst (\n\tReasonA = \"A\"\n)\n")
	if _, err := readBlocks(folder); err == nil || !strings.Contains(err.Error(), "ReasonA") {
		t.Errorf("the error is %v, want one that names ReasonA", err)
	}
}

func write(t *testing.T, folder, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
