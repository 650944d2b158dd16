package outcome

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxReady is the longest message of Ready, in runes: a terminal of 160 columns shows it behind a name and a reason. The conditions
// Reconciling and Stalled, and an event of the object, have the complete text.
const MaxReady = 120

// seeEvents is the next step of a message whose own is too long, such as a grant of permissions.
const seeEvents = "; its events have the next step"

// Short shortens a message to MaxReady runes. The next step at its end stays, or becomes a hint at the events if it is too long itself.
// Before it, the longest words are clipped in the middle first, since names differ at both ends.
func Short(message string) string {
	if utf8.RuneCountInString(message) <= MaxReady {
		return message
	}
	head, next := nextStep(message)
	room := MaxReady - utf8.RuneCountInString(next)
	words := strings.Split(head, " ")
	for _, limit := range []int{63, 40, 30, 24, 18} {
		for i, word := range words {
			words[i] = middle(word, limit)
		}
		if short := strings.Join(words, " "); utf8.RuneCountInString(short) <= room {
			return short + next
		}
	}
	return middle(strings.Join(words, " "), room) + next
}

// nextStep splits a message before its last clause: what to do. Of a message without a short one it returns the first clause.
func nextStep(message string) (head, next string) {
	const maxNext = 60
	at := max(strings.LastIndex(message, "; "), strings.LastIndex(message, ". "), strings.LastIndex(message, ": "))
	if at > 0 && utf8.RuneCountInString(message[at:]) <= maxNext {
		return message[:at], message[at:]
	}
	ends := []int{len(message)}
	for _, separator := range []string{"; ", ". "} {
		if at := strings.Index(message, separator); at > 0 {
			ends = append(ends, at)
		}
	}
	return strings.TrimSuffix(message[:slices.Min(ends)], "."), seeEvents
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
