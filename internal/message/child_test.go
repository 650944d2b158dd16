package message

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/notify"
)

// filled is data whose fields all have a value.
func filled(t *testing.T) Data {
	t.Helper()
	seen := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	finding := notify.Finding{
		ID: "f1", Check: "pod-crash-looping", Category: v1alpha1.CategoryReliability, Class: v1alpha1.ClassProblem,
		Severity: v1alpha1.SeverityHigh, State: "new", Message: "größe <b>&\"\u2028\U0001f600", Remediation: "a\nb", Explanation: "c",
		Affects: 2, FirstSeen: &seen,
		Object: v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "cart"},
	}
	data := Data{
		Event: "report", Namespace: "shop", Inspection: "all", Report: "all-1", URL: "https://kubeops.example.com/reports/shop/all-1", Score: NoScore, Problems: 3,
		Recommendations: 4,
		Summary:         "3 problems", Incomplete: "1 gap", Explanation: "d", Severity: "high", Findings: []notify.Finding{finding},
		Fixed: []notify.Finding{finding}, More: 5,
	}
	for _, v := range []reflect.Value{reflect.ValueOf(data), reflect.ValueOf(finding), reflect.ValueOf(finding.Object)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("field %s of %s has no value", v.Type().Field(i).Name, v.Type())
			}
		}
	}
	return data
}

func TestAChildRendersAsThisProcessDoes(t *testing.T) {
	inChild := NewChild(command(serves), 1)
	for name, request := range map[string]Request{
		"every field": {Title: `{{printf "%+v" .}}`, Text: `{{.Score}} {{(index .Findings 0).Line}}{{range .Findings}}{{.FirstSeen}}{{end}}`},
		"escapes":     {Text: `{{html (index .Findings 0).Message}} <b> {{"\x00\x01\x7f\u0085\t\r\n"}} {{(index .Findings 0).Message}}`},
		"a method":    {Title: `{{(index .Fixed 0).FirstSeen.Format "2006-01-02"}}`},
		"the default": {Title: "{{.Summary}}"},
	} {
		t.Run(name, func(t *testing.T) {
			request.Data = []Data{filled(t), {}, filled(t)}
			request.Data[1] = Data{Findings: request.Data[0].Findings, Fixed: request.Data[0].Fixed}
			want, err := Local{}.Render(t.Context(), request)
			if err != nil || len(want) != 3 || want[0].Title == "" || want[0].Text == "" {
				t.Fatalf("in this process: %v, %v", want, err)
			}
			got, err := inChild.Render(t.Context(), request)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestAChildReportsTheProblemThatThisProcessReports(t *testing.T) {
	inChild := NewChild(command(serves), 1)
	for _, text := range []string{"{{.Findings", "{{.Nothing}}", "{{range 2000000000}}{{end}}", "{{.Namespace.Len 1}}"} {
		request := Request{Text: text, Data: []Data{filled(t)}}
		_, want := Local{}.Render(t.Context(), request)
		_, got := inChild.Render(t.Context(), request)
		if want == nil || got == nil || got.Error() != want.Error() || problem.As(got).Reason != v1alpha1.ReasonInvalidTemplate ||
			problem.As(got).Action != problem.UserMustAct {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestDefaultTemplatesNeedNoChild(t *testing.T) {
	none := NewChild(child.Command{Path: "/does/not/exist"}, 1)
	if got, err := none.Render(t.Context(), Request{Data: []Data{filled(t)}}); err != nil || len(got) != 1 || got[0].Text == "" {
		t.Errorf("got %v, %v", got, err)
	}
	_, err := none.Render(t.Context(), Request{Title: "x", Data: []Data{filled(t)}})
	if p := problem.As(err); p == nil || p.Action != problem.Retry || strings.Contains(p.Message, "/does") {
		t.Errorf("got %v, want a problem to retry that does not name the program", err)
	}
}

// TestTemplatesAtTheirBoundsFitIntoAChild renders each attempt at a bound for the largest message: the bound ends it, and not the memory.
func TestTemplatesAtTheirBoundsFitIntoAChild(t *testing.T) {
	inChild := NewChild(command(serves), 1)
	data := filled(t)
	data.Findings[0].Message = strings.Repeat("m", 2<<10)
	for len(data.Findings) < maxFindings {
		data.Findings = append(data.Findings, data.Findings[0])
	}
	for name, texts := range attempts() {
		for n, text := range texts {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				_, err := inChild.Render(t.Context(), Request{Text: text, Data: []Data{data}})
				if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidTemplate {
					t.Errorf("got %v, want the problem InvalidTemplate", err)
				}
			})
		}
	}
}

// TestTheLargestMessagesFitIntoAChild renders as many long messages of a report as are allowed, and one more.
func TestTheLargestMessagesFitIntoAChild(t *testing.T) {
	inChild := NewChild(command(serves), 1)
	const length = 59_000
	request := Request{Text: `{{range 5400}}"\<&>
"\<&>{{end}}`}
	for (len(request.Data)+1)*(length+1000) < maxTotal {
		request.Data = append(request.Data, filled(t))
	}
	got, err := inChild.Render(t.Context(), request)
	if err != nil || len(got) != len(request.Data) || len(got[0].Text) < length {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	request.Data = append(request.Data, request.Data...)
	if _, err := inChild.Render(t.Context(), request); err == nil || !strings.Contains(err.Error(), "exceed 8 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfAChildIsAProblemThatNamesTheLimit(t *testing.T) {
	short := &Child{child.NewCaller(command(loops), child.CallLimits{Deadline: 500 * time.Millisecond, MaxAnswer: maxAnswer})}
	for name, tc := range map[string]struct {
		renderer *Child
		reason   string
		action   problem.Action
		text     string
	}{
		"memory":   {NewChild(command(hog), 1), v1alpha1.ReasonMemoryLimitExceeded, problem.Wait, "more than 64 MiB of memory"},
		"deadline": {short, v1alpha1.ReasonDeadlineExceeded, problem.Wait, "longer than 10s"},
		"a bug":    {NewChild(command(dies), 1), v1alpha1.ReasonRetrying, problem.Retry, "see the manager's log"},
	} {
		t.Run(name, func(t *testing.T) {
			request := Request{Text: "x", Data: []Data{filled(t)}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := tc.renderer.Render(t.Context(), request)
			runtime.ReadMemStats(&after)
			p := problem.As(err)
			if p == nil || p.Reason != tc.reason || p.Action != tc.action || !strings.Contains(p.Message, tc.text) ||
				strings.Contains(p.Error(), "hunter2") {
				t.Errorf("got %v, want %s with %q", err, tc.reason, tc.text)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("this process allocated %d bytes", grown)
			}
		})
	}
}

func TestARequestEndsWithItsDelivery(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := NewChild(command(loops), 1).Render(ctx, Request{Text: "x", Data: []Data{filled(t)}})
	if p := problem.As(err); p == nil || p.Action != problem.Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkChild measures a message with a child, and BenchmarkLocal one without.
func BenchmarkChild(b *testing.B) { benchmark(b, NewChild(command(serves), 1)) }

func BenchmarkLocal(b *testing.B) { benchmark(b, Local{}) }

func benchmark(b *testing.B, renderer Renderer) {
	request := Request{Text: "{{range .Findings}}{{.Line}}{{end}}", Data: []Data{{Findings: make([]notify.Finding, 20)}}}
	for b.Loop() {
		if _, err := renderer.Render(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
