package style

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Phrase is wording that the project does not use.
type Phrase struct {
	// Pattern matches it, in lower and upper case.
	Pattern *regexp.Regexp
	// Except matches the few uses that are right, such as the user nobody; nil where there are none.
	Except *regexp.Regexp
	// Instead says what to write.
	Instead string
	// Example is a text that the phrase is found in.
	Example string
	// literal, in lower case, is in every text that Pattern matches. Looking for it first makes the search ten times as fast.
	literal string
}

//go:embed phrases.txt
var phraseList string

// Phrases returns what phrases.txt lists: pattern, replacement, example and, where there is one, exception, separated by " | ".
func Phrases() ([]Phrase, error) {
	var phrases []Phrase
	for number, line := range strings.Split(phraseList, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		phrase, err := parsePhrase(line)
		if err != nil {
			return nil, fmt.Errorf("phrases.txt:%d: %w", number+1, err)
		}
		phrases = append(phrases, phrase)
	}
	return phrases, nil
}

func parsePhrase(line string) (Phrase, error) {
	fields := strings.Split(line, " | ")
	if len(fields) != 3 && len(fields) != 4 {
		return Phrase{}, fmt.Errorf("want pattern | replacement | example [| exception], got %d fields", len(fields))
	}
	tree, err := syntax.Parse(fields[0], syntax.Perl)
	if err != nil {
		return Phrase{}, err
	}
	phrase := Phrase{
		Pattern: regexp.MustCompile(`(?i)\b(?:` + fields[0] + `)\b`),
		Instead: fields[1],
		Example: fields[2],
		literal: longestLiteral(tree),
	}
	if len(fields) == 4 {
		phrase.Except, err = regexp.Compile(`(?i)` + fields[3])
	}
	return phrase, err
}

func longestLiteral(tree *syntax.Regexp) string {
	switch tree.Op {
	case syntax.OpLiteral:
		return string(tree.Rune)
	case syntax.OpConcat, syntax.OpCapture:
		longest := ""
		for _, part := range tree.Sub {
			if literal := longestLiteral(part); len(literal) > len(longest) {
				longest = literal
			}
		}
		return longest
	}
	return ""
}

// Find returns the phrase as the text has it, or "" where the text does not use it.
func (p Phrase) Find(text string) string {
	if p.Except != nil {
		text = p.Except.ReplaceAllString(text, "")
	}
	return p.Pattern.FindString(text)
}

// SearchPhrases returns where a file uses phrases: in the string literals and comments of Go code that is no test, and anywhere in
// documentation, manifests and scripts. A phrase that a line break divides is found, too.
func SearchPhrases(source Source, phrases []Phrase) ([]Violation, error) {
	passages, err := passagesOf(source)
	if err != nil {
		return nil, err
	}
	var found []Violation
	for _, passage := range passages {
		lower := strings.ToLower(passage.text)
		for _, phrase := range phrases {
			if !strings.Contains(lower, phrase.literal) {
				continue
			}
			if used := phrase.Find(passage.text); used != "" {
				found = append(found, Violation{
					File: source.Path,
					Line: passage.line,
					Hint: fmt.Sprintf("%q: %s", used, phrase.Instead),
				})
			}
		}
	}
	return found, nil
}

type passage struct {
	line int
	text string
}

func passagesOf(source Source) ([]passage, error) {
	switch {
	case source.IsTest():
		return nil, nil
	case source.IsGo():
		return goPassages(source)
	}
	return paragraphs(source), nil
}

func goPassages(source Source) ([]passage, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, source.Path, source.Text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var passages []passage
	add := func(node ast.Node, text string) {
		passages = append(passages, passage{line: files.Position(node.Pos()).Line, text: oneLine(text)})
	}
	for _, group := range file.Comments {
		add(group, group.Text())
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			add(literal, literal.Value)
		}
		return true
	})
	return passages, nil
}

// paragraphs are the lines of other files, each with the line that follows, so that a phrase across two lines is found.
func paragraphs(source Source) []passage {
	lines := strings.Split(string(source.Text), "\n")
	var passages []passage
	for number, line := range lines {
		next := ""
		if number+1 < len(lines) {
			next = trimMarker(lines[number+1])
		}
		first, _, _ := strings.Cut(next, " ")
		passages = append(passages, passage{line: number + 1, text: oneLine(line + " " + first)})
	}
	return passages
}

func trimMarker(line string) string {
	return strings.TrimLeft(line, " \t#>|*-")
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
