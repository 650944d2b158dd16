package header

import "strings"

// month reports whether three letters start the name of a month.
func month(name string) bool {
	switch name {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

// fullMonth reports whether a word is the name of a month that is not shortened to three letters.
func fullMonth(name string) bool {
	switch name {
	case "January", "February", "March", "April", "June", "July", "August", "September", "Sept", "October", "November", "December":
		return true
	}
	return false
}

// weekday reports whether three letters start the name of a day.
func weekday(name string) bool {
	switch name {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// short reports whether a word in lower case is a level if a colon follows it at the start of a line: fail: (.NET), error:, but not
// log: or Info:, which may be part of a message.
func (h *reader) short(name string) bool {
	switch name {
	case "fail", "dbug", "trce", "crit", "error", "warn", "info", "debug", "fatal", "panic", "warning", "verbose":
		return true
	}
	return false
}

// ambiguous reports whether the name of a level is a word that may start a message after a time.
func ambiguous(name string) bool {
	switch name {
	case "log", "Log", "fine", "Fine", "alert", "Alert", "notice", "Notice", "trace", "Trace", "panic", "Panic":
		return true
	}
	return false
}

func capitals(word string) bool {
	for i := range len(word) {
		if word[i] >= 'a' {
			return false
		}
	}
	return len(word) > 2
}

// letters reports whether a letter before a byte may be the level: after a time, before the tag of Android, or as Ruby writes it.
func (h *reader) letters(after byte, first bool) bool {
	return h.timed && strings.IndexByte(" |\t/", after) >= 0 || first && after == '/' ||
		first && after == ',' && len(h.line) > 3 && h.line[2:4] == " ["
}
