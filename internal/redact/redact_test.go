package redact

import (
	"strings"
	"testing"
)

func redactor(t testing.TB) *Redactor {
	t.Helper()
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSecretsAreReplaced(t *testing.T) {
	for name, tc := range map[string]struct{ text, secret string }{
		"password in a URL":      {"connecting to postgres://payment:s3cr3t-p4ss@payments-db:5432/payments", "s3cr3t-p4ss"},
		"password without user":  {"redis://:hunter22@cache:6379", "hunter22"},
		"env":                    {"DB_PASSWORD=correct-horse", "correct-horse"},
		"flag":                   {"exec: mysqld --password=abc123 --port=3306", "abc123"},
		"JSON":                   {`{"user":"x","api_key":"a-b-c d"}`, "a-b-c d"},
		"YAML":                   {"clientSecret: Zm9vYmFy0", "Zm9vYmFy0"},
		"single quotes":          {"token='abc def'", "abc def"},
		"bearer":                 {"Authorization: Bearer abcdef0123456789", "abcdef0123456789"},
		"JSON Web Token":         {"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl in header", "eyJzdWIiOiIxMjM0In0"},
		"AWS access key":         {"using key AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"},
		"private key, whole":     {"-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"},
		"private key, truncated": {"-----BEGIN PRIVATE KEY-----\nMIIEabc", "MIIEabc"},
		"escaped quote":          {`"password":"a\"b"`, `a\"b`},
		"query string":           {"GET /v1?access_token=abc123&x=1", "abc123"},
		"password with an @":     {"amqp://user:p@ss@broker/vhost", "p@ss"},
		"JSON within JSON":       {`{"log":"{\"password\":\"hunter2\"}"}`, "hunter2"},
		"JSON number":            {`{"password":12345}`, "12345"},
		"short password in YAML": {"password: a1b", "a1b"},
		"basic":                  {"Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"},
		"another scheme":         {"Authorization: token 0a1b2c3d4e", "0a1b2c3d4e"},
		"header as Go prints it": {"map[Authorization:[Bearer abcdef0123456789]]", "abcdef0123456789"},
		"connection string":      {"Server=db;User=sa;Password=Abc-1;", "Abc-1"},
		"passphrase":             {"passphrase=open", "open"},
		"ACL of Redis":           {"user worker on +@all ~* >Xk3pQ9", "Xk3pQ9"},
		"setting in a Secret":    {"kind: Secret\nstringData:\n  .env:     A=1\n    PIN=522343", "522343"},
		"one-time code":          {"your verification code is 482913", "482913"},
		"long number, again":     {"token=50317264589911732046 failed; retry 50317264589911732046", "50317264589911732046"},
		"number and key":         {"Key=503172645899117-0a1b2c3d4e5f60718293a4b5c6d7e8f9", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"},
		"default on a new line":  {"accountKey ||\n  \"c2VjcmV0MTIzNDU2Nzg5MA\"", "c2VjcmV0MTIzNDU2Nzg5MA"},
		"GitHub token":           {"clone failed for ghp_0123456789abcdefghij01", "ghp_0123456789abcdefghij01"},
	} {
		t.Run(name, func(t *testing.T) {
			got := redactor(t).Text(tc.text)
			if strings.Contains(got, tc.secret) || !strings.Contains(got, "[redacted:") {
				t.Errorf("got %q", got)
			}
			if again := redactor(t).Text(got); again != got {
				t.Errorf("a second pass changed the text: %q, then %q", got, again)
			}
		})
	}
}

func TestHarmlessTextIsNotChanged(t *testing.T) {
	for name, text := range map[string]string{
		"expired token":        "token expired",
		"prose after a colon":  "invalid token: not found",
		"time and digest":      "key=1767225600000-0a1b2c3d4e5f60718293a4b5c6d7e8f9, seen at 1767225600000",
		"comparison":           `if password || "admin" == user {`,
		"missing password":     `field "password" is required`,
		"reference":            "DB_PASSWORD=$(SECRET_VALUE)",
		"path of a token":      "token=/var/run/secrets/token",
		"image digest":         "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"UUID":                 "pod 1b4e28ba-2fa1-11d2-883f-0016d3cca427 deleted",
		"missing key":          "couldn't find key DATABASE_URL in ConfigMap shop/cart-config",
		"missing Secret":       `secret "db-password" not found`,
		"URL without password": "https://example.com:8080/path@v1",
		"basic auth challenge": "WWW-Authenticate: Basic realm",
		"service account":      "serviceaccount shop/kubeops cannot list secrets",
		"name of a Secret":     "secretName: shop-tls-2024, secretName=shop-tls",
		"file of a token":      "--token-auth-file=tokens.csv --password-length=12",
		"count after a colon":  "token-service: 2 of 3 Pods are not ready",
		"image tag":            "pulling registry.example/token-service:1.2.3",
		"basic in prose":       "a basic configuration. Bearer authentication",
		"already masked":       "password=*** token=xxxxx postgres://u:xxxxx@db",
		"git commit":           "at commit 0123456789abcdef0123456789abcdef01234567",
		"number of a ticket":   "user jane opened #123456 in the queue",
		"login by password":    "backup password rotated",
		"quota":                "exceeded quota: secrets-quota, requested: secrets=1, used: secrets=5, limited: secrets=5",
	} {
		t.Run(name, func(t *testing.T) {
			if got := redactor(t).Text(text); got != text {
				t.Errorf("got %q, want it unchanged: %q", got, text)
			}
		})
	}
}

func TestSameSecretHasSamePseudonym(t *testing.T) {
	got := redactor(t).Text("password=abc123 then token=abc123 then secret=other9")
	parts := strings.Split(got, "[redacted:")
	if len(parts) != 4 || parts[1][:4] != parts[2][:4] || parts[1][:4] == parts[3][:4] {
		t.Errorf("got %q", got)
	}
}

func BenchmarkText(b *testing.B) {
	line := "2026-01-02T03:04:05.678Z INFO cart request 1b4e28ba-2fa1-11d2-883f-0016d3cca427 GET /api/v1/items?page=2 took 12 ms " +
		"status=200\n"
	secret := "2026-01-02T03:04:05.678Z WARN auth token expired for user jane, password=correct-horse1 Authorization: Bearer " +
		"abcdef0123456789\n"
	for _, c := range []struct{ name, text string }{
		{
			"sentence", "Deployment api has no available Pod: the image registry.example.com/shop/api:1.0.0 does not exist, or its tag " +
				"was deleted.",
		},
		{"64KiB-logs", strings.Repeat(line, 64<<10/len(line))},
		{"64KiB-secrets", strings.Repeat(secret, 64<<10/len(secret))},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := redactor(b)
			r.Text(c.text)
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				r.Text(c.text)
			}
		})
	}
}

func TestNamesOfPodsAreNoKeys(t *testing.T) {
	r := redactor(t)
	for _, text := range []string{
		"redmine issue-tracker-7f6d8c9b5-x2x7z is ready", "sentry: sentry-worker-7d9f8b6c5d-x2x7z restarted",
		`http client: Client("shop-api-7d9f8b6c5d-x2x7z")`,
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	for _, text := range []string{"redmine 7f6d8c9b5x2x7z4c5d6f7b8c", `ShopClient("7f6d8c9b5x2x7z4c5d6f7b8c")`} {
		if got := r.Text(text); got == text {
			t.Errorf("%s is shown", text)
		}
	}
}

func TestNamesThatLookLikeKeysAreNoKeys(t *testing.T) {
	r := redactor(t)
	for _, text := range []string{
		"sk_test_mode_is_enabled_for_all_customers", "rk_test_convergence_of_the_method failed",
		"rk_test_integration-helpers.py::test_a PASSED", "set sk_live_your_secret_key_here",
		"BestEffort2Pod3Slice4Cgroup5.V1Beta1Kubelet2Config3Spec4 was loaded",
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	const key = "sk_" + "live_" + "aB3dE5fG7hJ9kL1mN3oPqR7s" + "-" + "x1Y2z3_w4V5u6"
	if got := r.Text("charged with " + key); strings.Contains(got, "x1Y2") || strings.Contains(got, "aB3d") {
		t.Error(got)
	}
}

func TestAKeyOfAGatewayIsFoundByItsMark(t *testing.T) {
	key := strings.Repeat("aB3dE5fG7hJ9kL1mN3oP", 4)[:76] + "APIM" + "x1Y2z" + "A=="
	if got := redactor(t).Text("gateway " + key); strings.Contains(got, "APIM") {
		t.Error(got)
	}
}

func TestTheSecretsOfAJSONWebKeyAreFoundInWhateverLayout(t *testing.T) {
	const secret, public = "Q7xnM2vKp4Wz8RtY5cLd1A", "u3Hs9Kq2Vb7Xe4Nw6Zp1Tg"
	r := redactor(t)
	for name, text := range map[string]string{
		"one line":      `{"kty":"OKP","crv":"Ed25519","x":"` + public + `","d":"` + secret + `"}`,
		"several lines": "{\n  \"d\": \"" + secret + "\",\n  \"x\": \"" + public + "\",\n  \"kty\": \"EC\"\n}\n",
		"a text":        `msg="loaded {\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"` + secret + `\"}"`,
		"cut":           `loaded [{"kty":"RSA","n":"` + public + `","qi":"` + secret + `"`,
	} {
		if got := r.Text(text); strings.Contains(got, secret) || strings.Contains(text, public) && !strings.Contains(got, public) {
			t.Errorf("%s: %s", name, got)
		}
	}
	other := `{"d":"` + secret + `"}`
	if got := r.Text("{\"kty\":\"RSA\"}\n" + other); !strings.Contains(got, other) {
		t.Errorf("another object beside a key: %s", got)
	}
}
