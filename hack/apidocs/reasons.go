package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const reasonsHead = `# Conditions and reasons

All types and reasons of conditions, generated from the API package. The message of a condition names the object and the next step;
reasons are stable within v1alpha1, so that alerts and scripts can match them. A condition that is not listed under a kind does not occur
there. ` + "`kubectl wait --for=condition=Ready`" + ` works for every kind.

`

// block is one group of constants.
type block struct {
	file, title string
	constants   []constant
}

type constant struct {
	value, text string
}

// readBlocks of constants with types and reasons of conditions from a package, sorted by file: what all kinds share first.
func readBlocks(folder string) ([]block, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var blocks []block
	single := block{title: "Other conditions and reasons", file: "~"}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			b, err := readBlock(group)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			b.file = filepath.Base(path)
			switch {
			case len(b.constants) == 0:
			case group.Lparen.IsValid():
				blocks = append(blocks, b)
			default:
				single.constants = append(single.constants, b.constants...)
			}
		}
	}
	if len(single.constants) > 0 {
		blocks = append(blocks, single)
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%s has no reasons", folder)
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return order(a.file) - order(b.file) })
	return blocks, nil
}

// order puts what all kinds share, and then what all backends share, first.
func order(file string) int {
	switch {
	case file == "conditions.go":
		return 0
	case strings.HasPrefix(file, "backend_"):
		return 1
	default:
		return 2
	}
}

// readBlock keeps the constants that are types or reasons of conditions. Each needs a comment "Name: text" or "Name is text".
func readBlock(group *ast.GenDecl) (block, error) {
	b := block{title: firstSentence(group.Doc.Text())}
	for _, spec := range group.Specs {
		values, ok := spec.(*ast.ValueSpec)
		if !ok || len(values.Names) != 1 || len(values.Values) != 1 {
			continue
		}
		name := values.Names[0].Name
		if !strings.HasPrefix(name, "Reason") && !strings.HasPrefix(name, "Condition") {
			continue
		}
		literal, ok := values.Values[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			continue
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			return block{}, err
		}
		comment := values.Doc.Text()
		if !group.Lparen.IsValid() {
			comment = group.Doc.Text()
		}
		text, ok := strings.CutPrefix(strings.Join(strings.Fields(comment), " "), name)
		if !ok {
			return block{}, fmt.Errorf("the comment of %s does not begin with its name", name)
		}
		text = strings.TrimSpace(strings.TrimPrefix(text, ":"))
		b.constants = append(b.constants, constant{value: value, text: text})
	}
	return b, nil
}

// reasonsPage is the reference of all conditions and reasons.
func reasonsPage(blocks []block) []byte {
	var out bytes.Buffer
	out.WriteString(strings.TrimSuffix(reasonsHead, "\n"))
	for _, b := range blocks {
		fmt.Fprintf(&out, "\n## %s\n\n| Value | Meaning |\n|---|---|\n", strings.TrimSuffix(b.title, "."))
		for _, c := range b.constants {
			fmt.Fprintf(&out, "| `%s` | %s |\n", c.value, escape(capitalize(c.text)))
		}
	}
	return out.Bytes()
}

// capitalize a sentence, unless it begins with the name of a field.
func capitalize(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if text == "" || strings.Contains(strings.TrimSuffix(first, "."), ".") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// firstSentence of a comment.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i > 0 {
		text = text[:i]
	}
	return text
}
