package dashboard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/redact"
)

func readLines(t testing.TB, content, search string) (lines []LogLine) {
	t.Helper()
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reader := &logReader{reader: bufio.NewReaderSize(strings.NewReader(content), maxLogLine), redactor: redactor, search: search}
	for {
		line, _, matches, err := reader.next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if matches {
			lines = append(lines, line)
		}
	}
}

func TestLinesOfALogAreText(t *testing.T) {
	const at = "2026-11-28T09:00:00.123456789Z "
	for name, tc := range map[string]struct{ raw, time, text string }{
		"a line":             {at + "started", strings.TrimSpace(at), "started"},
		"no newline":         {at + "started", strings.TrimSpace(at), "started"},
		"an empty line":      {at + "\n", strings.TrimSpace(at), ""},
		"HTML":               {at + "<script>alert(1)</script>\n", strings.TrimSpace(at), "<script>alert(1)</script>"},
		"escape codes":       {at + "\x1b[31mred\x1b[0m\x1b]0;title\x07\n", strings.TrimSpace(at), `\x1b[31mred\x1b[0m\x1b]0;title\x07`},
		"a carriage return":  {at + "50%\rdone\n", strings.TrimSpace(at), `50%\rdone`},
		"not UTF-8":          {at + "a\xffb\n", strings.TrimSpace(at), "a�b"},
		"without a time":     {"failed to read the log\n", "", "failed to read the log"},
		"a secret":           {at + "password=kR7pQ2vX9mZ4wL8n\n", strings.TrimSpace(at), "password=[redacted"},
		"a long line":        {at + strings.Repeat("x", 3*maxLogLine) + "\n", strings.TrimSpace(at), strings.Repeat("x", 100)},
		"hidden directions":  {at + "a\u202eb\n", strings.TrimSpace(at), `a\u202eb`},
		"a private key":      {at + "-----BEGIN PRIVATE KEY-----\n", strings.TrimSpace(at), "[redacted: private key]"},
		"a certificate":      {at + "-----BEGIN CERTIFICATE-----\n", strings.TrimSpace(at), "-----BEGIN CERTIFICATE-----"},
		"a NUL":              {at + "a\x00b\n", strings.TrimSpace(at), `a\x00b`},
		"a time and nothing": {"2026-11-28T09:00:00Z\n", "2026-11-28T09:00:00Z", ""},
	} {
		lines := readLines(t, tc.raw, "")
		if len(lines) != 1 || lines[0].Time != tc.time || !strings.HasPrefix(lines[0].Text, tc.text) {
			t.Errorf("%s: %.300q, want %q", name, lines, tc.text)
		}
		if len(lines) == 1 && len(lines[0].Text) > maxLogLine+10 {
			t.Errorf("%s: %d bytes", name, len(lines[0].Text))
		}
	}
}

func TestAPrivateKeyInALogIsNotShown(t *testing.T) {
	const at = "2026-11-28T09:00:00Z "
	body := "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
	lines := readLines(t, at+"key: -----BEGIN RSA PRIVATE KEY-----\n"+at+body+"\n"+at+body+"\n"+at+"-----END RSA PRIVATE KEY-----\n"+at+"after\n", "")
	if len(lines) != 5 || lines[0].Text != "key: [redacted: private key]" || lines[4].Text != "after" {
		t.Errorf("%q", lines)
	}
	for _, line := range lines {
		if strings.Contains(line.Text, body) {
			t.Errorf("the key is shown: %q", line)
		}
	}
}

func TestALogIsSearchedOnTheServer(t *testing.T) {
	lines := readLines(t, "2026-11-28T09:00:00Z Error one\n2026-11-28T09:00:01Z two\n2026-11-28T09:00:02Z ERROR three\n", "error")
	if len(lines) != 2 || lines[1].Text != "ERROR three" {
		t.Errorf("%q", lines)
	}
}

func TestAPageThatDoesNotKeepUpMissesTheOldestLines(t *testing.T) {
	topic := &logTopic{}
	for range maxBuffered + 7 {
		topic.add(LogLine{Text: "x"})
	}
	lines, dropped, over, err := topic.take()
	if len(lines) != maxBuffered || dropped != 7 || over || err != nil {
		t.Errorf("%d lines, %d dropped, %v %v", len(lines), dropped, over, err)
	}
	for range 100 {
		topic.add(LogLine{Text: strings.Repeat("x", maxLogLine)})
	}
	topic.finish(nil)
	lines, dropped, over, _ = topic.take()
	if len(lines) != maxBufferedBytes/maxLogLine || dropped+len(lines) != 100 || !over {
		t.Errorf("%d lines, %d dropped, over %v", len(lines), dropped, over)
	}
}

// logServer is an API server that has one log.
func logServer(t *testing.T, handler http.HandlerFunc) *Server {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	c, err := newCluster(&rest.Config{Host: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	redactor, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &Server{cluster: c, redactor: redactor}
}

func TestALogIsReadInParts(t *testing.T) {
	asked := ""
	server := logServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path + "?" + r.URL.Query().Encode()
		for range 100 {
			if _, err := w.Write([]byte("2026-11-28T09:00:00Z " + strings.Repeat("many words ", 4000) + "\n")); err != nil {
				return // the reader has seen enough
			}
		}
	})
	request := logRequest{namespace: "shop", name: "cart-1", container: "app", previous: true, tail: 7, since: "2026-11-28T08:00:00Z"}
	count := 0
	err := server.readLog(t.Context(), Viewer{Own: true}, request, func(LogLine) { count++ })
	if !errors.Is(err, errLogTooLong) || count != maxLogBytes/44021 {
		t.Errorf("%d lines, %v", count, err)
	}
	want := "/api/v1/namespaces/shop/pods/cart-1/log?container=app&previous=true&sinceTime=2026-11-28T08%3A00%3A00Z&tailLines=7&timestamps=true"
	if asked != want {
		t.Errorf("it asks for %s, want %s", asked, want)
	}
}

func TestALogIsFollowedUntilThePageIsGone(t *testing.T) {
	left := make(chan struct{})
	server := logServer(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		if r.URL.Query().Get("follow") != "true" {
			t.Error("it does not follow")
		}
		if _, err := w.Write([]byte("2026-11-28T09:00:00Z first\n")); err != nil {
			t.Error(err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	err := server.readLog(ctx, Viewer{Own: true}, logRequest{namespace: "shop", name: "cart-1", tail: 1, follow: true}, func(line LogLine) {
		if line.Text != "first" {
			t.Errorf("%q", line)
		}
		cancel()
	})
	if err != nil {
		t.Error(err)
	}
	<-left
}

func TestALogThatTakesTooLongIsNotShownAsWhole(t *testing.T) {
	server := logServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("2026-11-28T09:00:00Z first\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	err := server.readLog(ctx, Viewer{Own: true}, logRequest{namespace: "shop", name: "cart-1", tail: 7}, func(LogLine) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAPodThatWritesTooMuchIsReadInParts(t *testing.T) {
	const written = 1000
	server := logServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("2026-11-28T09:00:00Z -----BEGIN PRIVATE KEY-----\n" + strings.Repeat("2026-11-28T09:00:00Z MIIEvQIBADANBgkq\n", written)))
	})
	asked, lost := 0, 0
	allow := func() bool {
		asked++
		return asked%10 == 0
	}
	request := logRequest{namespace: "shop", name: "cart-1", tail: 1, follow: true, allow: allow, lost: func() { lost++ }}
	read := 0
	err := server.readLog(t.Context(), Viewer{Own: true}, request, func(line LogLine) {
		read++
		if strings.Contains(line.Text, "MII") {
			t.Errorf("the beginning of the key was passed over, and the rest is shown: %q", line.Text)
		}
	})
	if err != nil || read != written/10 || lost != written+1-read {
		t.Errorf("%d lines, %d lost, %v", read, lost, err)
	}
}

func TestOpenLogsOfAViewerHaveALimit(t *testing.T) {
	w := newWorld(t)
	viewer := Viewer{User: "ada", Groups: []string{"team-shop", "system:authenticated"}}.key()
	var release []func()
	for {
		done, refusal := w.server.logStreams.acquire(viewer, len(release)%2 == 0)
		if refusal != "" {
			break
		}
		release = append(release, done)
	}
	if len(release) != maxLogStreams {
		t.Fatalf("%d logs can be open", len(release))
	}
	const path = "/api/v1/namespaces/shop/pods/cart-1/log?container=app"
	if got := w.get(t, "ada", path); got.status != http.StatusTooManyRequests || !strings.Contains(got.body, tooManyLogs) {
		t.Errorf("one more request: %d %s", got.status, got.body)
	}
	page := openPage(t, w.url, token("ada"))
	page.send(`{"op":"sub","id":1,"topic":"log","namespace":"shop","name":"cart-1","container":"app"}`)
	if ended := page.next("of the end", ofType("end")); ended.Problem.Status != http.StatusTooManyRequests || !ended.Retry {
		t.Errorf("one more subscription: %+v", ended)
	}
	for _, done := range release {
		done()
	}
	for range 2 * maxLogStreams { // each is released when its log has ended
		if got := w.get(t, "ada", path); got.status != http.StatusOK {
			t.Fatalf("after the others were closed: %d %s", got.status, got.body)
		}
		page.send(`{"op":"sub","id":2,"topic":"log","namespace":"shop","name":"cart-1","container":"app"}`)
		if ended := page.next("of the end", ofType("end")); ended.Problem.Status == http.StatusTooManyRequests {
			t.Fatalf("%+v", ended)
		}
	}
	eventually(t, func() error {
		for _, places := range []*counter{w.server.logStreams.viewers, w.server.logStreams.read, w.server.logStreams.followed} {
			if open := places.inUse(); open > 0 {
				return fmt.Errorf("%d keys have open logs", open)
			}
		}
		return nil
	})
}

func TestOpenLogsOfAllViewersHaveALimit(t *testing.T) {
	for _, tc := range []struct {
		follow bool
		most   int
	}{{follow: false, most: maxAllLogs}, {follow: true, most: maxAllFollowed}} {
		places := newLogPlaces()
		var release []func()
		for i := range tc.most {
			done, refusal := places.acquire(fmt.Sprint("viewer ", i), tc.follow)
			if refusal != "" {
				t.Fatalf("log %d: %s", i, refusal)
			}
			release = append(release, done)
		}
		if _, refusal := places.acquire("another", tc.follow); refusal != busyLogs {
			t.Errorf("one more log: %q", refusal)
		}
		if _, refusal := places.acquire("another", !tc.follow); refusal != "" {
			t.Errorf("a log of the other sort: %q", refusal)
		}
		release[0]()
		if _, refusal := places.acquire("another", tc.follow); refusal != "" {
			t.Errorf("after one was closed: %q", refusal)
		}
	}
}

// inUse is how many keys have something open.
func (c *counter) inUse() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func FuzzALineOfALog(f *testing.F) {
	f.Add("2026-11-28T09:00:00Z text\n-----BEGIN PRIVATE KEY-----\n")
	f.Add("\x1b[31m\xff\x00\r\n")
	f.Fuzz(func(t *testing.T, content string) {
		for _, line := range readLines(t, content, "") {
			if strings.ContainsAny(line.Text, "\x1b\x00\r\n") {
				t.Errorf("%q has control characters", line.Text)
			}
		}
	})
}
