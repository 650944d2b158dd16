package template

import "strings"

// word writes a run of letters, digits and joints that contains digits: a mark if it is a value, otherwise its parts.
func (m *masker) word(run string) {
	if mark := formOf(run); mark != "" {
		m.buf = append(m.buf, mark...)
		return
	}
	const uuid = 36
	start := 0
	for i := 0; i <= len(run); i++ {
		if i == start && len(run)-i >= uuid && isUUID(run[i:i+uuid]) {
			m.buf = append(m.buf, "<uuid>"...)
			i += uuid
			start = i
		}
		if i < len(run) && run[i] != '_' && run[i] != ',' && classOf(run[i]) != joint {
			continue
		}
		m.part(run[start:i])
		if i < len(run) && (run[i] != '-' || i == 0 || run[i-1] != '_') { // blk_-7 has a sign
			m.buf = append(m.buf, run[i])
		}
		start = i + 1
	}
}

// part writes a part of a run between joints. If it is not a value, only its digits are masked: worker12, utf8.
func (m *masker) part(text string) {
	if !hasDigit(text) {
		m.buf = append(m.buf, text...)
		return
	}
	if mark := formOf(text); mark != "" {
		m.buf = append(m.buf, mark...)
		return
	}
	if mixed(text) {
		m.buf = append(m.buf, "<id>"...)
		return
	}
	for i := 0; i < len(text); {
		if !digit(text[i]) {
			m.buf = append(m.buf, text[i])
			i++
			continue
		}
		for i < len(text) && digit(text[i]) {
			i++
		}
		m.buf = append(m.buf, "<num>"...)
	}
}

func hasDigit(text string) bool {
	for i := range len(text) {
		if digit(text[i]) {
			return true
		}
	}
	return false
}

// mixed reports whether digits and letters alternate as in random names: x7k2p, 7d9f8bc6f4, but not worker12 or v1.
func mixed(text string) bool {
	if len(text) < 5 {
		return false
	}
	changes := 0
	for i := 1; i < len(text); i++ {
		if digit(text[i]) != digit(text[i-1]) {
			changes++
		}
	}
	return changes >= 2
}

// formOf returns the mark of a value with a known format; empty if there is none.
func formOf(s string) string {
	switch {
	case isUUID(s):
		return "<uuid>"
	case isAddress(s):
		return "<ip>"
	}
	if !digit(s[0]) {
		if isHex(s) {
			return "<id>" // like other random names, some of which are hexadecimal by chance
		}
		return ""
	}
	rest := number(s)
	switch {
	case rest == "":
		if len(s) >= 16 && !strings.ContainsAny(s, ".,eE") {
			return "<id>" // trace ids may consist of digits only by chance
		}
		return "<num>"
	case isDuration(s):
		return "<dur>"
	case isUnit(rest):
		return "<num>"
	case strings.HasPrefix(s, "0x") && isHex(s):
		return "<hex>"
	case isHex(s):
		return "<id>"
	}
	return ""
}

func hexDigit(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

// isAddress reports whether a text is an IPv4 address with or without a port, an IPv6 address or a MAC address.
func isAddress(s string) bool {
	dots := 0
	colons := 0
	hex := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case digit(c):
		case hexDigit(c):
			hex = true
		default:
			return false
		}
	}
	if dots == 3 && colons <= 1 && !hex {
		return true
	}
	return colons >= 2 && dots == 0 && (hex || colons > 2 || strings.Contains(s, "::"))
}

// isHex reports whether a text is a hexadecimal number of at least eight digits or with the prefix 0x.
func isHex(s string) bool {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	} else if len(s) < 8 {
		return false
	}
	for i := range len(s) {
		if !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

// number returns what follows a number at the start of a text: digits with points and commas between them.
func number(s string) string {
	i := 0
	for i < len(s) && (digit(s[i]) || (s[i] == '.' || s[i] == ',') && i+1 < len(s) && digit(s[i+1])) {
		i++
	}
	if i+1 < len(s) && (s[i] == 'e' || s[i] == 'E') && strings.Trim(s[i+1:], "0123456789+-") == "" {
		return ""
	}
	return s[i:]
}

// isDuration reports whether a text is a duration as Go prints it: 1m30.5s, 250ms, 12µs.
func isDuration(s string) bool {
	for s != "" {
		rest := number(s)
		if len(rest) == len(s) {
			return false
		}
		unit := len(rest)
		for i := range len(rest) {
			if digit(rest[i]) {
				unit = i
				break
			}
		}
		switch rest[:unit] {
		case "ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "sec", "secs", "min", "mins":
			s = rest[unit:]
		default:
			return false
		}
	}
	return true
}

// isUnit reports whether a text is a unit that may follow a number without a space.
func isUnit(s string) bool {
	if len(s) > 3 || s == "" {
		return false
	}
	switch strings.ToLower(s) {
	case "k", "m", "g", "t", "b", "kb", "mb", "gb", "tb", "ki", "mi", "gi", "ti", "kib", "mib", "gib", "tib", "x",
		"st", "nd", "rd", "th", "hz", "mhz", "ghz":
		return true
	}
	return false
}
