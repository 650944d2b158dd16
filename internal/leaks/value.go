package leaks

import (
	"strings"
	"unicode"
)

// Placeholder reports whether a value only stands for a secret: a reference to be resolved, or a word to be replaced.
func Placeholder(value string) bool {
	value = strings.ToLower(strings.TrimSpace(value))
	if value == "" || strings.Trim(value, value[:1]) == "" { // xxxxxx, ******
		return true
	}
	for _, prefix := range []string{
		"$", "%", "{{", "<", "@@", "@microsoft.keyvault", "vault:", "ref+", "op://", "arn:", "ssm:", "awssm:", "gcpsm:", "secretref:",
		"secret:", "env:", "env.", "file:", "enc(", "enc[", "{cipher}", "!vault", "valuefrom", "your",
	} {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	for _, part := range []string{
		"$(", "${", "{{", "changeme", "change-me", "change_me", "changeit", "replaceme", "replace-me", "replace_me", "placeholder",
		"redacted", "goes-here", "goes_here",
	} {
		if strings.Contains(value, part) {
			return true
		}
	}
	switch value {
	case "true", "false", "yes", "no", "on", "off", "none", "null", "nil", "undefined", "unset", "empty", "default", "todo", "tbd",
		"dummy", "example", "n/a", "string", "str", "text", "required", "optional", "object", "hidden", "prompt", "secretstr", "bearer",
		"basic", "ldap", "plain", "plaintext", "scram":
		return true
	default:
		return false
	}
}

// literalPassword reports whether the value is a literal password. Within other text it must not look like an identifier, as in code.
func (a assignment) literalPassword() bool {
	value := a.value
	switch {
	case len(value) < 3 || len(value) > 128 || Placeholder(value) || Number(value) || Path(value) || strings.Contains(value, "://"):
		return false
	case strings.Count(value, " ") > 1 || referenceToSecret(value):
		return false
	case a.whole:
		return !strings.EqualFold(value, a.name)
	case strings.EqualFold(value, "password") || strings.EqualFold(value, "secret"):
		return false // more likely a type, a label or a name
	case a.quoted:
		return !strings.ContainsRune(value, ' ')
	default:
		return strings.ContainsFunc(value, func(r rune) bool {
			return unicode.IsDigit(r) || unicode.IsPunct(r) && r != '.' && r != '_' && r != '-'
		})
	}
}

// literalWord reports whether the value is a literal password of one word, alone in a variable: too long for a setting, or with digits or
// signs. It must be no name of an object, no path, no list and no address.
func (a assignment) literalWord() bool {
	const minLength, minLetters = 8, 12
	value := a.value
	if !a.whole || !a.literalPassword() || WordsOnly(value) || len(value) < minLength || strings.ContainsAny(value, " /:,;=@.") {
		return false
	}
	mixed := strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '_' })
	return mixed || len(value) >= minLetters
}

// Number reports whether a value is a number, possibly with a unit.
func Number(value string) bool {
	return strings.TrimRight(strings.Trim(value, "0123456789.,-+"), "smhdMGKi") == ""
}

// Path reports whether a value is a file path.
func Path(value string) bool {
	for _, prefix := range []string{"/", "./", "../", "~/"} {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	return len(value) > 3 && value[1] == ':' && value[2] == '\\'
}

// referenceToSecret reports whether a value is the name of a secret, such as web-db-password.
func referenceToSecret(value string) bool {
	if !WordsOnly(value) {
		return false
	}
	for _, word := range []string{"secret", "password", "passwd", "credential", "creds", "token", "key"} {
		if strings.Contains(strings.ToLower(value), word) {
			return true
		}
	}
	return false
}

// WordsOnly reports whether a value consists of two or more words, possibly with short numbers, as names do: my-app-v2,
// vault.infra.svc, PROD_DB_1.
func WordsOnly(value string) bool {
	parts := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("-_./:", r) })
	if len(parts) < 2 {
		return false
	}
	for _, part := range parts {
		letters := strings.TrimRight(part, "0123456789")
		digits := len(part) - len(letters)
		if strings.ContainsFunc(letters, func(r rune) bool { return !unicode.IsLetter(r) }) {
			return false
		}
		if digits > 4 || digits > 2 && letters != "" || len(letters) > 20 {
			return false
		}
		if len(letters) > 1 && strings.ToLower(letters[1:]) != letters[1:] && strings.ToUpper(letters) != letters {
			return false // mixed case, as in random text
		}
	}
	return true
}

// randomLooking reports whether the value may be a key: it has the length and characters of one, and is no name, path or number.
func (a assignment) randomLooking() bool {
	value := a.value
	if len(value) < 10 || len(value) > 200 || Placeholder(value) || Path(value) || WordsOnly(value) || Number(value) {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool {
		return r > unicode.MaxASCII || !nameByte(byte(r)) && r != '=' && r != '+' && r != '/'
	})
}

// passwordInURL reports whether the URL whose :// is at a position contains a password.
func passwordInURL(text string, at int) bool {
	rest := text[at+len("://"):]
	if end := strings.IndexAny(rest, "/?# \t\r\n\"'`<>,;\\"); end >= 0 && end < maxValue {
		rest = rest[:end]
	} else if len(rest) > maxValue {
		rest = rest[:maxValue]
	}
	userinfo, host, ok := cutLast(rest, "@")
	if !ok || host == "" || inComment(text, at) {
		return false
	}
	_, password, ok := strings.Cut(userinfo, ":")
	host = strings.ToLower(host)
	if !ok || len(password) < 3 || Placeholder(password) {
		return false
	}
	if host == "host" || strings.HasPrefix(host, "host:") || strings.HasPrefix(host, "hostname") || strings.Contains(host, "example.") {
		return false
	}
	switch strings.ToLower(password) {
	case "pass", "password", "passwd", "pwd", "secret", "token":
		return false // an example of a URL
	default:
		return true
	}
}

func cutLast(text, separator string) (head, tail string, ok bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
