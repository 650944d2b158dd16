package logroute

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/pattern"
)

// dialect of regular expressions that an expression is printed in.
type dialect int

const (
	// rust is the engine of Vector: linear in time, as RE2 is.
	rust dialect = iota
	// ruby is Onigmo, the engine of Fluentd: it backtracks.
	ruby
)

const (
	// maxCost of one expression, counted in ranges of characters after repeats are written out. Beyond it, Vector's engine may
	// refuse the program (its limit is 10 MiB), and with it the whole configuration.
	maxCost = 20_000
	// wide is what a range beyond ASCII costs: it becomes several ranges of bytes.
	wide = 8
)

// translate parses an RE2 expression and prints it for an engine, so that it matches there what it matches in RE2: classes such
// as \w are written out (elsewhere they may mean Unicode), letters that ignore case become classes, and every character but
// letters and digits is an escape. The budget is shared by the expressions of a LogBackend. The error is a phrase that follows
// "spec.collect.redact[0]".
func translate(expression string, to dialect, budget *pattern.Budget) (string, error) {
	parsed, err := pattern.Parse(expression, budget)
	if pattern.IsTooLarge(err) {
		return "", fmt.Errorf("is too large: %w", err)
	}
	if err != nil {
		return "", fmt.Errorf("is not a valid RE2 expression: %s", code(err))
	}
	if matchesNothing(parsed) {
		return "", fmt.Errorf("matches the empty text and would insert [redacted] between all characters; it must match at least one")
	}
	if cost(parsed) > maxCost {
		return "", fmt.Errorf("is too large for the collector when its repeats are expanded; use smaller repeats, or fewer Unicode classes")
	}
	if to == ruby && nested(parsed, false) {
		return "", fmt.Errorf(
			"has nested unbounded repeats such as (a+)+, which can block Fluentd's regex engine; rewrite it, or use collector vector")
	}
	p := &printer{to: to}
	p.print(parsed)
	// Before it reads a configuration, Vector looks for its references to secrets, SECRET[...], in all of the text.
	return strings.ReplaceAll(p.String(), "SECRET[", "SECRE(?:T)["), nil
}

// costOf is the cost of an expression that translate accepted.
func costOf(expression string) int {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return 0
	}
	return cost(parsed)
}

// code of a syntax error, without the expression, which status need not repeat.
func code(err error) string {
	if e, ok := err.(*syntax.Error); ok { //nolint:errorlint // syntax.Parse returns this very type
		return e.Code.String()
	}
	return "it cannot be parsed"
}

// matchesNothing says whether an expression can match the empty text.
func matchesNothing(r *syntax.Regexp) bool {
	switch r.Op {
	case syntax.OpLiteral:
		return len(r.Rune) == 0
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return matchesNothing(r.Sub[0])
	case syntax.OpRepeat:
		return r.Min == 0 || matchesNothing(r.Sub[0])
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			if !matchesNothing(sub) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range r.Sub {
			if matchesNothing(sub) {
				return true
			}
		}
		return false
	}
	return true // anchors, boundaries, star and quest
}

// cost of an expression, see maxCost; it stops growing beyond it.
func cost(r *syntax.Regexp) int {
	sum := 1
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			if c > unicode.MaxASCII {
				sum += wide
			}
		}
		sum += len(r.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		sum += wide
	case syntax.OpCharClass:
		for i := 0; i+1 < len(r.Rune); i += 2 {
			sum++
			if r.Rune[i+1] > unicode.MaxASCII {
				sum += wide
			}
		}
	}
	for _, sub := range r.Sub {
		sum = min(sum+cost(sub), maxCost+1)
	}
	if r.Op == syntax.OpRepeat {
		sum *= max(r.Min, r.Max, 1)
	}
	return min(sum, maxCost+1)
}

// nested says whether a repeat without a limit, or with a large one, stands within another.
func nested(r *syntax.Regexp, within bool) bool {
	const large = 16
	repeats := r.Op == syntax.OpStar || r.Op == syntax.OpPlus || (r.Op == syntax.OpRepeat && (r.Max < 0 || r.Max > large))
	if repeats && within {
		return true
	}
	for _, sub := range r.Sub {
		if nested(sub, within || repeats) {
			return true
		}
	}
	return false
}

type printer struct {
	strings.Builder
	to dialect
}

func (p *printer) print(r *syntax.Regexp) {
	switch r.Op {
	case syntax.OpNoMatch:
		p.either(`[^\x{0}-\x{10FFFF}]`, `(?!)`)
	case syntax.OpEmptyMatch:
		p.WriteString(`(?:)`)
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			p.literal(c, r.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		p.class(r.Rune)
	case syntax.OpAnyCharNotNL:
		p.notNewline()
	case syntax.OpAnyChar:
		p.WriteString(`(?:`)
		p.notNewline()
		p.WriteByte('|')
		p.char('\n')
		p.WriteByte(')')
	case syntax.OpBeginText:
		p.WriteString(`\A`)
	case syntax.OpEndText:
		p.WriteString(`\z`)
	case syntax.OpBeginLine:
		p.either(`(?m:^)`, `^`)
	case syntax.OpEndLine:
		p.either(`(?m:$)`, `$`)
	case syntax.OpWordBoundary:
		p.either(`(?-u:\b)`, `(?a:\b)`)
	case syntax.OpNoWordBoundary:
		p.either(`(?-u:\B)`, `(?a:\B)`)
	case syntax.OpCapture:
		p.group(r.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		p.repeat(r)
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			if sub.Op == syntax.OpAlternate {
				p.group(sub)
				continue
			}
			p.print(sub)
		}
	case syntax.OpAlternate:
		for i, sub := range r.Sub {
			if i > 0 {
				p.WriteByte('|')
			}
			p.print(sub)
		}
	}
}

func (p *printer) either(forRust, forRuby string) {
	if p.to == ruby {
		p.WriteString(forRuby)
		return
	}
	p.WriteString(forRust)
}

func (p *printer) notNewline() {
	p.WriteString(`[^`)
	p.char('\n')
	p.WriteByte(']')
}

func (p *printer) group(r *syntax.Regexp) {
	p.WriteString(`(?:`)
	p.print(r)
	p.WriteByte(')')
}

func (p *printer) repeat(r *syntax.Regexp) {
	if sub := r.Sub[0]; sub.Op == syntax.OpCharClass || sub.Op == syntax.OpAnyCharNotNL {
		p.print(sub)
	} else {
		p.group(sub)
	}
	lazy := r.Flags&syntax.NonGreedy != 0
	switch r.Op {
	case syntax.OpStar:
		p.WriteByte('*')
	case syntax.OpPlus:
		p.WriteByte('+')
	case syntax.OpQuest:
		p.WriteByte('?')
	default:
		switch {
		case r.Max < 0:
			fmt.Fprintf(p, "{%d,}", r.Min)
		case r.Min == r.Max:
			fmt.Fprintf(p, "{%d}", r.Min)
			lazy = false // Ruby reads x{2}? as an optional x{2}
		default:
			fmt.Fprintf(p, "{%d,%d}", r.Min, r.Max)
		}
	}
	if lazy {
		p.WriteByte('?')
	}
}

// literal writes a character, with fold as a class of all that differ in case only.
func (p *printer) literal(c rune, fold bool) {
	if !fold || unicode.SimpleFold(c) == c {
		p.char(c)
		return
	}
	p.WriteByte('[')
	p.char(c)
	for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
		p.char(other)
	}
	p.WriteByte(']')
}

func (p *printer) class(ranges []rune) {
	p.WriteByte('[')
	for i := 0; i+1 < len(ranges); i += 2 {
		p.span(ranges[i], ranges[i+1])
	}
	p.WriteByte(']')
}

// span writes a range of a class without the surrogates, which are no characters.
func (p *printer) span(low, high rune) {
	const first, last = 0xD800, 0xDFFF
	if low < first && high >= first {
		p.span(low, first-1)
		low = last + 1
	}
	low = max(low, 0)
	if low >= first && low <= last {
		low = last + 1
	}
	if low > high {
		return
	}
	p.char(low)
	if high > low {
		p.WriteByte('-')
		p.char(high)
	}
}

func (p *printer) char(c rune) {
	if c < 128 && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
		p.WriteRune(c)
		return
	}
	if p.to == ruby {
		fmt.Fprintf(p, `\u{%X}`, c)
		return
	}
	fmt.Fprintf(p, `\x{%X}`, c)
}
