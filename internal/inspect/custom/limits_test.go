package custom

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files again") //nolint:gochecknoglobals // a flag of the test binary

func TestEachFunctionAndMacroOfTheEnvironmentIsClassified(t *testing.T) {
	env, err := newEnv(checkVariables()...)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	functions := env.Functions()
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if bounds()[name] == nil {
			t.Errorf("function %s has no bound: add it to bounds", name)
		}
		var overloads []string
		for _, overload := range functions[name].OverloadDecls() {
			overloads = append(overloads, overload.ID())
		}
		lines = append(lines, "function "+name+": "+strings.Join(overloads, " "))
	}
	for name := range bounds() {
		if functions[name] == nil {
			t.Errorf("function %s does not exist", name)
		}
	}
	var macros []string
	for _, macro := range env.Macros() {
		macros = append(macros, "macro "+macro.MacroKey())
	}
	slices.Sort(macros)
	got := strings.Join(slices.Concat(lines, slices.Compact(macros)), "\n") + "\n"
	const golden = "testdata/environment.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the environment has changed; check the bounds of what is new, then run the test with -update (-want +got):\n%s", diff)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestLargeArgumentsAreErrorsOfTheObject(t *testing.T) {
	for expression, want := range map[string]string{
		"object.metadata.name.matches(object.spec.pattern)":           "the regular expression compiles to 102002 instructions, at most 10000 are allowed",
		"object.metadata.name.find(object.spec.text) != ''":           "the regular expression has 1048576 bytes, at most 4096 are allowed",
		"quantity(object.spec.quantity).isInteger()":                  "the exponent of the quantity has 9 digits, at most 3 are allowed",
		"isQuantity(object.spec.digits)":                              "the text to parse has 1048576 bytes, at most 4096 are allowed",
		"isIP(object.spec.text)":                                      "the text to parse has 1048576 bytes",
		"isURL(object.spec.text)":                                     "the text to parse has 1048576 bytes",
		"isSemver(object.spec.digits)":                                "the text to parse has 1048576 bytes",
		"cidr(object.spec.text).prefixLength() > 0":                   "the text to parse has 1048576 bytes",
		"int(object.spec.digits) > 0":                                 "the text to parse has 1048576 bytes",
		"timestamp(object.spec.digits) < now":                         "the text to parse has 1048576 bytes",
		"now.getHours(object.spec.text) > 0":                          "the text to parse has 1048576 bytes",
		"format.dns1123Label().validate(object.spec.text).hasValue()": "the text to parse has 1048576 bytes",
		"{'a': 1}[object.spec.text] == 1":                             "no such key: abc",
	} {
		before := allocated()
		_, err := Evaluate(t.Context(), compiled(t, onDeployments(expression)), large(), testkit.Graph(t, ""))
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
			t.Errorf("%s: got %.300v, want %q", expression, err, want)
		}
		if spent := allocated() - before; spent > 32<<20 {
			t.Errorf("%s: allocated %d MiB", expression, spent>>20)
		}
	}
}

func TestExpressionsAreRefusedBeforeTheyAreCompiled(t *testing.T) {
	bomb := "'(" + strings.Repeat("abcdefghij", 300) + "){1000}'"
	for name, tc := range map[string]struct{ expression, want string }{
		"a literal pattern": {"object.metadata.name.matches(" + bomb + ")",
			"expression, line 1, column 30: the regular expression compiles to 3002002 instructions, at most 10000 are allowed; use smaller repeats"},
		"a pattern of a function":  {"matches(object.metadata.name, " + bomb + ")", "compiles to 3002002 instructions"},
		"a pattern of find":        {"object.metadata.name.find(" + bomb + ") != ''", "compiles to 3002002 instructions"},
		"a pattern of findAll":     {"object.metadata.name.findAll(" + bomb + ", 1) != []", "compiles to 3002002 instructions"},
		"a pattern from a text":    {"object.metadata.name.matches(string(" + bomb + "))", "compiles to 3002002 instructions"},
		"a pattern from bytes":     {"object.metadata.name.find(string(b" + bomb + ")) != ''", "compiles to 3002002 instructions"},
		"doubled targets":          {"optional.of(1)" + strings.Repeat(".optMap(v, v)", 100) + ".hasValue()", "optMap() is applied to an expression of more than 500 nodes"},
		"doubled optional targets": {"optional.of(1)" + strings.Repeat(".optFlatMap(v, optional.of(v))", 100) + ".hasValue()", "optFlatMap() is applied to"},
		"many doubled targets": {strings.Repeat("optional.of(1)"+strings.Repeat(".optMap(v,v)", 6)+".hasValue()||", 40) + "true",
			"the expression has more than 2000 nodes"},
		"a message of protobuf":  {"google.protobuf.Int64Value{value: 1} == 1", "type google.protobuf.Int64Value is not available: use maps"},
		"lists within lists":     {strings.Repeat("[", 200) + strings.Repeat("]", 200) + " == []", "nested 200 levels deep, at most 40 are allowed"},
		"maps within maps":       {strings.Repeat("{1:", 100) + "1" + strings.Repeat("}", 100) + " == {}", "nested 100 levels deep"},
		"loops over loops":       {"[1]" + strings.Repeat(".map(x, [x])", 90) + " == []", "levels deep, at most 40"},
		"optionals of optionals": {strings.Repeat("optional.of(", 90) + "1" + strings.Repeat(")", 90) + ".hasValue()", "levels deep, at most 40"},
		"a panic of CEL":         {"[?dyn(1), ?dyn(2)] == []", "CEL cannot compile the expression: runtime error"},
		"many errors":            {"[" + strings.Repeat("a,", 1500) + "a].size() > 0", "undeclared reference to 'a'"},
	} {
		t.Run(name, func(t *testing.T) {
			before := allocated()
			_, err := Compile(t.Context(), []v1alpha1.CustomCheck{onDeployments(tc.expression)})
			var invalid *InvalidError
			if tc.want != "" && (!errors.As(err, &invalid) || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("got %.500v, want %q", err, tc.want)
			}
			if invalid != nil && len(invalid.Issues) > maxErrors {
				t.Errorf("%d issues", len(invalid.Issues))
			}
			if spent := allocated() - before; spent > 64<<20 {
				t.Errorf("allocated %d MiB", spent>>20)
			}
		})
	}
}

// checksOf returns the maximum number of checks, all with the same expressions.
func checksOf(expression string) []v1alpha1.CustomCheck {
	var checks []v1alpha1.CustomCheck
	for n := range v1alpha1.MaxCustomChecks {
		checks = append(checks, onDeployments(expression, func(c *v1alpha1.CustomCheck) {
			c.ID = fmt.Sprintf("c%d", n)
			c.Match = expression
		}))
	}
	return checks
}

func TestTheChecksOfAnInspectionAreBoundedTogether(t *testing.T) {
	for name, tc := range map[string]struct{ expression, want string }{
		"patterns":        {"object.metadata.name.matches('(abcdefghij){700}')", "all regular expressions of the resource compile to"},
		"classes":         {"object.metadata.name.matches('" + strings.Repeat(`\\pL`, 190) + "')", "all regular expressions of the resource have"},
		"folded patterns": {"object.metadata.name.matches(string(b'(abcdefghij){700}'))", "all regular expressions of the resource compile to"},
		"nodes":           {"[" + strings.Repeat("1,", 1000) + "1].size() > 0", "the expressions of all checks have more than 10000 nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			before := allocated()
			_, err := Compile(t.Context(), checksOf(tc.expression))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %.500v, want %q", err, tc.want)
			}
			if spent := allocated() - before; spent > 128<<20 {
				t.Errorf("allocated %d MiB", spent>>20)
			}
		})
	}
}

func TestCompilingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compile(ctx, checksOf("true")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// endsAfter is a context that ends after Err was called a number of times.
type endsAfter struct {
	context.Context
	calls, limit int
	// ended is called once, when the context ends.
	ended func()
}

func (c *endsAfter) Err() error {
	if c.calls++; c.calls < c.limit {
		return nil
	}
	if c.calls == c.limit {
		c.ended()
	}
	return context.DeadlineExceeded
}

func TestAnEvaluationEndsWithin100CallsOfItsDeadline(t *testing.T) {
	for name, expression := range map[string]string{
		"a loop":           "lists.range(100000).all(x, x >= 0)",
		"a caught error":   "lists.range(100000).exists(x, x < 0) || true",
		"lists":            "lists.range(100000).map(x, x).size() > 0",
		"two variables":    "lists.range(100000).all(i, x, i == x)",
		"a filter":         "lists.range(100000).filter(x, false).size() > 0",
		"one element":      "lists.range(100000).exists_one(x, x == 5)",
		"maps":             "lists.range(100000).transformMap(i, x, true).size() > 0",
		"doubled lists":    "[[0, 1]]" + strings.Repeat(".map(l, l + l)", 14) + ".all(l, l.all(x, x >= 0))",
		"errors":           "lists.range(100000).all(x, object.missing == x)",
		"caught errors":    "lists.range(100000).all(x, object.missing.matches('a')) || true",
		"texts":            "object.spec.numbers.all(n, object.spec.text.size() > 0)",
		"comparisons":      "object.spec.numbers.all(n, object.spec.numbers == object.spec.numbers.map(x, x))",
		"a regular search": "object.spec.numbers.all(n, object.spec.text.substring(0, 100000).matches('(a?b?){20}z') || true)",
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSession(compiled(t, onDeployments(expression)), testkit.Graph(t, ""), nil)
			o := newSubject(large(), s.world)
			calls, work := 0, 0
			ctx := &endsAfter{Context: t.Context(), limit: 20}
			ctx.ended = func() {
				calls = o.meter.calls
				work = o.meter.work
			}
			if s.check(ctx, s.states[0], o, "") {
				t.Fatal("the check continues after its deadline")
			}
			if after := o.meter.calls - calls; calls == 0 || after > 100 {
				t.Errorf("%d calls after the deadline, %d before", after, calls)
			}
			if after := o.meter.work - work; after > workPerCheck {
				t.Errorf("%d steps after the deadline", after)
			}
		})
	}
}

// TestBoundedFunctionsReturnWhatCELReturns compares programs with bounds to those without, in result and cost.
func TestBoundedFunctionsReturnWhatCELReturns(t *testing.T) {
	env, err := newEnv(checkVariables()...)
	if err != nil {
		t.Fatal(err)
	}
	functions, err := newLimiter(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, expression := range []string{
		"'a' + 'b' + string(1)", "b'a' + b'b'", "[1, 2] + [3] + []", "[] + [object]", "object.spec.numbers + [7] == [0, 1, 2, 7]", "1 + 2", "1.5 + 2.0",
		"now + duration('1h') > now", "'aXbXc'.replace('X', '--', 1)", "'abc'.replace('', '.')", "'a,b,c'.split(',')", "'abc'.split('', 2)",
		"['a', 'b'].join('-')", "['a'].join()", "'%s %d %.2f %x'.format(['a', 1, 1.5, 'z'])", "lists.range(5)", "[[[1]], [[2]]].flatten(1)",
		"[1, 1, 2].distinct()", "sets.contains([1, 2], [1])", "sets.intersects([1], [2])", "sets.equivalent([1, 2], [2, 1])", "'hello'.indexOf('l')",
		"'hello'.lastIndexOf('l', 3)", "[1, 2, 1].lastIndexOf(1)", "1 in [1, 2]", "1 in object.spec.numbers", "'a' in {'a': 1}", "'abc'.contains('b')",
		"[{'a': [2]}] == [{'a': [2]}]", "1 != dyn(1.0)", "1 == dyn(1u)", "object == object", "object.spec != object", "quantity('1Gi').isGreaterThan(quantity('1Mi'))",
		"isQuantity('1e3')", "sign(quantity('1e99'))", "'abc'.matches('^a.c$')", "matches('abc', 'd')", "'abc abc'.find('b.')", "'abc'.find('z')",
		"'abc abd'.findAll('ab.')", "'aaa'.findAll('a', 2)", "'abc'.matches(object.metadata.name)", "'d00003x'.find(object.metadata.name)",
		"'abc'.charAt(1)", "'ABC'.lowerAscii()", "' a '.trim()", "'abc'.substring(1, 2)", "strings.quote('a\"')", "[3, 1, 2].sort()",
		"[3, 1].sortBy(x, -x)", "[1, 2].reverse()", "[1, 2, 3].slice(0, 2)", "[1, 2].isSorted()", "[1, 2].sum()", "[1, 2].max()", "[2, 1].min()",
		"ip('1.2.3.4').family()", "cidr('10.0.0.0/8').containsIP('10.1.1.1')", "url('https://a.b:1/c?d=e').getQuery()", "url('https://a.b/c').getHost()",
		"semver('1.2.3').major()", "int('7')", "double('1.5')", "bool('true')", "timestamp('2026-01-01T00:00:00Z')", "duration('1h').getMinutes()",
		"format.named('dns1123Label').value().validate('A').hasValue()", "optional.of(1).orValue(2)", "object.?spec.?x.orValue(3)",
		"optional.of(2).optMap(v, v + 1).value()", "optional.none().hasValue()", "optional.of([1]).optFlatMap(v, v[?0])", "[?optional.of(1), ?optional.none()]",
		"{'a': 1, 'b': 2}.map(k, k).sort()", "object.spec.numbers.map(n, n * 2)", "object.spec.numbers.filter(n, n > 0)",
		"object.spec.numbers.transformMap(i, n, n > 0, i + n)[2]", "object.spec.numbers.transformMapEntry(i, n, {string(i): n})['2']", "[1, 2].exists_one(x, x == 1)",
		"object.spec.numbers.transformList(i, n, i)", "dyn('a') + dyn('b')", "dyn([1]) + dyn([2])", "dyn(1) + dyn('a')", "object.x == 1 || true",
		"object.x + 1", "1 + object.x", "'a'.matches(dyn(1))", "type(1)", "size([1])", "!true", "-(1)", "7 % 4", "has(object.spec.x)",
		"'x'.replace(object.x, 'b')", "lists.range(-1)", "'a'.charAt(5)", "quantity('x')", "facts.cluster + 'a'", "true && object.x", "[1] == dyn([1.0])",
		"[[1, 2], [3]].exists(l, l.exists(x, x == 3))", "'a' < 'b'", "object.spec.numbers[?7].hasValue()", "b'ab'.size()", "string(b'ab')", "dyn(b'ab') + b'c'",
	} {
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			t.Errorf("%s: %v", expression, issues.Err())
			continue
		}
		evaluated := func(options ...cel.ProgramOption) (string, uint64) {
			program, err := env.Program(ast, options...)
			if err != nil {
				return err.Error(), 0
			}
			o := newSubject(deployment(3, 3), &surroundings{graph: testkit.Graph(t, "")})
			o.fields = allFields()
			o.meter = meter{ctx: t.Context()}
			result, details, err := program.ContextEval(t.Context(), o)
			if err != nil {
				return "error " + err.Error(), *details.ActualCost()
			}
			return fmt.Sprintf("%T %v", result.Value(), result), *details.ActualCost()
		}
		want, wantCost := evaluated()
		got, gotCost := evaluated(functions.option(ast.NativeRep()))
		if want != got && !strings.HasPrefix(want, "[]") {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
		if gotCost != wantCost {
			t.Errorf("%s: cost %d, want %d", expression, gotCost, wantCost)
		}
	}
}
