package facts_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// declaredKinds are the constants of type Kind in this package.
func declaredKinds(t *testing.T) []facts.Kind {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []facts.Kind
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if named, ok := spec.Type.(*ast.Ident); ok && named.Name == "Kind" && len(spec.Values) == 1 {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				kinds = append(kinds, facts.Kind(value))
			}
			return true
		})
	}
	return kinds
}

func TestEveryDeclaredKindIsInTheTable(t *testing.T) {
	var builtin []facts.Kind
	for _, kind := range declaredKinds(t) {
		info, ok := kind.Info()
		if !ok || info.Resource == "" {
			t.Errorf("%s has no entry, or no resource", kind)
		}
		if !kind.IsCustom() && kind != facts.Custom {
			builtin = append(builtin, kind)
		}
	}
	listed := facts.Kinds()
	slices.Sort(builtin)
	slices.Sort(listed)
	if !slices.Equal(builtin, listed) {
		t.Errorf("kinds in constants: %v\nkinds in Kinds(): %v", builtin, listed)
	}
}

func TestTheTableSaysHowEachKindIsListed(t *testing.T) {
	for _, kind := range facts.Kinds() {
		info, _ := kind.Info()
		if version, err := schema.ParseGroupVersion(info.APIVersion); err != nil || version.Version == "" {
			t.Errorf("%s: API version %q", kind, info.APIVersion)
		}
		if (info.NewList == nil) == (info.NewObject == nil) && kind != facts.Secret {
			t.Errorf("%s: want a typed list or a JSON object", kind)
		}
		if info.Context && !info.ClusterScoped {
			t.Errorf("%s: only cluster-scoped kinds are context", kind)
		}
		if kind.Resource() != info.Resource || kind.Namespaced() == info.ClusterScoped || kind.APIVersion() != info.APIVersion {
			t.Errorf("%s: methods differ from the table", kind)
		}
		if list := info.NewList; list != nil {
			if name := strings.TrimSuffix(typeName(list()), "List"); name != string(kind) {
				t.Errorf("%s is listed as %s", kind, name)
			}
		}
	}
}

func TestUnknownKindsHaveUsualNames(t *testing.T) {
	for kind, want := range map[facts.Kind]string{
		"Rollout.argoproj.io": "rollouts", "TraefikClass.example.com": "traefikclasses", "Widget": "widgets",
	} {
		if got := kind.Resource(); got != want || !kind.Namespaced() {
			t.Errorf("%s: resource %s, want %s; namespaced %v", kind, got, want, kind.Namespaced())
		}
	}
	if got := facts.Kind("Widget").APIVersion(); got != "v1" {
		t.Errorf("API version %s, want v1", got)
	}
}

func BenchmarkKindLookup(b *testing.B) {
	for _, kind := range []facts.Kind{facts.Pod, facts.PriorityClass, facts.Certificate, "Widget"} {
		b.Run(string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = kind.Namespaced(), kind.APIVersion()
			}
		})
	}
}

// typeName is the name of a value's type, without its package.
func typeName(value any) string { return reflect.TypeOf(value).Elem().Name() }
