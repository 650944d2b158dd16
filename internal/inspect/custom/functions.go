package custom

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// bound counts the memory and work of a call before it is made. It is called with arguments of any type, since overloads are chosen later.
// An error becomes the result of the call.
type bound func(m *meter, args []ref.Val) error

// bounds returns the bound of each function of the environment. A function without one cannot be used: its result might be far larger than
// its arguments.
func bounds() map[string]bound {
	all := map[string]bound{
		"_+_": boundSum, "replace": boundReplace, "split": boundSplit, "join": boundJoin, "format": boundFormat,
		"lists.range": boundRange, "flatten": boundFlatten, "distinct": boundDistinct, "cel.@mapInsert": boundInsert,
		"sets.contains": boundSets, "sets.equivalent": boundSets, "sets.intersects": boundSets,
		"indexOf": boundSearch, "lastIndexOf": boundSearch, "includes": boundSearch,
		"@in": boundMembership, "in": boundMembership, "_in_": boundMembership, "contains": boundMembership,
		"_==_": boundComparison, "_!=_": boundComparison, "quantity": boundQuantity, "isQuantity": boundQuantity,
		// matches, find and findAll are implemented by regexCall.
		"matches": constant, "find": constant, "findAll": constant,
	}
	for _, group := range []struct {
		bound bound
		names string
	}{
		{constant, constantFunctions},
		// Texts are copied, some as characters of 4 bytes.
		{copies(5), "charAt lowerAscii substring trim upperAscii bytes string"},
		{copies(8), "strings.quote"},
		// Lists are copied.
		{copies(4), "reverse slice sort @sortByAssociatedKeys"},
		{boundWalk, "isSorted max min sum"},
		// Texts are parsed; errors quote them.
		{boundParse, "bool cidr containsCIDR containsIP double duration int ip ip.isCanonical isCIDR isIP isSemver isURL semver " +
			"timestamp uint url validate format.named getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours " +
			"getMilliseconds getMinutes getMonth getSeconds"},
		{creates(16 * maxParsed), "getQuery"}, {creates(1024), "getEscapedPath getHost getHostname getPort getScheme"},
	} {
		for name := range strings.FieldsSeq(group.names) {
			all[name] = group.bound
		}
	}
	return all
}

// constantFunctions take constant time and memory, or return a part of an argument. Those of the authorizer have no receiver here.
const constantFunctions = "!_ -_ @not_strictly_false __not_strictly_false__ _%_ _&&_ _*_ _-_ _/_ _<=_ _<_ _>=_ _>_ _?._ _?_:_ " +
	"_[?_] _[_] _||_ add allowed asApproximateFloat asInteger check compareTo dyn endsWith error errored family fieldSelector first " +
	"format.byte format.date format.datetime format.dns1035Label format.dns1035LabelPrefix format.dns1123Label " +
	"format.dns1123LabelPrefix format.dns1123Subdomain format.dns1123SubdomainPrefix format.labelValue format.qualifiedName format.uri " +
	"format.uuid group hasValue isGlobalUnicast isGreaterThan isInteger isLessThan isLinkLocalMulticast isLinkLocalUnicast isLoopback " +
	"isUnspecified labelSelector last major masked minor name namespace optional.none optional.of optional.ofNonZeroValue " +
	"optional.unwrap or orValue patch path prefixLength reason resource serviceAccount sign size startsWith sub subresource type " +
	"unwrapOpt value"

func constant(*meter, []ref.Val) error { return nil }

// length of a text in bytes, or of a list or map in elements; 0 for other values.
func length(value ref.Val) int {
	switch v := value.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case traits.Sizer:
		size, _ := v.Size().(types.Int)
		return int(size)
	default:
		return 0
	}
}

// listMemory is what a list allocates for an element: its place, and the value that wraps it.
const listMemory = 32

// bytesOf returns the memory of a copy of a value, without the elements of a list.
func bytesOf(value ref.Val) int {
	if _, ok := value.(traits.Lister); ok {
		return listMemory * length(value)
	}
	return length(value)
}

// copies allocates each argument a number of times.
func copies(factor int) bound {
	return func(m *meter, args []ref.Val) error {
		for _, arg := range args {
			m.allocate(factor * bytesOf(arg))
			m.spend(length(arg))
		}
		return nil
	}
}

func boundWalk(m *meter, args []ref.Val) error {
	for _, arg := range args {
		m.allocate(listMemory * length(arg))
		m.spend(length(arg))
	}
	return nil
}

// boundSum is the operator +. A list that a loop appends to grows by the second list only.
func boundSum(m *meter, args []ref.Val) error {
	if _, growing := args[0].(traits.MutableLister); growing {
		args = args[1:]
	}
	for _, arg := range args {
		m.allocate(bytesOf(arg))
		m.spend(length(arg))
	}
	return nil
}

func textOf(args []ref.Val, n int) string {
	if n < len(args) {
		s, _ := args[n].(types.String)
		return string(s)
	}
	return ""
}

func number(args []ref.Val, n, otherwise int) int {
	if n < len(args) {
		if i, ok := args[n].(types.Int); ok {
			return int(min(max(i, -1), 1<<40))
		}
	}
	return otherwise
}

// occurrences of a text in another as strings.Replace and strings.Split count them, at most limit unless it is negative.
func occurrences(m *meter, in, part string, limit int) int {
	m.spend(len(in))
	count := strings.Count(in, part)
	if limit >= 0 {
		count = min(count, limit)
	}
	return count
}

func boundReplace(m *meter, args []ref.Val) error {
	in := textOf(args, 0)
	before := textOf(args, 1)
	after := textOf(args, 2)
	m.allocate(len(in) + occurrences(m, in, before, number(args, 3, -1))*len(after))
	return nil
}

func boundSplit(m *meter, args []ref.Val) error {
	m.allocate(2 * listMemory * (1 + occurrences(m, textOf(args, 0), textOf(args, 1), number(args, 2, -1))))
	return nil
}

func boundJoin(m *meter, args []ref.Val) error {
	m.allocate(2*m.weigh(args[0]).size + length(args[0])*(listMemory+len(textOf(args, 1))))
	return nil
}

// boundFormat counts 4 bytes for each byte of an argument, which may become hexadecimal or binary, and the precision of each verb.
func boundFormat(m *meter, args []ref.Val) error {
	const numberSize = 400 // of the largest floating-point number with 6 decimals, and more than 64 binary digits
	format := textOf(args, 0)
	size := len(format)
	for rest := format; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			break
		}
		precision := 0
		if digits, ok := strings.CutPrefix(after, "."); ok {
			for _, c := range digits {
				if c < '0' || c > '9' || precision > maxMemory {
					break
				}
				precision = 10*precision + int(c-'0')
			}
		}
		size += numberSize + precision
		rest = after
	}
	if len(args) > 1 {
		size += 4*m.weigh(args[1]).size + numberSize*length(args[1])
	}
	m.allocate(2 * size)
	return nil
}

func boundRange(m *meter, args []ref.Val) error {
	n := max(number(args, 0, 0), 0)
	m.allocate(n * elementSize)
	m.allocate(n * elementSize / 2) // integers above 255 are allocated
	return nil
}

func boundFlatten(m *meter, args []ref.Val) error {
	w := m.weigh(args[0])
	m.allocate(2 * w.size)
	m.spend(w.size / elementSize * max(w.depth, 1))
	return nil
}

// boundDistinct compares each pair of elements.
func boundDistinct(m *meter, args []ref.Val) error {
	n := length(args[0])
	m.allocate(listMemory * n)
	m.spend(n * (n + m.weigh(args[0]).size/elementSize))
	return nil
}

// boundInsert adds entries to a map. Loops append to the same map; any other is copied.
func boundInsert(m *meter, args []ref.Val) error {
	const entrySize = 128
	entries := 1
	if len(args) == 2 {
		entries = length(args[1])
	}
	if _, growing := args[0].(traits.MutableMapper); !growing {
		entries += length(args[0])
	}
	m.allocate(entrySize * entries)
	return nil
}

// boundSets compares each element of a list with each of the other, in both directions.
func boundSets(m *meter, args []ref.Val) error {
	if len(args) != 2 {
		return nil
	}
	compared := func(value, other ref.Val) int {
		return (length(value) + 1) * (length(other) + m.weigh(other).size/elementSize + 1)
	}
	m.spend(compared(args[0], args[1]) + compared(args[1], args[0]))
	return nil
}

// boundSearch is indexOf: a text is compared at each position, an element of a list with each other.
func boundSearch(m *meter, args []ref.Val) error {
	if len(args) < 2 {
		return nil
	}
	if _, ok := args[0].(traits.Lister); ok {
		return boundMembership(m, args)
	}
	const character = 4
	m.allocate(character * (length(args[0]) + length(args[1])))
	m.spend((length(args[0]) + 1) * (length(args[1]) + 1))
	return nil
}

// boundMembership walks a container and compares its elements.
func boundMembership(m *meter, args []ref.Val) error {
	for _, arg := range args {
		m.spend(1 + m.weigh(arg).size/elementSize)
	}
	return nil
}

func boundComparison(m *meter, args []ref.Val) error {
	if len(args) != 2 {
		return nil
	}
	if types.IsPrimitiveType(args[0]) || types.IsPrimitiveType(args[1]) {
		return nil
	}
	m.spend(1 + min(m.weigh(args[0]).size, m.weigh(args[1]).size)/elementSize)
	return nil
}

// boundParse limits the texts that are parsed: some parsers are quadratic, and errors quote their text.
func boundParse(m *meter, args []ref.Val) error {
	for _, arg := range args {
		size := length(arg)
		if size > maxParsed {
			return fmt.Errorf("the text to parse has %d bytes, at most %d are allowed", size, maxParsed)
		}
		m.allocate(512 + 8*size)
	}
	return nil
}

// creates allocates a number of bytes.
func creates(bytes int) bound {
	return func(m *meter, _ []ref.Val) error {
		m.allocate(bytes)
		return nil
	}
}

// boundQuantity limits the exponent too: adding 1 to 1e99999999 writes out all digits.
func boundQuantity(m *meter, args []ref.Val) error {
	const maxDigits = 3
	in := textOf(args, 0)
	if i := strings.LastIndexAny(in, "eE"); i >= 0 {
		exponent := strings.TrimLeft(in[i+1:], "+-0")
		if digits := len(exponent) - len(strings.TrimLeft(exponent, "0123456789")); digits > maxDigits {
			return fmt.Errorf("the exponent of the quantity has %d digits, at most %d are allowed", digits, maxDigits)
		}
	}
	return boundParse(m, args)
}
