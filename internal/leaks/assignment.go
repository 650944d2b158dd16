package leaks

import (
	"slices"
	"strings"
	"unicode"
)

// assignment is a name with its value, in any form: NAME=value, key: value, "key": "value", --flag=value.
type assignment struct {
	name, value string
	// quoted: the value is in quotes. whole: the value is the rest of the text.
	quoted, whole bool
}

// meaning of a name.
type meaning int

const (
	namesNothing meaning = iota
	namesPassword
	namesKey
	// namesAny is a name that opens with secret or password, and does not say what of it the value is.
	namesAny
)

// nameWords: every name of a secret contains one of them.
func nameWords() []string { return []string{"pass", "pwd", "secret", "token", "key", "cred"} }

const (
	maxName  = 80
	maxValue = 512
)

// parseAssignment parses the assignment whose name contains a position. It ignores comments.
func parseAssignment(text string, at int) (assignment, bool) {
	from, to := at, at
	for from > 0 && at-from < maxName && nameByte(text[from-1]) {
		from--
	}
	for to < len(text) && to-at < maxName && nameByte(text[to]) {
		to++
	}
	a := assignment{name: strings.Trim(text[from:to], "-.")}
	rest, ok := afterOperator(text[to:])
	if !ok || inComment(text, from) {
		return a, false
	}
	if from == 0 && !strings.ContainsRune(strings.TrimRight(rest, "\r\n"), '\n') {
		a.whole = true
		a.value = strings.Trim(strings.TrimSpace(rest), `"'`)
		return a, a.value != "" && len(a.value) <= maxValue
	}
	a.value, a.quoted, ok = readValue(rest)
	return a, ok
}

func nameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-' || b == '.'
}

// afterOperator skips the closing quote of a name, the operator (= or :) and spaces.
func afterOperator(rest string) (string, bool) {
	rest = strings.TrimLeft(strings.TrimPrefix(rest, `\`), `"'`)
	rest = strings.TrimLeft(rest, " \t")
	switch {
	case strings.HasPrefix(rest, "=="), strings.HasPrefix(rest, "::"), strings.HasPrefix(rest, "=~"), strings.HasPrefix(rest, "://"):
		return "", false
	case strings.HasPrefix(rest, ":="), strings.HasPrefix(rest, "=>"):
		rest = rest[2:]
	case strings.HasPrefix(rest, "="), strings.HasPrefix(rest, ":"):
		rest = rest[1:]
	default:
		return "", false
	}
	return strings.TrimLeft(rest, " \t"), true
}

// readValue reads a value up to its end. An expression, such as a function call, is not a value.
func readValue(rest string) (value string, quoted, ok bool) {
	if len(rest) > maxValue {
		rest = rest[:maxValue]
	}
	rest = strings.TrimPrefix(rest, `\`) // an escaped quote
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		end := strings.IndexAny(rest[1:], rest[:1]+"\n")
		if end < 0 || rest[1+end] == '\n' {
			return "", true, false
		}
		value = strings.TrimSuffix(rest[1:1+end], `\`)
		return value, true, value != ""
	}
	end := strings.IndexAny(rest, " \t\r\n,;&|\"'`()[]{}\\")
	if end < 0 {
		return rest, false, rest != ""
	}
	return rest[:end], false, end > 0 && !strings.ContainsRune("([{`", rune(rest[end]))
}

// inComment reports whether a position is on a comment line.
func inComment(text string, at int) bool {
	line := strings.TrimLeft(text[strings.LastIndexByte(text[:at], '\n')+1:at], " \t")
	for _, marker := range []string{"#", "//", ";", "*", "<!--", "--  "} {
		if strings.HasPrefix(line, marker) {
			return true
		}
	}
	return false
}

// kind returns the meaning of the name. The last word decides: DB_PASSWORD is a password, DB_PASSWORD_FILE is not.
func (a assignment) kind() meaning {
	parts := nameParts(a.name)
	if len(parts) == 0 {
		return namesNothing
	}
	last := parts[len(parts)-1]
	prior := ""
	if len(parts) > 1 {
		prior = parts[len(parts)-2]
	}
	switch last {
	case "password", "passwd", "passphrase", "pass", "dbpass", "pgpass", "pwd":
		switch prior {
		case "": // PWD is the working directory
			if last == "pwd" && a.name == strings.ToUpper(a.name) {
				return namesNothing
			}
		case "old":
			if last == "pwd" {
				return namesNothing
			}
		case "no", "allow", "require", "show", "hide", "reset", "forgot", "generate", "random", "enable", "disable", "use", "by",
			"proxy", "fastcgi":
			return namesNothing
		}
		return namesPassword
	case "secret",
		"token",
		"credential",
		"credentials",
		"creds",
		"apikey",
		"secretkey",
		"accesskey",
		"apitoken",
		"authtoken",
		"accesstoken":
		if prior == "existing" || prior == "csrf" {
			return namesNothing
		}
		return namesKey
	case "key":
		switch prior {
		case "api", "access", "secret", "private", "encryption", "encrypt", "signing", "auth", "master", "shared", "account", "storage",
			"license", "subscription", "session", "cookie", "hmac", "integration", "ingest", "write", "service", "crypto", "jwt", "app":
			return namesKey
		}
	}
	for _, suffix := range []string{"password", "passwd", "passphrase"} {
		if strings.HasSuffix(last, suffix) { // MYSQLPASSWORD
			return namesPassword
		}
	}
	if prior != "" && opensWithSecret(parts[0]) && !describes(last) {
		return namesAny
	}
	return namesNothing
}

func opensWithSecret(first string) bool {
	return first == "secret" || first == "password" || first == "passwd"
}

// describes reports whether the last word of a name says that the value is not the secret, but about it: SECRET_NAME, PASSWORD_POLICY.
func describes(last string) bool {
	about := strings.Fields(`
		name namespace file filename path dir directory folder mount volume url uri host port endpoint server address
		region zone account project id uuid arn ref reference key field label annotation prefix suffix pattern regex format
		template encoding type kind class mode method algorithm hash digest checksum version revision store storage backend
		provider manager source engine driver plugin client service operator controller issuer role user username owner group
		scope audience policy policies rule rotation rotate renew refresh reload sync interval period schedule ttl timeout
		expiry expiration expires age lifetime length size limit count min max retries attempts enabled enable disabled
		disable required optional allowed validation validator strength reset hint prompt message text title description
		placeholder list config setting option param parameter level log command cmd script image tag env environment cluster
		database db table cache syntax delimiter separator selector resolver loader reader fetcher injector webhook strategy
		reason status state domain`)
	return slices.Contains(about, last) || slices.Contains(about, strings.TrimSuffix(last, "s"))
}

// nameParts splits a name into words in lower case, without a trailing number.
func nameParts(name string) []string {
	var parts []string
	var part strings.Builder
	end := func() {
		if part.Len() > 0 {
			parts = append(parts, strings.ToLower(part.String()))
			part.Reset()
		}
	}
	previous := rune(0)
	for _, r := range name {
		switch {
		case r == '_' || r == '-' || r == '.':
			end()
			previous = r
			continue
		case unicode.IsUpper(r) && unicode.IsLower(previous):
			end()
		}
		part.WriteRune(r)
		previous = r
	}
	end()
	for len(parts) > 0 {
		last := strings.TrimRight(parts[len(parts)-1], "0123456789")
		if last != "" {
			parts[len(parts)-1] = last
			break
		}
		parts = parts[:len(parts)-1]
	}
	return parts
}

// namesDigest reports whether a match assigns to a name such as checksum or revision: such values look random but are public.
func namesDigest(match string) bool {
	name, _, ok := strings.Cut(match, "=")
	if !ok {
		if name, _, ok = strings.Cut(match, ":"); !ok {
			return false
		}
	}
	parts := nameParts(strings.Trim(name, " \t\"'"))
	if len(parts) == 0 {
		return false
	}
	switch parts[len(parts)-1] {
	case "sha", "commit", "revision", "release", "checksum", "digest", "hash", "version", "etag", "image", "tag", "ref", "id":
		return true
	default:
		return false
	}
}
