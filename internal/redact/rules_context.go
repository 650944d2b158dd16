package redact

import (
	"regexp"
	"strings"
)

// secretName matches the rest of a name that says that a value is secret, and its quote.
const secretName = `[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key)["'\s]`

// arguments matches an argument before a password and its comma.
const arguments = `(?:(?:["'][^"'\n]*["']|[$\w.]+),\s*)`

// notDigest matches the start of the name of a host after an @, but not of a digest: web@sha256:0123.
const notDigest = `(?:[A-RT-Za-rt-z]|[Ss](?:[^Hh]|[Hh](?:[^Aa]|[Aa][^\d])))`

// headerRules recognize credentials in HTTP headers.
func headerRules() []rule {
	return []rule{
		// A known scheme anywhere, any scheme in an Authorization header.
		{
			id: RuleAuthorization, hints: []string{"bearer", "basic", "negotiate", "ntlm"}, secret: isTokenLike,
			pattern: regexp.MustCompile(`(?i)\b(?:bearer|basic|negotiate|ntlm)(?:[ \t]+|%20)([A-Za-z0-9._~+/=-]{8,})`),
		},
		{
			id: RuleAuthorization, hints: []string{"bearer, "}, secret: isRandom,
			pattern: regexp.MustCompile(`(?i)\bbearer, ([A-Za-z0-9._~+/=-]{16,})`),
		},
		{
			id: RuleAuthorization, hints: []string{"authorization"}, secret: isTokenLike,
			pattern: regexp.MustCompile(`(?i)authorization["']?\s*[:=]\s*["'\[]*(?:[a-z0-9-]+\s+)(?:[a-z0-9]+:)?([^\s"',\]]{6,})`),
		},
		{
			id: RuleAuthorization, hints: []string{"response=", "mac=", "signature="}, secret: isRandom,
			pattern: regexp.MustCompile(`(?i)\b(?:response|mac|signature)="?([^\s"',&\]]{16,})`),
		},
		{
			id: RuleAuthorization, hints: []string{"auth plain", "auth login", "auth xoauth2"}, secret: isTokenLike,
			pattern: regexp.MustCompile(`(?i)\bauth (?:plain|login|xoauth2) ([A-Za-z0-9+/=]{12,})`),
		},
		// Cookies identify sessions.
		{
			id: RuleCookie, hints: []string{"cookie"}, secret: isSession, each: cookiePair(),
			pattern: regexp.MustCompile(`(?i)\b(?:set-)?cookie["']?\s*[:=]\s*["'\[]*([^"'\]\r\n]+)`),
		},
		{
			id: RuleCookie, hints: []string{"sid", "sessionid", "session_id", "csrftoken"}, secret: isValue,
			pattern: regexp.MustCompile(`(?i)\b(?:session_?id|jsessionid|phpsessid|connect\.sid|sid|csrftoken)=([^\s;"',&\]]{6,})`),
		},
	}
}

// statementRules recognize secrets in statements of SQL and other protocols.
func statementRules() []rule {
	return []rule{
		{
			id: RuleStatement, hints: []string{"identified"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:values\s+|password\s+)?["'\\]+` +
				`([^\s"'\\;,]{3,})`),
		},
		{
			id: RuleStatement, hints: []string{"identified"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\b(?:create|alter|grant)\b[^\n;]{1,200}?\bidentified\s+by\s+([^\s"'\\;,]{3,})`),
		},
		{
			id: RuleStatement, hints: []string{"insert"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\binsert\s+into\s[^()\n]{1,80}\([^()\n]*\b(?:passwords?|passwd|pwd|secret|token|api_key` +
				`)\)\s*values\s*\([^()\n]*'([^'\n]+)'\s*\)`),
		},
		{
			id: RuleStatement, hints: []string{"conn"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)(?:^|[\s;])conn(?:ect)?\s+[\w$#]+/"?([^\s"@/;]{3,})"?(?:@|\s|;|$)`),
		},
		{
			id: RuleStatement, hints: []string{"pgp_sym", "aes_"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\b(?:pgp_sym_(?:en|de)crypt|aes_(?:en|de)crypt)\([^()\n]{1,200},\s*'([^'\n]+)'`),
		},
		{
			id: RuleStatement, hints: []string{" key '", "pragma"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\b(?:attach\b[^\n;]{1,120}\bkey\s+|pragma\s+(?:re)?key\s*=\s*)'([^'\n]+)'`),
		},
		{
			id: RuleStatement, hints: []string{"auth"}, secret: isMixed,
			pattern: regexp.MustCompile(`(?m)(?:^|> |["'\s])(?:AUTH|auth)\s+(?:[\w.-]+\s+)?["']?([^\s"']{6,})["']?\s*$`),
		},
		{
			id: RuleStatement, pick: func(line string) bool { return strings.Contains(line, "AUTH ") }, secret: isCased,
			pattern: regexp.MustCompile(`(?:^|["'\s])AUTH\s+([^\s"']{9,})\s`),
		},
		{
			id: RuleStatement, hints: []string{" >", " #"}, secret: isLiteral, // Redis and Valkey
			pattern: regexp.MustCompile(`(?i)\b(?:setuser +\S+|user +\S+ +on)(?: +[\w~*&+@%()-]+)* +[>#]([^\s"']{3,})`),
		},
	}
}

// callRules recognize secrets among the arguments of calls, and in commands of protocols.
func callRules() []rule {
	return []rule{
		// Constructors: the password is after the user.
		{
			id: RuleStatement, secret: isLiteral,
			hints: []string{"auth(", "login(", "credential", "bind_s(", "bind(", "smtp(", "imap(", "authentication(", "auth.login",
				"user.login"},
			pattern: regexp.MustCompile(`(?i)(?:auth|login|credentials?|bind(?:_s)?|\bsmtp|\bimap|authentication)` +
				`(?:\(|","params":\[)` + arguments +
				`{1}["']([^"'\n]{3,})["']`),
		},
		// Constructors of clients: the key is the first argument.
		{
			id: RuleStatement, hints: []string{"api(", "client(", "sdk(", "api.new(", "client.new(", "sdk.new("}, secret: isClientKey,
			pattern: regexp.MustCompile(`(?:API|Api|Client|SDK|Sdk)(?:\.new)?\(\s*["']([\w+/=-]{20,128})["']\s*[,)]`),
		},
		{
			id: RuleStatement, hints: []string{"connect(", "construct(", "pdo(", "mysqli(", "getconnection(", "ftp("}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)(?:[a-z]_connect|\bconnect|__construct|\bpdo|\bmysqli|getconnection|\bftp)\(` + arguments +
				`{2,3}?["']([^"'\n]{3,})["']\s*(?:\)|,\s*["'][\w-]*["'])`),
		},
		{
			id: RuleStatement, hints: []string{`"auth"`, `auth\r\n`}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)(?:"AUTH"(?: "[^"]*")?? "|AUTH\\r\\n(?:\$\d+\\r\\n)?)([^"\\]{3,})(?:"\s*$|\\r)`),
		},
		{
			id: RuleStatement, hints: []string{"psk", "eap", "xauth"}, secret: isLiteral,
			pattern: regexp.MustCompile(`: (?:PSK|EAP|XAUTH|NTLM|PIN) "?([^\s"]{3,})`),
		},
		{
			id: RuleStatement, hints: []string{" code", "-time pass", " pin"},
			pattern: regexp.MustCompile(`(?i)\b(?:(?:verification|one-time|security|otp|2fa|mfa|authentication|login|confirmation` +
				`|recovery|backup|sms)(?: code| pin)|one-time pass(?:code|word))` +
				`s?\b[^\w\n]{0,4}(?:is|:|=)?[^\w\n]{0,4}(\d{4,8}|[A-Za-z0-9]{12,24})\b`),
		},
		{
			id: RuleCommand, hints: []string{"secret", "put-parameter", "encrypt_string", "variable set"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?:\ssecrets?\s|put-parameter|variable set)[^\n|;]{0,200}?\s(?:--value|--body|--data` +
				`|--secret-string|--plaintext|-b)[= ]["']?([^\s"'{}]{3,})`),
		},
		{
			id: RuleCommand, hints: []string{"encrypt_string"}, secret: isLiteral,
			pattern: regexp.MustCompile(`\bencrypt_string\s+["']([^"'\n]{3,})["']`),
		},
		{
			id: RuleFile, hints: []string{" *"}, secret: isMixed, // chap-secrets
			pattern: regexp.MustCompile(`^\s*"?[\w@.-]+"?\s+(?:\*|[\w-]+)\s+"?([^\s"]{6,})"?\s+\*\s*$`),
		},
		{
			id: RuleStatement, hints: []string{"pass "}, secret: isMixed,
			pattern: regexp.MustCompile(`(?m)^\s*(?:[<>]\s*)?(?:\d{3} )?PASS ([^\s]{6,})\s*$`),
		},
		{
			id: RuleStatement, hints: []string{"login ", "identify "}, secret: isMixed,
			pattern: regexp.MustCompile(`\b(?:LOGIN \S+|IDENTIFY) "?([^\s",]{6,})`),
		},
		{
			id: RuleStatement, hints: []string{"login "}, secret: isLiteral,
			pattern: regexp.MustCompile(`\bLOGIN \S+ "([^\s"]{4,})"`),
		},
	}
}

// isClientKey reports whether the argument of a constructor looks generated.
func isClientKey(_, value string) bool {
	return looksRandom(strings.TrimRight(value, "=")) && isLiteral("", value) && !isAlphabet(value) && !isPodName(value)
}

// settingRules recognize secrets in settings of programs that name them in a way of their own.
func settingRules() []rule {
	return []rule{
		{
			id: RuleStatement, hints: []string{"requirepass", "masterauth"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?im)^[^#\n]{0,80}?\b(?:requirepass|masterauth)\s+["']?([^\s"'<>]{3,})`),
		},
		{
			id: RuleStatement, hints: []string{"securestring"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\bConvertTo-SecureString\s+(?:-String\s+)?["']([^"'\n]{3,})["']`),
		},
		{
			id: RuleStatement, hints: []string{"auth"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\bauth["']?\s*[:=]\s*[\[(]\s*["'][^"'\n]*["'],\s*["']([^"'\n]{3,})["'][\])]`),
		},
		{
			id: RuleStatement, hints: []string{"clear-text", "rootpw"}, secret: isLiteral,
			pattern: regexp.MustCompile(`\b(?:clear-text=|rootpw\s(?:--?\w+\s+)*)["']?([^\s"'-][^\s"']{2,})`),
		},
		{
			id: RuleCommand, hints: []string{"user add "}, secret: isMixed,
			pattern: regexp.MustCompile(`\buser add [\w.-]+:([^\s"']{6,})`),
		},
		{
			id: RuleNamed, hints: []string{"mnemonic", "phrase", "seed"},
			pattern: regexp.MustCompile(`(?i)\b(?:mnemonic|(?:seed|recovery|backup|secret)[ _-](?:phrase|words)` +
				`)["']?\s*[:=]\s*["']?((?:[a-z]{3,8} ){11,23}[a-z]{3,8})`),
		},
		// {"value": "x", "name": "password"}.
		{
			id: RuleNamed, hints: []string{"value"}, secret: isLiteral, lines: true,
			pattern: regexp.MustCompile(`(?i)\bvalue["']?\s*[:=]\s*["']?([^\s"',<>]{3,})["']?,?\s+?["']?(?:name|key` +
				`)["']?\s*[:=]\s*["']?` + secretName),
		},
		{
			id: RuleNamed, hints: []string{"value"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)"value"\s*:\s*"([^"\\]{3,})",\s*"(?:name|key)"\s*:\s*"` + secretName),
		},
	}
}

// fileRules recognize lines of files with credentials, and what shells and logs write about them.
func fileRules() []rule {
	return []rule{
		// Hashes of passwords in shadow, .htpasswd and LDAP.
		{
			id: RuleHash, hints: []string{"$1$", "$2", "$5$", "$6$", "$apr1$", "$y$", "$argon2", "$scrypt", "$7$"},
			pattern: regexp.MustCompile(`\$(?:1|2[aby]?|5|6|7|apr1|y|argon2i?d?|scrypt)\$[\w./$=,+-]{20,}`),
		},
		{
			id: RuleHash, hints: []string{"{ssha", "{sha", "{smd5}", "{md5}", "{crypt}", "{pbkdf2", "{plain}", "{clear"},
			pattern: regexp.MustCompile(`(?i)\{(?:PLAIN|CLEAR|CLEARTEXT|S?SHA(?:\d+)?|S?MD5|CRYPT|PBKDF2[\w-]*)\}([\w+/=.$]{12,})`),
		},
		// .pgpass and passwd.
		{
			id: RuleFile, pick: isPgpass, secret: isLiteral,
			pattern: regexp.MustCompile(`(?m)^[\w.*-]+:(?:\d{2,5}|\*):[^:\s]+:[^:\s]+:([^\s:]{3,})\s*$`),
		},
		{
			id: RuleFile, pick: func(line string) bool { return strings.Count(line, ":") > 5 && !strings.Contains(line, "://") },
			secret:  isLiteral,
			pattern: regexp.MustCompile(`(?m)^[\w-]+:([^:*!\s]{6,}):\d+:\d+:[^:\n]*:/`),
		},
		// user:password as the last word of a line of settings.
		{
			id: RuleFile, pick: endsWithUserinfo, secret: isUserinfo,
			pattern: regexp.MustCompile(`(?m)(?:^\[?[\w.-]+\]?(?::\d+)?\s|auth|\bstatic:[\w.-]+:|\bcreds|\bdigest\s|\.info=` +
				`|\bcredentials[=:]|\blogin[=:]|\bauth[=:])` +
				`\s*([\w.@-]+):([^\s:@/"']{6,})\s*$`),
		},
		{
			id: RuleFile, hints: []string{"\" \""}, secret: isMixed, // of PgBouncer
			pattern: regexp.MustCompile(`^\s*"[\w.-]+"\s+"([^"\s]{6,})"\s*$`),
		},
		{
			id: RuleFile, hints: []string{"auth"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)auth["']?\s*[=:]\s*["']?(?:neo4j|admin|root|user\w*)/([^\s/"']{3,})`),
		},
		{
			id: RuleCommand, hints: []string{" -a ", " -u ", " --user", " --auth", " --cred"}, secret: isUserinfo,
			pattern: regexp.MustCompile(`\s(?:-[auU]|--user|--auth|--creds?|--credentials?)[ =]["']?([\w.@-]+):([^\s"'@/]{6,})`),
		},
		{
			id: RuleCommand, hints: []string{" -y "}, secret: isRandom,
			pattern: regexp.MustCompile(`\s-y\s+(?:[\w-]+:)?[\w.-]+:([A-Za-z0-9+/=]{16,})`),
		},
		{
			id: RuleFile, hints: []string{" / ", "[root/", "[admin"}, secret: isMixed,
			pattern: regexp.MustCompile(`(?:: [\w.@-]+ / |\[(?:root|admin|administrator)/)([^\s\]/]{6,})(?:$|\]|\s)`),
		},
	}
}

// addressRules recognize passwords before an @ without a scheme, and keys in addresses.
func addressRules() []rule {
	return []rule{
		// user/password@database and user:password@host without a scheme.
		{
			id: RulePasswordInURL, hints: []string{"@"}, secret: isMixed,
			pattern: regexp.MustCompile(`(?:^|[\s"'=:])[A-Za-z][\w$.-]*/([^\s/@:"'<>]{6,})@(?://)?` + notDigest + `[\w.-]*`),
		},
		{
			id: RulePasswordInURL, hints: []string{"@"}, secret: isLiteral,
			pattern: regexp.MustCompile(`(?i)\b\w*(?:login|userid|conn|connection|dsn|database|db_?url)["']?[=:]\s*["']?[a-z][\w$]*/` +
				`([^\s/@"']{3,})@`),
		},
		{
			id: RulePasswordInURL, hints: []string{"jdbc:oracle"}, secret: isLiteral,
			pattern: regexp.MustCompile(`jdbc:oracle:\w+:[\w$]+/"?([^\s@/"]{3,})"?@`),
		},
		{
			id: RulePasswordInURL, hints: []string{"@"}, secret: isUserinfo,
			pattern: regexp.MustCompile(`(?:^|[\s"'=/(])([\w.=,-]+):([^\s/@:"'<>]{6,})@(?:[\[\d_]|` + notDigest + `)`),
		},
		{
			id: RulePasswordInURL, hints: []string{"://"}, secret: isMixed,
			pattern: regexp.MustCompile(`://([\w.~+=-]{20,})(?::[^@/\s]*)?@[\w.-]+`),
		},
		{
			id: RuleKeyForm, hints: []string{"events.pagerduty.com", "hooks.zapier.com", "/with/key/"},
			pattern: regexp.MustCompile(`(?i)(?:events\.pagerduty\.com/integration|hooks\.zapier\.com/hooks/catch/\d+|/with/key)/(\w{8,})`),
		},
		{
			// The private members of a JSON Web Key (RFC 7518, 6), in one line or in several, and as a text in JSON.
			id: RuleKeyForm, hints: []string{`"kty`}, secret: isRandom, lines: true,
			pattern: regexp.MustCompile(`([^{}]*"kty\\?"[^{}]*)`),
			each:    regexp.MustCompile(`"(d|p|q|dp|dq|qi|k)\\?"\s*:\s*\\?"([\w-]{16,})`),
		},
		{
			id: RulePrivateKey, hints: []string{"private-lines", "secret key"}, lines: true,
			pattern: regexp.MustCompile(`(?:Private-Lines: \d+|secret key)\r?\n([A-Za-z0-9+/=]{32,}(?:\r?\n[A-Za-z0-9+/=]{60,})*)`),
		},
	}
}

// shellRules recognize secrets in lines of shells.
func shellRules() []rule {
	return []rule{
		// Shells.
		{
			id: RuleCommand, hints: []string{"echo"}, secret: isLiteral,
			pattern: regexp.MustCompile(`\becho\s+(?:-n\s+)?["']?([^"'|\s]{3,})["']?\s*\|[^|\n]*(?:--password-stdin|sudo -S|--stdin` +
				`|chpasswd|` +
				`cryptsetup|--passphrase-fd|base64 -[dD]|base64 --decode|kinit|\bsu\b|-pass(?:in)? stdin|--with-token|openssl)`),
		},
		{
			id: RuleCommand, hints: []string{"password-command"}, secret: isLiteral,
			pattern: regexp.MustCompile(`--password-command[= ]["']?(?:echo|printf) ["']?([^\s"']+)`),
		},
		{
			id: RuleCommand, hints: []string{"<<<"}, secret: isMixed,
			pattern: regexp.MustCompile(`<<<\s*["']?([^\s"']{6,})`),
		},
		{
			id: RuleCommand, hints: []string{"from-literal"}, secret: isLiteral,
			pattern: regexp.MustCompile(`\bsecret\s([^\n|;]*)`),
			each: regexp.MustCompile(`--from-literal[= ]["']?([\w.-]+)=["']?([^\s"']+` +
				`)`),
		},
		{
			id: RuleStatement, hints: []string{"loginmodule"}, secret: isLiteral,
			pattern: regexp.MustCompile(`LoginModule\s([^\n;]*)`), each: regexp.MustCompile(`\buser_([\w.-]+)=["']([^"'\n]+)["']`),
		},
		{
			id: RuleStatement, hints: []string{"user_"}, secret: isMixed,
			pattern: regexp.MustCompile(`^\s*user_[\w.-]+="([^"\n]{3,})";?\s*$`),
		},
		{
			id: RuleCommand, hints: []string{"http-basic"}, secret: isLiteral,
			pattern: regexp.MustCompile(`\bhttp-basic[.\w-]*\s+\S+\s+["']?([^\s"']{3,})`),
		},
		{
			id: RuleCommand, hints: []string{"/p:", "/pass:", "/password:"}, secret: isNoSetting,
			pattern: regexp.MustCompile(`\s/(?:p|pass|password):"?([^\s"]{3,})`),
		},
	}
}

// isPgpass reports whether a line may be one of .pgpass: five fields with colons, without spaces.
func isPgpass(line string) bool {
	return strings.Count(line, ":") == 4 && !strings.ContainsAny(line, " \t/")
}

// endsWithUserinfo reports whether the last word of a line may be user:password.
func endsWithUserinfo(line string) bool {
	word := line[strings.LastIndexAny(line, " \t=")+1:]
	colon := strings.LastIndexByte(word, ':')
	return colon > 0 && len(word)-colon > 6 && strings.IndexByte(word, '/') < 0
}
