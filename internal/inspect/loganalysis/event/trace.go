package event

import (
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

// maxBlank lines between an error and what continues it.
const maxBlank = 2

// continues reports whether a line belongs to the open event, and records exceptions and causes.
func (f *Folder) continues(at time.Time, line string) bool {
	if f.event.Lines >= maxFolded || !f.last.IsZero() && (at.Sub(f.last) > pause || f.last.Sub(at) > pause) {
		return false
	}
	if f.belongs(line) {
		return true
	}
	return f.event.Level >= Warn && f.withHeader && f.afterHeader(line)
}

// afterHeader handles the lines of a trace of which each has a header.
func (f *Folder) afterHeader(line string) bool {
	end, level := f.header(line)
	if end == 0 || level != Unknown && level < Warn {
		return false
	}
	rest := line[end:]
	switch {
	case isFrame(rest), strings.HasPrefix(rest, "Caused by: "), isOmitted(rest), strings.HasPrefix(rest, "Suppressed: "):
		return f.inFrames(rest)
	case strings.HasPrefix(rest, traceback):
		f.trace(python)
		f.prefixed = true
		return true
	case f.mode == python && f.prefixed:
		return f.inPython(line[end-indentBefore(line, end):])
	}
	return false
}

// header reads the header of the current line once.
func (f *Folder) header(line string) (int, Level) {
	if !f.headerRead {
		f.headerEnd, f.headerLevel = header.Read(line)
		f.headerRead = true
	}
	return f.headerEnd, f.headerLevel
}

// indentBefore returns the number of spaces and tabs before a position beyond the one that ends a header.
func indentBefore(line string, i int) int {
	n := 0
	for n < i && (line[i-n-1] == ' ' || line[i-n-1] == '\t') {
		n++
	}
	return max(0, n-1)
}

// belongs reports whether a line without a header belongs to the open event.
func (f *Folder) belongs(line string) bool {
	switch f.mode {
	case python:
		return f.inPython(line)
	case goroutine:
		return f.inGoroutine(line)
	case source:
		return f.inSource(line)
	case rust:
		return f.inRust(line)
	}
	if line == "" || line[0] == '{' {
		return f.mode == frames && line == ""
	}
	switch {
	case indented(line):
		return f.inFrames(line)
	case f.mode == frames && (line == "}" || line == `"}` || line == `"} `): // the end of the properties of Node.js, and of Monolog
		return true
	case line[0] == 'C' && (strings.HasPrefix(line, "Caused by: ") || line == "Caused by:"):
		f.trace(frames)
		f.cause = strings.TrimSuffix(line, "Caused by:")
		return true
	case f.event.Level < Warn:
		return false
	}
	return f.starts(line) || f.unindented(line)
}

// starts handles lines that start a trace after the line of an error.
func (f *Folder) starts(line string) bool {
	switch {
	case strings.HasPrefix(line, traceback):
		f.trace(python)
	case strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:"):
		f.trace(goroutine)
	case strings.EqualFold(line, "stack trace:"), strings.EqualFold(line, "stack backtrace:"), line == "stack traceback:",
		line == "[stacktrace]", strings.HasPrefix(line, "CallStack (from "):
		f.trace(frames)
	case f.mode == noTrace && f.event.Lines == 1 && f.declared && throwable(line): // the exception of the previous line
		f.exception = line
	case f.mode == noTrace && f.exception == "" && strings.HasPrefix(line, "** ("): // Elixir
		f.exception = line
		f.trace(frames)
	case f.event.Lines == 1 && strings.HasPrefix(line, "future: <"): // asyncio
	default:
		return false
	}
	return true
}

// unindented handles lines of a trace that are not indented.
func (f *Folder) unindented(line string) bool {
	switch {
	case isFrame(line), isNumbered(line), isRubyFrame(line), function(line):
		f.trace(frames)
	case f.mode == frames && (strings.HasPrefix(line, "Last message") || strings.HasPrefix(line, "State: ")): // Elixir
	case f.event.Level == Fatal && strings.HasPrefix(line, "Aborted (core dumped)"):
	default:
		return false
	}
	return true
}

func (f *Folder) trace(m mode) {
	f.mode = m
	f.event.Trace = true
}

func indented(line string) bool { return line[0] == ' ' || line[0] == '\t' }

// isFrame reports whether a text is a frame of Java, .NET or JavaScript: at com.shop.Order.place(Order.java:12).
func isFrame(text string) bool {
	rest, ok := strings.CutPrefix(text, "at ")
	return ok && strings.IndexByte(rest, '(') > 0 && strings.IndexByte(rest, ')') > 0
}

// isOmitted reports whether a text stands for frames that are not shown: ... 12 more.
func isOmitted(text string) bool {
	return strings.HasPrefix(text, "... ") && strings.HasSuffix(text, " more")
}

// isNumbered reports whether a line is a frame of PHP or of a debugger: #0 /app/order.php(12): place().
func isNumbered(line string) bool {
	if line[0] != '#' {
		return false
	}
	i := 1
	for i < len(line) && digit(line[i]) {
		i++
	}
	return i > 1 && i < len(line) && line[i] == ' '
}

// isRubyFrame reports whether a line is a frame of Ruby: app/order.rb:12:in `place'.
func isRubyFrame(line string) bool {
	before, _, ok := strings.Cut(line, ":in ")
	return ok && strings.IndexByte(before, ' ') < 0 && strings.IndexByte(before, ':') > 0
}

// function reports whether a line is the name of a function as in the traces of zap and of %+v: shop/order.(*Service).Place.
func function(line string) bool {
	dot := strings.IndexByte(line, '.')
	if dot <= 0 || dot == len(line)-1 {
		return false
	}
	for i := range len(line) {
		if c := line[i]; !letter(c) && !digit(c) && strings.IndexByte("._/-()*[]{}@~", c) < 0 {
			return false
		}
	}
	return letter(line[0])
}

// inFrames handles indented lines: frames of a trace, or the continuation of an error.
func (f *Folder) inFrames(line string) bool {
	trimmed := strings.TrimLeft(line, " \t")
	switch {
	case strings.HasPrefix(trimmed, "at "), isOmitted(trimmed), strings.HasPrefix(trimmed, "--- End of "),
		strings.HasPrefix(trimmed, "from ") && strings.Contains(trimmed, ":in "):
		f.trace(frames)
		return true
	case strings.HasPrefix(trimmed, "Caused by: "), strings.HasPrefix(trimmed, "---> "):
		f.trace(frames)
		f.cause = trimmed
		return true
	case f.event.Level < Warn:
		return f.mode == frames
	case f.event.Lines == 1 && f.category: // .NET writes the message below its category
		f.exception = trimmed
	case f.category && f.cause == "" && throwable(trimmed):
		f.cause = trimmed
	case strings.HasPrefix(trimmed, "/") && strings.Contains(trimmed, ".go:"):
		f.trace(frames)
	}
	return true
}

// inPython handles lines after Traceback: frames are indented, the exception is not.
func (f *Folder) inPython(line string) bool {
	switch {
	case line == "" || indented(line):
		return line != "" || f.raised || f.event.Lines > 1
	case strings.HasPrefix(line, traceback), strings.HasPrefix(line, "During handling of the above"),
		strings.HasPrefix(line, "The above exception was"):
		f.raised = f.raised && line[0] != 'T'
		return true
	case !f.raised:
		f.raised = true
		f.exception = line
		return true
	}
	return false
}

// inGoroutine handles lines after a Go panic.
func (f *Folder) inGoroutine(line string) bool {
	switch {
	case line == "", indented(line):
	case strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, ":"):
		f.event.Trace = true
	case strings.HasPrefix(line, "created by "), strings.HasPrefix(line, "[signal "), strings.HasPrefix(line, "exit status "),
		strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "...additional frames elided"), strings.HasPrefix(line,
			"runtime stack:"),
		strings.HasPrefix(line, "rax "), strings.HasPrefix(line, "rip "):
	default:
		return f.event.Trace && call(line)
	}
	return true
}

// call reports whether a line is a function call of a Go trace: main.(*server).run(0xc000010000, ...), or panic(...) of one that was
// recovered and raised again.
func call(line string) bool {
	open := strings.LastIndexByte(line, '(')
	if strings.HasPrefix(line, "panic({") || strings.HasPrefix(line, "panic(0x") {
		return true
	}
	if open <= 0 || line[len(line)-1] != ')' && !strings.HasSuffix(line, "(...)") {
		return false
	}
	name := line[:open]
	return strings.IndexByte(name, ' ') < 0 && strings.IndexByte(name, '.') > 0
}

// isSource reports whether a line is the place of an uncaught exception, which Node.js writes before it: /app/order.js:12.
func isSource(line string) bool {
	if line == "" || !digit(line[len(line)-1]) {
		return false
	}
	colon := strings.LastIndexByte(line, ':')
	if colon < 0 || colon+1 == len(line) || strings.Trim(line[colon+1:], "0123456789") != "" || strings.IndexByte(line, ' ') >= 0 {
		return false
	}
	place := line[:colon]
	return strings.HasPrefix(place, "node:") || strings.HasSuffix(place, "js") && strings.IndexByte("/f", place[0]) >= 0 ||
		strings.HasSuffix(place, ".ts") && place[0] == '/'
}

// inSource handles the lines between the place of an exception and the exception.
func (f *Folder) inSource(line string) bool {
	switch {
	case line == "", indented(line), line == "^":
		return f.event.Lines < maxSource
	case throwable(line), strings.HasPrefix(line, "Uncaught "), strings.HasPrefix(line, "Error"):
		f.exception = line
		f.event.Level = max(f.event.Level, Error)
		f.trace(frames)
		return true
	case f.event.Lines == 1: // the statement, which starts at the first column
		return true
	}
	return false
}

// maxSource lines between the place of an exception and the exception.
const maxSource = 6

// inRust handles lines after a panic of Rust: its message and the backtrace.
func (f *Folder) inRust(line string) bool {
	switch {
	case f.event.Lines == 1 && line != "" && !strings.HasPrefix(line, "note: "):
		f.exception = line
	case strings.HasPrefix(line, "note: "), line == "stack backtrace:":
		f.event.Trace = f.event.Trace || line[0] == 's'
	default:
		return line != "" && indented(line)
	}
	return true
}

// throwable reports whether a line starts with the name of an exception: java.lang.IllegalStateException: no room.
func throwable(line string) bool {
	end := 0
	for end < len(line) && (letter(line[end]) || digit(line[end]) || strings.IndexByte("._$\\", line[end]) >= 0) {
		end++
	}
	if end < len(line) && line[end] != ':' {
		return false
	}
	name := line[:end]
	return strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Throwable")
}
