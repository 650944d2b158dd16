package style

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// Commands returns the places of a Go file that put values into commands without package remedy, which quotes them for the shell:
//
//   - a format with a command and verbs behind it that is not one of remedy.Sprintf and remedy.Command;
//   - a literal that ends within backquotes and is joined with a value;
//   - a conversion of another string to remedy.Text or remedy.Words.
//
// A command is kubectl or helm with arguments, and what stands between backquotes.
func Commands(source Source) ([]Violation, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, source.Path, source.Text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []Violation
	report := func(node ast.Node, hint string) {
		found = append(found, Violation{File: source.Path, Line: files.Position(node.Pos()).Line, Hint: hint})
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch expression := node.(type) {
		case *ast.CallExpr:
			checkCall(expression, report)
		case *ast.BinaryExpr:
			if expression.Op == token.ADD && opensCommand(flatten(expression)) {
				report(expression, "a command is joined from values; use remedy.Sprintf, which quotes them")
				return false
			}
		}
		return true
	})
	return found, nil
}

func checkCall(call *ast.CallExpr, report func(ast.Node, string)) {
	name := ""
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		if of, ok := selector.X.(*ast.Ident); ok && of.Name == "remedy" {
			name = selector.Sel.Name
		}
	}
	if name == "Sprintf" || name == "Command" {
		return
	}
	if (name == "Text" || name == "Words") && len(call.Args) == 1 && !isLiteral(call.Args[0]) {
		report(call, "a string becomes remedy."+name+" without being quoted; use remedy.Sprintf or remedy.Command")
	}
	verb := regexp.MustCompile("(?s)(?:`|kubectl |helm )[^`]*%[\\[sqvdx]")
	for _, argument := range call.Args {
		text := literal(argument)
		if code := codeOf(text); code != "" && verb.MatchString(code) {
			report(argument, "a format puts values into a command; use remedy.Sprintf or remedy.Command, which quote them")
		}
	}
}

// codeOf is the part of a text that is code: what stands between backquotes, or all from kubectl or helm on.
func codeOf(text string) string {
	var code strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			code.WriteString("`" + part + " ")
		}
	}
	if at := regexp.MustCompile(`\b(kubectl|helm) -?[a-z]+ `).FindStringIndex(text); at != nil {
		rest, _, _ := strings.Cut(text[at[0]:], "`")
		code.WriteString(rest)
	}
	return code.String()
}

// opensCommand reports whether a value follows a literal within backquotes.
func opensCommand(operands []ast.Expr) bool {
	quotes := 0
	for _, operand := range operands {
		if !isLiteral(operand) && quotes%2 == 1 {
			return true
		}
		quotes += strings.Count(literal(operand), "`")
	}
	return false
}

func flatten(expression ast.Expr) []ast.Expr {
	if binary, ok := expression.(*ast.BinaryExpr); ok && binary.Op == token.ADD {
		return append(flatten(binary.X), flatten(binary.Y)...)
	}
	return []ast.Expr{expression}
}

func isLiteral(expression ast.Expr) bool {
	for _, operand := range flatten(expression) {
		if basic, ok := operand.(*ast.BasicLit); !ok || basic.Kind != token.STRING {
			return false
		}
	}
	return true
}

// literal is the text of the string literals in an expression.
func literal(expression ast.Expr) string {
	var text strings.Builder
	for _, operand := range flatten(expression) {
		if basic, ok := operand.(*ast.BasicLit); ok && basic.Kind == token.STRING {
			value, err := strconv.Unquote(basic.Value)
			if err == nil {
				text.WriteString(value)
			}
		}
	}
	return text.String()
}
