package manifests_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/inspect/validator"
)

// judge answers by what an object contains, and remembers what it was asked.
type judge struct {
	answers map[string]validator.Answer
	asked   []string
	err     error
}

func (j *judge) Judge(namespace string, object []byte) (validator.Answer, error) {
	j.asked = append(j.asked, namespace+" "+string(object))
	if j.err != nil {
		return validator.Answer{}, j.err
	}
	for part, answer := range j.answers {
		if strings.Contains(string(object), part) {
			return answer, nil
		}
	}
	return validator.Answer{Known: true}, nil
}

// refusals are the invalid fields that a Read found, with their lines.
func refusals(t *testing.T, documents string, o manifests.Options) (found []string, m *manifests.Manifests) {
	t.Helper()
	m, err := read(t, documents, func(to *manifests.Options) { o.Stdin = to.Stdin; *to = o })
	if err != nil {
		t.Fatal(err)
	}
	for _, flaw := range m.Graph.ManifestErrors {
		found = append(found, fmt.Sprintf("%s %s: %s", flaw.Places[0], flaw.Object.Name, flaw.Text))
	}
	return found, m
}

const service = `apiVersion: v1
kind: Service
metadata:
  name: cart
spec:
  selector: {app: cart}
  ports:
  - name: http
    port: 80
    targetPort: 99999
  - name: "{{port}}"
    port: ${PORT}
`

func TestARefusalIsAtTheLineOfItsField(t *testing.T) {
	for name, tc := range map[string]struct {
		document, field, text string
		want                  string
	}{
		"a field":              {service, "spec.ports[0].targetPort", "Invalid value: 99999", "stdin:10 cart: spec.ports[0].targetPort: Invalid value: 99999"},
		"a missing field":      {service, "spec.ports[0].protocol.x", "Required value", "stdin:8 cart: spec.ports[0].protocol.x: Required value"},
		"a key of a map":       {service, "spec.selector[app]", "Invalid value", "stdin:6 cart: spec.selector[app]: Invalid value"},
		"the whole":            {service, "", "cannot be decoded", "stdin:1 cart: cannot be decoded"},
		"beyond a list":        {service, "spec.ports[7]", "Duplicate value", "stdin:8 cart: spec.ports[7]: Duplicate value"},
		"a placeholder":        {service, "spec.ports[1].name", "Invalid value", ""},
		"a text of one":        {service, "spec", `Invalid value: "${PORT}"`, ""},
		"a label that is told": {strings.Replace(service, "  name: cart", "  name: cart\n  labels: {a: -b}", 1), "metadata.labels", "Invalid value", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Judge = &judge{answers: map[string]validator.Answer{"cart": {Known: true, Refusals: []validator.Refusal{{Field: tc.field, Text: tc.text}}}}}
			document := tc.document
			if name != "a placeholder" && name != "a text of one" {
				document = strings.Replace(document, "    port: ${PORT}\n", "", 1)
			}
			found, _ := refusals(t, document, o)
			found = slices.DeleteFunc(found, func(s string) bool { return !strings.Contains(s, tc.text) })
			if got := strings.Join(found, "\n"); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
}

func TestOnlyObjectsThatDecodeAreJudged(t *testing.T) {
	j := &judge{}
	o := options()
	o.Judge = j
	refusals(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: [x]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n", o)
	if len(j.asked) != 1 || !strings.Contains(j.asked[0], `"b"`) || !strings.HasPrefix(j.asked[0], "default ") {
		t.Errorf("asked %q", j.asked)
	}
}

const (
	definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\n"
	widget     = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {size: 0}\n"
)

func TestCustomResourcesAreJudgedAfterAllDefinitions(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"crd.yaml": definition, "other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-the-folder}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	size := validator.Answer{Known: true, Refusals: []validator.Refusal{{Field: "spec.size", Text: "Invalid value: 0"}}}
	for name, tc := range map[string]struct {
		documents   string
		definitions []string
	}{
		"among the files":  {widget + "---\n" + definition, nil},
		"in other folders": {widget, []string{folder}},
	} {
		t.Run(name, func(t *testing.T) {
			j := &judge{answers: map[string]validator.Answer{"Widget\"": size}}
			o := options()
			o.Judge = j
			o.Definitions = tc.definitions
			found, m := refusals(t, tc.documents, o)
			if len(found) != 1 || found[0] != "stdin:4 w: spec.size: Invalid value: 0" {
				t.Errorf("found %q", found)
			}
			if len(j.asked) != 2 || !strings.Contains(j.asked[0], "widgets.example.com") || !strings.HasPrefix(j.asked[1], "shop ") {
				t.Errorf("asked %q", j.asked)
			}
			if len(tc.definitions) > 0 && m.Objects != 1 {
				t.Errorf("%d objects, with those of the folder of definitions", m.Objects)
			}
		})
	}
	o := options()
	o.Judge = &judge{}
	o.Definitions = []string{filepath.Join(folder, "none")}
	if _, err := read(t, widget, func(to *manifests.Options) { o.Stdin = to.Stdin; *to = o }); err == nil || !strings.Contains(err.Error(), "definitions of custom resources") {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

func TestAJudgeThatFailsIsAGap(t *testing.T) {
	for name, tc := range map[string]struct {
		judge *judge
		want  string
		asked int
	}{
		"of one object": {&judge{answers: map[string]validator.Answer{`"cart"`: {Known: true, Failure: "panic"}}},
			"stdin:1: The rules of the API server could not be checked: panic", 2},
		"of the program": {&judge{err: errors.New("ask kubeops-validator: EOF")},
			"The rules of the API server were not checked for all objects: ask kubeops-validator: EOF.", 1},
		"of the program, at custom resources": {&judge{err: errors.New("ask kubeops-validator: EOF")},
			"The rules of the API server were not checked for all objects: ask kubeops-validator: EOF.", 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Judge = tc.judge
			documents := strings.Replace(service, "${PORT}", "81", 1) + "---\n" + strings.ReplaceAll(strings.Replace(service, "${PORT}", "81", 1), "cart", "shop")
			if strings.Contains(name, "custom") {
				documents = widget + "---\n" + strings.Replace(widget, "name: w", "name: v", 1)
			}
			_, m := refusals(t, documents, o)
			if len(m.Gaps) != 1 || m.Gaps[0].Message != tc.want || len(tc.judge.asked) != tc.asked {
				t.Errorf("gaps %+v; asked %d times", m.Gaps, len(tc.judge.asked))
			}
		})
	}
}

// TestCustomResourcesThatAreNotJudgedAreAGap for each reason.
func TestCustomResourcesThatAreNotJudgedAreAGap(t *testing.T) {
	file := filepath.Join(t.TempDir(), "crd.yaml")
	if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Definitions = []string{file}
	o.Judge = &judge{answers: map[string]validator.Answer{
		"widgets.example.com": {Known: true, Refusals: []validator.Refusal{{Field: "spec.group", Text: "Required value"}}},
	}}
	_, m := refusals(t, widget, o)
	if len(m.Gaps) != 1 || !strings.Contains(m.Gaps[0].Message, "not checked: spec.group: Required value") {
		t.Errorf("a definition that is refused: %+v", m.Gaps)
	}
	o = options()
	o.Judge = &judge{}
	var many strings.Builder
	for i := range 20_003 {
		fmt.Fprintf(&many, "%s---\n", strings.Replace(widget, "name: w", fmt.Sprintf("name: w%d", i), 1))
	}
	_, m = refusals(t, many.String(), o)
	if len(m.Gaps) != 1 || !strings.Contains(m.Gaps[0].Message, "for 3 custom resources") {
		t.Errorf("too many: %+v", m.Gaps)
	}
}
