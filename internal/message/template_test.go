package message

import (
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestTemplatesThatLoopOrFailGiveAProblem(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a syntax error":        {"{{.Findings", "does not parse"},
		"an unknown function":   {"{{env `HOME`}}", `function "env" not defined`},
		"the counter":           {"{{" + callStep + " -1}}", `function "kubeopsStep" not defined`},
		"an unknown field":      {"{{.Nothing}}", "can't evaluate field Nothing"},
		"an index out of range": {"{{index .Findings 700}}", "out of range"},
		"a large number":        {"{{range 2000000000}}{{end}}", "20000 steps"},
		"nested ranges":         {strings.Repeat("{{range $.Findings}}", 20) + strings.Repeat("{{end}}", 20), "20000 steps"},
		"within if and with":    {"{{if true}}{{with .}}{{range 2000000000}}{{end}}{{end}}{{end}}", "20000 steps"},
		"within else":           {"{{range slice .Fixed 0 0}}{{else}}{{range 2000000000}}{{end}}{{end}}", "20000 steps"},
		"a recursive template":  {`{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, "100 levels"},
		"mutual recursion": {`{{define "a"}}{{template "b"}}{{template "b"}}{{end}}` +
			`{{define "b"}}{{template "a"}}{{end}}{{template "a"}}`, "100 levels"},
		"a text that doubles":          {`{{$x := "0123456789"}}{{range 500}}{{$x = print $x $x}}{{end}}`, "64 KiB"},
		"HTML escapes that grow":       {`{{$x := "&&&&&&&&&&"}}{{range 9000}}{{$x = html $x}}{{end}}`, "16 MiB"},
		"query escapes that grow":      {`{{$x := "%%%%%%%%%%"}}{{range 9000}}{{$x = urlquery $x}}{{end}}`, "16 MiB"},
		"JavaScript escapes that grow": {`{{$x := "<<<<<<<<<<"}}{{range 500}}{{$x = js $x}}{{end}}`, "64 KiB"},
		"formats that grow":            {`{{$x := "0123456789"}}{{range 500}}{{$x = printf "%s%s" $x $x}}{{end}}`, "64 KiB"},
		"a large width":                {`{{printf "%1000000000d" 1}}`, "width or precision"},
		"a width from an argument":     {`{{printf "%*d" 1000000000 1}}`, "width or precision"},
		"too much output":              {`{{range 19000}}0123456789{{end}}`, "64 KiB"},
		"a call of a non-function":     {`{{call .Findings}}`, "non-function"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			spec := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: tc.text}}
			c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
			_, err := c.Compose(t.Context(), report())
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonInvalidTemplate || p.Action != problem.UserMustAct {
				t.Fatalf("got %v, want the problem InvalidTemplate for the user", err)
			}
			if !strings.Contains(p.Message, tc.want) || len(p.Message) > 1000 {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestTemplatesOfUsersAreRendered(t *testing.T) {
	for text, want := range map[string]string{
		`{{upper .Inspection}} {{.Score}}/100`:                                                            "ALL 70/100",
		`{{range .Findings}}{{.Check}}@{{.Object.Name}} {{end}}`:                                          "pod-crash-looping@cart pod-crash-looping@cart",
		`{{define "f"}}<{{.ID}}>{{end}}{{range .Findings}}{{template "f" .}}{{end}}`:                      "<f4><f1>",
		`{{truncate 5 "0123456789"}}`:                                                                     "0123…",
		`{{printf "%03d %s" .Problems (lower "ABC")}}`:                                                    "004 abc",
		`{{.Summary}}; {{.Recommendations}}`:                                                              "2 problems, 1 fixed; 1",
		`{{range $i, $f := .Fixed}}{{$i}}:{{$f.Line}}{{else}}none{{end}}{{block "x" .}}b{{end}}`:          "0:Deployment shop/cartb",
		`{{range .Findings}}{{if eq (print .Severity) "high"}}{{continue}}{{end}}{{.ID}}{{break}}{{end}}`: "f4",
	} {
		t.Run(text, func(t *testing.T) {
			m := compose(t, v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}, report())
			if m[0].Text != want {
				t.Errorf("got %q, want %q", m[0].Text, want)
			}
		})
	}
}

// FuzzTemplates checks that every template terminates with bounded output.
func FuzzTemplates(f *testing.F) {
	for _, seed := range []string{
		defaultTitle, defaultText, `{{range 9}}{{.}}{{end}}`, `{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`,
		`{{$x := 1}}{{range $.Findings}}{{$x = print $x .}}{{end}}`,
	} {
		f.Add(seed)
	}
	r := report()
	f.Fuzz(func(t *testing.T, text string) {
		spec := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}
		c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
		messages, err := c.Compose(t.Context(), r)
		if err != nil && problem.As(err) == nil {
			t.Fatalf("no problem: %v", err)
		}
		for _, m := range messages {
			if len(m.Text) > maxOutput+100 {
				t.Fatalf("%d bytes", len(m.Text))
			}
		}
	})
}
