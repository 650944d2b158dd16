package corpus

import (
	"encoding/base64"
	"strings"
)

// harmless texts resemble or mention secrets, but contain none.
func harmless() []shape {
	plain := func(name, format string) shape { return of(name, format, func(maker) string { return "" }) }
	with := of
	return []shape{
		with("git commit", "at revision <S> of main", func(m maker) string { return m.hex(40) }),
		with("image digest", "pulled registry.example.com/shop/<svc>@sha256:<S>", func(m maker) string { return m.hex(64) }),
		with("image tag", "image registry.example.com/token-service:v1.<S>-<n>", func(m maker) string { return m.from(digits, 2) }),
		plain("UUID", "request <id> took 12 ms"),
		plain("uid", "metadata:\n  uid: <id>\n  resourceVersion: \"<n>\""),
		with("Pod name", "Pod <svc>-<S> is not ready", func(m maker) string { return m.hex(10) + "-" + m.from(lower, 5) }),
		with("template hash", "pod-template-hash=<S>", func(m maker) string { return m.hex(10) }),
		with("checksum annotation", "checksum/config: <S>", func(m maker) string { return m.hex(64) }),
		with("trace", "trace_id=<S> span_id=<n> level=info", func(m maker) string { return m.hex(32) }),
		with("traceparent", "traceparent: 00-<S>-01", func(m maker) string { return m.hex(32) + "-" + m.hex(16) }),
		with("etag", `ETag: "<S>"`, func(m maker) string { return m.hex(32) }),
		with("md5", "md5sum <S>  app.tar.gz", func(m maker) string { return m.hex(32) }),
		{"certificate", func(m maker) (string, string) { block, _ := pem(m, "CERTIFICATE", 8); return block, "" }},
		{"public key", func(m maker) (string, string) { block, _ := pem(m, "PUBLIC KEY", 4); return block, "" }},
		{"CA in a kubeconfig", func(m maker) (string, string) { return "    certificate-authority-data: " + m.base64(120), "" }},
		{"SSH public key", func(m maker) (string, string) {
			return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + m.from(alnum, 43) + " deploy@example.com", ""
		}},
		{"base64 of a text", func(m maker) (string, string) {
			return "payload " + base64.StdEncoding.EncodeToString([]byte("hello from "+m.service()+", all is well")), ""
		}},
		with("ARN", "arn:aws:iam::<S>:role/shop-<svc>", func(m maker) string { return m.from(digits, 12) }),
		with(
			"cluster IP", "service <svc> at 10.96.<S>:8080",
			func(m maker) string { return m.from("123456789", 2) + "." + m.from("123456789", 2) },
		),
		with("IPv6", "listening on [2001:db8::<S>]:443", func(m maker) string { return m.hex(4) }),
		with("MAC address", "eth0 02:42:<S>:00:02", func(m maker) string { return m.hex(2) + ":" + m.hex(2) }),
		plain("secret reference", "secretName: <svc>-tls-<n>"),
		plain(
			"secretKeyRef",
			"        - name: PASSWORD\n          valueFrom:\n            secretKeyRef:\n"+
				"              name: <svc>-db\n              key: password",
		),
		plain("missing Secret", `MountVolume.SetUp failed for volume "creds": secret "<svc>-credentials-<n>" not found`),
		plain("missing key", "couldn't find key password in Secret shop/<svc>-<n>"),
		plain("expired token", "<t> WARN token expired, asking for a new one"),
		plain("invalid token", "invalid token: not found in cache"),
		plain("unexpected token", "SyntaxError: Unexpected token } in JSON at position <n>"),
		plain("tokens counted", "max_tokens=4096 prompt_tokens: <n> total_tokens=<n>"),
		plain("tokenizer", "loaded tokenizer: bpe-<n>k from /models/tokenizer.json"),
		plain("password required", `field "password" is required`),
		plain("password prompt", "Password: "),
		plain("password policy", "password must have at least 12 characters and a digit"),
		plain("password changed", "<t> INFO password of user <svc> was changed"),
		plain("password file", "POSTGRES_PASSWORD_FILE=/run/secrets/db-<n>"),
		plain("variable", "DB_PASSWORD=$(DB_SECRET) DB_HOST=db-<n>"),
		plain("shell variable", `--password="${DB_PASSWORD}" --port=<n>`),
		plain("template", "password: {{ .Values.db.password }}"),
		plain("masked", "password=*** token=xxxxx url=postgres://u:xxxxx@db-<n>"),
		plain("basic", "realm Basic authentication is required, code <n>"),
		plain("bearer in words", "missing bearer token in request <id>"),
		plain("challenge", `WWW-Authenticate: Bearer realm="https://auth.example.com/<svc>"`),
		plain("URL with a port", "GET https://<svc>.example.com:8443/path@v<n>"),
		plain("mail in a URL", "https://example.com/users/jane@example.com/posts/<n>"),
		plain("quota", "exceeded quota: secrets-quota, requested: secrets=1, used: secrets=<n>, limited: secrets=<n>"),
		plain("RBAC", `secrets is forbidden: User "system:serviceaccount:shop:<svc>" cannot list resource "secrets" in API group ""`),
		plain("service-account path", "token=/var/run/secrets/kubernetes.io/serviceaccount/token"),
		plain("metric", `http_requests_total{service="<svc>",code="401",method="post"} <n>`),
		plain("goroutine", "goroutine 1 [running]:\nmain.main()\n\t/app/main.go:<n> +0x1d4"),
		with("pointer", "panic: invalid memory address, addr=0x0 pc=0x<S>", func(m maker) string { return m.hex(12) }),
		plain("Java frame", "\tat com.example.auth.TokenFilter.doFilter(TokenFilter.java:<n>)"),
		plain("log line", "<t> INFO <svc> started in 1.<n> seconds"),
		plain("key value", "primary_key=id foreign_key=<svc>_id rows=<n>"),
		plain("keyboard", "hotkey: ctrl+<n>, keyboard=us"),
		plain("sort key", "partition key <svc>-<n> has no leader"),
		plain("cookie word", "Cookie consent banner version <n> shown"),
		plain("Secret that was applied", "secret/<svc>-tls-<n> configured"),
		plain("Secret in a list", "kind: Secret\nmetadata:\n  name: <svc>-<n>\ntype: kubernetes.io/tls"),
		plain("version", "kubelet v1.37.<n>, containerd 1.7.<n>"),
		with("snapshot id", "snap-<S> is ready to use", func(m maker) string { return m.hex(17) }),
		with("container id", "containerd://<S>", func(m maker) string { return m.hex(64) }),
		with("volume handle", "volumeHandle: vol-<S>", func(m maker) string { return m.hex(17) }),
		with("serial number", "serial number <S> of the certificate", func(m maker) string { return strings.ToUpper(m.hex(32)) }),
		with("nonce of a test", "replay-nonce accepted, order <S> is valid", func(m maker) string { return m.from(digits, 12) }),
	}
}
