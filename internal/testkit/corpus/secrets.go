// Package corpus generates texts with secrets as they occur in logs, manifests, URLs and stack traces, and similar texts without
// secrets. They are generated when a test runs: no file contains one.
package corpus

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Text of a shape. Secret is the part that is secret, empty for a harmless text.
type Text struct{ Shape, Text, Secret string }

// Secrets generates texts with a secret, a number of each shape. The same seed generates the same texts.
func Secrets(each int, seed uint64) []Text { return texts(secrets(), each, seed) }

// Harmless generates texts without a secret, a number of each shape.
func Harmless(each int, seed uint64) []Text { return texts(harmless(), each, seed) }

func texts(shapes []shape, each int, seed uint64) (list []Text) {
	for k, s := range shapes {
		m := maker{rand.New(rand.NewPCG(seed, uint64(k)))} //nolint:gosec // the same texts each time are meant
		for range each {
			text, secret := s.make(m)
			list = append(list, Text{s.name, text, secret})
		}
	}
	return list
}

// maker generates random parts.
type maker struct{ *rand.Rand }

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	alnum  = upper + lower + digits
)

func (m maker) from(alphabet string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[m.IntN(len(alphabet))])
	}
	return b.String()
}

func (m maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.IntN(256))
	}
	return b
}

func (m maker) hex(n int) string        { return hex.EncodeToString(m.bytes((n + 1) / 2))[:n] }
func (m maker) base64(n int) string     { return base64.StdEncoding.EncodeToString(m.bytes(n)) }
func (m maker) url64(n int) string      { return base64.RawURLEncoding.EncodeToString(m.bytes(n)) }
func (m maker) one(of ...string) string { return of[m.IntN(len(of))] }
func (m maker) pick(list string) string { return m.one(strings.Fields(list)...) }
func (m maker) word() string {
	return m.pick("orange tiger summer winter castle dragon monkey silver shadow coffee")
}
func (m maker) service() string {
	return m.pick("cart checkout payment billing search frontend auth mailer")
}
func (m maker) uuid() string {
	return m.hex(8) + "-" + m.hex(4) + "-4" + m.hex(3) + "-a" + m.hex(3) + "-" + m.hex(12)
}

// password as people choose and generators make them.
func (m maker) password() string {
	switch m.IntN(4) {
	case 0:
		return strings.ToUpper(m.word()[:1]) + m.word()[1:] + m.from(digits, 2) + m.pick("! # $ * ?")
	case 1:
		return m.word() + "-" + m.word() + "-" + m.from(digits, 3)
	case 2:
		return m.from(alnum, 16)
	}
	return m.from(alnum+"!#$%*+-_=", 20)
}

func (m maker) stamp() string {
	return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02d.%03dZ", 1+m.IntN(12), 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(60), m.IntN(1000))
}

// shape makes a text and what of it is secret.
type shape struct {
	name string
	make func(m maker) (text, secret string)
}

func of(name, format string, secret func(m maker) string) shape {
	return shape{name, func(m maker) (string, string) {
		s := secret(m)
		return strings.NewReplacer(
			"<S>", s, "<svc>", m.service(), "<t>", m.stamp(), "<n>", m.from(digits, 4), "<id>", m.uuid(),
		).Replace(format), s
	}}
}

func pem(m maker, kind string, lines int) (block, body string) {
	var all []string
	for range lines {
		all = append(all, m.base64(48))
	}
	return "-----BEGIN " + kind + "-----\n" + strings.Join(all, "\n") + "\n-----END " + kind + "-----", all[lines/2]
}

func jwt(m maker) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"RS256","kid":"`+m.from(alnum, 20)+`"}`) + "." + part(
		`{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:shop:`+m.service()+`","jti":"`+m.uuid()+`"}`,
	) + "." + m.url64(256)
}

func password(m maker) string { return m.password() }

// secrets in texts as they occur. The shapes were written down before the rules were tried on them, from how programs print and
// from the documentation of those who issue keys.
func secrets() []shape {
	token := func(prefix, alphabet string, n int) func(maker) string {
		return func(m maker) string { return prefix + m.from(alphabet, n) }
	}
	return []shape{
		of("AWS access key", "<t> INFO using credentials <S> from the environment", token("AK"+"IA", upper+"234567", 16)),
		of(
			"AWS secret key", "[default]\naws_secret_access_key = <S>\nregion = eu-west-1",
			func(m maker) string { return m.from(alnum+"/+", 40) },
		),
		of("AWS session token", "export AWS_SESSION_TOKEN=<S>", func(m maker) string { return m.base64(180) }),
		of("GitHub token", "remote: fatal: could not read Password for 'https://<S>@github.com'", token("gh"+"p_", alnum, 36)),
		of(
			"GitHub fine-grained token", "GITHUB: <S>",
			func(m maker) string { return "github" + "_pat_" + m.from(alnum, 22) + "_" + m.from(alnum, 59) },
		),
		of("GitLab token", "git clone https://oauth2:<S>@gitlab.example.com/shop/<svc>.git", token("gl"+"pat-", alnum+"_-", 20)),
		of("Slack bot token", "slack: invalid_auth for <S>", func(m maker) string {
			return "xo" + "xb-" + m.from(digits, 12) + "-" + m.from(digits, 12) + "-" + m.from(alnum, 24)
		}),
		of("Slack webhook", "posting to https://hooks.slack.com/services/<S>", func(m maker) string {
			return "T" + m.from(upper+digits, 9) + "/B" + m.from(upper+digits, 9) + "/" + m.from(alnum, 24)
		}),
		of(
			"Discord webhook", "webhook: https://discord.com/api/webhooks/<S>",
			func(m maker) string { return m.from(digits, 18) + "/" + m.from(alnum+"_-", 68) },
		),
		of("WeCom webhook", `url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=<S>"`, func(m maker) string { return m.uuid() }),
		of("Feishu webhook", "POST https://open.feishu.cn/open-apis/bot/v2/hook/<S> 200", func(m maker) string { return m.uuid() }),
		of("Google API key", "GET /maps/api/geocode/json?address=x&key=<S> 403", token("AI"+"za", alnum+"_-", 35)),
		of("Stripe key", "stripe.error.AuthenticationError: Invalid API Key provided: <S>", token("sk"+"_live_", alnum, 24)),
		of("OpenAI key", "openai.AuthenticationError: Incorrect API key provided: <S>", func(m maker) string {
			return "sk" + "-proj-" + m.from(alnum+"_-", 74) + "T3Blbk" + "FJ" + m.from(alnum+"_-", 73) + "A"
		}),
		of(
			"Anthropic key", `{"x-api-key":"<S>","level":"debug"}`,
			func(m maker) string { return "sk" + "-ant-api03-" + m.from(alnum+"_-", 93) + "AA" },
		),
		of(
			"SendGrid key", "sendgrid <S> rejected",
			func(m maker) string { return "S" + "G." + m.from(alnum+"_-", 22) + "." + m.from(alnum+"_-", 43) },
		),
		of("npm token", "//registry.npmjs.org/:_authToken=<S>", token("np"+"m_", alnum, 36)),
		of(
			"PyPI token", "twine upload -u __token__ -p <S>",
			func(m maker) string { return "pypi-" + "AgEIcHlwaS5vcmc" + m.from(alnum+"_-", 70) },
		),
		of("DigitalOcean token", "doctl auth init -t <S>", func(m maker) string { return "dop" + "_v1_" + m.hex(64) }),
		of("Docker Hub token", "docker login failed for shop with <S>", token("dckr"+"_pat_", alnum+"_-", 27)),
		of("Vault token", "VAULT: <S> lacks the policy", token("hv"+"s.", alnum+"_-", 95)),
		of("Grafana token", "grafana: <S> is expired", func(m maker) string { return "gl" + "sa_" + m.from(alnum, 32) + "_" + m.hex(8) }),
		of("Shopify token", "X-Shopify-Access-Token: <S>", func(m maker) string { return "shp" + "at_" + m.hex(32) }),
		of(
			"Telegram bot", "https://api.telegram.org/bot<S>/sendMessage telegram",
			func(m maker) string { return m.from(digits, 10) + ":AA" + m.from(alnum+"_-", 33) },
		),
		of(
			"age key", "sops: <S>",
			func(m maker) string { return "AGE-SECRET" + "-KEY-1" + m.from("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58) },
		),
		of("service-account token", "<t> E0102 unauthorized: token <S> is expired", jwt),
		of("JWT in a header", "> Authorization: Bearer <S>", jwt),
		of("opaque bearer token", `curl -H "Authorization: Bearer <S>" https://api.example.com`, func(m maker) string { return m.hex(40) }),
		of(
			"basic authentication", "authorization: Basic <S>",
			func(m maker) string { return base64.StdEncoding.EncodeToString([]byte("admin:" + m.password())) },
		),
		of("cookie", "Cookie: sessionid=<S>; theme=dark", func(m maker) string { return m.from(alnum, 32) }),
		of(
			"set-cookie", `"set-cookie":["connect.sid=<S>; Path=/; HttpOnly"]`,
			func(m maker) string { return "s%3A" + m.from(alnum, 32) + "." + m.from(alnum, 20) },
		),
		of("Java session", "GET /cart;JSESSIONID=<S> 500", func(m maker) string { return strings.ToUpper(m.hex(32)) }),
		{"private key", func(m maker) (string, string) {
			block, body := pem(m, "RSA PRIVATE KEY", 12)
			return "loaded:\n" + block + "\ndone", body
		}},
		{"private key in JSON", func(m maker) (string, string) {
			block, body := pem(m, "PRIVATE KEY", 10)
			return `{"type":"service_account","private_key":"` + strings.ReplaceAll(block, "\n", `\n`) +
				`\n","client_email":"x@example.com"}`, body
		}},
		{"SSH key in a log that was cut", func(m maker) (string, string) {
			block, body := pem(m, "OPENSSH PRIVATE KEY", 10)
			return "id_ed25519: " + block[:len(block)-60], body
		}},
		of(
			"PostgreSQL URL", "<t> FATAL could not connect to postgres://<svc>:<S>@db.shop:5432/shop?sslmode=disable",
			func(m maker) string { return m.from(alnum, 18) },
		),
		of("MySQL DSN", "dsn=<svc>:<S>@tcp(mysql.shop:3306)/shop?parseTime=true", func(m maker) string { return m.from(alnum+"!#$", 14) }),
		of("Redis URL", "dial redis://:<S>@redis.shop:6379/0: i/o timeout", func(m maker) string { return m.from(alnum, 24) }),
		of(
			"MongoDB URL", "mongodb+srv://<svc>:<S>@cluster0.example.mongodb.net/?retryWrites=true",
			func(m maker) string { return m.from(alnum, 16) },
		),
		of("AMQP URL", "amqp.Dial: amqp://<svc>:<S>@rabbit.shop:5672/%2f", func(m maker) string { return m.from(alnum, 12) }),
		of(
			"JDBC URL", "jdbc:sqlserver://db.shop:1433;databaseName=shop;user=sa;password=<S>;encrypt=true",
			func(m maker) string { return m.from(alnum+"!", 14) },
		),
		of(
			"Azure connection string", "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=<S>;EndpointSuffix=core.windows.net",
			func(m maker) string { return m.base64(64) },
		),
		of(
			".NET connection string", `"ConnectionStrings":{"Main":"Server=db;Database=shop;User Id=<svc>;Password=<S>;"}`,
			func(m maker) string { return m.from(alnum+"!#", 14) },
		),
		of("env", "DB_PASSWORD=<S>\nDB_HOST=db.shop", func(m maker) string { return m.from(alnum+"!*-_", 16) }),
		of("env of PostgreSQL", "PGPASSWORD=<S> psql -h db.shop", func(m maker) string { return m.from(alnum, 12) }),
		of("env in a Pod", "        - name: SMTP_PASSWORD\n          value: \"<S>\"", func(m maker) string { return m.from(alnum, 16) }),
		of("quoted env", `export API_TOKEN="<S>"`, func(m maker) string { return m.from(alnum, 32) }),
		of("flag with =", "Command: [/app --db-password=<S> --port=8080]", func(m maker) string { return m.from(alnum, 14) }),
		of("flag with a space", "exec: /app --api-token <S> --verbose", func(m maker) string { return m.from(alnum, 30) }),
		of("query parameter", "GET /hook?access_token=<S>&page=2 HTTP/1.1", func(m maker) string { return m.from(alnum, 32) }),
		of("JSON", `{"ts":"<t>","user":"<svc>","password":"<S>","ok":false}`, password),
		of("JSON within JSON", `{"log":"{\"client_secret\":\"<S>\",\"n\":1}"}`, func(m maker) string { return m.from(alnum, 32) }),
		of("YAML", "auth:\n  username: <svc>\n  password: <S>\n", func(m maker) string { return m.from(alnum, 14) + m.from(digits, 1) }),
		of("properties", "spring.datasource.password=<S>", func(m maker) string { return m.from(alnum+"!$", 12) }),
		of("ini", "[mail]\nsmtp_password = <S>", func(m maker) string { return m.from(alnum, 12) + m.from(digits, 1) }),
		of(
			"XML", "<server><username>deploy</username><password><S></password></server>",
			func(m maker) string { return m.from(alnum, 14) },
		),
		of(
			"Python dict", "config: {'user': '<svc>', 'password': '<S>', 'port': 5432}",
			func(m maker) string { return m.from(alnum+"!", 14) },
		),
		of(
			"Go struct", "config: {User:<svc> Password:<S> Port:5432}",
			func(m maker) string { return m.from(alnum, 14) + m.from(digits, 1) },
		),
		of("Ruby hash", `{:user=>"<svc>", :password=>"<S>"}`, func(m maker) string { return m.from(alnum, 14) }),
		of(
			"stack trace",
			"java.sql.SQLException: Access denied for user '<svc>' (using password: '<S>')\n"+
				"\tat com.mysql.cj.jdbc.Driver.connect(Driver.java:42)",
			func(m maker) string { return m.from(alnum, 12) + m.from(digits, 2) },
		),
		of("in words", "<t> WARN login failed for <svc> with password '<S>'", func(m maker) string { return m.word() + m.from(digits, 3) }),
		of("curl -u", "+ curl -sf -u admin:<S> https://jenkins.shop/job/<svc>", func(m maker) string { return m.from(alnum, 16) }),
		of("mysql -p", "+ mysql -h db -u root -p<S> shop", func(m maker) string { return m.from(alnum, 12) }),
		of("sshpass", "+ sshpass -p <S> ssh deploy@10.0.0.1", func(m maker) string { return m.from(alnum, 12) }),
		of(
			"Secret in YAML", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: <svc>\ndata:\n  whatever: <S>\ntype: Opaque",
			func(m maker) string { return m.base64(14) },
		),
		of(
			"Secret in JSON", `{"apiVersion":"v1","data":{"whatever":"<S>"},"kind":"Secret","metadata":{"name":"<svc>"}}`,
			func(m maker) string { return m.base64(15) },
		),
		of(
			"stringData", "kind: Secret\nstringData:\n  dsn: |\n    host=db user=shop pw <S>\n",
			func(m maker) string { return m.from(alnum, 12) },
		),
		of(
			"registry auth", `{"auths":{"registry.example.com":{"username":"robot","auth":"<S>"}}}`,
			func(m maker) string { return base64.StdEncoding.EncodeToString([]byte("robot:" + m.from(alnum, 20))) },
		),
		of("dockerconfigjson", "  .dockerconfigjson: <S>", func(m maker) string {
			return base64.StdEncoding.EncodeToString([]byte(`{"auths":{"r":{"auth":"` + m.base64(20) + `"}}}`))
		}),
		of("kubeconfig key", "users:\n- name: admin\n  user:\n    client-key-data: <S>", func(m maker) string { return m.base64(300) }),
		of("kubeconfig token", "users:\n- name: ci\n  user:\n    token: <S>", func(m maker) string { return m.from(lower+digits, 40) }),
	}
}
