package leaks

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// random returns n letters, the same in every run. Secrets are generated, so this file contains none.
func random(n int, letters string) string {
	source := rand.New(rand.NewPCG(7, uint64(n)))
	text := make([]byte, n)
	for i := range text {
		text[i] = letters[source.IntN(len(letters))]
	}
	return string(text)
}

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	digits       = "0123456789"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mixed        = lowerLetters + upperLetters + digits
)

func scanner(t testing.TB) *Scanner {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSecretsAreRecognized(t *testing.T) {
	key, _ := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed([]byte(random(32, mixed))))
	privateKey := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE " + "KEY", Bytes: key}))
	jwt := "eyJ" + base64.RawURLEncoding.EncodeToString([]byte(`"alg":"HS256","typ":"JWT"}`)) + ".eyJ" +
		base64.RawURLEncoding.EncodeToString([]byte(`"sub":"1234567890","name":"someone"}`)) + "." + random(43, mixed)
	for _, c := range []struct{ name, text, want string }{
		{"a password in a variable", "DB_PASSWORD=hunter" + "2", RulePasswordInVariable},
		{"a password of letters only", "MYSQL_ROOT_PASSWORD=" + "verysecure", RulePasswordInVariable},
		{"the most common password", "POSTGRES_PASSWORD=" + "password", RulePasswordInVariable},
		{"a short name", "SMTP_PASS=" + "Sommer2025!", RulePasswordInVariable},
		{"a name that opens with secret", "SECRET_BLAH=" + "secretsquirrels", RulePasswordInVariable},
		{"a name that opens with password", "PASSWORD_ADMIN=" + "geheim99", RulePasswordInVariable},
		{"a name in camel case", "secretSauce=" + "geheim99!", RulePasswordInVariable},
		{"a name without separators", "MYSQLPASSWORD=" + "geheim99", RulePasswordInVariable},
		{"a password as a flag", "--redis-password=" + "geheim99", RulePasswordInVariable},
		{"a password in Java options", "JAVA_OPTS=-Xmx1g -Ddb.password=" + "geheim99 -server", RulePasswordInVariable},
		{
			"a password in a connection string",
			"ConnectionStrings__Default=Server=db;User Id=sa;Password=" + "Abc123!;Encrypt=true", RulePasswordInVariable,
		},
		{
			"a password in properties",
			"application.properties: server.port=8080\nspring.datasource.password=" + "tiger42\n", RulePasswordInVariable,
		},
		{"a password in YAML", "config.yaml: db:\n  user: app\n  password: \"" + "tiger\"\n", RulePasswordInVariable},
		{"a password in JSON", `config.json: {"db":{"user":"app","password":"` + `tiger42"}}` + "\n{}", RulePasswordInVariable},
		{"a password in a URL", "DATABASE_URL=postgres://app:" + "hunter2" + "@db:5432/app", RulePasswordInURL},
		{"a password in a URL in a file", "settings.py: A = 1\nCACHE = 'redis://:" + "hunter2" + "@cache:6379/0'\n", RulePasswordInURL},
		{"an AWS access key", "AWS_ACCESS_KEY_ID=AK" + "IA" + random(16, upperLetters+"234567"), "aws-access-token"},
		{"an AWS secret key", "AWS_SECRET_ACCESS_KEY=" + random(40, mixed), RuleGeneric},
		{"a GitHub token", "GITHUB_TOKEN=gh" + "p_" + random(36, mixed), "github-pat"},
		{"a GitLab token", "TOKEN=gl" + "pat-" + random(20, mixed), "gitlab-pat"},
		{"a Slack token", "SLACK_TOKEN=xox" + "b-" + random(12, digits) + "-" + random(12, digits) + "-" + random(24, mixed), "slack-bot-token"},
		{"a Stripe key", "STRIPE=sk_" + "live_" + random(24, mixed), "stripe-access-token"},
		{"a JSON web token", "AUTH=" + jwt, "jwt"},
		{"a private key", "tls.key: " + privateKey, "private-key"},
		{"an API key of an unknown vendor", "WEATHER_API_KEY=" + random(32, "0123456789abcdef"), RuleGeneric},
		{"a key in YAML", "config.yaml: name: x\nencryptionKey: " + random(44, mixed) + "\n", RuleGeneric},
		{"a header with a bearer token", "AUTH_HEADER: Bearer " + random(40, mixed+"/"), RuleGeneric},
		{"a bearer token in a file", "app.conf: header = 'bearer " + random(32, mixed) + "'\n", RuleGeneric},
		{"a client secret as a flag", "--client-secret=" + random(32, mixed), RuleGeneric},
		{
			"a secret in the middle of a long file",
			"big.txt: " + strings.Repeat("all is well here\n", 3000) + "gh" + "p_" + random(36, mixed) + "\n", "github-pat",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scanner(t).Scan(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHarmlessTextIsNotReported(t *testing.T) {
	s := scanner(t)
	der, err := x509.CreateCertificate(nil, template(), template(), ed25519.NewKeyFromSeed([]byte(random(32, mixed))).Public(),
		ed25519.NewKeyFromSeed([]byte(random(32, mixed))))
	if err != nil {
		t.Fatal(err)
	}
	sha := hex.EncodeToString([]byte(random(20, mixed)))
	for _, text := range []string{
		"", "a", "key", "KEY=", "PASSWORD=",
		"DB_PASSWORD=$(POSTGRES_PASSWORD)", "DB_PASSWORD=${POSTGRES_PASSWORD}", "DB_PASSWORD=$PASSWORD", "DB_PASSWORD=changeme",
		"DB_PASSWORD=<password>",
		"DB_PASSWORD=your-password-here", "DB_PASSWORD=********", "DB_PASSWORD={{ .Values.password }}",
		"DB_PASSWORD=vault:secret/data/db#password",
		"DB_PASSWORD_FILE=/run/secrets/db-password", "DB_PASSWORD=/run/secrets/db-password", "PASSWORD_SECRET_NAME=web-db",
		"DB_PASSWORD_KEY=postgres-password",
		"DB_PASSWORD=web-db-password", "PGPASSFILE=/home/app/.pgpass", "PWD=/srv/app", "ALLOW_EMPTY_PASSWORD=yes", "REQUIRE_PASSWORD=true",
		"PASSWORD_MIN_LENGTH=12", "MAX_PASSWORD=12", "POSTGRES_HOST_AUTH_METHOD=scram-sha-256",
		"SECRET_NAME=my-app-credentials-v2", "EXISTING_SECRET=my-app-secret-2", "TLS_SECRET=web-tls-2024", "CLIENT_SECRET=web-client-secret",
		"SECRET_STORE=hashicorpvault", "SECRET_PROVIDER=AwsSecretsManager", "SECRET_BLAH=kubernetes",
		"SECRET_BLAH=web-db-credentials",
		"SECRET_BLAH=kv/data/application", "SECRET_BLAH=vault.example.com", "SECRET_NAMESPACES=shop,warehouses-eu",
		"SECRET_BLAH=$(OTHER_VARIABLE)",
		"SECRET_ROTATION_SCHEDULE=everymidnight", "PASSWORD_POLICY=lengthofatleast12", "PASSWORD_HASH_ALGORITHM=pbkdf2sha256",
		"SECRET_BLAH=86400000s",
		"SECRET_BLAH=true", "config.yaml: a: b\nsecret_blah: secretsquirrels\n", "--secret-backend=secretsquirrels", "SECRETS_BLAH=secretsquirrels",
		"TOKEN_URL=https://login.example.com/oauth/token", "ACCESS_TOKEN_TTL=3600", "TOKEN_EXPIRY=24h", "OAUTH_CLIENT_ID=0oa1b2c3d4E5f6G7h8i9",
		"KEYCLOAK_HOST=keycloak-prod-2.example.com", "VAULT_ADDR=https://vault.infra.svc.cluster.local:8200",
		"TOKEN=vault.infra.svc.cluster.local",
		"PRIVATE_KEY=/etc/ssl/private/tls.key", "PUBLIC_KEY=" + random(43, mixed), "PARTITION_KEY=customer_id_2024",
		"CACHE_KEY=" + random(32, mixed),
		"AWS_REGION=eu-central-1", "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/app",
		"AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
		"GIT_COMMIT=" + sha, "SENTRY_RELEASE=" + sha, "DD_VERSION=" + sha, "CONFIG_CHECKSUM=" + sha + sha[:24], "DATADOG_GIT_COMMIT_SHA=" + sha,
		"image: registry.example.com/api@sha256:" + hex.EncodeToString([]byte(random(32, mixed))),
		"DATABASE_URL=postgres://db:5432/app", "DATABASE_URL=postgres://app@db:5432/app",
		"DATABASE_URL=postgres://app:$(DB_PASSWORD)@db:5432/app",
		"DATABASE_URL=postgres://app:${DB_PASSWORD}@db:5432/app", "DOCS=see https://user:password@host/path", "REPO=git@github.com:org/repo.git",
		"CONTACT=mailto://a:b", "SMTP_URL=smtp://mail:25?from=a@b.example",
		"--tls-private-key-file=/etc/certs/tls.key", "--token-auth-file=/etc/tokens.csv",
		"--service-account-signing-key-file=/etc/kubernetes/pki/sa.key",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--authorization-mode=Node,RBAC", "--secret-name=grafana-admin",
		"ca.crt: " + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"AUTH_HEADER: Bearer ${TOKEN}", "AUTH_HEADER: Bearer <token>", "AUTH_HEADER: Bearer $(cat /run/secrets/token)", "AUTH=bearer ",
		"docs.md: The bearer authentication-token-of-the-user is checked", "HEADER: Bearer your-token-goes-here-1234567890abcdef",
		"nginx.conf: location / {\n  proxy_pass http://backend:8080;\n  proxy_set_header X-Token abc;\n}\n",
		"app.py: import os\npassword = os.environ['DB_PASSWORD']\nconnect(password=password, token=config.token)\n",
		"run.sh: #!/bin/sh\n# password=geheim99\nPASSWORD=$(cat /run/secrets/pw)\nexport PGPASSWORD=\"$PASSWORD\"\n" +
			"if [ \"$TOKEN\" == \"\" ]; then exit 1; fi\n",
		"values.yaml: auth:\n  existingSecret: my-db-secret\n  passwordKey: password\n  secretKeyRef:\n    name: db\n    key: password\n" +
			"  password:\n",
		"schema.json: {\"properties\": {\"password\": {\"type\": \"string\"}, \"token\": {\"type\": \"string\"}}}\n{}",
		"openapi.yaml: a: b\npassword: string\npasswordLabel: Enter your password\n",
		"i18n.json: {\n \"password\": \"Password\",\n \"newPassword\": \"Choose a new password\"\n}\n",
		"dashboard.json: {\n  \"uid\": \"" + random(12, mixed) + "\",\n  \"key\": \"value1234567890\",\n  \"legendFormat\": \"{{token}}\"\n}\n",
		"Corefile: .:53 {\n    errors\n    kubernetes cluster.local in-addr.arpa ip6.arpa {\n      pods insecure\n    }\n}\n",
		"redis.conf: # requirepass foobared\nmasterauth \"\"\nappendonly yes\n",
		"kubeconfig.conf: apiVersion: v1\nkind: Config\nusers:\n- name: default\n  user:\n" +
			"    tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token\n",
	} {
		if got := s.Scan(text); got != "" {
			t.Errorf("rule %s matches %q", got, text)
		}
	}
}

func template() *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Unix(2e9, 0)}
}

func TestEveryRuleCompiles(t *testing.T) {
	s := scanner(t)
	for i := range s.rules.rules {
		if _, err := s.rules.rules[i].regex(); err != nil {
			t.Errorf("%s: %v", s.rules.rules[i].id, err)
		}
		for _, a := range s.rules.rules[i].allow {
			if _, err := a.regexes(); err != nil {
				t.Errorf("%s: %v", s.rules.rules[i].id, err)
			}
		}
	}
	for _, a := range append(s.rules.genericAllow, s.rules.allow) {
		if _, err := a.regexes(); err != nil {
			t.Error(err)
		}
	}
	if len(s.rules.rules) < 190 {
		t.Errorf("got %d rules, want at least 190", len(s.rules.rules))
	}
}

func TestConcurrentScansAgreeAndTheCacheIsBounded(t *testing.T) {
	s := scanner(t)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 6000 {
				text := "A_PASSWORD=" + random(8, mixed) + strings.Repeat("x", i%7) + string(rune('a'+worker)) +
					hex.EncodeToString([]byte{byte(i >> 8), byte(i)})
				if got := s.Scan(text); got != RulePasswordInVariable {
					t.Errorf("got %q", got)
					return
				}
			}
		})
	}
	group.Wait()
	if n := len(s.answers.known) + len(s.answers.old); n > 2*maxAnswers {
		t.Errorf("%d cached answers", n)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"", "://", "://@", "a://:@", "password", "password=", "password=\"", "key\\\":\\\"", "-----BEGIN PRIVATE KEY-----",
		"s.\xff\xfe", "token:\x00",
	} {
		f.Add(seed)
	}
	s, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, text string) { s.Scan(text) })
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory measures the heap of a Scanner with no rule compiled and with all.
func BenchmarkMemory(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	for b.Loop() {
		start := heap()
		s := scanner(b)
		fresh := heap()
		for i := range s.rules.rules {
			_, _ = s.rules.rules[i].regex()
		}
		b.ReportMetric(fresh-start, "MiB-new")
		b.ReportMetric(heap()-start, "MiB-all-rules")
		runtime.KeepAlive(s)
	}
}

func BenchmarkScan(b *testing.B) {
	file := func(line string) string { return "file: " + strings.Repeat(line, 64<<10/len(line)) }
	for _, c := range []struct{ name, text string }{
		{"env", "LOG_LEVEL=info"},
		{"env-with-keyword", "VAULT_ADDR=https://vault.infra.svc:8200"},
		{"env-password", "DB_PASSWORD=hunter" + "2"},
		{"64KiB-prose", file("server.port=8080 and all is well with the world\n")},
		{"64KiB-yaml", file("  apiKey: $(API_KEY)\n  secretName: web-tls\n  token: ${TOKEN}\n  url: https://api.example.com/v1\n  vault: s.x\n")},
		{"64KiB-providers", file("slack github_ datadog sentry heroku sk- eyJ AKIA key-abc facebook\n")},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := scanner(b)
			s.Scan(c.text)
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				clear(s.answers.known)
				s.Scan(c.text)
			}
		})
	}
	b.Run("64KiB-yaml-again", func(b *testing.B) {
		s := scanner(b)
		text := file("  apiKey: $(API_KEY)\n  token: ${TOKEN}\n")
		b.ReportAllocs()
		for b.Loop() {
			s.Scan(text)
		}
	})
}
