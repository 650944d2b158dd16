package template

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

// kind of a difference.
type kind uint8

const (
	ofValues kind = iota
	ofWords
	// never is a difference that must not vary.
	never
)

// difference of a token of a template from that of the masked line at a position. They are not equal.
func (m *Miner[D]) difference(i int, a string) kind {
	text := m.masker.text(m.masker.tokens[i])
	b := string(text)
	if isLevel(a) || isLevel(b) || isMethod(a) || isMethod(b) {
		return never
	}
	prefix := commonPrefix(a, b)
	suffix := min(commonSuffix(a, b), min(len(a), len(b))-prefix)
	coreA := a[prefix : len(a)-suffix]
	coreB := b[prefix : len(b)-suffix]
	switch {
	case isValue(coreA) && meaningful(coreB), isValue(coreB) && meaningful(coreA):
		return ofValues
	case hasMark(coreA) && hasMark(coreB), isRandom(a) && isRandom(b):
		return ofValues
	case isUnit(coreA) && isUnit(coreB): // 5 KB, 6 MB
		return ofValues
	case prefix > 1 && a[prefix-1] == '=': // name=cart, name=shop
		if messageKey(a[:prefix-1]) {
			return ofWords
		}
		return ofValues
	case a[0] == '/' && b[0] == '/', isName(a) && isName(b) && i > 0:
		return ofValues
	}
	return ofWords
}

// hasMark reports whether a text is a name with a value: order_<num>, but not order(id=<num>.
func hasMark(text string) bool {
	return strings.IndexByte(text, '<') >= 0 && !strings.ContainsAny(text, "=:(")
}

// isRandom reports whether a token is a name with an id, such as that of a Pod: cart-<id>-<id>.
func isRandom(token string) bool {
	return hasMark(token) && (strings.Contains(token, "<id>") || strings.Contains(token, "<uuid>"))
}

// isName reports whether a token is a qualified name, such as that of a host or a class: db.shop.svc, but not of an exception.
func isName(token string) bool {
	token = strings.TrimRight(token, ":,;.)}\"'")
	qualified := strings.Count(token, ".") >= 2 && !strings.Contains(token, "..")
	return qualified && !strings.HasSuffix(token, "Exception") && !strings.HasSuffix(token, "Error")
}

// isPlain reports whether a token has only lower case letters: it is neither a value nor a level.
func isPlain[T string | []byte](token T) bool {
	for i := range len(token) {
		if token[i] < 'a' || token[i] > 'z' {
			return false
		}
	}
	return true
}

// meaningful reports whether a text has more than punctuation, which is no value: - and **** stand for none.
func meaningful(text string) bool {
	for i := range len(text) {
		if classOf(text[i]) == word {
			return true
		}
	}
	return text == ""
}

// isValue reports whether a text consists of marks and punctuation, or has the mark of an id.
func isValue(text string) bool {
	marks := 0
	letters := false
	for i := 0; i < len(text); i++ {
		if text[i] != '<' {
			letters = letters || classOf(text[i]) == word
			continue
		}
		end := strings.IndexByte(text[i:], '>')
		if end < 0 {
			return false
		}
		switch text[i : i+end+1] {
		case "<id>", "<uuid>", "<hex>", "<ip>", "<path>":
			if !strings.ContainsAny(text, "=:(") { // cart-<id>, but not order(id=<id>
				return true
			}
		}
		marks++
		i += end
	}
	return text == "[redacted]" || marks > 0 && !letters
}

// isLevel reports whether a token is a level: ERROR, [error], level=error.
func isLevel(token string) bool {
	key, name, keyed := strings.Cut(token, "=")
	if !keyed {
		name = token
	}
	trimmed := strings.Trim(name, `"'[]()<>:,|`)
	if trimmed == "" || len(trimmed) > 11 || header.Named(trimmed) == header.Unknown {
		return false
	}
	if keyed {
		switch strings.Trim(key, `"`) {
		case "level", "lvl", "severity", "levelname", "loglevel", "Level", "LEVEL":
			return true
		}
		return false
	}
	return token[0] == '[' || trimmed[0] <= 'Z' && trimmed[1] <= 'Z'
}
