// Package pattern compiles regular expressions that tenants write, in bounded memory and time. A short expression can have a large program:
// repeats are written out, so (abc){1000} has 3,000 instructions, and Go accepts programs of more than 100 MiB. The size is therefore
// computed from the syntax tree, before the program exists.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

const (
	// MaxSize of one expression, in instructions of its compiled program. An instruction takes about 40 bytes, and a character of the
	// text takes at most one step per instruction. A pattern for image names has about 50.
	MaxSize = 10_000
	// MaxTotal is the limit of all expressions of a resource, in instructions.
	MaxTotal = 50_000
	// MaxLength of an expression in bytes.
	MaxLength = 4096
	// MaxClasses is the number of Unicode classes such as \pL in one expression, each of which has hundreds of ranges. A Unicode range that
	// ignores case counts as 10, since the parser folds its characters one at a time: 4 KiB of them took 2.7 s.
	MaxClasses = 200
	// MaxTotalClasses is the limit of all expressions of a resource, counted as for MaxClasses.
	MaxTotalClasses = 1000
)

// SizeError means that an expression, or all expressions of a resource, exceed a limit.
type SizeError struct {
	// Size is the number of instructions, bytes or classes; 0 if it is not known.
	Size int
	// Limit that Size exceeds: one of the constants.
	Limit int
}

// Error has the size and the limit.
func (e *SizeError) Error() string {
	switch e.Limit {
	case MaxClasses:
		return fmt.Sprintf("the regular expression has %d Unicode classes, at most %d are allowed; a range that ignores case counts as %d",
			e.Size, e.Limit, foldedRange)
	case MaxTotalClasses:
		return fmt.Sprintf("all regular expressions of the resource have %d Unicode classes, at most %d are allowed; "+
			"a range that ignores case counts as %d", e.Size, e.Limit, foldedRange)
	case MaxLength:
		return fmt.Sprintf("the regular expression has %d bytes, at most %d are allowed", e.Size, e.Limit)
	case MaxTotal:
		return fmt.Sprintf("all regular expressions of the resource compile to %d instructions, at most %d are allowed; "+
			"use smaller repeats", e.Size, e.Limit)
	default:
		if e.Size == 0 {
			return fmt.Sprintf("the regular expression compiles to more than %d instructions; use smaller repeats", e.Limit)
		}
		return fmt.Sprintf("the regular expression compiles to %d instructions, at most %d are allowed; use smaller repeats",
			e.Size, e.Limit)
	}
}

// Budget is what the expressions of one resource may use. The zero value is a full budget. It is not safe for concurrent use.
type Budget struct{ size, classes int }

// take charges the budget, if there is one. The error is a *SizeError.
func (b *Budget) take(size, classes int) error {
	if b == nil {
		return nil
	}
	b.size += size
	b.classes += classes
	switch {
	case b.size > MaxTotal:
		return &SizeError{Size: b.size, Limit: MaxTotal}
	case b.classes > MaxTotalClasses:
		return &SizeError{Size: b.classes, Limit: MaxTotalClasses}
	}
	return nil
}

// foldedRange is what a Unicode range that ignores case counts, in classes.
const foldedRange = 10

// classes counts the Unicode classes in the text of an expression, before it is parsed. Escaped backslashes are counted too.
func classes(expression string) int {
	count := strings.Count(expression, `\p`) + strings.Count(expression, `\P`)
	unicode := strings.Contains(expression, `\x`) || strings.ContainsFunc(expression, func(c rune) bool { return c > 127 })
	if unicode && regexp.MustCompile(`\(\?[a-zA-Z]*i`).MatchString(expression) {
		count += foldedRange * strings.Count(expression, "-")
	}
	return count
}

// Parse parses an expression as regexp.Compile does and charges its size to a budget, which may be nil. Errors are of type *SizeError or
// *syntax.Error.
func Parse(expression string, budget *Budget) (*syntax.Regexp, error) {
	if len(expression) > MaxLength {
		return nil, &SizeError{Size: len(expression), Limit: MaxLength}
	}
	if count := classes(expression); count > MaxClasses {
		return nil, &SizeError{Size: count, Limit: MaxClasses}
	} else if err := budget.take(0, count); err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	var invalid *syntax.Error
	if errors.As(err, &invalid) && invalid.Code == syntax.ErrLarge { // beyond 128 MiB
		return nil, &SizeError{Limit: MaxSize}
	}
	if err != nil {
		return nil, err
	}
	size := Size(parsed)
	if size > MaxSize {
		return nil, &SizeError{Size: size, Limit: MaxSize}
	}
	if err := budget.take(size, 0); err != nil {
		return nil, err
	}
	return parsed, nil
}

// Expression is a compiled regular expression. It is immutable and safe for concurrent use.
type Expression struct {
	compiled *regexp.Regexp
	size     int
	// following finds the matches after the first in a long text, see search.
	following func() (*regexp.Regexp, error)
}

// Compile compiles an expression after its size was checked, see Parse.
func Compile(expression string, budget *Budget) (*Expression, error) {
	parsed, err := Parse(expression, budget)
	if err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	following := sync.OnceValues(func() (*regexp.Regexp, error) {
		return regexp.Compile(`\A(?s:.)(?s:.*?)(` + withoutGroups(parsed).String() + `)`)
	})
	return &Expression{compiled: compiled, size: Size(parsed), following: following}, nil
}

// Size of the compiled program in instructions. It may return a little more than the compiler creates, never less.
func (e *Expression) Size() int { return e.size }

// withoutGroups removes the capturing groups, which every state of a search would record.
func withoutGroups(r *syntax.Regexp) *syntax.Regexp {
	for r.Op == syntax.OpCapture {
		r = r.Sub[0]
	}
	clone := *r
	clone.Sub = make([]*syntax.Regexp, len(r.Sub))
	for i, sub := range r.Sub {
		clone.Sub[i] = withoutGroups(sub)
	}
	return &clone
}

// Size returns the number of instructions of the compiled program of an expression, without compiling it. It follows syntax.Simplify, which
// writes out repeats, and syntax.Compile. Sizes above 1<<40 are not exact.
func Size(r *syntax.Regexp) int {
	const start, match = 1, 1
	return size(r) + start + match
}

func size(r *syntax.Regexp) int {
	const enough = 1 << 40
	sum := 0
	for _, sub := range r.Sub {
		sum = min(sum+size(sub), enough)
	}
	switch r.Op {
	case syntax.OpLiteral:
		return max(len(r.Rune), 1)
	case syntax.OpCapture, syntax.OpStar: // a star of what can be empty is a plus within a quest
		return sum + 2
	case syntax.OpPlus, syntax.OpQuest:
		return sum + 1
	case syntax.OpConcat:
		return max(sum, 1)
	case syntax.OpAlternate:
		return sum + max(len(r.Sub)-1, 1)
	case syntax.OpRepeat:
		if r.Max < 0 { // x{n,} is n-1 times x, then x+
			return min(max(r.Min, 1)*sum+2, enough)
		}
		return min(max(r.Max*sum+r.Max-r.Min, 1), enough) // x{2,4} is xx(?:x(?:x)?)?
	default:
		return 1
	}
}

// IsTooLarge reports whether an error is a *SizeError.
func IsTooLarge(err error) bool {
	var e *SizeError
	return errors.As(err, &e)
}
