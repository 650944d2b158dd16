package message

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/template/parse"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
)

// fill is a template whose variable $a has 60,000 bytes.
const fill = `{{$a := printf "%999d" 1}}{{$a = print $a $a $a $a $a $a $a $a $a $a $a $a $a $a $a $a $a $a $a $a}}{{$a = print $a $a $a}}`

// renderOf renders the text of a template for the test report and returns the number of bytes that were allocated.
func renderOf(ctx context.Context, t *testing.T, text string) (string, uint64, error) {
	t.Helper()
	spec := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
	messages, err := c.Compose(ctx, report())
	runtime.ReadMemStats(&after)
	if len(messages) == 0 {
		return "", after.TotalAlloc - before.TotalAlloc, err
	}
	return messages[0].Text, after.TotalAlloc - before.TotalAlloc, err
}

// attempts at the bound of each function of a template, by its name. Functions without a bound of their own only return what exists, and
// have a nil list.
func attempts() map[string][]string {
	many := strings.Repeat(" $a", 5000)
	return map[string][]string{
		"print":   {fill + "{{print" + many + "}}", fill + "{{$b := print $.Findings}}{{range 20000}}{{$b = print $b $a}}{{end}}"},
		"println": {fill + "{{println" + many + "}}"},
		"printf": {
			fill + `{{printf "` + strings.Repeat("%s", 3000) + `"` + many[:9000] + `}}`, fill + `{{printf "` + strings.Repeat("%[1]s", 3000) + `" $a}}`,
			`{{printf "` + strings.Repeat("%999d", 3000) + `" 1}}`, `{{printf "%1000s" "a"}}`, `{{printf "%.1000f" 1.0}}`,
			`{{printf "%*d" 1000 1}}`, `{{printf "%[1]*d" 1000 1}}`, fill + `{{printf "%+q" $a}}{{printf "%x" $a}}{{printf "%#v" $a}}`,
			`{{printf "%999v" (slice .Findings 0)}}{{range 2000}}{{printf "%999.999v" $.Findings}}{{end}}`,
		},
		"html":     {fill + "{{html" + many + "}}", `{{$x := "&&&&&&&&&&"}}{{range 19000}}{{$x = html $x}}{{end}}`},
		"js":       {fill + "{{js" + many + "}}", `{{$x := "<<<<<<<<<<"}}{{range 19000}}{{$x = js $x}}{{end}}`},
		"urlquery": {fill + "{{urlquery" + many + "}}", `{{$x := "%%%%%%%%%%"}}{{range 19000}}{{$x = urlquery $x}}{{end}}`},
		"upper":    {fill + `{{range 19000}}{{$b := upper $a}}{{end}}`},
		"lower":    {fill + `{{range 19000}}{{$b := lower $a}}{{end}}`},
		"truncate": {fill + `{{range 19000}}{{$b := truncate 10 $a}}{{end}}`},
		"call":     {`{{call .Findings}}`},
		"and":      {fill + `{{range 10000}}{{$b := and` + many[:12000] + `}}{{end}}`},
		"or":       {`{{range 10000}}{{$b := or` + strings.Repeat(" 0", 6000) + `}}{{end}}`},
		"not":      {`{{range 20000}}{{$b := not (not (not 1))}}{{end}}`},
		"len":      {fill + `{{range 20000}}{{$b := len (slice $a 1)}}{{end}}`},
		"index":    {`{{range 20000}}{{$b := index (index $.Findings 0).Message 0}}{{end}}`},
		"slice":    {fill + `{{range 20000}}{{$a = slice (slice $a 0) 0}}{{end}}`},
		"eq":       {fill + `{{range 20000}}{{$b := eq $a $a}}{{end}}{{eq` + many + `}}`},
		"ne":       {fill + `{{$b := print $a}}{{range 20000}}{{$c := ne $a $b}}{{end}}1`},
		"lt":       {fill + `{{$b := print $a}}{{range 20000}}{{$c := lt $a $b}}{{end}}1`},
		"le":       {fill + `{{$b := print $a}}{{range 20000}}{{$c := le $a $b}}{{end}}1`},
		"gt":       {fill + `{{$b := print $a}}{{range 20000}}{{$c := gt $a $b}}{{end}}1`},
		"ge":       {fill + `{{$b := print $a}}{{range 20000}}{{$c := ge $a $b}}{{end}}1`},
	}
}

// builtinFunctions are the functions that text/template defines, from the error of a template that calls each name.
func builtinFunctions(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile(runtime.GOROOT() + "/src/text/template/funcs.go") //nolint:staticcheck // the source of the tested version
	if err != nil {
		t.Fatalf("the source of text/template is not available: %v", err)
	}
	_, body, _ := strings.Cut(string(source), "func builtins() FuncMap {")
	body, _, _ = strings.Cut(body, "\n}\n")
	var names []string
	for line := range strings.Lines(body) {
		if parts := strings.Split(line, `"`); len(parts) == 3 {
			names = append(names, parts[1])
		}
	}
	if len(names) < 19 {
		t.Fatalf("found %d functions in the source of text/template", len(names))
	}
	return names
}

func TestEachFunctionOfATemplateIsTriedAtItsBound(t *testing.T) {
	available := builtinFunctions(t)
	for name := range (&meter{}).functions() {
		available = append(available, name)
	}
	for _, name := range available {
		if len(attempts()[name]) == 0 {
			t.Errorf("function %s has no test at its bound", name)
		}
	}
	for name, texts := range attempts() {
		if !slices.Contains(available, name) {
			t.Errorf("function %s does not exist", name)
		}
		for n, text := range texts {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				_, spent, err := renderOf(t.Context(), t, text)
				if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidTemplate {
					t.Errorf("got %v, want the problem InvalidTemplate", err)
				}
				if spent > 64<<20 {
					t.Errorf("allocated %d MiB", spent>>20)
				}
			})
		}
	}
}

func TestMethodsWithArgumentsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{{range .Findings}}{{.Object.DeepCopyInto .Object}}{{end}}`:       "1:21: .Object.DeepCopyInto cannot have arguments",
		`{{$f := index .Findings 0}}{{$f.FirstSeen.AppendFormat "x" "y"}}`: "$f.FirstSeen.AppendFormat cannot have arguments",
		`{{(index .Findings 0).FirstSeen.Add 1}}`:                          "cannot have arguments",
		`{{"2006" | (index .Findings 0).FirstSeen.Format}}`:                "cannot have arguments",
		`{{print ((index .Findings 0).FirstSeen.In .)}}`:                   "cannot have arguments",
		`{{define "a"}}{{.In .}}{{end}}`:                                   "cannot have arguments",
		`{{(index .Findings 0).FirstSeen.Format (printf "%200d" 1)}}`:      "the layout of Format has 200 bytes, at most 100",
		`{{$x := "11111"}}{{range 99}}{{$x = $.Event.Format $x}}{{end}}`:   "string has no method Format",
	} {
		r := report()
		seen := r.Summary.StartTime
		for n := range r.Findings {
			r.Findings[n].FirstSeen = &seen
		}
		spec := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}
		c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
		_, err := c.Compose(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestATimeCanBeFormatted(t *testing.T) {
	r := report()
	seen := r.Summary.StartTime
	for n := range r.Findings {
		r.Findings[n].FirstSeen = &seen
	}
	for _, text := range []string{
		`{{(index .Findings 0).FirstSeen.Format "2006"}}`, `{{range .Findings}}{{.FirstSeen.Format "2006"}}{{break}}{{end}}`,
		`{{range .Findings}}{{with .FirstSeen}}{{.Format "2006"}}{{end}}{{break}}{{end}}`,
		`{{range $f := .Findings}}{{$f.FirstSeen.Format "2006"}}{{break}}{{end}}`,
	} {
		m := compose(t, v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}, r)
		if want := seen.Format("2006"); m[0].Text != want {
			t.Errorf("%s: got %q, want %q", text, m[0].Text, want)
		}
	}
}

// endsAfter is a context that ends after Err was called a number of times.
type endsAfter struct {
	context.Context
	calls, limit int
}

func (c *endsAfter) Err() error {
	if c.calls++; c.calls > c.limit {
		return context.DeadlineExceeded
	}
	return nil
}

func TestATemplateEndsWithItsContext(t *testing.T) {
	ctx := &endsAfter{Context: t.Context(), limit: 100}
	_, _, err := renderOf(ctx, t, `{{range 19000}}{{$x := print 1}}{{end}}`)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonRetrying || !strings.Contains(p.Message, "deadline") {
		t.Errorf("got %v", err)
	}
	if ctx.calls > ctx.limit+5 {
		t.Errorf("%d steps after the deadline", ctx.calls-ctx.limit)
	}
}

func TestTheMessagesOfAReportAreBoundedTogether(t *testing.T) {
	r := report()
	finding := r.Findings[0]
	for n := range 300 {
		finding.ID = fmt.Sprintf("x%d", n)
		finding.CausedBy = ""
		finding.State = v1alpha1.FindingNew
		finding.Severity = v1alpha1.SeverityCritical
		r.Findings = append(r.Findings, finding)
	}
	spec := v1alpha1.NotificationChannelSpec{Mode: v1alpha1.DeliverEach, Template: v1alpha1.NotificationTemplate{
		Text: `{{range 6000}}0123456789{{end}}`,
	}}
	c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
	if _, err := c.Compose(t.Context(), r); err == nil || !strings.Contains(err.Error(), "exceed 8 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestALongTemplateIsRefused(t *testing.T) {
	if _, err := compile("spec.template.text", strings.Repeat("a", maxSource+1), ""); err == nil || !strings.Contains(err.Error(), "at most 65536") {
		t.Errorf("got %v", err)
	}
}

// printedValues have each kind of value that a template can print.
func printedValues() []any {
	seen := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	finding := notify.Finding{ID: "a", Message: "größe \x00\xff\U0001f600", Severity: v1alpha1.SeverityHigh, FirstSeen: &seen}
	return []any{
		nil, true, 1, int32(-7), 1e308, -1.5, complex(1e300, 1), "", "a", "größe \x00\xff\U0001f600", []byte("abc\xff"), finding, &finding,
		[]notify.Finding{finding, finding}, map[string]int{"a": 1}, seen, &seen, v1alpha1.SeverityLow, 'x', uint64(1 << 63),
		[]string{"a", "b"}, []float64{1e300, 2},
	}
}

func FuzzFormattedSize(f *testing.F) {
	for _, seed := range []string{
		"%s", "%v %+v %#v", "%q%+q%#q", "% #x", "%999d", "%[1]s%[1]s", "%.99f", "%b", "%U", "%T", "%!", "%z", "%[3]*.[2]*[1]f", "%-010.3d", "%c", "%%", "%[",
		"%p", "%99.99v", "%[x]d", "%e%g%G%x", "%o %O", "%t", "%w", "%%%800A", "%9%%5%%v",
	} {
		for n := range printedValues() {
			f.Add(seed, n, n+3)
		}
	}
	f.Fuzz(func(t *testing.T, format string, first, second int) {
		values := printedValues()
		args := []any{values[uint(first)%uint(len(values))], values[uint(second)%uint(len(values))]}
		_, size, err := formattedSize(format, args)
		if err != nil || size > maxCallText { // refused, and the sum stops there
			return
		}
		if got := fmt.Sprintf(format, args...); len(got) > size {
			t.Errorf("%q of %#v: estimated %d bytes, got %d: %.300q", format, args, size, len(got), got)
		}
	})
}

func TestPrintedValuesAreNotLongerThanEstimated(t *testing.T) {
	for _, value := range printedValues() {
		p := printed{limit: maxCallText}
		p.add(value)
		if got := fmt.Sprint(value); len(got) > p.size() {
			t.Errorf("%T: estimated %d bytes, got %q", value, p.size(), got)
		}
	}
}

func TestAllNodesOfATemplateArePaidFor(t *testing.T) {
	parsed, err := parse.Parse("t", `a{{if 1}}b{{else}}c{{end}}{{range 3}}d{{else}}e{{end}}{{with 1}}f{{end}}{{print (print 1)}}`, "", "",
		map[string]any{"print": fmt.Sprint})
	if err != nil {
		t.Fatal(err)
	}
	tree := parsed["t"]
	i := instrumentation{tree: tree}
	i.list(tree.Root)
	want := `{{kubeopsStep 9}}a{{if 1}}{{kubeopsStep 1}}b{{else}}{{kubeopsStep 1}}c{{end}}{{range 3}}{{kubeopsStep 1}}d{{else}}` +
		`{{kubeopsStep 1}}e{{end}}{{with 1}}{{kubeopsStep 1}}f{{end}}{{print (print 1)}}`
	if got := tree.Root.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if reflect.TypeOf(tree.Root.Nodes[0]) != reflect.TypeFor[*parse.ActionNode]() {
		t.Errorf("got %T", tree.Root.Nodes[0])
	}
}

func TestTheReasonIsNamedHoweverLongTheCommandIsThatFailed(t *testing.T) {
	for template, want := range map[string]string{
		fill + `{{print` + strings.Repeat(" $a", 4000) + `}}`:      "could exceed 1 MiB",
		`{{printf "%9999d" 1 ` + strings.Repeat(" 1", 2000) + `}}`: "printf width or precision exceeds 999",
		`{{range "` + strings.Repeat("a", 2000) + `"}}{{end}}`:     "range can't iterate over",
	} {
		_, _, err := renderOf(t.Context(), t, template)
		if p := problem.As(err); p == nil || !strings.Contains(p.Message, want) || len(p.Message) > 500 {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
