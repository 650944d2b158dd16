package event

import (
	"strings"
	"time"
)

// continues reports whether a line belongs to the open event, and records exceptions and causes.
func (f *Folder) continues(at time.Time, line string) bool {
	if f.event.Lines >= maxFolded || !f.last.IsZero() && (at.Sub(f.last) > pause || f.last.Sub(at) > pause) {
		return false
	}
	if in := f.traces(); in != nil {
		return in(line)
	}
	if line == "" || line[0] == '{' {
		return f.mode == frames && line == ""
	}
	switch {
	case indented(line):
		return f.inFrames(line)
	case f.mode == frames && line == "}": // the end of the properties that Node.js prints for an error
		return true
	case line[0] == 'C' && strings.HasPrefix(line, "Caused by: "):
		f.trace(frames)
		f.cause = line
		return true
	case f.event.Level < Warn:
		return false
	case line[0] == 'T' && strings.HasPrefix(line, traceback):
		f.trace(python)
		return true
	case line[0] == 'g' && strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:"):
		f.trace(goroutine)
		return true
	case f.mode == noTrace && f.event.Lines == 1 && f.declared && throwable(line): // the exception of the previous line
		f.exception = line
		return true
	}
	return false
}

// traces is what decides about the lines of an open trace; nil without one that has its own format.
func (f *Folder) traces() func(line string) bool {
	switch f.mode {
	case python:
		return f.inPython
	case goroutine:
		return f.inGoroutine
	case rust:
		return f.inRust
	default:
		return nil
	}
}

func (f *Folder) trace(m mode) {
	f.mode = m
	f.event.Trace = true
}

func indented(line string) bool { return line[0] == ' ' || line[0] == '\t' }

// inFrames handles indented lines: frames of a trace, or the continuation of an error.
func (f *Folder) inFrames(line string) bool {
	trimmed := strings.TrimLeft(line, " \t")
	switch {
	case strings.HasPrefix(trimmed, "at "), strings.HasPrefix(trimmed, "... ") && strings.HasSuffix(trimmed, " more"),
		strings.HasPrefix(trimmed, "--- End of "):
		f.trace(frames)
		return true
	case strings.HasPrefix(trimmed, "Caused by: "), strings.HasPrefix(trimmed, "---> "):
		f.trace(frames)
		f.cause = trimmed
		return true
	}
	return f.mode == frames || f.event.Level >= Warn
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

// call reports whether a line is a function call of a Go trace: main.(*server).run(0xc000010000, ...).
func call(line string) bool {
	open := strings.LastIndexByte(line, '(')
	if open <= 0 || line[len(line)-1] != ')' && !strings.HasSuffix(line, "(...)") {
		return false
	}
	name := line[:open]
	return strings.IndexByte(name, ' ') < 0 && strings.IndexByte(name, '.') > 0
}

// throwable reports whether a line starts with the name of an exception: java.lang.IllegalStateException: no room.
func throwable(line string) bool {
	end := 0
	for end < len(line) && (letter(line[end]) || digit(line[end]) || line[end] == '.' || line[end] == '$' || line[end] == '_') {
		end++
	}
	if end < len(line) && line[end] != ':' {
		return false
	}
	name := line[:end]
	return strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Throwable")
}

// inRust handles the lines after the first one of a panic of Rust: its message, and a note or a backtrace.
func (f *Folder) inRust(line string) bool {
	switch {
	case f.event.Lines == 1 && strings.HasSuffix(f.event.Message, ":") && line != "":
		f.exception = line
		return true
	case strings.HasPrefix(line, "note: "), line == "stack backtrace:", line != "" && indented(line):
		f.event.Trace = f.event.Trace || line[0] == 's'
		return true
	default:
		return false
	}
}
