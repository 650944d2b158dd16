package outcome

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShortKeepsTheNextStepAndBothEndsOfNames(t *testing.T) {
	long := strings.Repeat("a", 60) + strings.Repeat("m", 133) + strings.Repeat("z", 60)
	for name, c := range map[string]struct{ message, want string }{
		"short": {"the server answers queries", "the server answers queries"},
		"a long name before a next step": {"Secret team/" + long + " has no key password; add it",
			"Secret team/" + strings.Repeat("a", 36) + "..." + strings.Repeat("z", 41) + " has no key password; add it"},
		"a remark": {"spec.queryBudget.maxBytes is 1073741824, above the maximum of 67108864 (limits.queryBudget.maxMemoryBytes in the manager's " +
			"configuration); set at most 67108864",
			"spec.queryBudget.maxBytes is 1073741824, above the maximum of 67108864; set at most 67108864"},
		"a long grant": {"ServiceAccount team/kubeops cannot get Secret team/login (RBAC, referenced by spec.auth.basic). To grant it: kubectl " +
			"-n team create role login --verb=get,watch --resource=secrets --resource-name=login && kubectl -n team create rolebinding login",
			"ServiceAccount team/kubeops cannot get Secret team/login; kubectl describe shows the next step"},
		"many words": {"namespace team exceeds its quota: only its 2 oldest resources of kind MetricsBackend are served (quotas.metricsBackends in " +
			"the manager's configuration); delete others, or have the quota raised",
			"namespace team exceeds its quota: only ... of kind MetricsBackend are served; delete others, or have the quota raised"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Short(c.message)
			if n := utf8.RuneCountInString(got); got != c.want || n > MaxReady {
				t.Errorf("%d runes:\ngot  %s\nwant %s", n, got, c.want)
			}
		})
	}
}

// FuzzShortFits: any message fits, and its next step stays.
func FuzzShortFits(f *testing.F) {
	f.Add("Secret login has no key password; add it")
	f.Add(strings.Repeat("x", 500) + "; add it")
	f.Add(strings.Repeat("日本 ", 100) + ". " + strings.Repeat("y", 100))
	f.Fuzz(func(t *testing.T, message string) {
		got := Short(message)
		if n := utf8.RuneCountInString(got); n > MaxReady {
			t.Errorf("%d runes: %q", n, got)
		}
		if utf8.RuneCountInString(message) <= MaxReady {
			if got != message {
				t.Errorf("%q became %q", message, got)
			}
			return
		}
		if _, next := nextStep(message); !strings.HasSuffix(got, next) {
			t.Errorf("%q lacks the next step %q", got, next)
		}
	})
}

// messageFormats returns the formats of all problems in the tree: the last string argument before the values of problem.Retrying, Waiting
// and UserError.
func messageFormats(t *testing.T) map[string]string {
	t.Helper()
	formats := map[string]string{}
	for _, root := range []string{filepath.Join("..", "..", "internal"), filepath.Join("..", "..", "controllers")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok || len(call.Args) < 3 {
					return true
				}
				selector, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				of, ok := selector.X.(*ast.Ident)
				if !ok || of.Name != "problem" || !strings.Contains("Retrying Waiting UserError", selector.Sel.Name) {
					return true
				}
				if text := literalOf(call.Args[2]); text != "" {
					formats[files.Position(call.Pos()).String()] = text
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return formats
}

// literalOf joins the string literals of an expression.
func literalOf(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			return ""
		}
		return text
	case *ast.BinaryExpr:
		return literalOf(e.X) + literalOf(e.Y)
	default:
		return ""
	}
}

// TestMessagesOfAllProblemsFit fills the messages of all problems of all kinds with names of up to 253 characters.
func TestMessagesOfAllProblemsFit(t *testing.T) {
	verb := regexp.MustCompile(`%(\[\d+\])?[+#]?[svqdT]`)
	formats := messageFormats(t)
	if len(formats) < 100 {
		t.Fatalf("only %d messages were found", len(formats))
	}
	shortened := 0
	for place, format := range formats {
		for _, length := range []int{1, 20, 63, 253} {
			message := strings.ReplaceAll(verb.ReplaceAllString(format, strings.Repeat("n", length)), "%%", "%")
			got := Short(message)
			if n := utf8.RuneCountInString(got); n > MaxReady {
				t.Errorf("%s: %d runes: %s", place, n, got)
			}
			if got != message {
				shortened++
				if _, next := nextStep(message); !strings.HasSuffix(got, next) {
					t.Errorf("%s: %s lacks %q", place, got, next)
				}
			}
		}
	}
	t.Logf("%d messages, of which %d of %d fillings were shortened", len(formats), shortened, 4*len(formats))
}
