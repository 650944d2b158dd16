package walls

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

func metrics(url string) string {
	return resource("MetricsBackend", fmt.Sprintf("{type: prometheus, timeout: 2s, interval: 30s, prometheus: {url: %q}}", url))
}

func victoria(url string) string {
	return resource("MetricsBackend", fmt.Sprintf("{type: victoriametrics, timeout: 2s, interval: 30s, victoriametrics: {url: %q}}", url))
}

func elasticsearch(url string) string {
	return resource("LogBackend", fmt.Sprintf("{type: elasticsearch, timeout: 2s, interval: 30s, elasticsearch: {url: %q}}", url))
}

func loki(url string) string {
	return resource("LogBackend", fmt.Sprintf("{type: loki, timeout: 2s, interval: 30s, loki: {url: %q}}", url))
}

func victorialogs(url string) string {
	return resource("LogBackend", fmt.Sprintf("{type: victorialogs, timeout: 2s, interval: 30s, victorialogs: {url: %q}}", url))
}

func openai(url string) string {
	return resource("AIProvider", fmt.Sprintf("{type: openai, model: m, timeout: 2s, interval: 30s, openai: {url: %q}}", url))
}

func ollama(url string) string {
	return resource("AIProvider", fmt.Sprintf("{type: ollama, model: m, timeout: 2s, interval: 30s, ollama: {url: %q}}", url))
}

func webhook(url string) string {
	return resource("NotificationChannel", fmt.Sprintf("{type: webhook, timeout: 2s, sendTest: true, webhook: {url: %q}}", url))
}

// egressRows are addresses that must not be called. Loopback is allowed to this manager, except for some addresses.
func egressRows() []row {
	denied := notReady(v1alpha1.ReasonEgressDenied, "")
	operator := notReady(v1alpha1.ReasonEgressDenied, "backends.egress")
	return []row{
		{name: "link-local", manifest: metrics("http://169.254.169.254/"), want: denied},
		{name: "link-local-mapped", manifest: victoria("http://[::ffff:169.254.169.254]/"), want: denied},
		{name: "link-local-compatible", manifest: loki("http://[::169.254.169.254]/"), want: denied},
		{name: "link-local-nat64", manifest: victorialogs("http://[64:ff9b::a9fe:a9fe]/"), want: denied},
		{name: "link-local-6to4", manifest: elasticsearch("http://[2002:a9fe:a9fe::1]/"), want: denied},
		{name: "link-local-zone", manifest: openai("http://[fe80::1]/"), want: denied},
		{name: "number", manifest: ollama("http://2852039166/"), want: denied},
		{name: "hexadecimal", manifest: webhook("http://0xa9fea9fe/"), want: denied},
		{name: "short", manifest: metrics("http://169.254.43518/"), want: denied},
		{name: "octal", manifest: loki("http://0251.0376.0251.0376/"), want: denied},
		{name: "any-address", manifest: openai("http://0.0.0.0/"), want: denied},
		{name: "metadata-name", manifest: elasticsearch("http://metadata.google.internal/computeMetadata/v1/"), want: denied},
		{name: "metadata-dot", manifest: victorialogs("http://METADATA.google.internal./"), want: denied},
		{name: "metadata-alibaba", manifest: webhook("http://100.100.100.200/"), want: denied},
		{name: "metadata-eks", manifest: ollama("http://[fd00:ec2::23]/"), want: denied},
		{name: "multicast", manifest: metrics("http://239.1.2.3/"), want: denied},
		{name: "loopback-denied", manifest: victoria("http://127.0.0.2:1/"), want: operator},
		{name: "loopback-mapped", manifest: loki("http://[::ffff:127.0.0.3]:1/"), want: operator},
		{name: "loopback-six", manifest: openai("http://[::1]:1/"), want: operator},
		{name: "kubernetes", manifest: metrics("https://10.96.0.1/api"), want: operator},
		{name: "second-address",
			manifest: resource("MetricsBackend", `{type: prometheus, timeout: 2s, prometheus: {url: "$SERVER/prometheus"},
  alertmanager: {url: "http://169.254.169.254/"}}`), want: not(v1alpha1.ConditionAlertmanagerReady, v1alpha1.ReasonEgressDenied, "")},
		{name: "mail-address", manifest: resource("NotificationChannel", `{type: email, timeout: 2s,
  email: {host: 169.254.169.254, port: 25, security: none, from: a@example.com, to: [b@example.com]}}`), want: denied},
		{name: "nats-address", manifest: resource("NotificationChannel",
			`{type: nats, timeout: 2s, nats: {url: "nats://[::ffff:169.254.169.254]:4222", subject: a}}`), want: denied},
	}
}

// responseRows are servers that answer as no server should. Each misbehaviour meets several kinds.
func responseRows() (rows []row) {
	kinds := map[string]func(string) string{
		"prometheus": metrics, "victoriametrics": victoria, "elasticsearch": elasticsearch, "loki": loki, "victorialogs": victorialogs,
		"openai": openai, "ollama": ollama, "jenkins": jenkinsOf,
	}
	tooLarge := notReady(v1alpha1.ReasonResponseTooLarge, "was dropped")
	// A decoder that expects something else in that place ends there.
	invalid := notReady(v1alpha1.ReasonInvalidResponse, "the response of")
	exceptions := map[string]outcome{
		"endless-loki": invalid, "endless-ollama": invalid, "large-openai": invalid, "number-jenkins": invalid, "number-openai": invalid,
		"deep-victorialogs": tooLarge,
	}
	for server, want := range map[string]outcome{
		"large": tooLarge, "endless": tooLarge, "deep": invalid, "number": tooLarge,
		"bomb": tooLarge, "silent": notReady(v1alpha1.ReasonTimeout, "spec.timeout"),
		"drip": notReady(v1alpha1.ReasonTimeout, "spec.timeout"),
		"loop": notReady(v1alpha1.ReasonRedirected, ""), "metadata": notReady(v1alpha1.ReasonRedirected, ""),
		"header": notReady(v1alpha1.ReasonResponseTooLarge, "64Ki"),
		"error":  notReady(v1alpha1.ReasonServerError, ""), "hang-up": notReady(v1alpha1.ReasonUnreachable, ""),
		"html": notReady(v1alpha1.ReasonInvalidResponse, ""), "later": notReady(v1alpha1.ReasonRateLimited, ""),
	} {
		for kind, manifest := range kinds {
			name := server + "-" + kind
			outcome, found := exceptions[name]
			if !found {
				outcome = want
			}
			rows = append(rows, row{name: name, manifest: manifest("$SERVER/" + server), want: outcome})
		}
	}
	return rows
}

// secretOf is a Secret of one key with a number of bytes.
func secretOf(name, value string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\nstringData: {key: " + value + "}\n---\n"
}

// accessRows are Secrets, certificates and limits of backends.
func accessRows() []row {
	backend := func(fields string) string {
		return resource("MetricsBackend", "{type: prometheus, timeout: 2s, prometheus: {url: \"$SERVER/prometheus\"}, "+fields+"}")
	}
	certificate := "-----BEGIN CERTIFICATE-----\\n" + strings.Repeat("A", 60) + "\\n-----END CERTIFICATE-----\\n"
	return []row{
		{name: "query-bytes", manifest: backend("queryBudget: {maxBytes: 1073741824}"),
			want: notReady(v1alpha1.ReasonLimitExceeded, "limits.maxQueryBytes")},
		{name: "probe-interval", manifest: backend("interval: 5s"),
			want: notReady(v1alpha1.ReasonLimitExceeded, "limits.minProbeInterval")},
		{name: "token-1m",
			manifest: secretOf("token-1m", strings.Repeat("a", 1000<<10)) + backend("auth: {bearerToken: {name: token-1m, key: key}}"),
			want:     notReady(v1alpha1.ReasonInvalidSecret, "longer than 16 KiB")},
		{name: "token-lines", manifest: secretOf("token-lines", `"a\r\nX-Scope-OrgID: b"`) +
			backend("auth: {bearerToken: {name: token-lines, key: key}}"), want: notReady(v1alpha1.ReasonInvalidSecret, "line breaks")},
		{name: "ca-broken",
			manifest: secretOf("ca-broken", `"-----BEGIN CERTIFICATE-----\nx"`) + backend("tls: {ca: {name: ca-broken, key: key}}"),
			want:     notReady(v1alpha1.ReasonInvalidSecret, "no PEM certificate")},
		{name: "ca-1m",
			manifest: secretOf("ca-1m", `"`+strings.Repeat(certificate, 7000)+`"`) + backend("tls: {ca: {name: ca-1m, key: key}}"),
			want:     notReady(v1alpha1.ReasonInvalidSecret, "no PEM certificate")},
		{name: "no-secret", manifest: backend("auth: {basic: {name: nothing}}"), want: notReady(v1alpha1.ReasonSecretNotFound, "")},
		{name: "secret-of-token", manifest: "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\n" +
			"metadata: {name: manager-token, annotations: {kubernetes.io/service-account.name: kubeops}}\n---\n" +
			backend("auth: {bearerToken: {name: manager-token, key: token}}"), want: notReady(v1alpha1.ReasonSecretNotFound, "")},
		{name: "untrusted", manifest: metrics("$TLS/prometheus"), want: notReady(v1alpha1.ReasonTLSFailed, "")},
		{name: "data-source", manifest: backend("grafana: {labels: {a: b}}"),
			want: not(v1alpha1.ConditionDataSourceReady, v1alpha1.ReasonForbidden, "cannot write secrets")},
		{name: "fields", manifest: resource("LogBackend", `{type: elasticsearch, timeout: 2s, elasticsearch: {url: "$SERVER/endless",
  index: "*,*,-*,a*b*c*d*e*f*"}, fields: {time: "a\"}}]}", message: "../../_all"}}`), want: notReady(v1alpha1.ReasonResponseTooLarge, "was dropped")},
	}
}
