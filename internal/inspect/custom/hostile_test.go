package custom

import (
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// large is a Deployment with a text of 1 MiB, a pattern, and a list of 1000 numbers.
func large() map[string]any {
	object := deployment(1, 1000)
	spec := object["spec"].(map[string]any)
	spec["text"] = strings.Repeat("abcdefghijklmno\n", 1<<16)
	spec["part"] = spec["numbers"].([]any)[:300]
	spec["pattern"] = "(" + strings.Repeat("a", 100) + "){1000}"
	spec["format"] = "%.999999999f"
	spec["quantity"] = "1e999999999"
	spec["digits"] = strings.Repeat("9", 1<<20)
	var nested any = "x"
	for range 1000 {
		nested = []any{nested}
	}
	spec["nested"] = nested
	return object
}

// doubled returns an expression whose value is a list that holds the list of the level below twice.
func doubled(levels int) string { return "[['a']]" + strings.Repeat(".map(x, [x, x])", levels) }

// hostile are expressions with the limit that stops them.
func hostile() map[string]struct{ expression, want string } {
	const (
		memory = "exceeded its limits (one evaluation needs more than 32 MiB of memory for its values)"
		work   = "exceeded its limits (the functions of one evaluation need more than 100 million steps)"
		value  = "exceeded its limits (a value is larger than 8 MiB)"
		nested = "exceeded its limits (a value is nested more than 256 levels deep)"
		cost   = "exceeded its cost limit"
	)
	replaced := "['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']" + strings.Repeat(".map(a, a.replace('a', a))", 6) + ".all(z, z != '')"
	return map[string]struct{ expression, want string }{
		"nested replace":             {replaced, memory},
		"replace of nothing":         {"object.spec.text.replace('', object.spec.text) != ''", memory},
		"replace a number of times":  {"object.spec.text.replace('a', object.spec.text, 100) != ''", memory},
		"sums of texts":              {"['aaaaaaaa']" + strings.Repeat(".map(a, a + a)", 30) + ".all(z, z != '')", cost},
		"sums of bytes":              {"[b'aaaaaaaa']" + strings.Repeat(".map(a, a + a)", 30) + ".all(z, z != b'')", cost},
		"sums of lists":              {"[[0, 1]]" + strings.Repeat(".map(l, l + l)", 30) + ".all(l, l.all(x, x >= 0))", memory},
		"sums of empty lists":        {"[object.spec.numbers.filter(x, false)]" + strings.Repeat(".map(l, l + l)", 30) + ".all(l, size(l) == 1)", ""},
		"a join of a long separator": {"object.spec.numbers.map(n, 'x').join(object.spec.text) != ''", memory},
		"a join of doubled texts":    {"[object.spec.text, object.spec.text].join(object.spec.text).split('').join(object.spec.text) != ''", memory},
		"a split into characters":    {"object.spec.text.split('').size() > 0 && object.spec.text.split('').size() > 1", memory},
		"a precision of a variable":  {"object.spec.format.format([1.0]) != ''", memory},
		"a precision of a literal":   {"'%.999999999f'.format([1.0]) != ''", memory},
		"a format of a doubled list": {"'%s'.format(" + doubled(30) + ") != ''", value},
		"quotes of quotes":           {"['\"\"\"\"']" + strings.Repeat(".map(a, strings.quote(a))", 30) + ".all(z, z != '')", memory},
		"a long range":               {"lists.range(1000000).map(x, [x]).size() > 0", value},
		"a list of lists":            {"object.spec.numbers.map(a, object.spec.numbers.map(b, [a, b])).size() > 0", cost},
		"equality of doubled lists":  {doubled(30) + " == " + doubled(30), value},
		"inequality":                 {doubled(30) + " != " + doubled(30), value},
		"membership":                 {doubled(30) + " in [" + doubled(30) + "]", value},
		"flattened lists":            {"object.spec.numbers.map(a, object.spec.numbers.map(b, b)).flatten(5).size() > 0 && " + doubled(30) + ".flatten(50).size() > 0", cost},
		"flattened doubled lists":    {doubled(30) + ".flatten(50).size() > 0", value},
		"a flattened list":           {"object.spec.numbers.map(a, object.spec.part).flatten().size() > 0", ""},
		"sets":                       {"sets.contains(object.spec.numbers.map(n, object.spec.part), object.spec.numbers.map(n, object.spec.part))", work},
		"distinct elements":          {"lists.range(100000).distinct().size() > 0", work},
		"distinct lists":             {"object.spec.numbers.map(n, object.spec.part).distinct().size() > 0", work},
		"a search in a text":         {"object.spec.text.indexOf(object.spec.text.substring(1, 500000)) > 0", work},
		"a search from the end":      {"object.spec.text.lastIndexOf(object.spec.text.substring(1, 500000)) > 0", work},
		"maps of maps":               {"object.spec.numbers.transformMap(i, n, object.spec.numbers.transformMap(j, m, [i, j])).size() > 0", memory},
		"doubled maps":               {"[{'a': 'b'}]" + strings.Repeat(".map(m, {'a': m, 'b': m})", 30) + ".all(m, m != {})", value},
		"doubled entries":            {"[{'a': 'b'}]" + strings.Repeat(".map(m, ['a', 'b'].transformMap(i, k, m))", 30) + ".all(m, m.size() > 2)", value},
		"doubled optionals":          {"[optional.of('a')]" + strings.Repeat(".map(o, optional.of([o, o]))", 18) + ".all(o, o == optional.none())", value},
		"a deep value":               {"[object.spec.nested] == [1]", nested},
		"a pattern with much work":   {"object.spec.text.matches('(a?b?c?d?){60}z')", work},
		"quadratic matches":          {"object.spec.digits.findAll('(?:9*z|9)').size() > 0", work},
		"a loop over characters":     {"object.spec.text.split('\\n').all(l, object.spec.text.lowerAscii() != l)", memory},
		"nested loops":               {costly, cost},
		"a caught error":             {"object.spec.text.replace('', object.spec.text) != '' || true", memory},
	}
}

func TestHostileExpressionsStopAtALimitWithoutAffectingOthers(t *testing.T) {
	object := large()
	for name, tc := range hostile() {
		t.Run(name, func(t *testing.T) {
			programs := compiled(t, onDeployments(tc.expression),
				onDeployments("object.spec.replicas > 5", func(c *v1alpha1.CustomCheck) { c.ID = "cheap" }))
			s := NewSession(programs, testkit.Graph(t, ""), nil)
			before := allocated()
			s.Object(t.Context(), object)
			spent := allocated() - before
			if spent > 64<<20 {
				t.Errorf("allocated %d MiB", spent>>20)
			}
			got := summarize(s)
			stopped := slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, tc.want) })
			if !stopped || !slices.Contains(got, "medium custom-cheap Deployment/shop/d00001: It is wrong.") {
				t.Errorf("got %q, want %q and the finding of the other check", got, tc.want)
			}
		})
	}
}

// FuzzLimits checks that an expression needs bounded memory to compile and to evaluate. The deadline is a number of looks at it, since the
// fuzzer ends inputs after 10 s.
func FuzzLimits(f *testing.F) {
	for _, tc := range hostile() {
		f.Add(tc.expression)
	}
	graph := testkit.Graph(f, "")
	object := large()
	f.Fuzz(func(t *testing.T, expression string) {
		before := allocated()
		programs, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(expression,
			func(c *v1alpha1.CustomCheck) { c.MessageExpression = "'' + string(" + expression + ")" })})
		if err != nil {
			programs, err = Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(expression)})
		}
		if spent := allocated() - before; spent > 64<<20 {
			t.Fatalf("compiling %q allocated %d MiB", expression, spent>>20)
		}
		if err != nil {
			return
		}
		before = allocated()
		deadline := &endsAfter{Context: t.Context(), limit: 200, ended: func() {}}
		_, _ = Evaluate(deadline, programs, object, graph)
		if spent := allocated() - before; spent > 160<<20 { // of two expressions
			t.Fatalf("evaluating %q allocated %d MiB", expression, spent>>20)
		}
	})
}
