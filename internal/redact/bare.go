package redact

import (
	"encoding/base64"
	"strings"
)

const (
	// minBare and maxBare bound the length of a value that is redacted for its look alone. Shorter ones are ids, as of Elasticsearch
	// (22 characters) and Docker Swarm (25); longer ones are certificates and other data.
	minBare      = 24
	minBareLower = 28
	minBareUpper = 40
	maxBare      = 128
)

// bare finds values that look generated and have no name: letters of both cases and digits in no order.
func (f *finder) bare() {
	start := -1
	for i := 0; i <= len(f.text); i++ {
		if i < len(f.text) && (isTokenByte(f.text[i]) || f.text[i] == '+' || f.text[i] == '/') {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && i-start >= minPart && i < len(f.text) && f.text[i] == '.' {
			if end := f.composed(start, i); end > i {
				i = end
				start = -1
				continue
			}
		}
		if start >= 0 && i-start >= minScrambled && i-start <= maxBare && (i-start >= minBare && f.isBare(start, i) ||
			f.isMentioned(start, i)) {
			f.spans = append(f.spans, span{start, i, RuleRandom, ""})
		}
		start = -1
	}
}

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func (f *finder) isBare(from, to int) bool {
	text := f.text[from:to]
	if strings.ContainsAny(text, "+/") || strings.HasPrefix(text, "AAAA") || strings.HasPrefix(text, "age1") || !isGenerated(text) ||
		f.isEncrypted(from) {
		return false
	}
	if to < len(f.text) && (f.text[to] == '@' || f.text[to] == '=' || f.text[to] == '(' || f.text[to] == '.' && to+1 < len(f.text) &&
		isTokenByte(f.text[to+1])) {
		return false
	}
	if from == 0 {
		return true
	}
	if (to-from == 64 || to-from == 76) && strings.TrimLeft(f.text[f.lineStart(from):from], " \t") == "" {
		return false // a line of a certificate
	}
	if strings.IndexByte(" \t\n\"'`=,;([{<>|", f.text[from-1]) < 0 {
		return false // part of a path, a digest or a longer name
	}
	return !f.isPublic(from)
}

const (
	// minScrambled is the length of a generated password on a line that mentions one; minScrambledKey that of other secrets.
	minScrambled    = 9
	minScrambledKey = 11
	// minScatteredKey is the length of such a key of one case.
	minScatteredKey = 20
	// maxMention is the distance in bytes between a name and a value on the same line.
	maxMention = 120
)

// isMentioned reports whether a word looks like a generated password, and its line mentions a password or another secret: "use x as the
// password", "password of db (x)". So does the argument of a flag of one letter.
func (f *finder) isMentioned(from, to int) bool {
	text := f.text[from:to]
	scattered := !isScrambled(text)
	if isHexNumber(text) || scattered && !isScatteredKey(text) || f.isEncrypted(from) || f.isPublic(from) ||
		to < len(f.text) && strings.IndexByte("@(:/=", f.text[to]) >= 0 {
		return false
	}
	before := strings.TrimRight(f.text[max(0, from-6):from], " \"'=")
	if flag := before[strings.LastIndexByte(before, ' ')+1:]; len(flag) > 1 && len(flag) < 4 && (flag[0] == '-' || flag[0] == '/') {
		return true
	}
	if from > 0 && strings.IndexByte(" \t\n\"'`=,;([{<>|*:", f.text[from-1]) < 0 && f.text[from-1] < 0x80 {
		return false
	}
	for len(f.mentions) > 1 && f.mentions[1].from <= from && f.mentions[0].to+maxMention < from {
		f.mentions = f.mentions[1:]
	}
	return f.isOutput(from, to) || f.isNearName(from, to, scattered)
}

// isNearName reports whether a name for passwords, or for other secrets, is on the line of a word. One of a single case must follow it.
func (f *finder) isNearName(from, to int, scattered bool) bool {
	for _, n := range f.mentions {
		if n.from > to+maxMention {
			break
		}
		if n.from < to && from < n.to || scattered && n.from > from {
			continue // the word is part of the name, or an id in a list of names
		}
		between := f.text[min(n.to, to):max(n.from, from)]
		if len(between) > maxMention || strings.ContainsAny(between, "\n") || strings.Contains(between, `\n`) {
			continue
		}
		if n.meaning == password || to-from >= minScrambledKey && n.meaning != nothing {
			return true
		}
	}
	return false
}

// isOutput reports whether a word is all that a command printed, and the line with the command mentions a secret:
// "$ terraform output -raw db_password".
func (f *finder) isOutput(from, to int) bool {
	if from < 2 || f.text[from-1] != '\n' || to < len(f.text) && f.text[to] != '\n' && f.text[to] != '\r' {
		return false
	}
	start := f.lineStart(from - 1)
	if !strings.HasPrefix(f.text[start:], "$ ") && !strings.HasPrefix(f.text[start:], "# ") && !strings.HasPrefix(f.text[start:], "> ") {
		return false
	}
	for _, n := range f.mentions {
		if n.from >= from {
			break
		}
		if n.from > start && n.meaning >= key {
			return true
		}
	}
	return false
}

// isScatteredKey reports whether a word of one case has digits and letters in no order that words have.
func isScatteredKey(text string) bool {
	if len(text) < minScatteredKey {
		return false
	}
	c := classesOf(text)
	return c.digits > 2 && (c.lower == 0 || c.upper == 0) && c.other+c.special == 0 && unlikeWords(text) &&
		!isDigest(text)
}

// isEncrypted reports whether a position is within ENC(...) or ENC[...].
func (f *finder) isEncrypted(at int) bool {
	if f.isCiphertext(at, f.text[at:min(len(f.text), at+maxReach)]) {
		return true
	}
	before := f.text[max(0, at-maxReach):at]
	f.work += len(before)
	open := max(strings.LastIndex(before, "ENC("), strings.LastIndex(before, "ENC["))
	return open >= 0 && !strings.ContainsAny(before[open+len("ENC("):], ")]\n")
}

// quotedNear adds a quoted word that looks like a password after a name for passwords on the same line: getpass() or "x".
func (f *finder) quotedNear(n named) bool {
	if n.meaning != password || f.isVerb(n) {
		return false
	}
	end := min(f.lineEnd(n.to), n.to+maxMention)
	if strings.Contains(f.text[f.lineStart(n.from):n.from], "{{") {
		return false // a call in a template
	}
	for at := n.to; at < end; at++ {
		if f.text[at] != '"' && f.text[at] != '\'' || f.text[at-1] == '\\' {
			continue
		}
		length := strings.IndexAny(f.text[at+1:end], f.text[at:at+1]+" \t")
		if length < 0 || f.text[at+1+length] != f.text[at] {
			continue
		}
		value := f.text[at+1 : at+1+length]
		switch f.wordBefore(at) {
		case "user", "role", "account", "database", "host", "realm", "secret", "key", "field", "column":
			return false
		}
		if length > 5 && length < 64 && f.isQuotedPassword(value) && strings.IndexByte("=(, [", f.text[at-1]) >= 0 &&
			!f.followed(at+2+length) {
			return f.add(at+1, at+1+length)
		}
		at += length + 1
	}
	return false
}

// isQuotedPassword reports whether a quoted word near a name for passwords looks like one.
func (f *finder) isQuotedPassword(value string) bool {
	return !f.stand(value) && !f.refers(value) && !isSetting(value) && !strings.ContainsAny(value, "/<>{}()|:;,\\$^%") &&
		tokenLike(value, password) ||
		strings.HasSuffix(value, "$") && f.isQuotedPassword(value[:len(value)-1])
}

// isScrambled reports whether a word has letters of both cases and digits in no order that words have.
func isScrambled(text string) bool {
	c := classesOf(text)
	if c.digits == 0 || c.lower == 0 || c.upper == 0 || c.other > 0 || c.special > 0 || isDigest(text) {
		return false
	}
	return (5*(c.changes+1) >= 2*len(text) || unlikeWords(text)) && !likeWords(text)
}

// isGenerated reports whether a word looks like generated by a random source, not by people, and not like a digest or UUID.
func isGenerated(text string) bool {
	c := classesOf(text)
	switch {
	case c.lower == 0 && len(text) >= minBareUpper:
		return c.digits > 4 && c.other == 0 && unlikeWords(text) && !isDigest(text)
	case c.digits < 2 || c.lower < 2 || isDigest(text) || isEncodedText(text):
		return false
	case c.upper > 1:
		return 5*(c.changes-2*c.other) >= 2*len(text)
	default:
		return c.upper == 0 && c.other == 0 && len(text) >= minBareLower && c.digits > 3 && (c.digits > 4 && 10*c.changes >= 3*len(text) ||
			unlikeWords(text))
	}
}

// isEncodedText reports whether a value is the base64 of a text, or of a message with texts.
func isEncodedText(value string) bool {
	decoded, err := base64.RawStdEncoding.DecodeString(value[:len(value)/4*4])
	if err != nil {
		return false
	}
	others := 0
	for _, b := range decoded {
		if b < ' ' && b != '\n' && b != '\t' || b > '~' {
			others++
		}
	}
	return 5*others <= len(decoded)
}

// isPublic reports whether the name before a value says that it is an id, a public key or a digest.
func (f *finder) isPublic(at int) bool {
	if strings.HasSuffix(f.text[:at], ">{") {
		return false // in braces, as Jenkins writes credentials in XML
	}
	before := strings.TrimRight(f.text[max(0, at-64):at], " \t\"'`=:>({[")
	name := before[strings.LastIndexFunc(before, func(r rune) bool { return r > 0x7f || !isNameByte(byte(r)) })+1:]
	words := parts(name)
	if len(words) == 0 {
		return false
	}
	if strings.HasPrefix(name, "ssh-") || strings.HasPrefix(name, "ecdsa-") {
		return true
	}
	last := words[len(words)-1]
	if last == "key" && len(words) > 1 {
		last = words[len(words)-2]
	}
	for _, public := range []string{"id", "ids", "hash", "digest", "fingerprint", "uid", "etag", "cursor", "continue", "crt", "cert",
		"certificate", "public", "pub",
		"sha", "checksum", "integrity", "nonce", "uuid", "revision", "version", "commit", "kid", "pubkey", "publickey", "certificates",
		"bundle", "data",
		"x5t", "jti", "name", "thumbprint", "node", "index", "shard", "cluster", "trace", "span", "request", "image", "x", "n", "y"} {
		if last == public {
			return true
		}
	}
	return false
}
