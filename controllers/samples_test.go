package controllers

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// outcomePattern finds the conditions that the comment of a sample names.
var outcomePattern = regexp.MustCompile(`([A-Z]\w+) ([a-z0-9-]+) is ([A-Z]\w+)=(True|False|Unknown)(?:, reason ([A-Z]\w+))?`)

// sampleOutcome is a condition that the comment of a sample names. Without a reason, any matches.
type sampleOutcome struct{ kind, name, condition, status, reason string }

// sample is a file of config/samples.
type sample struct {
	comment  string
	objects  []client.Object
	outcomes []sampleOutcome
}

func readSample(t *testing.T, file string) sample {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := sample{objects: decodeAll(t, file, content)}
	for line := range strings.Lines(string(content)) {
		text, isComment := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !isComment {
			break
		}
		s.comment += strings.TrimSpace(text) + " "
	}
	for _, m := range outcomePattern.FindAllStringSubmatch(s.comment, -1) {
		s.outcomes = append(s.outcomes, sampleOutcome{m[1], m[2], m[3], m[4], m[5]})
	}
	return s
}

// has reports whether the file has an object.
func (s sample) has(kind, namespace, name string) bool {
	return slices.ContainsFunc(s.objects, func(o client.Object) bool {
		return o.GetObjectKind().GroupVersionKind().Kind == kind && o.GetNamespace() == namespace && o.GetName() == name
	})
}

// secrets are the names of Secrets that a spec refers to, wherever a reference to a key or to a login is.
func secrets(value any) (names []string) {
	fields, _ := value.(map[string]any)
	for field, inner := range fields {
		reference, _ := inner.(map[string]any)
		name, _ := reference["name"].(string)
		_, hasKey := reference["key"]
		if name != "" && (hasKey || field == "basic" || field == "auth" || field == "kubeconfig" || field == "secretRef") {
			names = append(names, name)
		}
		names = append(names, secrets(inner)...)
	}
	return names
}

// eachSample runs a test for each file of config/samples.
func eachSample(t *testing.T, test func(*testing.T, sample)) {
	t.Helper()
	files, err := filepath.Glob("../config/samples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) { test(t, readSample(t, file)) })
	}
}

func TestSamplesBringWhatTheyNeedAndNameTheirResult(t *testing.T) {
	eachSample(t, func(t *testing.T, s sample) { s.check(t) })
}

// check what a file must bring and say.
func (s sample) check(t *testing.T) {
	t.Helper()
	for _, object := range s.objects {
		kind := object.GetObjectKind().GroupVersionKind()
		namespace := object.GetNamespace()
		if namespace != "" && !s.has("Namespace", "", namespace) {
			t.Errorf("%s %s: the file has no Namespace %s", kind.Kind, object.GetName(), namespace)
		}
		if kind.Group != v1alpha1.Group {
			continue
		}
		if !s.has("ServiceAccount", namespace, v1alpha1.DefaultServiceAccountName) {
			t.Errorf("%s %s: the file has no ServiceAccount %s", kind.Kind, object.GetName(), v1alpha1.DefaultServiceAccountName)
		}
		named := func(o sampleOutcome) bool {
			return o.kind == kind.Kind && o.name == object.GetName() && o.condition == v1alpha1.ConditionReady
		}
		if !slices.ContainsFunc(s.outcomes, named) {
			t.Errorf("the comment does not have the result of %s %s", kind.Kind, object.GetName())
		}
		names := secrets(object.(*unstructured.Unstructured).Object["spec"])
		for _, name := range names {
			if command := "kubectl -n " + namespace + " create secret generic " + name + " "; !strings.Contains(s.comment, command) {
				t.Errorf("%s %s reads Secret %s; the comment has no %q", kind.Kind, object.GetName(), name, command)
			}
		}
		if len(names) == 0 && !strings.Contains(s.comment, "Secret") {
			t.Error("the comment does not say which Secrets are needed")
		}
	}
}
