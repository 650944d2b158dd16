package redact

import (
	"strings"
	"unicode"
)

// meaning of a name for its value.
type meaning int

const (
	// nothing: the value is not secret.
	nothing meaning = iota
	// random: the value is secret if it looks random and is no digest or UUID, as after key or sig.
	random
	// opaque: the value is secret if it looks random.
	opaque
	// key: a token, key or secret, which machines generate.
	key
	// password: people choose them, so the value may be a word.
	password
)

// foreignNames are names of secrets in other languages than English. Languages without spaces between words have no boundary.
func foreignNames() map[string]meaning {
	names := map[string]meaning{}
	accents := unaccented()
	for meaning, list := range map[meaning]string{
		password: "kennwort,kennwoort,contraseña,contrasena,contrasenya,contrasinal,mot de passe,mdp," +
			"пароль,пароля,пароль,парола,лозинка,senha,palavra-passe,palavra passe,hasło,haslo,wachtwoord,lösenord,losenord,adgangskode," +
			"kodeord,passord,salasana,adgangskoden,kodeordet,lösenordet,passordet,salasanan,heslem,hasłem," +
			"heslo,heslá,lozinka,geslo,şifre,sifre,parola,jelszó,jelszo,parool,slaptažodis,slaptazodis,parole," +
			"كلمة المرور,كلمة السر,סיסמה,סיסמא,mật khẩu,mat khau,รหัสผ่าน,kata sandi,kata laluan,sandi,κωδικός,κωδικος,गुप्तशब्द,पासवर्ड," +
			"密码短语,密碼短語,通行短语,提取码,提取碼,通行码,开机密码,パスフレーズ,暗証コード,패스워드,암호문구,비밀 번호," +
			"密码,密碼,口令,パスワード,暗証番号,暗証,合言葉,비밀번호,암호,비번,passwort,passwoord,geheimwort,losungswort,گذرواژه,رمز عبور,lykilorð,pasfhocal",
		key: "授权码,授權碼,授权密钥,金鑰,金钥,アクセスキー,暗号化キー,認証キー,인증키,액세스키,액세스 키," +
			"密钥,密鑰,私钥,私鑰,令牌,秘钥,秘密鍵,秘密キー,暗号鍵,トークン,シークレット,토큰,비밀키,비밀 키,개인키,токен,секрет,секретный ключ,закрытый ключ," +
			"geheimnis,geheimer schlüssel,zugangsschlüssel,geheimschlüssel,clé secrète,cle secrete,clé privée,jeton,clave secreta,clave " +
			"privada," +
			"clave_secreta,secreto,ficha de acceso,chave secreta,chave_secreta,chave privada,chave de acesso,segredo,klucz tajny,klucz " +
			"prywatny," +
			"geheime sleutel,sleutel,segreto,chiave segreta,chiave privata,gizli anahtar,tajný klíč,mã bí mật,रहस्य",
		random: "clave,schlüssel,schluessel,chave,clé,ключ,klucz,chiave,anahtar,klíč,キー,키,鍵,钥匙,κλειδί",
	} {
		for name := range strings.SplitSeq(list, ",") {
			for _, spaced := range []string{name, strings.ReplaceAll(name, " ", "_"), strings.ReplaceAll(name, " ", "-"),
				strings.ReplaceAll(name, " ", "")} {
				names[spaced] = meaning
				names[accents.Replace(spaced)] = meaning
			}
		}
	}
	return names
}

// unaccented replaces the letters with accents of European languages and Vietnamese, as names in programs do.
func unaccented() *strings.Replacer {
	return strings.NewReplacer("á", "a", "à", "a", "ä", "a", "â", "a", "ậ", "a", "ã", "a", "å", "a", "ç", "c", "é", "e", "è", "e", "ê",
		"e", "ë", "e",
		"í", "i", "ì", "i", "ı", "i", "ł", "l", "ñ", "n", "ó", "o", "ö", "o", "ô", "o", "õ", "o", "ø", "o", "ş", "s", "š", "s", "ú", "u",
		"ü", "u",
		"ẩ", "a", "ž", "z", "ý", "y", "č", "c", "ð", "d")
}

// stems are the words of which a name of a secret in English contains at least one.
func stems() []string {
	return []string{
		"pass", "pwd", "pw", "secret", "token", "key", "cred", "auth", "psk", "pin", "otp", "salt", "sig", "code", "session", "community",
		"mnemonic", "seed", "login", "jwt", "bearer", "cookie", "sas", "dsn", "connection", "ikey", "hash", "webhook", "assertion",
		"verifier", "certificate", "nonce", "keystore", "unseal", "kennung", "akey", "skey",
	}
}

// describing are words at the end of names that refer to a secret without containing it: secretName, tokenFile, passwordLength.
func describing() map[string]bool {
	return set("name names ref refs reference file files filename path paths dir directory folder namespace ttl expiry expires " +
		"expired expiration expire age count counts length len size limit izer izers service server controller type types " +
		"url uri endpoint issuer class provider version policy policies required enabled disabled reviews review requests " +
		"request id ids kid uuid algorithm algo alg mode method stdin prompt field column label placeholder hint format " +
		"pattern regex rotation interval seconds minutes hours days min max index prefix suffix status state error errors " +
		"message msg title description help used usage total per rate bucket cache store manager reader writer handler " +
		"filter factory validator encoder decoder strength attempts retries changed updated created at date time timestamp " +
		"on by from location source usages table row map set list host port address addr username user userid account " +
		"accountname email domain realm audience scope scopes kind spec specs template schema fingerprint digest checksum " +
		"public pub crt cert certificate revision secretname present exists valid invalid binding bindings mount mounts " +
		"thru through mtime ctime volume volumes plugin plugins lifetime digits projection " +
		"env envs variable var vars command cmd config configmap options option check checks " +
		"checker rule rules test tests lock timeout delay ring rings space hashes resolver util utils helper bytes bits")
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}

// vocabulary holds the word lists.
type vocabulary struct {
	describing, passwords, keys, weak, secretKeys, plainKeys, wrapping, articles, types map[string]bool
	foreign                                                                             map[string]meaning
}

func newVocabulary() *vocabulary {
	return &vocabulary{
		describing: describing(),
		foreign:    foreignNames(),
		passwords: set("password passwd passphrase passcode pass dbpass pgpass pwd pw passwort psk pin otp passw passwrd " +
			"userpass mypass mysqlpass storepass keypass requirepass rootpass adminpass rootpw bindpw adminpw userpw dbpw " +
			"passin passout upass mnemonic authtok passkey pswd psw pword ppassword"),
		keys: set("secret token credential credentials creds cred apikey secretkey accesskey apitoken authtoken accesstoken " +
			"authorization jwt bearer privatekey masterauth assertion verifier authkey signingkey encryptionkey"),
		weak: set("key sig signature code auth community seed salt session cookie jwt login sas akey skey ikey webhook " +
			"sessionid sid csrf keystore"),
		secretKeys: set("api access secret private encryption encrypt signing sign auth account master shared storage license " +
			"licence subscription hmac integration ingest write crypto jwt app application aes des rsa fernet wrapped wrapping " +
			"service webhook security deploy client cipher symmetric instrumentation certificate unseal personal admin recovery " +
			"backup root presharedkey preshared pre-shared sharedaccess serverkey developer consumer routing rest partner " +
			"merchant"),
		plainKeys: set("public pub primary foreign partition sort cache host map object row label topology unique composite " +
			"index idempotency group message routing record sorting hot shortcut translation i18n lookup search config registry " +
			"annotation dedup range start end join metric event resource socket websocket node context state keyring password " +
			"secretname existing"),
		wrapping: set("b b64 base64 header hex encoded enc text value values plain plaintext string literal data confirm " +
			"confirmation repeat again new old current env prod dev test staging live default base raw"),
		articles: set("is was are be been to as of for and or not no the a an in on at with from by has have had must may can " +
			"cannot could should will would does did do if when then than that this these those it its your our their my his " +
			"her you we they instead only also too very via per into onto over under after before until while where which who " +
			"what how why flag option options argument arguments parameter value field set unset using use used uses provided " +
			"given"),
		types: set("string str text int integer bool boolean number object array bytes byte char varchar uuid any file path url " +
			"map list password passwd secret token key username user email name type value none null nil undefined true false " +
			"yes no on off required optional enabled disabled default example dummy changeme todo tbd hidden masked redacted " +
			"filtered sensitive empty missing invalid valid expired unset unknown unchanged generated random auto external " +
			"internal manual prompt basic bearer digest plain plaintext ldap kerberos scram oauth oauth2 saml rbac incorrect " +
			"wrong rejected denied failed changed mismatch ok error unauthorized forbidden not found is was never always static " +
			"dynamic rotated revoked stored encrypted hashed secure insecure weak strong your text falsch incorrecta incorreta " +
			"abgelaufen requerida erforderlich requis obligatoire ungültig leer vergessen placeholder pass successful success " +
			"succeeded accepted updated created deleted reset forgotten unauthenticated unverified"),
	}
}

// nameOf classifies a name, and the word before it, such as api in "API key".
func (v *vocabulary) nameOf(name, before string) meaning {
	lower := strings.ToLower(name)
	if m, ok := v.foreign[lower]; ok {
		return m
	}
	parts := parts(name)
	if len(parts) == 0 {
		return nothing
	}
	last := parts[len(parts)-1]
	if last == "hash" {
		if len(parts) > 1 && strings.HasPrefix(parts[len(parts)-2], "pass") {
			return opaque
		}
		return nothing
	}
	for len(parts) > 1 && v.wrapping[last] {
		parts = parts[:len(parts)-1]
		last = parts[len(parts)-1]
	}
	if before := parts[max(0, len(parts)-2)]; last == "id" && before == "secret" || strings.Contains(lower, "account.key.") {
		return opaque
	}
	if last == "token" && len(parts) > 2 && parts[len(parts)-3] == "public" { // of an assembly of .NET
		return nothing
	}
	if v.describing[last] || v.negated(parts) || lower == "oldpwd" {
		return nothing
	}
	if last == "tokens" || last == "secrets" || last == "passwords" {
		return opaque
	}
	if last == "key" || last == "keys" {
		if len(parts) > 1 {
			return max(v.keyOf(parts[len(parts)-2]), v.qualified(parts[len(parts)-2]))
		}
		return v.keyOf(strings.ToLower(before))
	}
	if v.keys[last] && len(parts) > 1 {
		return key // userPasswordSecret
	}
	return v.bestOf(parts)
}

// bestOf is the meaning of the words of a name, of which the last weighs most.
func (v *vocabulary) bestOf(parts []string) meaning {
	best := nothing
	for i := len(parts) - 1; i >= 0; i-- {
		m := v.wordOf(parts[i])
		switch {
		case m <= opaque && i < len(parts)-1:
			continue // session in session_timeout
		case m == key && i < len(parts)-1:
			m = opaque // authorization-plugin
		}
		best = max(best, m)
	}
	return best
}

// qualified is the meaning of a key with a word before it in the same name, such as AZURE_OPENAI_KEY.
func (v *vocabulary) qualified(before string) meaning {
	if v.plainKeys[before] || v.describing[before] {
		return nothing
	}
	return opaque
}

// keyOf classifies a key by the word before it.
func (v *vocabulary) keyOf(before string) meaning {
	switch {
	case before == "routing":
		return opaque // of PagerDuty; those of AMQP are words
	case v.plainKeys[before]:
		return nothing
	case before == "secret" || before == "shared" || before == "storage" || before == "app" || before == "service" || before == "client":
		return opaque // secretKey: password
	case v.secretKeys[before] || v.wordOf(before) == key:
		return key
	default:
		return random
	}
}

// wordOf classifies a word of a name.
func (v *vocabulary) wordOf(word string) meaning {
	switch {
	case v.passwords[word]:
		return password
	case v.keys[word]:
		return key
	case v.weak[word]:
		return random
	}
	if m, ok := v.foreign[word]; ok {
		return m
	}
	for _, suffix := range []string{"password", "passwd", "passphrase", "passwort", "kennwort", "passcode", "pwd"} {
		if strings.HasSuffix(word, suffix) {
			return password
		}
	}
	for _, suffix := range []string{"secret", "token", "apikey", "accesskey", "privatekey", "secretkey", "credential", "credentials",
		"authkey"} {
		if strings.HasSuffix(word, suffix) {
			return key
		}
	}
	if strings.HasSuffix(word, "pass") && len(word) > 5 {
		switch word {
		case "getpass", "askpass", "bypass", "compass", "encompass", "trespass", "surpass", "underpass", "overpass", "multipass",
			"renderpass", "firstpass", "namepass", "tagpass", "fieldpass", "lowpass", "highpass", "bandpass":
			return nothing
		}
		return password
	}
	if stem, ok := strings.CutSuffix(word, "key"); ok && len(stem) > 3 && !v.plainKeys[stem] && !isAnimal(word) {
		return max(v.keyOf(stem), opaque)
	}
	if strings.HasPrefix(word, "passw") || strings.HasPrefix(word, "passphrase") {
		return password
	}
	return nothing
}

// isAnimal reports whether a word ends with key without being one.
func isAnimal(word string) bool {
	for _, ending := range []string{"monkey", "donkey", "turkey", "hockey", "jockey", "whiskey", "hotkey", "mickey", "lackey"} {
		if strings.HasSuffix(word, ending) {
			return true
		}
	}
	return false
}

// negated reports whether a name starts with a word for an action or a condition: allowEmptyPassword, resetPassword.
func (v *vocabulary) negated(parts []string) bool {
	if len(parts) < 2 {
		return false
	}
	switch parts[len(parts)-2] {
	case "existing", "from": // a name of a Secret
		return true
	}
	switch parts[0] {
	case "no", "allow", "require", "show", "hide", "forgot", "generate", "enable", "disable", "use", "automount", "is", "has", "get",
		"validate",
		"check", "find", "load", "read", "max", "min", "num", "existing", "skip", "ask", "want", "needs", "lost":
		return true
	}
	return false
}

// parts splits a name into words in lower case without digits at their ends: dbPassword2 is db, password.
func parts(name string) []string {
	var list []string
	var part strings.Builder
	end := func() {
		if word := strings.Trim(strings.ToLower(part.String()), "0123456789"); word != "" {
			list = append(list, word)
		}
		part.Reset()
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case i > 0 && unicode.IsUpper(r) &&
			(unicode.IsLower(runes[i-1]) || unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end()
		}
		part.WriteRune(r)
	}
	end()
	return list
}
