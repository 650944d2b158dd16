package redact

import (
	"strings"
)

const (
	// maxRows bounds the rows of a table that are read, maxColumns its columns with secrets.
	maxRows    = 1024
	maxColumns = 4
)

// tables adds the values below a name that is the title of a column: in CSV, Markdown, and what clients of databases print.
func (f *finder) tables() {
	title, titleEnd := -1, 0
	end, columns := 0, 0
	for _, n := range f.mentions {
		if n.meaning < key {
			continue
		}
		if n.from < end && n.from > titleEnd {
			continue // in a table that was read
		}
		start := f.lineStart(n.from)
		if start != title {
			title = start
			titleEnd = f.lineEnd(n.from)
			columns = 0
		}
		if columns++; columns > maxColumns {
			continue
		}
		end = max(end, f.table(n, start, f.text[start:titleEnd]))
	}
}

// table adds the values below a name in a line, if it is the title of a column, and returns the end of the table.
func (f *finder) table(n named, start int, line string) int {
	for _, separator := range []string{"|", ",", ";", "\t"} {
		if column := columnOf(line, n.from-start, n.to-start, separator); column >= 0 {
			if f.isRow(start, separator, strings.Count(line, separator)) {
				return start + len(line)
			}
			return f.column(n, start+len(line), column, strings.Count(line, separator), separator)
		}
	}
	if isTitle(line, n.from-start, n.to-start) {
		return f.aligned(n, start+len(line), n.from-start)
	}
	return 0
}

// isRow reports whether the line before a position is a row of the same table: what follows is no title, and the words of a column that
// names settings are none either.
func (f *finder) isRow(start int, separator string, separators int) bool {
	if start == 0 {
		return false
	}
	before := strings.TrimRight(f.text[f.lineStart(start-1):start-1], "\r")
	return strings.Count(before, separator) == separators && strings.Trim(before, " |+-:=") != ""
}

// isTitle reports whether a name is the title of a column that spaces align.
func isTitle(line string, from, to int) bool {
	before := line[:from]
	after := strings.TrimRight(line[to:], "\r")
	return (from == 0 || strings.HasSuffix(before, "  ") && strings.Trim(before, "#/*; ") != "") &&
		(after == "" || strings.HasPrefix(after, "  ")) &&
		len(strings.Fields(line)) > 1 &&
		!strings.ContainsAny(line, "=:(){},")
}

// aligned adds the words below a title, and returns the end of the table.
func (f *finder) aligned(n named, at, column int) int {
	for range maxRows {
		if at >= len(f.text) {
			break
		}
		from := at + 1
		line := f.text[from:f.lineEnd(from)]
		if strings.TrimSpace(line) == "" || len(line) <= column {
			break
		}
		at = from + len(line)
		if column > 0 && (line[column-1] != ' ' || strings.TrimSpace(line[:column]) == "") {
			continue
		}
		value, _, _ := strings.Cut(line[column:], " ")
		if tokenLike(value, n.meaning) && !f.stand(value) {
			f.add(from+column, from+column+len(value))
		}
	}
	return at
}

// columnOf returns the column of a cell that consists of a name only, or -1.
func columnOf(line string, from, to int, separator string) int {
	if strings.Count(line, separator) == 0 || strings.ContainsAny(line, "=:(){}") {
		return -1
	}
	before := line[:from]
	after := line[to:]
	if cell := before[strings.LastIndex(before, separator)+1:]; strings.Trim(cell, " \"'") != "" {
		return -1
	}
	cell, _, _ := strings.Cut(after, separator)
	if strings.Trim(cell, " \"'\r") != "" {
		return -1
	}
	return strings.Count(before, separator)
}

// column adds the cells of a column in the lines after a title, and returns the end of the table.
func (f *finder) column(n named, at, column, separators int, separator string) int {
	for range maxRows {
		if at >= len(f.text) {
			break
		}
		from := at + 1
		line := f.text[from:f.lineEnd(from)]
		at = from + len(line)
		if rule := strings.Trim(line, " |+-:=\r"); rule == "" && line != "" {
			continue
		}
		if strings.Count(line, separator) != separators {
			break
		}
		for range column {
			cut := strings.Index(line, separator) + 1
			from += cut
			line = line[cut:]
		}
		cell, _, _ := strings.Cut(line, separator)
		value := strings.Trim(cell, " \"'\r")
		if from += strings.Index(cell, value); len(value) < 3 || f.stand(value) || strings.ContainsRune(value, ' ') ||
			isVersion(value) || n.meaning < password && !tokenLike(value, key) || strings.ContainsRune(value, '(') {
			continue
		}
		f.add(from, from+len(value))
	}
	return at
}
