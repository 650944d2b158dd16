package outcome

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxReady is the longest message of Ready, in runes: a terminal of 160 columns shows it behind a name and a reason. The conditions
// Reconciling and Stalled, and an event of the object, have the complete text.
const MaxReady = 120

// describe is the next step of a message whose own is too long, such as a grant of permissions: kubectl describe shows the other
// conditions and the events.
const describe = "; kubectl describe shows the next step"

// Short shortens a message to MaxReady runes. The next step at its end stays, or becomes a hint if it is too long itself.
// Before it, remarks in parentheses are left out first, then names are clipped in the middle, since they differ at both ends, and then
// words in the middle are left out.
func Short(message string) string {
	if utf8.RuneCountInString(message) <= MaxReady {
		return message
	}
	head, next := nextStep(message)
	room := MaxReady - utf8.RuneCountInString(next)
	head = withoutRemarks(head, room)
	const minName = 28 // shorter words are those of a sentence, and fields
	for limit := MaxReady; limit >= minName; limit-- {
		words := strings.Split(head, " ")
		for i, word := range words {
			words[i] = middle(word, limit)
		}
		short := strings.Join(words, " ")
		if utf8.RuneCountInString(short) <= room {
			return short + next
		}
		if limit == minName {
			head = short
		}
	}
	return bothEnds(head, room) + next
}

// withoutRemarks leaves out remarks in parentheses, the longest first, until a text has a number of runes or no more remarks.
func withoutRemarks(text string, room int) string {
	remark := regexp.MustCompile(` \([^()]*\)`)
	for utf8.RuneCountInString(text) > room {
		remarks := remark.FindAllString(text, -1)
		if len(remarks) == 0 {
			break
		}
		longest := slices.MaxFunc(remarks, func(a, b string) int { return len(a) - len(b) })
		text = strings.Replace(text, longest, "", 1)
	}
	return text
}

// bothEnds leaves out words in the middle of a text, to a number of runes.
func bothEnds(text string, room int) string {
	const gap = " ... "
	words := strings.Fields(text)
	begin, end := "", ""
	for len(words) > 0 {
		longer := strings.TrimSpace(begin + " " + words[0])
		if utf8.RuneCountInString(longer+gap+end) > room {
			break
		}
		begin = longer
		words = words[1:]
		if len(words) == 0 {
			break
		}
		longer = strings.TrimSpace(words[len(words)-1] + " " + end)
		if utf8.RuneCountInString(begin+gap+longer) > room {
			break
		}
		end = longer
		words = words[:len(words)-1]
	}
	if begin == "" {
		return middle(text, room)
	}
	return strings.TrimSuffix(begin+gap+end, " ")
}

// nextStep splits a message into what failed and what to do. That is all behind the first clause, or the last clause of a message without
// commands. If it is too long, the hint takes its place: a part of a command would be another command.
func nextStep(message string) (head, next string) {
	const maxNext = 80
	const maxLast = 60
	first := len(message)
	last := -1
	for _, separator := range []string{"; ", ". "} {
		if at := strings.Index(message, separator); at > 0 {
			first = min(first, at)
			last = max(last, strings.LastIndex(message, separator))
		}
	}
	switch {
	case first < len(message) && utf8.RuneCountInString(message[first:]) <= maxNext:
		return message[:first], message[first:]
	case last > 0 && utf8.RuneCountInString(message[last:]) <= maxLast && !strings.Contains(message, "kubectl"):
		return message[:last], message[last:]
	default:
		return strings.TrimSuffix(message[:first], "."), describe
	}
}

// middle clips a text in its middle to a number of runes.
func middle(text string, limit int) string {
	const dots = "..."
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	half := (limit - len(dots)) / 2
	return string(runes[:limit-len(dots)-half]) + dots + string(runes[len(runes)-half:])
}
