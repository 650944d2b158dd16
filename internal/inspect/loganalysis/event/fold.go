package event

import (
	"strings"
	"time"
)

const (
	// maxLine bytes of a line are used.
	maxLine = 4 << 10
	// maxExcerpt is the maximum size of an excerpt in bytes.
	maxExcerpt = 2 << 10
	// maxFolded is the maximum number of lines of an event.
	maxFolded = 2000
	// pause after which a line starts a new event: the lines of a trace are written at once.
	pause = 5 * time.Second
)

// Event is the output of one log statement, in one or more lines.
type Event struct {
	// Time of the first line; zero if unknown.
	Time  time.Time
	Level Level
	// Message is the text for templates: for a trace its first line, the exception and its last cause; for JSON the message and the
	// error.
	Message string
	// Excerpt of the lines as written.
	Excerpt string
	// Lines of the event, and whether it contains a stack trace.
	Lines int
	Trace bool
}

// mode is the kind of trace that the open event contains.
type mode uint8

const (
	noTrace mode = iota
	frames       // Java, .NET, JavaScript: lines that start with "at"
	python
	goroutine
	source // Node.js: from the place of an exception to the exception
	rust   // the message follows in a line of its own, and a note
)

// Folder folds the lines of one stream, such as a container, into events. It is not safe for concurrent use.
type Folder struct {
	event Event
	open  bool
	mode  mode
	// last is the time of the previous line.
	last time.Time
	// declared: the line contains its level. raised: the exception of a Python trace has been read.
	declared, raised bool
	// withHeader: the first line has a header. prefixed: so has each line of a trace. category: the line has only the category of .NET.
	withHeader, prefixed, category bool
	// headerEnd and headerLevel are those of the current line, if headerRead.
	headerEnd   int
	headerLevel Level
	headerRead  bool
	// blanks are blank lines after the event, which belong to it if what follows them does.
	blanks int
	// exception and cause lines of a trace.
	exception, cause string
	excerpt          []byte
}

// Add adds a line. If it starts a new event, Add passes the previous one to emit. level is the level from the log collector, or
// Unknown. The line must not change until the next call.
func (f *Folder) Add(at time.Time, line string, level Level, emit func(*Event)) {
	line = clean(line)
	f.headerRead = false
	blank := line == "" || line[0] <= ' ' && strings.TrimSpace(line) == ""
	if blank && f.open && f.mode == noTrace && f.event.Level >= Warn && f.blanks < maxBlank {
		f.blanks++
		return
	}
	if f.open && f.continues(at, line) {
		for ; f.blanks > 0; f.blanks-- {
			f.fold("")
		}
		f.fold(line)
		f.last = at
		return
	}
	f.Flush(emit)
	if blank {
		return
	}
	f.begin(at, line, level)
}

// LevelOf returns the level of an event that starts with a line; Unknown if the line has none.
func LevelOf(line string) Level {
	var f Folder
	f.Add(time.Time{}, line, Unknown, func(*Event) {})
	return f.event.Level
}

// Flush passes the open event to emit.
func (f *Folder) Flush(emit func(*Event)) {
	if !f.open {
		return
	}
	f.open = false
	e := &f.event
	if len(f.excerpt) > 0 {
		e.Excerpt = string(f.excerpt)
	}
	for _, more := range []string{f.exception, f.cause} {
		if more != "" {
			e.Message += " | " + more
		}
	}
	if f.exception != "" && (f.mode == python || f.mode == frames) {
		if first, rest, _ := strings.Cut(e.Message, " | "); first == traceback || isSource(first) {
			e.Message = rest
		}
	}
	emit(e)
	f.event = Event{}
	f.exception = ""
	f.cause = ""
	f.excerpt = f.excerpt[:0]
}

const traceback = "Traceback (most recent call last):"

// begin starts a new event.
func (f *Folder) begin(at time.Time, line string, level Level) {
	f.event = Event{Time: at, Message: line, Excerpt: line, Lines: 1, Level: Unknown}
	f.open = true
	f.mode = noTrace
	f.last = at
	f.blanks = 0
	f.raised = false
	f.prefixed = false
	f.withHeader = false
	f.category = false
	if line[0] == '{' {
		if read, ok := readJSON(line); ok {
			f.beginJSON(read, level)
			return
		}
	}
	end, stated := f.header(line)
	f.withHeader = end > 0
	if f.event.Level = stated; stated == Unknown {
		f.event.Level = written(line)
	}
	if f.event.Level == Unknown {
		f.event.Level = declared(line)
	}
	f.declared = f.event.Level != Unknown
	if !f.declared {
		if f.event.Level = level; level == Unknown {
			if f.event.Level = worded(line); f.event.Level == Unknown {
				f.event.Level = chinese(line)
			}
		}
	}
	f.category = f.declared && end > 0 && isCategory(line[end:])
	f.recognize(line)
}

// recognize sets the mode and the level of a line that starts a trace.
func (f *Folder) recognize(line string) {
	switch {
	case line[0] == 'T' && strings.HasPrefix(line, traceback):
		f.mode = python
		f.event.Trace = true
		f.event.Level = max(Error, f.event.Level)
	case line[0] == 'p' && strings.HasPrefix(line, "panic: "), line[0] == 'f' && strings.HasPrefix(line, "fatal error: "):
		f.mode, f.event.Level = goroutine, Fatal
	case line[0] == 't' && panicked(line):
		f.mode, f.event.Level = rust, Fatal
	case line[0] == 't' && strings.HasPrefix(line, "terminate called "), line[0] == 'U' && strings.HasPrefix(line, "Unhandled exception"):
		f.event.Level = Fatal
	case f.event.Level == Unknown && isSource(line):
		f.mode = source
	}
}

// isCategory reports whether a message is only the category of a logger of .NET: Shop.Orders[0].
func isCategory(message string) bool {
	name, number, ok := strings.Cut(message, "[")
	return ok && name != "" && strings.IndexByte(name, ' ') < 0 && len(number) > 1 && strings.Trim(number, "0123456789") == "]"
}

// beginJSON extracts message, error and trace from a line of JSON.
func (f *Folder) beginJSON(read fields, level Level) {
	e := &f.event
	read = innermost(read)
	e.Level = read.declared()
	f.declared = e.Level != Unknown
	if !f.declared {
		if e.Level = level; level == Unknown {
			e.Level = read.worded()
		}
	}
	message, failed := plain(read.message), plain(read.err)
	if read.stack != "" {
		e.Trace = true
		if failed == "" {
			failed, _, _ = strings.Cut(plain(read.stack), "\n")
		}
	}
	failed, _, _ = strings.Cut(failed, "\n")
	if read.errType != "" && !strings.Contains(failed, read.errType) {
		failed = strings.TrimSuffix(plain(read.errType)+": "+failed, ": ")
	}
	switch {
	case message == "" && failed == "": // use the whole line
	case failed == "" || strings.Contains(message, failed):
		e.Message = message
	case message == "":
		e.Message = failed
	default:
		e.Message = message + ": " + failed
	}
	e.Message, _, _ = strings.Cut(e.Message, "\n")
	if strings.TrimSpace(e.Message) == "" {
		e.Message = e.Excerpt
	}
}

// fold adds a line to the event. The excerpt keeps the first lines and causes.
func (f *Folder) fold(line string) {
	f.event.Lines++
	if len(f.excerpt) == 0 {
		f.excerpt = append(f.excerpt, f.event.Excerpt...)
	}
	if len(f.excerpt)+len(line) < maxExcerpt/2 || (f.isCause(line) && len(f.excerpt)+len(line) < maxExcerpt) {
		f.excerpt = append(append(f.excerpt, '\n'), line...)
	}
}

func (f *Folder) isCause(line string) bool { return line == f.exception || line == f.cause }

// clean removes what collectors and terminals add: the CRI prefix, colors and the line end.
func clean(line string) string {
	if len(line) > maxLine {
		line = strings.Clone(line[:maxLine]) // release the rest
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) > 40 && line[4] == '-' && line[10] == 'T' {
		line = withoutRuntime(line)
	}
	if strings.IndexByte(line, 0x1b) >= 0 {
		line = withoutColors(line)
	}
	return line
}

// withoutRuntime removes the prefix of the container runtime: <time> stdout F.
func withoutRuntime(line string) string {
	end := strings.IndexByte(line[:40], ' ')
	if end < 0 {
		return line
	}
	for _, stream := range []string{" stdout F ", " stderr F ", " stdout P ", " stderr P "} {
		if strings.HasPrefix(line[end:], stream) {
			return line[end+len(stream):]
		}
	}
	return line
}

// withoutColors removes terminal escape sequences.
func withoutColors(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] != 0x1b {
			b.WriteByte(line[i])
			continue
		}
		if i+1 < len(line) && line[i+1] == '[' {
			for i += 2; i < len(line) && (line[i] < 0x40 || line[i] > 0x7e); i++ {
			}
		}
	}
	return b.String()
}
