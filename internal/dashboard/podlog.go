package dashboard

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/dashboard/explore"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/redact"
)

const (
	// maxLogBytes of one answer.
	maxLogBytes = 2 << 20
	// maxLogLine in bytes. The rest of a longer line is left out.
	maxLogLine = 8 << 10
	// maxTail is the largest number of lines, and defaultTail that of an unset parameter.
	maxTail     = 5000
	defaultTail = 500
	// maxLogStreams of one viewer at the same time, on all pages and in all requests: each has up to 2 MiB of lines in memory.
	maxLogStreams = 16
	tooManyLogs   = "You have 16 open logs, which is the limit. Close one, and try again."
	// maxAllLogs are the logs that are read at once for all viewers, each into up to 2 MiB, and maxAllFollowed those that are
	// followed, whose lines are dropped where pages do not keep up. Pods can write faster than pages read, so that viewers could
	// fill the memory together.
	maxAllLogs     = 16
	maxAllFollowed = 128
	busyLogs       = "Too many logs are open in the dashboard. Try again."
)

// logPlaces limit the logs that are open at the same time.
type logPlaces struct{ viewers, read, followed *counter }

func newLogPlaces() *logPlaces {
	return &logPlaces{viewers: newCounter(maxLogStreams), read: newCounter(maxAllLogs), followed: newCounter(maxAllFollowed)}
}

// acquire a place for a log of a viewer. The refusal is why there is none; empty if there is one, which must be released.
func (l *logPlaces) acquire(viewer string, follow bool) (release func(), refusal string) {
	all := l.read
	if follow {
		all = l.followed
	}
	release, full := acquireAll(place{l.viewers, viewer}, place{of: all})
	switch full {
	case 0:
		return nil, tooManyLogs
	case 1:
		return nil, busyLogs
	}
	return release, ""
}

// LogLine of a container.
type LogLine struct {
	Time string `json:"time" doc:"Time when the line was written."`
	Text string `json:"text" doc:"Line, with secrets redacted and control characters escaped. At most 8 KiB."`
}

// Log of a container.
type Log struct {
	Lines  []LogLine `json:"lines" nullable:"false" doc:"Lines, the oldest first."`
	Cut    bool      `json:"cut" doc:"True if the lines have over 2 MiB, and the last ones are left out."`
	Gap    string    `json:"gap" doc:"Why there is no log, as the API server says it. Empty if there is one."`
	ReadAt time.Time `json:"readAt" doc:"Time when the API server was read."`
}

type logInput struct {
	Namespace string `path:"namespace" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" doc:"Namespace."`
	Name      string `path:"name" maxLength:"253" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" doc:"Pod."`
	Container string `query:"container" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" doc:"Container."`
	Previous  bool   `query:"previous" doc:"The run of the container before its last restart."`
	Tail      int    `query:"tail" minimum:"1" maximum:"5000" default:"500" doc:"Number of lines, the last ones."`
	Q         string `query:"q" maxLength:"200" doc:"Only lines that contain this text, ignoring case."`
}

type logOutput struct{ Body Log }

func (s *Server) getLog(ctx context.Context, input *logInput) (*logOutput, error) {
	view := Log{Lines: []LogLine{}, ReadAt: s.now()}
	viewer := identityOf(ctx).viewer
	release, refusal := s.logStreams.acquire(viewer.key(), false)
	if refusal != "" {
		return nil, problem(http.StatusTooManyRequests, refusal)
	}
	defer release()
	request := logRequest{
		namespace: input.Namespace, name: input.Name, container: input.Container, previous: input.Previous, tail: input.Tail,
		search: input.Q,
	}
	err := s.readLog(ctx, viewer, request, func(line LogLine) { view.Lines = append(view.Lines, line) })
	switch {
	case errors.Is(err, errLogTooLong):
		view.Cut = true
	case apierrors.IsBadRequest(err):
		view.Gap = printable.Line(s.redactor.Text(err.Error()))
	case err != nil:
		return nil, failed(err)
	}
	return &logOutput{view}, nil
}

// logRequest says which lines to read.
type logRequest struct {
	namespace, name, container, search, since string
	previous, follow                          bool
	tail                                      int
	// allow is called before each line. If it is false, the line is passed over, and lost is called. Default: no limit.
	allow func() bool
	lost  func()
}

// errLogTooLong ends a log that has more bytes than are read.
var errLogTooLong = errors.New("the log has over 2 MiB")

// readLog reads lines as the viewer, until the log or the context ends. A log that is followed has no limit of bytes: the
// caller limits its lines by allow.
func (s *Server) readLog(ctx context.Context, viewer Viewer, r logRequest, visit func(LogLine)) error {
	client, err := s.cluster.any(viewer)
	if err != nil {
		return err
	}
	body, err := openLog(ctx, client, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := &logReader{redactor: s.redactor, search: strings.ToLower(r.search), reader: bufio.NewReaderSize(body, maxLogLine)}
	for read := 0; ; {
		if r.allow != nil && !r.allow() {
			if lines.pass() == nil {
				r.lost()
				continue
			} // the error is that of the next line, too
		}
		line, size, matches, err := lines.next()
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil && r.follow:
			return nil
		case ctx.Err() != nil: // what was read is not all
			return ctx.Err()
		case err != nil:
			return err
		}
		if read += size; read > maxLogBytes && !r.follow {
			return errLogTooLong
		}
		if matches {
			visit(line)
		}
	}
}

func openLog(ctx context.Context, client rest.Interface, r logRequest) (io.ReadCloser, error) {
	pods := explore.Scope{Version: "v1", Resource: "pods", Namespace: r.namespace}
	request := client.Get().AbsPath(append(pods.Path(r.name), "log")...).Param("timestamps", "true").
		Param("tailLines", strconv.Itoa(r.tail))
	for name, value := range map[string]string{"container": r.container, "sinceTime": r.since} {
		if value != "" {
			request = request.Param(name, value)
		}
	}
	for name, set := range map[string]bool{"previous": r.previous, "follow": r.follow} {
		if set {
			request = request.Param(name, "true")
		}
	}
	return request.Stream(ctx)
}

// logReader reads lines of any length and content.
type logReader struct {
	reader   *bufio.Reader
	redactor *redact.Redactor
	search   string
	// inKey is true between the first and the last line of a private key, which is in several lines.
	inKey bool
}

// next line, and whether it matches the search.
func (l *logReader) next() (line LogLine, size int, matches bool, err error) {
	content, more, err := l.reader.ReadLine()
	if err != nil {
		return line, 0, false, err
	}
	size = len(content)
	raw := strings.ToValidUTF8(string(content), "�")
	if more {
		size += l.skip()
		raw += "…"
	}
	line = lineOf(raw)
	line.Text = l.withoutKey(line.Text)
	line.Text = printable.Line(l.redactor.Text(line.Text))
	matches = l.search == "" || strings.Contains(strings.ToLower(line.Text), l.search)
	return line, size, matches, nil
}

// pass over a line: reading it costs little, and looking for secrets does. A private key goes on after it.
func (l *logReader) pass() error {
	content, more, err := l.reader.ReadLine()
	if err != nil {
		return err
	}
	l.withoutKey(string(content))
	if more {
		l.skip()
	}
	return nil
}

// skip the rest of a line, and return its size. An error that ends it is that of the next line, too.
func (l *logReader) skip() (size int) {
	for more := true; more; {
		content, goesOn, err := l.reader.ReadLine()
		size += len(content)
		more = goesOn && err == nil
	}
	return size
}

// lineOf a text that begins with a time, unless it is a message of the kubelet.
func lineOf(raw string) LogLine {
	at, text, _ := strings.Cut(raw, " ")
	if _, err := time.Parse(time.RFC3339Nano, at); err == nil {
		return LogLine{Time: at, Text: text}
	}
	return LogLine{Text: raw}
}

// withoutKey replaces lines of a private key, which no rule recognizes one by one.
func (l *logReader) withoutKey(text string) string {
	const begin = "-----BEGIN "
	const end = "-----END "
	at := strings.Index(text, begin)
	starts := at >= 0 && strings.Contains(text[at:], "PRIVATE KEY")
	if !l.inKey && !starts {
		return text
	}
	l.inKey = !strings.Contains(text, end)
	if starts {
		return text[:at] + "[redacted: private key]"
	}
	return "[redacted: private key]"
}

// problemOf a log that cannot be read.
func problemOf(err error) (status int, code, detail string) {
	if errors.Is(err, errLogTooLong) {
		return http.StatusOK, "gone", "The log is longer than 2 MiB: the rest is not shown."
	}
	if apierrors.IsBadRequest(err) {
		return http.StatusConflict, "gone", printable.Line(err.Error())
	}
	if apierrors.IsForbidden(err) && !isImpersonation(err) || apierrors.IsNotFound(err) {
		return http.StatusNotFound, "revoked", notFound
	}
	return http.StatusBadGateway, "unavailable", failed(err).Error()
}
