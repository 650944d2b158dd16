package printable

import (
	"fmt"
	"strings"
)

// CI systems read commands from what a step prints:
//
//   - GitHub Actions, Gitea and Forgejo: ::error ...:: at the start of a line after white space, and ##[error] anywhere
//     (https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions)
//   - Azure Pipelines: ##vso[...] and ##[...] anywhere
//     (https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands)
//   - TeamCity: ##teamcity[...] (https://www.jetbrains.com/help/teamcity/service-messages.html)
//   - GitLab: section_start:TIME:NAME, section_end:TIME:NAME (https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections)
//   - Travis CI: travis_fold:start:NAME, travis_time:start:NAME

// NoCommand returns a printed line, without its line break, in which no CI system finds a command: the first character of a marker
// becomes an escape. It expects the line as it is printed, since wrapping and clipping decide what stands at its start. Escapes of the
// terminal, which set colors, do not count as its start.
func NoCommand(line string) string {
	if !strings.ContainsAny(line, "#:") {
		return line
	}
	start := len(line) - len(trimStart(line))
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if startsCommand(line, i, start) {
			fmt.Fprintf(&b, `\x%02x`, line[i])
			continue
		}
		b.WriteByte(line[i])
	}
	return b.String()
}

// HasCommand reports whether a text contains what a CI system could read as a command wherever it is printed.
func HasCommand(s string) bool { return NoCommand(s) != s }

func startsCommand(line string, i, start int) bool {
	rest := line[i:]
	switch line[i] {
	case '#':
		after, ok := strings.CutPrefix(rest, "##")
		return ok && (strings.HasPrefix(after, "[") || hasFoldPrefix(after, "vso[") || hasFoldPrefix(after, "teamcity["))
	case ':':
		if !strings.HasPrefix(rest, "::") {
			return false
		}
		beginsWord := i == start || line[i-1] == ' ' || line[i-1] == '\t'
		return i == start || beginsWord && len(rest) > 2 && isLetter(rest[2])
	case 's':
		return hasFoldPrefix(rest, "section_start:") || hasFoldPrefix(rest, "section_end:")
	case 't':
		return hasFoldPrefix(rest, "travis_fold:") || hasFoldPrefix(rest, "travis_time:")
	}
	return false
}

// trimStart removes white space and the escapes that set colors.
func trimStart(line string) string {
	for {
		line = strings.TrimLeft(line, " \t")
		rest, ok := strings.CutPrefix(line, "\x1b[")
		if !ok {
			return line
		}
		end := strings.IndexByte(rest, 'm')
		if end < 0 || strings.Trim(rest[:end], "0123456789;") != "" {
			return line
		}
		line = rest[end+1:]
	}
}

func hasFoldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
