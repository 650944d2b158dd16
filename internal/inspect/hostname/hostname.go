// Package hostname finds the names of hosts in commands, environment variables and log lines. What it returns contains no other part of
// the text: a URL may hold credentials.
package hostname

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	// maxText is how many bytes of one text are searched.
	maxText = 8 << 10
	// maxUses are returned of one text.
	maxUses = 16
	// maxName is the longest DNS name.
	maxName = 253
)

// Use is a host in a text.
type Use struct {
	// Host is a DNS name in lower case, without a dot at its end, or an IP address.
	Host string
	// Port after it; 0 without one.
	Port int32
}

// In returns the hosts of a text, each once, in their order: the hosts of URLs, names with a port such as cart:8080, and names of
// Services with their namespace such as cart.shop.svc. A port may follow as the next word, as for nc. Other words are no hosts.
func In(text string) []Use {
	if len(text) > maxText {
		text = text[:maxText]
	}
	// With the punctuation of languages that do without spaces.
	words := strings.FieldsFunc(text, func(r rune) bool {
		return strings.ContainsRune(" \t\r\n\"'`,;()[]{}<>|&=\\，。：；、（）「」“”‘’", r)
	})
	var uses []Use
	for i, word := range words {
		use, ok := ofWord(word)
		if !ok || contains(uses, use) {
			continue
		}
		if use.Port == 0 && i+1 < len(words) {
			use.Port, _ = port(words[i+1])
		}
		if uses = append(uses, use); len(uses) == maxUses {
			break
		}
	}
	return uses
}

// Parse reads a host with an optional port, such as the value of a variable DB_HOST.
func Parse(text string) (Use, bool) {
	return authority(strings.TrimSpace(text))
}

func contains(uses []Use, use Use) bool {
	for _, known := range uses {
		if known.Host == use.Host && (known.Port == use.Port || use.Port == 0) {
			return true
		}
	}
	return false
}

// ofWord is the host of a word, if the word can be nothing else.
func ofWord(word string) (Use, bool) {
	if _, rest, isURL := strings.Cut(word, "://"); isURL {
		end := strings.IndexAny(rest, "/?#")
		if end >= 0 {
			rest = rest[:end]
		}
		return authority(rest[strings.LastIndexByte(rest, '@')+1:])
	}
	word, path, _ := strings.Cut(word[strings.LastIndexByte(word, '@')+1:], "/")
	// Java writes a resolved address as name/address:port.
	if address, ok := authority(strings.TrimRight(path, ".:")); ok && address.Port > 0 && isName(strings.ToLower(word)) {
		if _, err := netip.ParseAddr(address.Host); err == nil {
			return Use{strings.ToLower(word), address.Port}, true
		}
	}
	use, ok := authority(strings.TrimRight(word, ".:"))
	return use, ok && (use.Port > 0 || isServiceName(use.Host))
}

// isServiceName reports whether a name is that of a Service with its namespace: cart.shop.svc or longer.
func isServiceName(host string) bool {
	_, after, found := strings.Cut(host+".", ".svc.")
	return found && strings.Contains(strings.TrimSuffix(host, ".svc."+after), ".")
}

// authority reads host:port.
func authority(text string) (Use, bool) {
	host := text
	number := ""
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		host, number = text[:i], text[i+1:]
	}
	use := Use{Host: strings.ToLower(strings.TrimSuffix(host, "."))}
	if number != "" {
		var ok bool
		if use.Port, ok = port(number); !ok {
			return Use{}, false
		}
	}
	if _, err := netip.ParseAddr(use.Host); err == nil {
		return use, true
	}
	return use, isName(use.Host)
}

func port(text string) (int32, bool) {
	number, err := strconv.ParseUint(text, 10, 16)
	return int32(number), err == nil && number > 0 //nolint:gosec // at most 65535
}

// isName reports whether a text is a DNS name with a letter: a version or a time of day is none.
func isName(text string) bool {
	if text == "" || len(text) > maxName {
		return false
	}
	letter := false
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			switch {
			case 'a' <= r && r <= 'z':
				letter = true
			case '0' <= r && r <= '9', r == '-':
			default:
				return false
			}
		}
	}
	return letter
}
