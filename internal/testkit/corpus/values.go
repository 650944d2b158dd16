package corpus

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// value generates a value of a kind, and the part of it that is secret: of a PEM block, a line of its body.
func (m maker) value(kind string) (text, secret string, err error) {
	if strings.HasPrefix(kind, "pem") {
		text, secret = m.privateKey(kind)
		return text, secret, nil
	}
	text = m.fixed(kind)
	if text == "" {
		text = m.sized(kind)
	}
	if text == "" {
		return "", "", fmt.Errorf("unknown kind of value %q", kind)
	}
	return text, text, nil
}

func (m maker) fixed(kind string) string {
	switch kind {
	case "n":
		return m.from("123456789", 1) + m.from(digits, 3)
	case "t":
		return m.stamp()
	case "id", "uuid":
		return m.uuid()
	case "svc":
		return m.service()
	case "pw":
		return m.typed()
	case "plain":
		return m.from(alnum, 11+m.IntN(6)) + m.from(digits, 1)
	case "word": // letters only
		first, second := m.word(), m.word()
		if m.IntN(2) == 0 {
			first = strings.ToUpper(first[:1]) + first[1:]
		}
		return first + second
	case "basic":
		return base64.StdEncoding.EncodeToString([]byte("robot:" + m.from(alnum, 14)))
	case "jwt":
		return jwt(m)
	case "sig":
		return url.QueryEscape(m.base64(32))
	case "mnemonic":
		words := make([]string, 12)
		for i := range words {
			words[i] = m.word()
		}
		return strings.Join(words, " ")
	}
	return ""
}

// sized generates values of kinds that include a number, and encodings of a password.
func (m maker) sized(kind string) string {
	switch kind {
	case "b64:pw":
		return base64.StdEncoding.EncodeToString([]byte(m.typed()))
	case "hex:pw":
		return hex.EncodeToString([]byte(m.typed()))
	case "pct:pw":
		return url.QueryEscape(m.typed())
	case "bytes:pw":
		return strings.Trim(fmt.Sprint([]byte(m.typed())), "[]")
	}
	name := strings.TrimRight(kind, digits+"l")
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(kind, name), "l"))
	if err != nil || n <= 0 {
		return ""
	}
	switch name {
	case "hex":
		return m.hex(n)
	case "d":
		return m.from(digits, n)
	case "alnum":
		if strings.HasSuffix(kind, "l") {
			return m.from(lower+digits, n)
		}
		return m.from(alnum, n-1) + m.from(digits, 1)
	case "b64:":
		return m.base64(n)
	case "url64:":
		return m.url64(n)
	case "b32:":
		return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.bytes(n))
	}
	return ""
}

// typed is a password that starts with a letter or digit: one that starts with $ or - is a variable or flag to any reader.
func (m maker) typed() string {
	for {
		if p := m.password(); strings.ContainsRune(alnum, rune(p[0])) {
			return p
		}
	}
}

func (m maker) privateKey(kind string) (text, body string) {
	block, body := pem(m, m.one("RSA ", "EC ", "")+"PRIVATE KEY", 6)
	switch kind {
	case "pemjson":
		block = strings.ReplaceAll(block, "\n", `\n`)
	case "pemindent":
		block = strings.ReplaceAll(block, "\n", "\n  ")
	}
	return block, body
}
