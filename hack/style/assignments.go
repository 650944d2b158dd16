package style

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strings"
)

// Assignments returns the assignments and declarations of a Go file that join values which do not belong together, such as
// `name, limit := object.GetName(), 7`. Allowed are:
//
//   - results of one call, range, type assertion, map lookup or channel receive;
//   - swaps, and whatever else reads a variable that the same statement sets;
//   - the clauses of a for statement, where Go has room for one statement only;
//   - values of one form: calls of one function, literals of one kind, fields or elements of one value, one field of several values;
//   - a value with its ok, and `got, want` of a test.
func Assignments(source Source) ([]Violation, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, source.Path, source.Text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	clauses := forClauses(file)
	var found []Violation
	report := func(node ast.Node) {
		found = append(found, Violation{
			File: source.Path,
			Line: files.Position(node.Pos()).Line,
			Hint: "one statement assigns unrelated values; give each a line of its own: " + firstLine(node),
		})
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch statement := node.(type) {
		case *ast.AssignStmt:
			if !clauses[statement] && !belongTogether(statement.Lhs, statement.Rhs) {
				report(statement)
			}
		case *ast.ValueSpec:
			if !belongTogether(expressions(statement.Names), statement.Values) {
				report(statement)
			}
		}
		return true
	})
	return found, nil
}

func forClauses(file *ast.File) map[ast.Stmt]bool {
	clauses := map[ast.Stmt]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		if loop, ok := node.(*ast.ForStmt); ok {
			clauses[loop.Init] = true
			clauses[loop.Post] = true
		}
		return true
	})
	return clauses
}

func expressions(names []*ast.Ident) []ast.Expr {
	converted := make([]ast.Expr, len(names))
	for i, name := range names {
		converted[i] = name
	}
	return converted
}

func belongTogether(left, right []ast.Expr) bool {
	if len(left) < 2 || len(right) < 2 {
		return true
	}
	return readsWhatItSets(left, right) || sameForm(right) || endsWithOK(left, right) || allBlank(left) ||
		isGotWant(left)
}

// readsWhatItSets finds swaps and steps such as `previous, current = current, next`: as two statements they would mean something else.
func readsWhatItSets(left, right []ast.Expr) bool {
	for i, target := range left {
		for j, value := range right {
			if i != j && mentions(value, text(target)) {
				return true
			}
		}
	}
	return false
}

func mentions(value ast.Expr, wanted string) bool {
	found := false
	ast.Inspect(value, func(node ast.Node) bool {
		if expression, ok := node.(ast.Expr); ok && text(expression) == wanted {
			found = true
		}
		return !found
	})
	return found
}

func sameForm(values []ast.Expr) bool {
	first := forms(values[0])
	for _, value := range values[1:] {
		first = common(first, forms(value))
	}
	return len(first) > 0
}

func common(left, right []string) []string {
	var both []string
	for _, candidate := range left {
		for _, other := range right {
			if candidate == other {
				both = append(both, candidate)
			}
		}
	}
	return both
}

// forms names what a value is like. Values with a form in common belong together.
func forms(value ast.Expr) []string {
	switch expression := value.(type) {
	case *ast.ParenExpr:
		return forms(expression.X)
	case *ast.BasicLit:
		return []string{"literal " + literalKind(expression.Kind)}
	case *ast.Ident:
		return []string{identifierForm(expression.Name)}
	case *ast.CompositeLit:
		return []string{"literal " + text(expression.Type)}
	case *ast.FuncLit:
		return []string{"literal func"}
	case *ast.CallExpr:
		return callForms(expression)
	case *ast.SelectorExpr:
		return []string{"field of " + text(expression.X), "field " + expression.Sel.Name}
	case *ast.IndexExpr:
		return []string{"element of " + text(expression.X), "element " + text(expression.Index)}
	case *ast.SliceExpr:
		return []string{"part of " + text(expression.X)}
	case *ast.StarExpr:
		return []string{"dereference"}
	case *ast.TypeAssertExpr:
		return []string{"assertion " + text(expression.Type)}
	case *ast.UnaryExpr:
		return unaryForms(expression)
	case *ast.BinaryExpr:
		return binaryForms(expression)
	}
	return nil
}

// literalKind calls every number a number: `0, 1.5` are of one kind.
func literalKind(kind token.Token) string {
	switch kind {
	case token.INT, token.FLOAT, token.IMAG:
		return "number"
	}
	return kind.String()
}

func identifierForm(name string) string {
	switch name {
	case "true", "false":
		return "literal bool"
	case "nil":
		return "literal nil"
	}
	return "variable"
}

func callForms(call *ast.CallExpr) []string {
	switch function := call.Fun.(type) {
	case *ast.Ident:
		switch function.Name {
		case "min", "max":
			return []string{"call min or max"}
		case "make", "new":
			return []string{"call " + function.Name + " " + text(call.Args[0])}
		}
	case *ast.SelectorExpr:
		names := []string{"call " + function.Sel.Name}
		if len(call.Args) == 0 {
			names = append(names, "accessor of "+text(function.X))
		}
		return names
	}
	return []string{"call " + text(call.Fun)}
}

func unaryForms(expression *ast.UnaryExpr) []string {
	if literal, ok := expression.X.(*ast.BasicLit); ok {
		return []string{"literal " + literalKind(literal.Kind)}
	}
	if literal, ok := expression.X.(*ast.CompositeLit); ok {
		return []string{"literal &" + text(literal.Type)}
	}
	return []string{"operator " + expression.Op.String()}
}

// binaryForms makes `5*time.Second` as good a companion for time.Minute as for `2*time.Second`.
func binaryForms(expression *ast.BinaryExpr) []string {
	names := []string{"operator " + expression.Op.String()}
	if unit, ok := expression.Y.(*ast.SelectorExpr); ok {
		names = append(names, "field of "+text(unit.X))
	}
	return names
}

func endsWithOK(left, right []ast.Expr) bool {
	if len(left) != 2 {
		return false
	}
	switch text(left[1]) {
	case "ok", "found", "exists":
		return forms(right[1])[0] == "literal bool"
	}
	return false
}

// isGotWant recognises the pair that tests compare.
func isGotWant(left []ast.Expr) bool {
	return len(left) == 2 && text(left[0]) == "got" && text(left[1]) == "want"
}

func allBlank(left []ast.Expr) bool {
	for _, target := range left {
		if text(target) != "_" {
			return false
		}
	}
	return true
}

func text(node ast.Node) string {
	var printed bytes.Buffer
	if err := format.Node(&printed, token.NewFileSet(), node); err != nil {
		return ""
	}
	return printed.String()
}

func firstLine(node ast.Node) string {
	line, _, _ := strings.Cut(text(node), "\n")
	return line
}
