package evidence

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLines kept of a log, from its end.
	maxLines = 10
	// maxLineRunes kept of each line.
	maxLineRunes = 300
)

// cleanLog keeps the last lines that are not blank, truncated and without terminal sequences and control characters.
func cleanLog(log string) string {
	kept := CleanLines(log)
	return strings.Join(kept[max(0, len(kept)-maxLines):], "\n")
}

// CleanLines returns the lines of a log that are not blank, truncated and without terminal sequences and control characters.
func CleanLines(log string) []string {
	// CSI, OSC and two-character sequences of ECMA-48.
	escapes := regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\-~])`)
	log = escapes.ReplaceAllString(strings.ToValidUTF8(log, "\uFFFD"), "")
	var kept []string
	for line := range strings.SplitSeq(log, "\n") {
		if line = cleanLine(line); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}

func cleanLine(line string) string {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	// A progress bar overwrites its line; a terminal shows the last state.
	if overwritten := strings.LastIndexByte(line, '\r'); overwritten >= 0 {
		line = line[overwritten+1:]
	}
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		default:
			return r
		}
	}, line)
	if strings.TrimSpace(line) == "" {
		return ""
	}
	if utf8.RuneCountInString(line) > maxLineRunes {
		line = string([]rune(line)[:maxLineRunes-1]) + "…"
	}
	return line
}
