package jenkins

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/provider/ci"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// holding is the handle of a build that runs, whose log is a file.
func holding(t *testing.T, s *fake.Server, file string) ci.Handle {
	t.Helper()
	p := open(t, s)
	handle := mustGet(t, p, mustStart(t, p, request(s, "k1", conformance.Hold))).Handle
	setLog(s, file, true)
	return handle
}

func setLog(s *fake.Server, file string, building bool) {
	s.Change("job", 1, func(b *fake.Build) {
		b.Log = file
		if b.Building = building; !building {
			b.Result = "SUCCESS"
		}
	})
}

// readLog from its beginning to where it ends now.
func readLog(t *testing.T, p *Provider, handle ci.Handle, offset int64) (text string, next int64, more bool) {
	t.Helper()
	for range 100 {
		chunk, err := p.Log(t.Context(), handle, offset)
		if err != nil {
			t.Fatal(err)
		}
		if len(chunk.Text) > maxChunk {
			t.Fatalf("%d bytes", len(chunk.Text))
		}
		text += chunk.Text
		if !chunk.More || chunk.Text == "" {
			return text, chunk.Next, chunk.More
		}
		offset = chunk.Next
	}
	t.Fatal("the log does not end")
	return "", 0, false
}

func TestLogsAreReadOnceWhateverTheirFilesHide(t *testing.T) {
	numbered := func(format string) string {
		var text strings.Builder
		for n := range 6000 {
			_, _ = fmt.Fprintf(&text, format, n)
		}
		return text.String()
	}
	for name, file := range map[string]string{
		"plain":                        numbered("line %d of a log\n"),
		"line ends of Windows":         numbered("line %d of a log\r\n"),
		"an annotation in each line":   numbered("line %d " + fake.Note + "of a log\n"),
		"an annotation before lines":   numbered(fake.Note + "[Pipeline] line %d\n"),
		"an annotation in some places": strings.ReplaceAll(numbered("line %d of a log\n"), "77 ", "77 "+fake.Note),
		"other scripts":                numbered("行 %d das Prüfprotokoll\n"),
		"one long line":                strings.Repeat("0123456789", 30000) + "\nlast\n",
		"a long line of a script":      strings.Repeat("测试", 50000) + "\nlast\n",
		"no line end at the end":       numbered("line %d of a log\n") + "last",
		"nothing":                      "",
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t)
			handle := holding(t, s, file)
			setLog(s, file, false)
			text, next, more := readLog(t, open(t, s), handle, 0)
			want := strings.ReplaceAll(strings.ReplaceAll(file, fake.Note, ""), "\r\n", "\n")
			if text != want || next != int64(len(file)) || more {
				t.Errorf("%d bytes of %d, next is %d of %d, more: %v", len(text), len(want), next, len(file), more)
			}
		})
	}
}

func TestALineThatIsNotCompleteIsReadAgain(t *testing.T) {
	s := newFake(t)
	p := open(t, s)
	handle := holding(t, s, "one\n"+fake.Note+"two\nthr")
	text, next, more := readLog(t, p, handle, 0)
	if text != "one\ntwo\n" || !more {
		t.Fatalf("%q, more: %v", text, more)
	}
	setLog(s, "one\n"+fake.Note+"two\nthree\nfo"+fake.Note+"ur", true)
	if text, next, _ = readLog(t, p, handle, next); text != "three\n" {
		t.Fatalf("%q", text)
	}
	setLog(s, "one\n"+fake.Note+"two\nthree\nfo"+fake.Note+"ur\nend", false)
	if text, _, more = readLog(t, p, handle, next); text != "four\nend" || more {
		t.Errorf("%q, more: %v", text, more)
	}
}

func TestAnOffsetBehindTheEndReadsNothing(t *testing.T) {
	s := newFake(t)
	handle := holding(t, s, "one\n")
	chunk, err := open(t, s).Log(t.Context(), handle, 1000)
	if err != nil || chunk.Text != "" || chunk.Next != 4 || !chunk.More {
		t.Errorf("%+v: %v", chunk, err)
	}
}

func TestABuildThatWaitsHasNoLogYet(t *testing.T) {
	s := newFake(t)
	s.Set(func(o *fake.Options) { o.Frozen = true })
	p := open(t, s)
	chunk, err := p.Log(t.Context(), mustStart(t, p, request(s, "k1", "")), 0)
	if err != nil || chunk != (ci.LogChunk{More: true}) {
		t.Errorf("%+v: %v", chunk, err)
	}
}
