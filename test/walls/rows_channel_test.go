package walls

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// channel sends a test message with a template.
func channel(template string) string {
	return resource("NotificationChannel", "{type: webhook, timeout: 5s, sendTest: true, webhook: {url: \"$SERVER/accept\"}, "+
		"filter: {minSeverity: info}, template: "+template+"}")
}

// channelRows are templates and receivers.
func channelRows() []row {
	invalid := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidTemplate, text) }
	// A report is delivered with the template, and its message sent.
	template := func(text string) string {
		return inspection("{namespaces: [$NAMESPACE], channels: [{name: $NAME}], checks: {include: [service-selector-matches-nothing]}}") +
			"---\n" + channel(fmt.Sprintf("{text: %q}", text))
	}
	broken := "apiVersion: v1\nkind: Service\nmetadata: {name: broken}\nspec: {selector: {app: none}, ports: [{port: 80}]}\n---\n"
	grown := `{{$a := printf "%999d" 1}}{{$a = print` + strings.Repeat(" $a", 60) + `}}{{print` + strings.Repeat(" $a", 4000) + `}}`
	loop := `{{range 1000}}`
	return []row{
		{name: "template-large", manifest: broken + template(grown), want: invalid("1 MiB")},
		{name: "template-width", manifest: template(`{{printf "%99999999d" 1}}`), want: invalid("exceeds 999")},
		{name: "template-star", manifest: template(`{{printf "%*d" 99999999 1}}`), want: invalid("exceeds 999")},
		{name: "template-loops", manifest: template(`{{range 1000000}}{{range 1000000}}{{range 1000000}}{{end}}{{end}}{{end}}`),
			want: invalid("more than 20000 steps")},
		{name: "template-recursive", manifest: template(`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`),
			want: invalid("more than 100 levels")},
		{name: "template-output", manifest: template(`{{range 10000}}` + strings.Repeat("x", 100) + `{{end}}`), want: invalid("64 KiB")},
		{name: "template-nested", manifest: template(strings.Repeat(`{{if true}}`, 800) + strings.Repeat(`{{end}}`, 800)),
			want: harmless("")},
		{name: "template-text", manifest: template(loop + `{{$b := printf "%999s" "a"}}{{print $b $b $b $b $b $b $b $b $b}}{{end}}`),
			want: invalid("64 KiB")},
		{name: "template-function", manifest: template(`{{call .Inspection.DeepCopy}}`), want: invalid("DeepCopy")},
		{name: "template-html", manifest: template(strings.Repeat(`{{printf "%999s" "<" | html | js | urlquery | html | js}}`, 100)),
			want: invalid("64 KiB")},
		{name: "receiver-silent", manifest: webhook("$SERVER/silent"), want: notReady(v1alpha1.ReasonTimeout, "")},
		{name: "receiver-endless", manifest: webhook("$SERVER/endless"), want: notReady(v1alpha1.ReasonResponseTooLarge, "64Ki")},
		{name: "receiver-loop", manifest: webhook("$SERVER/loop"), want: notReady(v1alpha1.ReasonRedirected, "")},
		{name: "receiver-later", manifest: webhook("$SERVER/later"), want: notReady(v1alpha1.ReasonRateLimited, "")},
		{name: "alertmanager", manifest: resource("NotificationChannel",
			`{type: alertmanager, timeout: 2s, alertmanager: {url: "$SERVER/endless"}}`),
			want: notReady(v1alpha1.ReasonResponseTooLarge, "")},
		{name: "mail-of-http", manifest: resource("NotificationChannel", `{type: email, timeout: 2s,
  email: {host: 127.0.0.1, port: $PORT, security: none, from: a@example.com, to: [b@example.com]}}`), want: notReady(v1alpha1.ReasonTimeout, "did not greet in time")},
		{name: "nats-of-http",
			manifest: resource("NotificationChannel", `{type: nats, timeout: 2s, nats: {url: "nats://127.0.0.1:$PORT", subject: a}}`),
			want:     notReady(v1alpha1.ReasonTimeout, "spec.timeout")},
		{name: "url-of-secret", manifest: secretOf("url-of-secret", `"http://169.254.169.254/"`) + resource("NotificationChannel",
			`{type: slack, timeout: 2s, sendTest: true, slack: {webhookURL: {name: url-of-secret, key: key}}}`),
			want: notReady(v1alpha1.ReasonEgressDenied, "")},
		{name: "url-of-1m", manifest: secretOf("url-of-1m", `"https://127.0.0.1/`+strings.Repeat("a", 1000<<10)+`"`) +
			resource("NotificationChannel", `{type: teams, timeout: 2s, sendTest: true, teams: {webhookURL: {name: url-of-1m, key: key}}}`),
			want: notReady(v1alpha1.ReasonInvalidSecret, "longer than 16 KiB")},
	}
}

// providerRows are language models.
func providerRows() []row {
	return []row{
		{name: "fallback-loop", manifest: resource("AIProvider",
			`{type: openai, model: m, timeout: 2s, openai: {url: "$SERVER/silent"}, fallbackRef: {name: $NAME}}`) + "---\n" +
			inspection("{namespaces: [$NAMESPACE], ai: {providerRef: {name: $NAME}}}"),
			want: not(v1alpha1.ConditionExplained, v1alpha1.ReasonFallbackLoop, "")},
		{name: "headers-16",
			manifest: resource("AIProvider", `{type: openai, model: m, timeout: 2s, openai: {url: "$SERVER/silent", headers: `+
				list(16, func(i int) string { return fmt.Sprintf("{name: x-%d, value: %s}", i, strings.Repeat("a", 1024)) })+`}}`),
			want: notReady(v1alpha1.ReasonTimeout, "")},
		{name: "model-path",
			manifest: resource("AIProvider", `{type: ollama, model: "a/../../b", timeout: 2s, ollama: {url: "$SERVER/html"}}`),
			want:     notReady(v1alpha1.ReasonInvalidResponse, "login page")},
		{name: "context-10m", manifest: resource("AIProvider",
			`{type: openai, model: m, timeout: 2s, contextLength: 10000000, concurrency: 64, openai: {url: "$SERVER/endless"}}`),
			want: notReady(v1alpha1.ReasonResponseTooLarge, "")},
	}
}

// collectionRows are routes of log lines, which all share one collector.
func collectionRows() []row {
	collect := func(fields string) string {
		return resource("LogBackend", "{type: loki, timeout: 2s, loki: {url: \"$SERVER/silent\", tenant: $NAME}, collect: {"+fields+"}}")
	}
	redact := func(n int, pattern string) string {
		return collect("redact: " + list(n, func(i int) string { return fmt.Sprintf("%q", pattern+fmt.Sprint(i)) }))
	}
	refusedRoute := func(reason, text string) outcome { return not(v1alpha1.ConditionCollectionReady, reason, text) }
	return []row{
		{name: "redact-classes", manifest: redact(32, strings.Repeat(`\pL`, 160)),
			want: refusedRoute(v1alpha1.ReasonInvalidSpec, "spec.collect.redact")},
		{name: "redact-repeat", manifest: redact(1, "((((a{30}){30}){30}){30}){30}"),
			want: refusedRoute(v1alpha1.ReasonInvalidSpec, "spec.collect.redact[0]")},
		{name: "redact-broken", manifest: redact(1, "(((["), want: refusedRoute(v1alpha1.ReasonInvalidSpec, "spec.collect.redact[0]")},
		{name: "redact-all", manifest: redact(32, "(abcdefghij){900}"), want: refusedRoute(v1alpha1.ReasonInvalidSpec, "")},
		{name: "collect-of-others", manifest: collect("include: [{namespaces: [neighbour]}]"),
			want: refusedRoute(v1alpha1.ReasonNamespaceNotAllowed, "logCollection.clusterWideNamespaces")},
		{name: "drop-all", manifest: collect("dropFields: [kubernetes, message]"),
			want: refusedRoute(v1alpha1.ReasonInvalidSpec, "spec.collect.dropFields")},
		{name: "labels-large", manifest: collect("include: " + list(32, func(int) string {
			return "{podLabels: {" + strings.TrimSuffix(strings.Repeat("a: b, ", 1), ", ") + "}, containers: " +
				list(64, func(i int) string { return strings.Repeat("c", 50) + fmt.Sprint(i) }) + "}"
		})), want: refusedRoute("", "")},
		{name: "injection", manifest: collect(`include: [{podLabels: {"a\"\n[sinks.x]": "$(id) ${HOME} {{ . }}"}}]`),
			want: refusedRoute(v1alpha1.ReasonInvalidSpec, "")},
		{name: "route-to-metadata",
			manifest: resource("LogBackend", `{type: loki, timeout: 2s, loki: {url: "http://169.254.169.254/"}, collect: {}}`),
			want:     refusedRoute(v1alpha1.ReasonEgressDenied, "")},
	}
}

// every does something again and again until ctx ends.
func every(d time.Duration, do func(ctx context.Context, tenant client.Client, object object, n int) error) action {
	return func(ctx context.Context, tenant client.Client, object object) error {
		for n := 0; ctx.Err() == nil; n++ {
			if err := do(ctx, tenant, object.DeepCopy(), n); err != nil {
				return err
			}
			pause(ctx, d)
		}
		return nil
	}
}

func mergePatch(patch string) client.Patch {
	return client.RawPatch("application/merge-patch+json", []byte(patch))
}
