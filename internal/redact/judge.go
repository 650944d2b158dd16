package redact

import (
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/leaks"
)

// secret reports whether a value of a name is a secret.
func (f *finder) secret(n named, value literal, op operator) bool {
	text := f.text[value.from:min(value.to, value.from+maxJudged)]
	f.work += len(text)
	if f.stand(text) || strings.Contains(text, "[redacted:") || f.names(n, text, op) || f.isCiphertext(n.from, text) {
		return false
	}
	if value.quoted && manyWords(text) {
		return n.meaning == password && (len(strings.Fields(text)) == 12 || len(strings.Fields(text)) == 24)
	}
	switch {
	case n.meaning < password && op == flagged && !value.quoted && isIdentifier(text) && !looksRandom(text):
		return false // an account
	case n.meaning == random:
		return f.randomSecret(n, text)
	case n.meaning == opaque:
		return looksRandom(text)
	case !value.quoted && f.isCode(value, text, op):
		return false
	case op == free:
		return f.freeSecret(n, value, text)
	case op == loose && !value.quoted:
		return f.looseSecret(n, value, text)
	default:
		return f.tightSecret(n, text, value.quoted)
	}
}

// names reports whether a value repeats its name, or names a file, an account, an object or another setting.
func (f *finder) names(n named, text string, op operator) bool {
	return strings.EqualFold(text, strings.Trim(f.text[n.from:n.to], "-")) || op == free && n.meaning <= opaque && isSetting(text) ||
		n.meaning < password && (isFileName(text) || isAccount(text)) ||
		n.meaning <= opaque && leaks.WordsOnly(strings.TrimRight(text, "0123456789abcdefghijklmnopqrstuvwxyz")) && f.refers(text)
}

// randomSecret judges the value of a name such as key, which is also the name of what is no secret.
func (f *finder) randomSecret(n named, text string) bool {
	if f.inQuery(n) {
		return looksRandom(text) || isDigest(text)
	}
	return looksRandom(text) && (isNumberedKey(text) || !isDigest(text[strings.LastIndexByte(text, '-')+1:]) && !isDigest(text) ||
		len(text) >= 32 && !strings.Contains(text, "-") && f.sensitive(n.from))
}

// isNumberedKey reports whether a value is the number of an account and a key, not a digest of a file after a name or a time.
func isNumberedKey(value string) bool {
	account, rest, ok := strings.Cut(value, "-")
	return ok && len(account) >= minNumber && strings.Trim(account, "0123456789") == "" && len(rest) >= 32 && !strings.Contains(rest, "-")
}

// minNumber is the length of the number of an account before its key, in digits.
const minNumber = 15

// isCode reports whether a value without quotes is an expression, an address, or the name of a function that a template calls.
func (f *finder) isCode(value literal, text string, op operator) bool {
	return f.isExpression(text) || strings.Contains(text, "://") && !strings.Contains(text, "@") ||
		op != free && isIdentifier(text) && strings.HasPrefix(f.text[value.end:], ` "`)
}

// inQuery reports whether a name is key in the query of a URL.
func (f *finder) inQuery(n named) bool {
	before := f.priorByte(n.from)
	return (before == '?' || before == '&') && strings.HasSuffix(strings.ToLower(f.text[n.from:n.to]), "key")
}

// isCiphertext reports whether a value is that of a SealedSecret, which only the controller can decrypt.
func (f *finder) isCiphertext(at int, text string) bool {
	if !strings.HasPrefix(text, "Ag") || len(text) < 64 {
		return false
	}
	low := max(0, at-8*maxReach)
	f.work += at - low
	return strings.Contains(f.text[low:at], "encryptedData")
}

// sensitive reports whether the text before a name, or the line after it, is about authentication.
func (f *finder) sensitive(at int) bool {
	low := max(0, at-maxReach/2)
	end := f.lineEnd(at)
	f.work += at - low
	context := strings.ToLower(f.text[low:end])
	for _, word := range []string{"cache", "etag", "lookup", "idempoten"} {
		if strings.Contains(context, word) {
			return false
		}
	}
	for _, word := range []string{"api", "auth", "secret", "token", "credential", "password", "private key", "encrypt"} {
		if strings.Contains(context, word) {
			return true
		}
	}
	return false
}

// minKeyWord is the length of a key of small letters in quotes, and minBareWord that of others: shorter ones are words, as in
// "id-token: write".
const (
	minKeyWord  = 6
	minBareWord = 8
)

func isShortWord(text string, quoted bool) bool {
	least := minBareWord
	if quoted {
		least = minKeyWord
	}
	return len(text) < least && strings.Trim(text[1:], "abcdefghijklmnopqrstuvwxyz") == "" && isLetter(text[0])
}

// tightSecret judges a value that is clearly assigned.
func (f *finder) tightSecret(n named, text string, quoted bool) bool {
	switch {
	case leaks.Number(text):
		return n.meaning == password && len(text) > 3 && strings.Trim(text, "0123456789") == "" || len(text) > 9
	case len(text) < 3 || n.meaning == key && isShortWord(text, quoted):
		return false
	case n.meaning == key && f.namesObject(n, text):
		return false
	case n.meaning == key && leaks.WordsOnly(text) && (!quoted || f.refers(text)):
		return n.compound && !f.refers(text) && strings.ContainsAny(text, "0123456789")
	case quoted && n.meaning == password && leaks.WordsOnly(text) && f.refers(text):
		return false
	}
	return true
}

// namesObject reports whether a value is the name of a Secret, also a generated one.
func (f *finder) namesObject(n named, text string) bool {
	if len(text) > 10 && leaks.WordsOnly(text[:len(text)-5]) && f.refers(text) {
		return true
	}
	return !n.compound && leaks.WordsOnly(text) && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// refers reports whether a value is a name of a secret: web-db-password.
func (f *finder) refers(text string) bool {
	return f.nameOf(text, "") != nothing || strings.Contains(text, "secret")
}

// looseSecret judges a bare value after a colon, or an equals sign between spaces. Prose has colons too.
func (f *finder) looseSecret(n named, value literal, text string) bool {
	least := 6
	if n.meaning == password {
		least = 3
	}
	switch {
	case f.isField(text) || f.articles[strings.ToLower(text)] || len(text) < least ||
		leaks.Number(text) && (n.meaning < password && len(text) < 16 || len(text) < 5):
		return false
	case n.meaning == key && leaks.WordsOnly(text) || leaks.WordsOnly(text) && f.refers(text):
		return false
	case strings.ContainsAny(text, "0123456789!@#$%^&*+/=_~"):
		return true
	}
	if looksRandom(text) {
		return true
	}
	return n.meaning == password && (f.aloneOnLine(n, value) || f.afterAccount(n, value)) && len(text) > 5 && isIdentifier(text) &&
		!f.refers(text)
}

// isField reports whether a text is the next field of a struct: Port:5432 after an empty Password.
func (f *finder) isField(text string) bool {
	name, _, ok := strings.Cut(text, ":")
	return ok && isIdentifier(name) && name[0] >= 'A' && name[0] <= 'Z'
}

// maxLabel is the length of the words before a name in a label, in bytes.
const maxLabel = 48

// aloneOnLine reports whether a name with its value is a whole line or a whole item of a list or map.
func (f *finder) aloneOnLine(n named, value literal) bool {
	before := strings.TrimLeft(f.text[f.lineStart(n.from):n.from], " \t-{+~[(")
	line := f.text[f.lineStart(n.from):n.from]
	if value.from == n.to+1 && strings.LastIndexAny(line, "{[") > strings.LastIndexAny(line, "}]") {
		return true // a struct or map as Go prints it
	}
	if n.foreign && len(before) < maxLabel && strings.IndexFunc(before, func(r rune) bool { return !unicode.IsLetter(r) || r < 0x80 }) < 0 {
		before = "" // 管理者パスワード
	}
	after := strings.TrimLeft(f.text[value.end:f.lineEnd(value.end)], " \t\r;")
	if before != "" && !strings.HasSuffix(before, ", ") && !strings.HasSuffix(before, ",") && n.from > 0 && f.text[n.from-1] != '"' &&
		!n.compound && !f.capitalized(n) {
		return false
	}
	return after == "" || strings.IndexByte(",}])", after[0]) >= 0 || after[0] == '#' || after[0] == '"' || strings.HasPrefix(after, `\n`)
}

// afterAccount reports whether the name of an account, or a name in another language, is on the line and the value ends it.
func (f *finder) afterAccount(n named, value literal) bool {
	if after := strings.Trim(f.text[value.end:f.lineEnd(value.end)], " \t\r.,;|)"); after != "" {
		return false
	}
	before := strings.ToLower(f.text[f.lineStart(n.from):n.from])
	for _, word := range []string{"user", "login", "account", "usuario", "usuário", "benutzer", "gebruiker", "identifiant",
		"utilisateur", "utente",
		"логин", "użytkownik", "kullanıcı", "uživatel", "bruker", "användar", "käyttäjä", "用户", "账号", "帐号", "ユーザー", "아이디", "계정", "name"} {
		if strings.Contains(before, word) {
			return true
		}
	}
	return n.foreign && before == ""
}

// capitalized reports whether a label ends with a name: "Admin password: x".
func (f *finder) capitalized(n named) bool {
	line := f.text[f.lineStart(n.from):n.from]
	return len(strings.Fields(line)) < 3 && line != "" && line[0] >= 'A' && line[0] <= 'Z'
}

// freeSecret judges a value in words.
func (f *finder) freeSecret(n named, value literal, text string) bool {
	if value.quoted {
		return !strings.ContainsRune(text, ' ') && len(text) > 3 && text[0] != '-' && !isSetting(text) &&
			(!f.refers(text) || looksRandom(text)) &&
			(n.meaning == password || n.foreign || tokenLike(text, n.meaning))
	}
	if f.articles[strings.ToLower(text)] || isSetting(text) || text[0] == '-' || n.meaning < password && !n.compound &&
		strings.Contains(text, "-") && isDigest(text) {
		return false
	}
	if tokenLike(text, n.meaning) {
		return true
	}
	return n.meaning == password && (f.settingLine(n, value) || n.compound && f.wordBefore(value.from) == "to") &&
		isIdentifier(text) && len(text) > 5 && !f.refers(text)
}

// settingLine reports whether a line is a name and a value, as in files of settings, and the name is an identifier.
func (f *finder) settingLine(n named, value literal) bool { //nolint:gocyclo // a parser has one branch for each form
	line := strings.Fields(f.text[f.lineStart(n.from):f.lineEnd(value.end)])
	for i, word := range line {
		line[i] = strings.ToLower(strings.Trim(word, `;"'`))
	}
	switch {
	case len(line) == 2 && f.afterLogin(n.from):
		return true
	case len(line) == 2:
		return n.compound || f.passwords[line[0]] && strings.HasPrefix(line[0], "r") || len(parts(f.text[n.from:n.to])) == 1 &&
			len(line[0]) > 8 ||
			strings.HasSuffix(line[0], "pw")
	case len(line) == 3:
		return n.compound && set("env arg setenv export set fastcgi_param setx passenv")[line[0]] || line[0] == "set" && !n.flag
	}
	for _, word := range line[:max(0, len(line)-2)] {
		if (word == "set" || word == "config" || word == "config:set" || word == "put" || word == "setenv") && n.compound &&
			f.endsLine(value) {
			return true
		}
	}
	if len(line) > 3 && line[0] == "username" {
		return true
	}
	return len(line) > 3 && (line[0] == "machine" || line[0] == "default" || line[0] == "login") // .netrc
}

// endsLine reports whether a value is the last word of its line.
func (f *finder) endsLine(value literal) bool {
	return strings.TrimSpace(f.text[value.end:f.lineEnd(value.end)]) == ""
}

// afterLogin reports whether the line before starts with login, as in .netrc.
func (f *finder) afterLogin(at int) bool {
	start := f.lineStart(at)
	return start > 0 && strings.HasPrefix(strings.TrimLeft(f.text[f.lineStart(start-1):start], " \t"), "login")
}
