package walls

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// doubled applies a macro again and again to its own result.
func doubled(begin, step string, times int, end string) string {
	return begin + strings.Repeat(step, times) + end
}

// customCheckRows are expressions that want time or memory.
func customCheckRows() []row {
	invalid := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidCustomCheck, text) }
	long := strings.Repeat("abcdefghij", 300)
	matches := func(pattern string) string { return "object.metadata.name.matches('" + pattern + "')" }
	all := func(expression string) string {
		return inspection("{timeout: 5s, namespaces: [$NAMESPACE], checks: {include: [\"custom-*\"]}, customChecks: " +
			list(32, func(i int) string { return customCheck(i, expression) }) + "}")
	}
	return []row{
		{name: "regex-repeat", manifest: configMaps() + checksOf(matches("("+long+"){1000}")), want: invalid("at most 10000 are allowed")},
		{name: "regex-nested-repeat", manifest: checksOf(matches("((((((a{9}){9}){9}){9}){9}){9}){9}")),
			want: invalid("invalid repeat count")},
		{name: "regex-classes", manifest: checksOf(matches(strings.Repeat(`\\pL`, 900))), want: invalid("at most 200 are allowed")},
		{name: "regex-alternatives", manifest: checksOf(matches("(" + strings.Repeat("[^a]|", 700) + "b)*{50}")),
			want: invalid("invalid nested repetition operator")},
		{name: "regex-backtracking", manifest: checksOf("object.data.a.matches('^(a+)+$') || object.data.a.matches('(a*)*b')"),
			want: harmless("")},
		{name: "regex-parentheses", manifest: checksOf(matches(strings.Repeat("(", 1990) + strings.Repeat(")", 1990))),
			want: invalid("nests too deeply")},
		{name: "regexes-of-all", manifest: all(matches("(abcdefghij){700}")), want: invalid("all regular expressions of the resource")},
		{name: "regex-from-data", manifest: checksOf("object.metadata.name.matches(object.data.a)"), want: gap("at most 4096 are allowed")},
		{name: "regex-built", manifest: checksOf("object.metadata.name.matches('(' + object.metadata.name + '){999}{999}')"),
			want: gap("")},
		{name: "replace-nested",
			manifest: checksOf(doubled("['"+strings.Repeat("a", 40)+"']", ".map(a, a.replace('a', a))", 6, ".all(z, z != '')")),
			want:     gap("more than 32 MiB of memory")},
		{name: "lists-doubled", manifest: checksOf(doubled("[1, 2]", ".map(a, [a, a])", 30, ".size() > 0")), want: gap("larger than 8 MiB")},
		{name: "lists-added", manifest: checksOf(doubled("[[1, 2, 3]]", ".map(a, a + a)", 25, ".all(z, z.size() > 0)")),
			want: gap("more than 32 MiB of memory")},
		{name: "strings-added", manifest: checksOf(doubled("['aaaaaaaa']", ".map(a, a + a)", 30, ".all(z, z.size() > 0)")),
			want: gap("cost limit")},
		{name: "strings-of-45-levels", manifest: checksOf(doubled("['a']", ".map(a, a + a)", 45, ".all(z, z.size() > 0)")),
			want: invalid("at most 40 are allowed")},
		{name: "split-join", manifest: checksOf(doubled("[object.data.a]", ".map(a, a.split('').join('"+strings.Repeat("b", 200)+"'))", 5,
			".all(z, z.size() > 0)")), want: gap("more than 32 MiB of memory")},
		{name: "ranges", manifest: checksOf("lists.range(1000000).map(a, lists.range(1000000)).size() > 0"), want: gap("larger than 8 MiB")},
		{name: "loops-nested", manifest: checksOf(
			"lists.range(10000).all(a, lists.range(10000).all(b, lists.range(10000).all(c, a + b + c >= 0)))"), want: gap("timed out")},
		{name: "loops-of-all", manifest: all("lists.range(20000).all(a, lists.range(20000).all(b, a + b >= 0))"), want: gap("timed out")},
		{name: "format", manifest: checksOf("'%s%s%s%s'.format([object, object, object, object]).size() > 0"), want: harmless("")},
		{name: "format-width", manifest: checksOf("'%.999999999f'.format([1.0]).size() > 0"), want: gap("more than 32 MiB of memory")},
		{name: "sort", manifest: checksOf("object.data.a.split('').sort().reverse().distinct().size() > 0"), want: gap("more than 32 MiB of memory")},
		{name: "quantity", manifest: checksOf("quantity('1e999999999').isInteger()"), want: gap("the exponent of the quantity")},
		{name: "optionals", manifest: checksOf("optional.of(1)" + strings.Repeat(".optMap(v, v)", 100) + ".hasValue()"),
			want: invalid("more than 500 nodes")},
		{name: "levels", manifest: checksOf(strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + " == []"),
			want: invalid("limit exceeded")},
		{name: "parentheses", manifest: checksOf(strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000)),
			want: invalid("limit exceeded")},
		{name: "conditions", manifest: checksOf(strings.Repeat("true?", 380) + "true" + strings.Repeat(":true", 380)), want: invalid("limit exceeded")},
		{name: "broken", manifest: checksOf("\x00\u202e))) {{ ${ object.`"), want: invalid("recognition error")},
		{name: "message-large", manifest: checksOf("false", ", messageExpression: \"string(object.data.a + object.data.a)\""),
			want: harmless("")},
		{name: "message-loop", manifest: checksOf("false",
			", messageExpression: \"lists.range(20000).map(a, lists.range(20000).map(b, string(b)).join('')).join('')\""),
			want: gap("timed out")},
		{name: "unicode", manifest: inspection(fmt.Sprintf(
			"{timeout: 5s, namespaces: [$NAMESPACE], checks: {include: [\"custom-*\"]}, customChecks: %s}",
			list(32, func(i int) string { return customCheck(i, "'"+strings.Repeat("😀", 1000)+"' != ''") }))), want: harmless("")},
	}
}
