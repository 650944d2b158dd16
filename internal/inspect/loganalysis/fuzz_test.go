package loganalysis

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzText runs any text through folding, levels, masking and templates.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"ERROR a\n\tat b\nCaused by: c", "[pod/a/b] x\n[pod/a/c] y", "{\"level\":\"error\",\"msg\":\"x\"}\n{", "panic: x\n\ngoroutine 1 [running]:\nmain.f()", "\x00\xff\n\x1b[31m",
		"password=abc123def\npassword=zyx987", "Traceback (most recent call last):\n  File\nE: x\n\n",
	} {
		f.Add(text)
	}
	clean := gate(f).Text
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Text(strings.NewReader(text), clean)
		if err != nil {
			t.Fatal(err)
		}
		events := s.EvictedEvents
		for _, found := range s.Templates {
			events += found.Count
			if found.Template == "" || found.Count < 1 || !utf8.ValidString(found.Template) || !utf8.ValidString(found.Example) ||
				len(found.Example) > 3*maxTraceBytes+3 {
				t.Fatalf("%+v", found)
			}
		}
		if events > s.Events {
			t.Fatalf("%d events in templates, of %d", events, s.Events)
		}
	})
}
