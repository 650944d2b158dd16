package loganalysis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/testkit"
)

// told returns the templates in the graph, one per line.
func told(l *facts.Logs) string {
	if l == nil {
		return ""
	}
	var b strings.Builder
	for _, w := range l.Workloads {
		for _, list := range []struct {
			name      string
			templates []facts.LogTemplate
			more      int
		}{{"new", w.New, w.MoreNew}, {"surge", w.Surging, w.MoreSurging}} {
			for _, t := range list.templates {
				fmt.Fprintf(&b, "%s %s %d (%.0f, usually %.0f): %s\n", w.Workload, list.name, t.Count, t.Expected, t.Usual, t.Text)
			}
			if list.more > 0 {
				fmt.Fprintf(&b, "%s %s: %d more\n", w.Workload, list.name, list.more)
			}
		}
	}
	return b.String()
}

func repeat(n int, line func(i int) string) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = line(i)
	}
	return lines
}

func TestNewAndSurgingErrorsAreFound(t *testing.T) {
	t.Parallel()
	s := &store{}
	s.hourly("shop", "cart-0", "INFO started", "ERROR request 12 timed out after 30ms", "ERROR cache miss for user 7")
	s.add(
		50*time.Minute,
		time.Second,
		"shop",
		"cart-0",
		repeat(40, func(i int) string { return fmt.Sprintf("ERROR request %d timed out after %dms", i, 3*i) })...)
	s.add(
		40*time.Minute,
		time.Second,
		"shop",
		"cart-0",
		repeat(5, func(i int) string { return fmt.Sprintf("ERROR relation order_%d does not exist", i) })...)
	s.add(30*time.Minute, time.Second, "shop", "cart-0", "INFO nothing", "ERROR cache miss for user 9", "ERROR said once",
		"WARN said thrice", "WARN said thrice", "WARN said thrice")
	s.add(
		20*time.Minute,
		time.Second,
		"shop",
		"cart-1",
		repeat(5, func(i int) string { return "ERROR relation order_9 does not exist" })...) // a Pod that is gone
	s.add(15*time.Minute, time.Second, "shop", "cart-0", "panic: boom with hunter", "", "goroutine 1 [running]:", "main.main()",
		"\t/main.go:3 +0x1")
	s.add(10*time.Minute, time.Second, "shop", "stranger-x7k2p", repeat(5, func(int) string { return "ERROR of nobody" })...)
	s.add(
		10*time.Minute,
		time.Second,
		"tools",
		"bare",
		repeat(5, func(int) string { return `{"level":"error","msg":"disk full","path":"/x"}` })...)
	got, gaps := collect(t, s, nil)
	want := strings.Join([]string{
		"StatefulSet/shop/cart new 1 (1, usually 0): panic: boom with [redacted]",
		"StatefulSet/shop/cart new 10 (10, usually 0): ERROR relation order_<num> does not exist",
		"StatefulSet/shop/cart surge 40 (40, usually 1): ERROR request <num> timed out after <dur>",
		"Pod/tools/bare new 5 (5, usually 0): disk full", "",
	}, "\n")
	if diff := cmp.Diff(want, told(got)); diff != "" || len(gaps) > 0 {
		t.Errorf("gaps %v, -want +got:\n%s", gaps, diff)
	}
	cart := got.Workloads[0]
	if !cart.Known || got.Workloads[1].Known {
		t.Error("cart wrote lines before, bare did not")
	}
	first := cart.New[0]
	if !first.Fatal || !first.Trace || !slices.Equal(first.Containers, []string{"app"}) ||
		!slices.Equal(first.Examples,
			[]string{"panic: boom with [redacted:3fa9]\n\ngoroutine 1 [running]:\nmain.main()\n\t/main.go:3 +0x1"}) {
		t.Errorf("%+v", first)
	}
	if want := []string{"ERROR relation order_0 does not exist", "ERROR relation order_1 does not exist"}; !slices.Equal(
		cart.New[1].Examples,
		want,
	) {
		t.Errorf("examples %q", cart.New[1].Examples)
	}
}

func TestNumberOfReportedTemplatesIsBounded(t *testing.T) {
	t.Parallel()
	s := &store{}
	s.hourly("shop", "cart-0", "INFO ok")
	for i := range 10 {
		s.add(
			50*time.Minute,
			time.Second,
			"shop",
			"cart-0",
			repeat(5+i, func(int) string { return fmt.Sprintf("ERROR %s happened", strings.Repeat(string(rune('a'+i)), 5)) })...)
	}
	got, _ := collect(t, s, nil)
	if w := got.Workloads[0]; len(w.New) != maxReported || w.New[0].Count != 14 || w.MoreNew != 10-maxReported {
		t.Error(told(got))
	}
}

func TestLineLimitReadsSomeOfEachPartAndIsAGap(t *testing.T) {
	t.Parallel()
	s := &store{pages: 50}
	s.hourly("shop", "cart-0", repeat(200, func(i int) string { return fmt.Sprintf("INFO %d", i) })...)
	for minute := range 60 {
		s.add(
			time.Duration(60-minute)*time.Minute,
			time.Second,
			"shop",
			"cart-0",
			repeat(20, func(i int) string { return fmt.Sprintf("ERROR new %d", i) })...)
	}
	got, gaps := collect(t, s, func(in *Input) { in.Options.MaxLines = 1200 })
	if len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapIncomplete || !strings.Contains(gaps[0].Message, "maxLines (1200)") ||
		!strings.Contains(gaps[0].Message, "the window and the baseline") {
		t.Errorf("%+v", gaps)
	}
	if got == nil || got.Covered > 0.6 || got.Covered < 0.4 || got.BaselineCovered >= 1 {
		t.Fatalf("%+v", got)
	}
	if new := got.Workloads[0].New; len(new) != 1 || new[0].Count != 600 || new[0].Expected < 1100 || new[0].Expected > 1400 {
		t.Error(told(got))
	}
}

func TestBackendErrorsAreGaps(t *testing.T) {
	t.Parallel()
	lines := func() *store {
		s := &store{}
		s.hourly("shop", "cart-0", "INFO ok")
		s.add(50*time.Minute, time.Second, "shop", "cart-0", repeat(5, func(int) string { return "ERROR x y z" })...)
		return s
	}
	late := problem.Retrying(v1alpha1.ReasonTimeout, nil, "loki:3100 did not answer in time")
	for name, tc := range map[string]struct {
		fail   int
		err    error
		judged bool
		reason v1alpha1.GapReason
	}{
		"from the first":      {1, late, false, v1alpha1.GapTimedOut},
		"within the window":   {5, late, false, v1alpha1.GapTimedOut},
		"within the baseline": {slicesOfWindow + 7, late, true, v1alpha1.GapTimedOut},
		"refused":             {1, problem.UserError(v1alpha1.ReasonUnauthorized, nil, "no"), false, v1alpha1.GapForbidden},
		"nonsense":            {slicesOfWindow + 2, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "no"), true, v1alpha1.GapUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := lines()
			s.fail = func(n int) error {
				if n >= tc.fail {
					return tc.err
				}
				return nil
			}
			got, gaps := collect(t, s, nil)
			if len(gaps) != 1 || gaps[0].Reason != tc.reason || len(gaps[0].Checks) != 2 || gaps[0].Remediation == "" {
				t.Errorf("%+v", gaps)
			}
			if (got != nil) != tc.judged || s.searches != tc.fail {
				t.Errorf("judged %v after %d searches", got, s.searches)
			}
			if tc.judged && told(got) != "StatefulSet/shop/cart new 5 (5, usually 0): ERROR x y z\n" {
				t.Error(told(got))
			}
		})
	}
}

func TestLinesWithoutLabelsAreAGap(t *testing.T) {
	t.Parallel()
	s := &store{}
	s.add(50*time.Minute, time.Second, "shop", "", "ERROR x", "ERROR y")
	if got, gaps := collect(t, s, nil); len(gaps) != 1 || !strings.Contains(gaps[0].Message, "labels of a Pod") ||
		len(got.Workloads) > 0 {
		t.Errorf("%+v", gaps)
	}
}

func TestEvictedTemplatesAreAGap(t *testing.T) {
	t.Parallel()
	s := &store{}
	s.add(50*time.Minute, time.Millisecond, "shop", "cart-0", repeat(2000, func(i int) string {
		word := string([]rune{rune('a' + i%26), rune('a' + i/26%26), rune('a' + i/676)})
		return "ERROR " + word + " q" + word + " z" + word
	})...)
	if _, gaps := collect(t, s, nil); len(gaps) != 1 || !strings.Contains(gaps[0].Message, "StatefulSet/shop/cart") {
		t.Errorf("%+v", gaps)
	}
}

func TestOnlySelectedNamespacesAreQueried(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Input)
		want   []string
	}{
		"all":        {func(*Input) {}, []string{"shop", "tools"}},
		"inspected":  {func(in *Input) { in.Scope = scope.New(in.Graph, []string{"shop", "gone"}) }, []string{"shop"}},
		"named":      {func(in *Input) { in.Options.Namespaces = []string{"tools"} }, []string{"tools"}},
		"not wanted": {func(in *Input) { in.Exclude = func(namespace string) bool { return namespace == "tools" } }, []string{"shop"}},
		"of another": {func(in *Input) {
			in.Scope = scope.New(in.Graph, []string{"shop"})
			in.Options.Namespaces = []string{"tools"}
		}, nil},
		"by no check": {func(in *Input) { in.Wanting = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{}
			_, gaps := collect(t, s, tc.change)
			if diff := cmp.Diff(tc.want, s.namespaces); diff != "" || (s.searches > 0) != (tc.want != nil) || len(gaps) > 0 {
				t.Errorf("%d searches, gaps %v, -want +got:\n%s", s.searches, gaps, diff)
			}
		})
	}
}

// endless is a backend with endless pages and invalid labels and lines.
type endless struct {
	logs.Provider
	searches int
	page     []logs.Entry
}

func (e *endless) Search(_ context.Context, q logs.Query) (logs.Page, error) {
	e.searches++
	page := logs.Page{Next: fmt.Sprint(e.searches)}
	if e.searches%2 == 0 {
		page.Entries = e.page[:min(len(e.page), q.Limit)]
	}
	return page, nil
}

func TestEndlessPagesAreAbandoned(t *testing.T) {
	t.Parallel()
	bad := &endless{page: []logs.Entry{
		{
			Time:   testkit.Now().Add(1000 * time.Hour),
			Line:   strings.Repeat("ERROR \xff", 20_000),
			Labels: map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: "cart-0"},
		},
		{Line: "ERROR x", Labels: map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: strings.Repeat("a", 1<<20)}},
		{Line: "", Labels: nil},
	}}
	in := Input{Provider: bad, Graph: testkit.Graph(t, shop), Wanting: []string{"log-new-error"}}
	gaps := Collect(t.Context(), in)
	if most := in.Options.MaxQueries(); bad.searches > most || len(gaps) == 0 {
		t.Errorf("%d searches, want at most %d; gaps %v", bad.searches, most, gaps)
	}
}

// labeling is a store that lists the values of labels.
type labeling struct {
	*store
	values []string
}

func (l labeling) LabelValues(context.Context, string, logs.Query, int) ([]string, error) {
	return l.values, nil
}

func TestABackendWithoutNamespacesIsAGap(t *testing.T) {
	for name, tc := range map[string]struct {
		values []string
		want   string
	}{
		"no line has a namespace": {nil, "The log backend has no line with a namespace since "},
		"other namespaces log":    {[]string{"other"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{}
			_, gaps := collect(t, s, func(in *Input) { in.Provider = labeling{s, tc.values} })
			if len(gaps) > 1 || (len(gaps) == 1) != (tc.want != "") || len(gaps) == 1 && (!strings.HasPrefix(gaps[0].Message, tc.want) ||
				gaps[0].Optional) {
				t.Errorf("gaps %+v, want %q", gaps, tc.want)
			}
		})
	}
}
