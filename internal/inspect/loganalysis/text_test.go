package loganalysis

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestLinesOfATextAreGroupedByTemplate(t *testing.T) {
	t.Parallel()
	got, err := Text(strings.NewReader(strings.Join([]string{
		"INFO started in 12ms", "INFO started in 15ms", "",
		"[pod/cart-0/app] ERROR order 1 failed", "[pod/cart-1/app] INFO in between", "[pod/cart-0/app] java.io.IOException: disk", "[pod/cart-0/app] \tat a.B.c(B.java:1)",
		"panic: login with hunter", "", "goroutine 1 [running]:",
		"bad \xff utf-8", strings.Repeat("long ", 1<<17), "the last line has no end",
	}, "\n")), func(text string) string { return strings.ReplaceAll(text, "hunter", "[redacted:3fa9]") })
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Templates {
		got.Templates[i].Example = cut(got.Templates[i].Example, 60)
		got.Templates[i].Template = cut(got.Templates[i].Template, 60)
	}
	want := Summary{Lines: 11, Events: 8, Templates: []TextTemplate{
		{"panic: login with [redacted]", "fatal", 1, 3, true, "panic: login with [redacted:3fa9]\n\ngoroutine 1 [running]:"},
		{
			"ERROR order <num> failed | java.io.IOException: disk",
			"error",
			1,
			3,
			true,
			"ERROR order 1 failed\njava.io.IOException: disk\n\tat a.B.c(B.j…",
		},
		{"INFO started in <dur>", "info", 2, 2, false, "INFO started in 12ms"},
		{"INFO in between", "info", 1, 1, false, "INFO in between"},
		{"bad \uFFFD utf-<num>", "", 1, 1, false, "bad \uFFFD utf-8"},
		{strings.Repeat("long ", 12) + "…", "", 1, 1, false, strings.Repeat("long ", 12) + "…"},
		{"the last line has no end", "", 1, 1, false, "the last line has no end"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadErrorIsReturned(t *testing.T) {
	t.Parallel()
	if _, err := Text(iotest.ErrReader(errors.New("disk")), nil); err == nil || !strings.Contains(err.Error(), "read lines: disk") {
		t.Errorf("got %v", err)
	}
	if got, err := Text(strings.NewReader(""), nil); err != nil || got.Lines != 0 || len(got.Templates) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
