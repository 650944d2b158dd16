package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/leaks"
)

// programs are programs that take secrets as arguments.
type programs struct {
	words *leaks.Words
	names []string
	// flags of each program. A generic flag belongs to the program "".
	flags map[string]map[string]form
	// places of secrets among the arguments that are no flags.
	places map[string][]place
}

// form of the value of a flag.
type form int

const (
	// separate: -a x, -a=x.
	separate form = iota
	// attached: -px; a space ends the flag.
	attached
	// either: -p x or -px.
	either
	// afterColon, afterPercent and afterComma: -u user:x.
	afterColon
	afterPercent
	afterComma
)

// place of a secret among the arguments: after a word, the argument of a number; from the end if negative.
type place struct {
	after string
	index int
	// slash: the secret is between a slash and an @: user/x@host.
	slash bool
}

const (
	maxArguments = 48
	maxCommand   = 2048
)

func newPrograms() *programs {
	p := &programs{words: leaks.NewWords(), flags: map[string]map[string]form{}, places: map[string][]place{}}
	flags := func(names string, kind form, list string) {
		for name := range strings.FieldsSeq(names) {
			if p.flags[name] == nil {
				p.flags[name] = map[string]form{}
				p.words.Add(name, len(p.names))
				p.names = append(p.names, name)
			}
			for flag := range strings.FieldsSeq(list) {
				p.flags[name][flag] = kind
			}
		}
	}
	flags("redis-cli valkey-cli keydb-cli", separate, "-a --pass --askpass")
	flags("mysql mysqldump mysqladmin mysqlcheck mysqlimport mysqlshow mysqlslap mariadb mariadb-dump mariadb-admin mariadb-backup "+
		"xtrabackup "+
		"innobackupex mydumper myloader mytop pt-table-checksum proxysql 7z 7za 7zz", attached, "-p")
	flags("mydumper myloader mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop cqlsh cypher-shell "+
		"rabbitmqadmin "+
		"couchbase-cli cbq cbbackupmgr docker podman nerdctl buildah helm crane skopeo oc useradd usermod sshpass arangosh arangodump "+
		"influx beeline "+
		"ibmcloud cf rosa az twine wp drush odoo", either, "-p")
	flags("sqlcmd bcp osql isql tsql ipmitool mosquitto_pub mosquitto_sub mosquitto_rr zip unzip zipcloak mosquitto_passwd", either, "-P")
	flags("isql gsec gbak isql-fb", separate, "-password -pas")
	flags("curl wget http https xh httpie", afterColon, "-u -U --user --proxy-user -a --auth")
	flags("skopeo etcdctl podman buildah nomad", afterColon, "--user --creds --src-creds --dest-creds -u")
	flags("ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldapvi", either, "-w")
	flags("ldappasswd", either, "-w -s -a")
	flags("snmpwalk snmpget snmpset snmpbulkwalk snmptable snmptrap snmpgetnext", either, "-A -X -c")
	flags("smbclient rpcclient smbget net", afterPercent, "-U --user")
	flags("lftp", afterComma, "-u --user")
	flags("openssl", separate, "-K -k")
	flags("rar unrar", attached, "-p -hp")
	p.positional()
	return p
}

// positional sets the places of secrets among arguments that are no flags.
func (p *programs) positional() {
	at := func(names string, places ...place) {
		for name := range strings.FieldsSeq(names) {
			if p.flags[name] == nil && p.places[name] == nil {
				p.words.Add(name, len(p.names))
				p.names = append(p.names, name)
			}
			p.places[name] = append(p.places[name], places...)
		}
	}
	at("sqlplus sqlldr impdp expdp rman tnsping sqlcl dbca exp imp", place{slash: true})
	at("rabbitmqctl", place{after: "add_user", index: 2}, place{after: "change_password", index: 2}, place{after: "authenticate_user",
		index: 2})
	at("neo4j-admin", place{after: "set-initial-password", index: 1})
	at("mc", place{after: "set", index: 4}, place{after: "add", index: 4})
	at("steamcmd", place{after: "+login", index: 2})
	at("wpa_passphrase", place{index: 2})
	at("vault", place{after: "login", index: 1})
	at("db2", place{after: "using", index: 1})
	at("htpasswd", place{index: -1})
	at("openssl", place{after: "passwd", index: -1})
	at("net", place{after: "use", index: -1}, place{after: "user", index: 2})
	at("mosquitto_passwd", place{after: "-b", index: -1})
	at("chpasswd smbpasswd", place{after: "--stdin", index: 1})
}

// argument of a command.
type argument struct{ from, to int }

// commands finds secrets in the arguments of programs.
func (f *finder) commands() {
	end := 0
	f.programs.words.Each(f.text, func(id, at int) {
		name := f.programs.names[id]
		after := at + len(name)
		if at < end ||
			at > 0 && (isNameByte(f.text[at-1]) || f.text[at-1] >= 0x80 && !endsIdeographicOrMark(f.text[max(0, at-4):at])) ||
			after >= len(f.text) || isNameByte(f.text[after]) ||
			f.text[at:after] != name {
			return
		}
		end = after
		arguments := f.arguments(after)
		if len(arguments) > 0 {
			f.flags(f.programs.flags[name], arguments)
			for _, place := range f.programs.places[name] {
				f.place(name, place, arguments)
			}
		}
	})
}

// endsIdeographicOrMark reports whether a text ends with a letter that is no part of the word after it, or with a mark such as ：.
func endsIdeographicOrMark(text string) bool {
	last, _ := utf8.DecodeLastRuneInString(text)
	return endsIdeographic(text) || unicode.IsPunct(last)
}

// arguments splits a command line, or a list in YAML or JSON, at a position.
func (f *finder) arguments(at int) []argument {
	var list []argument
	start := at
	if length, end := f.quote(at); length > 0 && end != "" { // the end of the name of the program
		at += length
	}
	for len(list) < maxArguments && at-start < maxCommand {
		next := f.argument(at, true)
		if next >= len(f.text) || next == at && len(list) > 0 && !strings.HasPrefix(f.text[at:], "'") && !strings.HasPrefix(f.text[at:],
			`"`) {
			break
		}
		if strings.IndexByte("|;&)]\n", f.text[next]) >= 0 {
			break
		}
		from, to, after := f.word(next)
		if after <= next {
			break
		}
		list = append(list, argument{from, to})
		at = after
	}
	f.work += at - start
	return list
}

// word reads a word of a command line.
func (f *finder) word(at int) (from, to, after int) {
	if length, end := f.quote(at); length > 0 && length < 3 {
		if to = f.next(end, at+length); to >= 0 && to-at < maxCommand {
			return at + length, to, to + len(end)
		}
	}
	to = at
	for to < len(f.text) && to-at < maxCommand && strings.IndexByte(" \t\r\n,|;)]`", f.text[to]) < 0 {
		if f.text[to] == '"' || f.text[to] == '\'' {
			if close := strings.IndexAny(f.text[to+1:min(len(f.text), to+maxReach)], f.text[to:to+1]+"\n"); close > 0 && to > at &&
				f.text[to+1+close] != '\n' {
				to += close + 2
				continue
			}
			break
		}
		to++
	}
	if to < len(f.text) && f.text[to] == ',' && to+1 < len(f.text) && f.text[to+1] > ' ' { // a comma within a word
		for to < len(f.text) && to-at < maxCommand && strings.IndexByte(" \t\r\n|;)]\"'`", f.text[to]) < 0 {
			to++
		}
	}
	return at, to, to
}

// flags adds the values of flags.
func (f *finder) flags(known map[string]form, arguments []argument) { //nolint:gocyclo // a parser has one branch for each form
	for i, a := range arguments {
		word := f.text[a.from:a.to]
		if strings.Contains(word, "[redacted:") {
			continue
		}
		if len(word) > 4 && word[0] == 'a' && word[2] == '=' { // in audit logs
			a.from += 3
			for a.from < a.to && f.text[a.from] == '"' {
				a.from++
			}
			for a.from < a.to && f.text[a.to-1] == '"' {
				a.to--
			}
			word = f.text[a.from:a.to]
		}
		if strings.HasPrefix(word, "pass:") {
			f.addArgument(argument{a.from + len("pass:"), a.to})
			continue
		}
		for flag, kind := range known {
			if !strings.HasPrefix(word, flag) {
				continue
			}
			rest := word[len(flag):]
			value := argument{a.to - len(rest), a.to}
			switch {
			case strings.HasPrefix(rest, "="):
				value.from++
			case rest == "" && kind != attached && i+1 < len(arguments):
				value = arguments[i+1]
			case rest == "" || kind == separate || strings.HasPrefix(flag, "--") || strings.HasPrefix(rest, "-"):
				continue
			case (kind == attached || kind == either) && !isLongFlag(rest):
			case kind >= afterColon && flag != "--user":
			default:
				continue
			}
			f.addForm(value, kind)
		}
	}
}

// isLongFlag reports whether the rest of an attached flag is a word, as in -password or -port.
func isLongFlag(rest string) bool {
	switch strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz") {
	case "":
		for _, flag := range []string{"assword", "ort", "rotocol", "rivileged", "ublish", "ull", "roject", "rofile", "refix", "arallel"} {
			if strings.HasPrefix(flag, rest) {
				return true
			}
		}
	}
	return false
}

// addForm adds the secret part of the value of a flag.
func (f *finder) addForm(a argument, kind form) {
	text := f.text[a.from:a.to]
	if strings.Contains(text, "[redacted:") {
		return
	}
	mark := ""
	switch kind {
	case afterColon:
		mark = ":"
	case afterPercent:
		mark = "%"
	case afterComma:
		mark = ","
	default:
		f.addArgument(a)
		return
	}
	if i := strings.Index(strings.Trim(text, `"'`), mark); i >= 0 {
		f.addArgument(argument{a.from + strings.Index(text, mark) + 1, a.to})
	}
}

// addArgument adds an argument without its quotes, unless it is a variable or a placeholder.
func (f *finder) addArgument(a argument) {
	for a.from < a.to && (f.text[a.from] == '\'' || f.text[a.from] == '"') {
		a.from++
	}
	for a.from < a.to && (f.text[a.to-1] == '\'' || f.text[a.to-1] == '"') {
		a.to--
	}
	text := f.text[a.from:a.to]
	if len(text) < 3 || f.stand(text) || leaks.Number(text) || text[0] == '-' || strings.ContainsAny(text, "\n") ||
		strings.Trim(text, "0123456789:./") == "" || strings.ContainsAny(text, "<>") || strings.Contains(text, ":/") {
		return
	}
	f.spans = append(f.spans, span{a.from, a.to, RuleCommand, ""})
}

// place adds the secret at a place among the arguments.
func (f *finder) place(name string, p place, arguments []argument) {
	var words []argument
	seen := p.after == ""
	flagged := false
	for _, a := range arguments {
		word := f.text[a.from:a.to]
		switch {
		case !seen:
			seen = word == p.after
		case p.slash:
			if f.slash(a) {
				return
			}
		case strings.HasPrefix(word, "-") || strings.HasPrefix(word, "/") || strings.ContainsAny(word, `=\`) || len(word) == 2 &&
			word[1] == ':' ||
			word == "*":
			flagged = flagged || strings.HasPrefix(word, "-") && strings.Contains(word, "b")
		default:
			words = append(words, a)
		}
	}
	index := p.index - 1
	if p.index < 0 {
		index = len(words) + p.index
	}
	if index < 0 || index >= len(words) || name == "htpasswd" && !flagged {
		return
	}
	f.addArgument(words[index])
}

// slash adds the password of user/password@database.
func (f *finder) slash(a argument) bool {
	word := f.text[a.from:a.to]
	_, rest, ok := strings.Cut(word, "/")
	if !ok || word[0] == '/' || word[0] == '@' || word[0] == '-' {
		return false
	}
	to := a.to
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		to = a.to - len(rest) + at
	}
	f.addArgument(argument{a.to - len(rest), to})
	return true
}
