package event

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// written returns the level of a line by the formats of single programs that are no header: the panics of Rust and the log of Postgres.
// Unknown for all other lines.
func written(line string) Level {
	switch {
	case panicked(line):
		return Fatal
	case strings.Contains(line[:min(len(line), head)], "] LOG:  "): // 2026-01-15 12:00:00.000 UTC [71] LOG:  checkpoint starting
		return Info
	default:
		return Unknown
	}
}

// panicked reports whether a line begins a panic of Rust: thread 'main' panicked at src/main.rs:2:5:
func panicked(line string) bool {
	return strings.HasPrefix(line, "thread '") && strings.Contains(line, "' panicked at ") ||
		strings.HasPrefix(line, "thread main panicked at ")
}

// telemetry returns the level of a severity number of OpenTelemetry, 1 to 24 in steps of four.
// https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
func telemetry(text string) Level {
	number, err := strconv.ParseUint(text, 10, 8)
	if err != nil || number < 1 || number > 24 {
		return Unknown
	}
	return [...]Level{Debug, Debug, Info, Warn, Error, Fatal}[(number-1)/4]
}

// chinese returns the level of a line with a Chinese word for it, unless it is negated, 无错误, 没有异常, or counts none: 失败 0 条.
func chinese(line string) Level {
	for i := range len(line) {
		if line[i] >= utf8.RuneSelf {
			return chineseWords(line[i:])
		}
	}
	return Unknown
}

// zero reports whether a text begins with the number 0, after words that count: 数: 0, 0 条.
func zero(text string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(text, " :：=数量次条个"), "0")
	return ok && (rest == "" || rest[0] != '.' && !digit(rest[0]) && !letter(rest[0]))
}

func chineseWords(text string) Level {
	for _, word := range []struct {
		text  string
		level Level
	}{{"致命", Fatal}, {"崩溃", Fatal}, {"错误", Error}, {"异常", Error}, {"失败", Error}, {"警告", Warn}} {
		before, after, found := strings.Cut(text, word.text)
		if !found || zero(after) {
			continue
		}
		before = strings.TrimRight(before, " ")
		negated := false
		for _, no := range []string{"无", "没有", "未出现", "未发现", "0 个", "0个", "零"} {
			negated = negated || strings.HasSuffix(before, no)
		}
		if !negated {
			return word.level
		}
	}
	return Unknown
}
