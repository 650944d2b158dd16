package evidence

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// keptLines of a log, the last ones.
	keptLines = 10
	// maxLineRunes of each.
	maxLineRunes = 300
)

// tidy keeps the last lines that say something, without terminal sequences and control characters, each cut to a
// bearable length.
func tidy(log string) string {
	// CSI, OSC and two-character sequences of ECMA-48.
	escapes := regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\-~])`)
	log = escapes.ReplaceAllString(strings.ToValidUTF8(log, "\uFFFD"), "")
	var kept []string
	for line := range strings.SplitSeq(log, "\n") {
		if line = tidyLine(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-keptLines):], "\n")
}

func tidyLine(line string) string {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	// Of a progress bar that overwrites itself, a terminal would show the last state.
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
