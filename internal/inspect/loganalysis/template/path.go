package template

import "strings"

// path masks the path of a file that starts at i, and returns its end. Other paths, such as those of HTTP requests, are not masked: their
// words tell the statements of a program apart.
func (m *masker) path(line string, i int) int {
	end := i
	if line[i] != '/' {
		end += 2 // the drive
	} else if !isRoot(line[i+1:]) {
		m.buf = append(m.buf, '/')
		return i + 1
	}
	slashes := 0
	for end < len(line) && !endsPath(line, end) {
		if line[end] == '/' || line[end] == '\\' {
			slashes++
		}
		end++
	}
	for line[end-1] == '.' {
		end--
	}
	if line[i] == '/' && slashes < 2 || m.afterMethod() {
		m.buf = append(m.buf, line[i])
		return i + 1
	}
	m.buf = append(m.buf, "<path>"...)
	return end
}

// endsPath reports whether the byte at i is not part of a path.
func endsPath(line string, i int) bool {
	switch c := line[i]; c {
	case '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '|', '=', ':', '?':
		return true
	default:
		return classOf(c) == space
	}
}

// afterMethod reports whether the token before the current one is the method of an HTTP request.
func (m *masker) afterMethod() bool {
	if len(m.tokens) == 0 {
		return false
	}
	before := m.text(m.tokens[len(m.tokens)-1])
	return isMethod(string(before))
}

// isRoot reports whether a path starts with a folder in the root of a file system.
func isRoot(path string) bool {
	const longest = 12
	end := strings.IndexByte(path[:min(len(path), longest+1)], '/')
	if end < 0 {
		return false
	}
	switch path[:end] {
	case "bin", "boot", "data", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "private", "proc", "root", "run", "sbin",
		"srv", "sys", "tmp", "usr", "var", "workspace", "Applications", "Library", "System", "Users", "Volumes":
		return true
	}
	return false
}
