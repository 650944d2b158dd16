package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/leaks"
)

// stand reports whether a value only stands for a secret: a placeholder, a reference, an expression or a masked value.
func (v *vocabulary) stand(value string) bool {
	if !isValue("", value) && value[:min(1, len(value))] != "/" || leaks.Placeholder(value) || v.types[strings.ToLower(value)] {
		return true
	}
	if v.types[strings.ToLower(strings.TrimRight(value, "!?"))] || isAlgorithm(value) || isDigestForm(value) {
		return true
	}
	if isObject(value) || isHexNumber(value) || isAlphabet(value) || isConstant(value) || isTimestamp(value) || isParameter(value) {
		return true
	}
	if isReference(value) || value[0] == '*' && isIdentifier(value[1:]) { // an alias in YAML
		return true
	}
	if strings.ContainsAny(value[:1], "[({?") || strings.HasPrefix(value, "%(") || strings.HasPrefix(value, "#{") ||
		value[0] == ':' && isIdentifier(value[1:]) || value[0] == '@' && isIdentifier(strings.ReplaceAll(value[1:], ".", "")) {
		return true
	}
	return isPath(value) || strings.Trim(value, "*•.-_#xX") == ""
}

// isReference reports whether a value refers to a secret elsewhere, is encrypted, or is a rule of a validation.
func isReference(value string) bool {
	for _, start := range []string{"required|", "nullable|", "string|", "!reference", "!vault", "!Ref", "!Sub", "!secret", "sops:", "[$",
		"pass:$"} {
		if strings.HasPrefix(value, start) {
			return true
		}
	}
	return false
}

// isAlgorithm reports whether a value names an algorithm: SHA256, aes-256-gcm.
func isAlgorithm(value string) bool {
	letters := strings.ToLower(strings.Trim(value, "0123456789"))
	switch letters {
	case "argon", "argon2id", "argon2i", "bcrypt", "scrypt", "sha", "hmac-sha", "hs", "rs", "es", "ps", "md", "aes", "rsa", "ed",
		"hmacsha", "sha-", "md-":
		return len(value) < 12
	}
	return strings.HasPrefix(letters, "aes-") || strings.HasPrefix(letters, "scram-sha") || strings.HasPrefix(letters, "pbkdf2")
}

// isDigestForm reports whether a value is a digest with the name of its algorithm.
func isDigestForm(value string) bool {
	for _, prefix := range []string{"sha1:", "sha256:", "sha384:", "sha512:", "md5:", "SHA256:", "sha1-", "sha256-", "sha384-",
		"sha512-", "crc32c=", "sha256=HEX", "SECRET[", `\S`, `[^`, `.*`, `\w`} {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	return false
}

// isPath reports whether a value is a path in a file system. Base64 also starts with a slash, once in 64 times.
func isPath(value string) bool {
	if leaks.Path(value) && value[0] != '/' {
		return true
	}
	if value == "" || value[0] != '/' {
		return false
	}
	for segment := range strings.SplitSeq(value[1:], "/") {
		if looksRandom(strings.TrimRight(segment, "=")) {
			return false
		}
	}
	return true
}

// isObject reports whether a value is what Java prints for an object: its class and hash, as in com.shop.Key@2bd79ce.
func isObject(value string) bool {
	class, hash, ok := strings.Cut(value, "@")
	return ok && len(hash) > 4 && len(hash) < 9 && strings.Trim(hash, "0123456789abcdef") == "" && strings.Contains(class, ".")
}

// isHexNumber reports whether a value is a number of at most 64 bits: an address, a handle or an id of a session.
func isHexNumber(value string) bool {
	digits, ok := strings.CutPrefix(strings.ToLower(value), "0x")
	return ok && digits != "" && len(digits) <= 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// isAlphabet reports whether a value contains 12 characters in their order, as the characters to choose from do.
func isAlphabet(value string) bool {
	run := 1
	for i := 1; i < len(value) && run < 12; i++ {
		if value[i] == value[i-1]+1 {
			run++
		} else {
			run = 1
		}
	}
	return run > 11
}

// isParameter reports whether a value is a parameter of a format, also after a word: {token}, Bearer {0}.
func isParameter(value string) bool {
	at := max(0, strings.Index(value, " {")+1)
	return value[at] == '{' && strings.HasSuffix(value, "}") && isIdentifier(strings.Trim(value[at:], "{}0123456789 .")+"_")
}

// isBracketed reports whether a value is in brackets or braces, as placeholders are.
func isBracketed(value string) bool {
	return len(value) > 2 && (value[0] == '[' && strings.IndexByte(value, ']') > 0 || value[0] == '{' && value[len(value)-1] == '}')
}

// isAccount reports whether a value is the name of a user in a domain of Windows: CONTOSO\jane.
func isAccount(value string) bool {
	domain, user, ok := strings.Cut(strings.Replace(value, `\\`, `\`, 1), `\`)
	return ok && domain != "" && user != "" && !strings.Contains(user, `\`) && !looksRandom(user) &&
		strings.Trim(strings.ToLower(domain+user), "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// isConstant reports whether a value is the name of a secret in capitals, which stands for it: DB_PASSWORD.
func isConstant(value string) bool {
	if strings.ToUpper(value) != value || !isIdentifier(value) {
		return false
	}
	for _, word := range []string{"PASSWORD", "SECRET", "TOKEN", "_KEY", "API_KEY"} {
		if strings.HasSuffix(value, word) {
			return true
		}
	}
	return false
}

// isTimestamp reports whether a value is a date with a time: 2006-01-02T15:04:05Z.
func isTimestamp(value string) bool {
	return len(value) > 15 && isTime(value) && strings.Contains(value, "T") && strings.Count(value, "-") > 1
}

// isFileName reports whether a value ends like the name of a file.
func isFileName(value string) bool {
	switch value[strings.LastIndexByte(value, '.')+1:] {
	case "json", "yaml", "yml", "toml", "ini", "conf", "cfg", "xml", "csv", "txt", "md", "log", "sh", "py", "js", "ts", "go", "java", "rb",
		"php", "cs", "html", "tf", "tmpl", "j2", "pem", "crt", "cer", "csr", "key", "pub", "p12", "pfx", "jks", "jar", "war", "gz", "tgz",
		"zip", "tar", "ps1", "psm1", "ps1xml", "dll", "exe", "asc", "sig", "env", "properties", "sql", "db", "service":
		return strings.Contains(value, ".")
	}
	return false
}

// isPodName reports whether a value ends like the name of a Pod of a Deployment, with the letters and digits that Kubernetes chooses from:
// cart-web-7d9f8b6c5d-x2x7z.
func isPodName(value string) bool {
	words := strings.Split(value, "-")
	n := len(words)
	if n < 3 || len(words[n-1]) != 5 || len(words[n-2]) < 6 || len(words[n-2]) > 10 {
		return false
	}
	return strings.Trim(words[n-1]+words[n-2], "bcdfghjklmnpqrstvwxz2456789") == ""
}

// isIdentifier reports whether a value is an identifier of a program without digits.
func isIdentifier(value string) bool {
	return value != "" && strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// isExpression reports whether a bare value is an expression: cfg.Password, or a name of a secret itself.
func (v *vocabulary) isExpression(value string) bool {
	dotted := false
	for part := range strings.SplitSeq(value, ".") {
		if !isIdentifier(part) {
			return false
		}
		dotted = dotted || len(part) < len(value)
	}
	return dotted || strings.HasPrefix(value, "_") || v.nameOf(value, "") >= key && len(parts(value)) <= 4
}

// classes counts the kinds of characters in a text.
type classes struct{ lower, upper, digits, special, other, changes int }

func classesOf(value string) (c classes) {
	previous := 0
	for _, r := range value {
		kind := 0
		switch {
		case r >= '0' && r <= '9':
			c.digits++
			kind = 1
		case unicode.IsLower(r):
			c.lower++
			kind = 2
		case unicode.IsUpper(r):
			c.upper++
			kind = 3
		case strings.ContainsRune("!@#$%^&*+=~?|", r):
			c.special++
			kind = 4
		default:
			c.other++
			kind = 5
		}
		if kind != previous && previous != 0 {
			c.changes++
		}
		previous = kind
	}
	return c
}

// looksRandom reports whether a value may be generated: long, of letters and digits, and not made of words.
func looksRandom(value string) bool {
	if len(value) < 10 || strings.ContainsAny(value, " \t\n,;\"'(){}<>") {
		return false
	}
	c := classesOf(value)
	switch {
	case c.lower+c.upper == 0 || leaks.WordsOnly(value) || leaks.Number(value) || isTime(value) || isNameLike(value):
		return false
	case strings.Contains(value, "://") || strings.Count(value, ".") > 2 && c.digits < 6:
		return false
	case c.digits == 0:
		return c.upper > 2 && c.lower > 2 && 3*c.changes > len(value) && lowerRun(value) < 5 && !likeWords(value) ||
			len(value) >= minScattered && isScattered(value)
	case isDigest(value):
		return true
	case likeWords(value):
		return false
	case 5*(c.changes+1) > 2*len(value):
		return true // a random source changes between kinds of characters at most places
	default:
		return 6*c.digits >= len(value) && 7*(c.changes+1) >= 2*len(value) ||
			c.digits > 1 && len(value) >= minScattered && unlikeWords(value)
	}
}

// minScattered is the length of a value whose letters decide whether it may be generated.
const minScattered = 16

// isScattered reports whether a value without digits has letters in no order that words of any language have.
func isScattered(value string) bool {
	rare, total := letterPairs(value)
	return rare > 4 && 3*rare >= total && !strings.ContainsAny(value, "-._/:")
}

// lowerRun is the length of the longest run of lower-case letters.
func lowerRun(value string) int {
	longest, run := 0, 0
	for i := range len(value) {
		if value[i] < 'a' || value[i] > 'z' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// isNameLike reports whether a value consists of words with numbers: cmac_aes256_digest, chacha20-poly1305.
func isNameLike(value string) bool {
	words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("-_./:", r) })
	for _, word := range words {
		letters := strings.TrimRight(word, "0123456789")
		if len(word)-len(letters) > 4 || len(letters) < 2 && len(word) > 4 || strings.ContainsAny(letters, "0123456789") ||
			strings.ToLower(letters) != letters && strings.ToUpper(letters) != letters {
			return false
		}
	}
	return len(words) > 1
}

// isDigest reports whether a value is in the form of a digest, commit or UUID.
func isDigest(value string) bool {
	bare := strings.ReplaceAll(value, "-", "")
	return len(bare) >= 16 && strings.Trim(bare, "0123456789abcdef") == "" || len(bare) >= 16 && strings.Trim(bare,
		"0123456789ABCDEF") == ""
}

// isTime reports whether a value is a date or time of day.
func isTime(value string) bool {
	return len(value) > 4 && strings.Trim(value, "0123456789:-/.TZ+") == "" && strings.ContainsAny(value, ":-/")
}

// isVersion reports whether a value is a version, an address or a size: v1.2.3, 10.0.0.1:80, 4KiB.
func isVersion(value string) bool {
	c := classesOf(value)
	return c.digits > 0 && strings.Contains(value, ".") && c.lower+c.upper < 4 && c.special == 0 || c.lower+c.upper < 4 && c.special == 0 &&
		strings.Trim(value, "0123456789.,:-/") != value && unicode.IsDigit(rune(value[0])) && len(value) < 8
}

// tokenLike reports whether a word in prose is a secret rather than a word, a name or a number.
func tokenLike(value string, m meaning) bool {
	least := 6
	if m < password {
		least = 10
	}
	if utf8.RuneCountInString(value) < least || isVersion(value) || isTime(value) || leaks.Number(value) || strings.Contains(value, "://") {
		return false
	}
	c := classesOf(strings.TrimRight(value, "!?"))
	if at := strings.IndexByte(value, '@'); at > 0 && c.special == 1 && strings.Contains(value[at:], ".") {
		return false // a mail address
	}
	if m < password && (leaks.WordsOnly(value) || c.digits == 0 && !looksRandom(value)) {
		return false
	}
	if leaks.WordsOnly(value) {
		return c.digits > 1 && strings.Count(value, "-") > 1
	}
	return c.digits > 0 && c.lower+c.upper > 0 || c.special > 0 && c.lower+c.upper > 1 || looksRandom(value)
}

// manyWords reports whether a value is a sentence.
func manyWords(value string) bool {
	words := strings.Fields(value)
	if len(words) < 3 {
		return false
	}
	plain := 0
	for _, word := range words {
		if !strings.ContainsAny(word, "0123456789@#$%^&*=") {
			plain++
		}
	}
	return 3*plain >= 2*len(words)
}

// isLiteral reports whether a value in a statement is a literal: no placeholder, parameter or variable.
func isLiteral(_, value string) bool {
	return isValue("", value) && !leaks.Placeholder(value) && !isBracketed(value) && !isConstant(value) &&
		!strings.ContainsAny(value[:1], "?:@(<-") && !strings.Contains(value, ":$") && !leaks.Number(value)
}

// isNoSetting reports whether a value is a literal and no assignment.
func isNoSetting(_, value string) bool { return isLiteral("", value) && !isSetting(value) }

// isCased reports whether a value has letters of both cases and digits.
func isCased(_, value string) bool {
	c := classesOf(value)
	return c.digits > 0 && c.lower > 0 && c.upper > 0 && isNoSetting("", value)
}

// isMixed reports whether a word is a secret rather than a word, a name or a number, where the text gives no better reason.
func isMixed(_, value string) bool {
	return isNoSetting("", value) && !isAlgorithm(value) && tokenLike(value, password) && !leaks.WordsOnly(value) && !isPath(value)
}

// isUserinfo reports whether a word before an @ is user:password.
func isUserinfo(user, value string) bool {
	switch strings.ToLower(user[strings.LastIndexAny(user, "=,@")+1:]) {
	case "email", "mail", "mailto", "user", "username", "from", "to", "cc", "login", "sub", "name", "account", "contact", "owner",
		"author", "by",
		"sha256", "sip", "sips", "xmpp", "acct", "for", "cn":
		return false
	}
	return isMixed("", value) && value[0] != '\\' // a path on a drive
}

// isSession reports whether a cookie may identify a session.
func isSession(name, value string) bool {
	lower := strings.ToLower(name)
	for _, attribute := range []string{"path", "expires", "max-age", "domain", "samesite", "version", "lang", "theme", "_ga", "_gid"} {
		if lower == attribute {
			return false
		}
	}
	for _, part := range []string{"sess", "sid", "token", "auth", "csrf", "xsrf", "remember", "jwt", "identity"} {
		if strings.Contains(lower, part) {
			return len(value) >= 6 && isValue("", value)
		}
	}
	return looksRandom(value)
}

func cookiePair() *regexp.Regexp { return regexp.MustCompile(`([\w.$-]+)=([^\s;"',\]]+)`) }

// isRandom reports whether a value looks generated.
func isRandom(_, value string) bool {
	return looksRandom(value) && isValue("", strings.TrimLeft(value, "/"))
}
