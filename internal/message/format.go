package message

import (
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// leafSize is the maximum length of a number or a pointer as text, and of the name and punctuation of a field.
	leafSize = 64
	// floatSize is the maximum length of a floating-point number with verb f, without its precision.
	floatSize = 352
	// timeLeaves of a time, whose fields are printed by verbs for numbers.
	timeLeaves = 6
	// maxWidth and maximum precision of printf.
	maxWidth = 999
)

// printed is an upper bound of the length of values as text, found without creating it.
type printed struct {
	bytes int
	// leaves are the numbers, texts and fields, each of which printf pads to its width.
	leaves int
	// limit of size, after which add gives up.
	limit int
}

func (p *printed) size() int { return p.bytes + p.leaves*leafSize }

// add adds a value.
func (p *printed) add(value any) {
	switch v := value.(type) {
	case string:
		p.bytes += len(v) + 1
	case time.Time, *time.Time:
		p.leaves += timeLeaves
	default:
		p.value(reflect.ValueOf(value))
	}
}

func (p *printed) value(v reflect.Value) {
	if p.size() > p.limit {
		return
	}
	switch v.Kind() {
	case reflect.String:
		p.leaves++
		p.bytes += v.Len() + 1
	case reflect.Interface, reflect.Pointer:
		p.leaves++
		if !v.IsNil() {
			p.value(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		p.leaves++
		for i := 0; i < v.Len() && p.size() <= p.limit; i++ {
			p.value(v.Index(i))
		}
	case reflect.Map:
		p.leaves++
		for entries := v.MapRange(); entries.Next() && p.size() <= p.limit; {
			p.value(entries.Key())
			p.value(entries.Value())
		}
	case reflect.Struct:
		p.leaves++
		if v.Type() == reflect.TypeFor[time.Time]() {
			p.leaves += timeLeaves
			return
		}
		p.bytes += len(v.Type().String())
		for i := range v.NumField() {
			p.bytes += len(v.Type().Field(i).Name)
			p.value(v.Field(i))
		}
	default:
		p.leaves++
	}
}

// formattedSize returns the length of the arguments of fmt.Sprintf, and an upper bound of the length of its text. The only error is
// errTooWide.
func formattedSize(format string, args []any) (arguments, total int, err error) {
	each := make([]printed, len(args)+1)
	largest := &each[len(args)] // stands for an argument that is chosen by its number, such as %[3]s
	arguments = len(format)
	for i, arg := range args {
		each[i] = printed{limit: maxCallText}
		each[i].add(arg)
		largest.bytes = max(largest.bytes, each[i].bytes)
		largest.leaves = max(largest.leaves, each[i].leaves)
		arguments += each[i].size()
	}
	total = arguments + len(args)*leafSize // an argument that no verb uses is printed as EXTRA
	numbered := strings.Contains(format, "[")
	for next := 0; total <= maxCallText; {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			break
		}
		verb, width, length, ok := parseVerb(rest)
		if !ok {
			return 0, 0, errTooWide
		}
		format = rest[length:]
		if verb == '%' { // takes no argument and no width
			continue
		}
		arg := largest
		if !numbered && next < len(args) {
			arg = &each[next]
		}
		next++
		total += verbSize(verb, width, arg)
	}
	return arguments, total, nil
}

// parseVerb returns the verb after a %, the sum of its width and precision, and the length of its text. It fails if one of them exceeds
// 999 or is an argument. It reads what fmt takes for flags, width, precision and numbers of arguments, in any order.
func parseVerb(text string) (verb rune, width, length int, ok bool) {
	quoted := false
	for length < len(text) {
		c, size := utf8.DecodeRuneInString(text[length:])
		switch {
		case strings.ContainsRune("+-# .", c):
			quoted = quoted || c == '#'
			length++
		case c == '*':
			return 0, 0, 0, false
		case c == '[':
			end := strings.IndexByte(text[length:], ']')
			if end < 0 {
				return c, width, length + 1, true
			}
			if strings.Contains(text[length:length+end], "*") {
				return 0, 0, 0, false
			}
			length += end + 1
		case c >= '0' && c <= '9':
			digits := len(text[length:]) - len(strings.TrimLeft(text[length:], "0123456789"))
			n, err := strconv.Atoi(text[length : length+digits])
			if err != nil || n > maxWidth {
				return 0, 0, 0, false
			}
			width += n
			length += digits
		case c == 'v' && quoted: // %#v quotes texts
			return 'q', width, length + size, true
		default:
			return c, width, length + size, true
		}
	}
	return utf8.RuneError, width, length, true
}

// verbSize is an upper bound of the length of an argument that is printed with a verb.
func verbSize(verb rune, width int, arg *printed) int {
	growth := 1
	leaf := leafSize
	switch verb {
	case 's', 'v', 'd', 't', 'T', 'c':
	case 'q', 'x', 'X': // an invalid byte becomes \xff, with % #x a byte becomes 0xff and a space
		growth = 5
	default:
		growth = 5
		leaf = floatSize
	}
	return growth*arg.bytes + (arg.leaves+1)*(leaf+width) + leafSize
}
