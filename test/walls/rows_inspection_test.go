package walls

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// resource is a manifest of one of KubeOps' kinds.
func resource(kind, spec string) string {
	return "apiVersion: kubeops.io/v1alpha1\nkind: " + kind + "\nmetadata: {name: $NAME}\nspec: " + spec + "\n"
}

func inspection(spec string) string { return resource("Inspection", spec) }

// list is a flow sequence of n items.
func list(n int, item func(int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// checks is an Inspection of one custom check over ConfigMaps.
func checksOf(expression string, more ...string) string {
	return inspection(fmt.Sprintf("{timeout: 5s, namespaces: [$NAMESPACE], checks: {include: [\"custom-*\"]}, customChecks: [%s]}",
		customCheck(0, expression, more...)))
}

func customCheck(i int, expression string, more ...string) string {
	return fmt.Sprintf("{id: c%d, resource: {resource: configmaps}, expression: %q, message: x%s}", i, expression, strings.Join(more, ""))
}

// configMaps are objects for the custom checks to look at: 30 small ones, and one with 900 KiB.
func configMaps() string {
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: small-%d}\ndata: {a: b}\n---\n", i)
	}
	text.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata: {a: " + strings.Repeat("a", 900<<10) + "}\n---\n")
	return text.String()
}

// schemaRows are refused by the schemas of the CRDs, or by RBAC.
func schemaRows() []row {
	prometheus := func(fields string) string {
		return resource("MetricsBackend", "{type: prometheus, prometheus: {url: \"$SERVER/silent\"}, "+fields+"}")
	}
	return []row{
		{name: "traversal-account", manifest: inspection(`{serviceAccountName: "../../shop/serviceaccounts/kubeops"}`),
			want: refused("spec.serviceAccountName")},
		{name: "escaped-account", manifest: inspection(`{serviceAccountName: "kubeops%2f..%2fx"}`),
			want: refused("spec.serviceAccountName")},
		{name: "traversal-namespace", manifest: inspection(`{namespaces: ["../kube-system"]}`), want: refused("spec.namespaces")},
		{name: "secret-path", manifest: prometheus(`auth: {basic: {name: "a/../b"}}`), want: refused("spec.auth.basic.name")},
		{name: "secret-key-path", manifest: prometheus(`auth: {bearerToken: {name: a, key: "../../token"}}`),
			want: refused("spec.auth.bearerToken.key")},
		{name: "check-of-secrets", manifest: inspection(
			`{customChecks: [{id: a, resource: {resource: secrets}, expression: "true", message: x}]}`),
			want: refused("custom checks cannot read Secrets")},
		{name: "resource-path", manifest: inspection(
			`{customChecks: [{id: a, resource: {resource: "pods/exec"}, expression: "true", message: x}]}`),
			want: refused("resource.resource")},
		{name: "checks-100",
			manifest: inspection("{customChecks: " + list(100, func(i int) string { return customCheck(i, "true") }) + "}"),
			want:     refused("must have at most 32 items")},
		{name: "ignore-rules-5000", manifest: inspection("{ignore: " + list(5000, func(i int) string {
			return fmt.Sprintf("{check: pod-*, name: a-%d, reason: x}", i)
		}) + "}"), want: refused("must have at most 128 items")},
		{name: "namespaces-10000",
			manifest: inspection("{namespaces: " + list(10000, func(i int) string { return fmt.Sprintf("n%d", i) }) + "}"),
			want:     refused("must have at most 256 items")},
		{name: "long-expression", manifest: checksOf(strings.Repeat("1 == 1 && ", 5000) + "true"),
			want: refused("may not be more than 4096 bytes")},
		{name: "timeout-forever", manifest: inspection("{timeout: 87600h}"), want: refused("timeout must be between 5s and 1h")},
		{name: "timeout-overflow", manifest: inspection("{timeout: 9999999999999999999h}"), want: refused("timeout")},
		{name: "schedule-zone", manifest: inspection(`{schedule: "TZ=../../etc/passwd * * * * *"}`),
			want: refused("schedule must not contain a time zone")},
		{name: "zone-path", manifest: inspection(`{schedule: "@hourly", timeZone: "../../etc/passwd"}`), want: refused("spec.timeZone")},
		{name: "query-bytes-negative", manifest: prometheus("queryBudget: {maxBytes: -1}"), want: refused("maxBytes")},
		{name: "query-concurrency", manifest: prometheus("queryBudget: {maxConcurrent: 100000}"), want: refused("maxConcurrent")},
		{name: "credentials-in-url", manifest: resource("MetricsBackend",
			`{type: prometheus, prometheus: {url: "http://admin:admin@127.0.0.1:9090"}}`), want: refused("URL without credentials")},
		{name: "file-url", manifest: resource("LogBackend", `{type: loki, loki: {url: "file:///etc/shadow"}}`),
			want: refused("http or https URL")},
		{name: "template-1m", manifest: channel("{text: " + strings.Repeat("a", 1<<20) + "}"),
			want: refused("may not be more than 16384 bytes")},
		{name: "header-injection", manifest: resource("AIProvider",
			`{type: openai, model: m, openai: {url: "$SERVER/accept", headers: [{name: x-a, value: "a\r\nHost: b"}]}}`),
			want: refused("spec.openai.headers[0].value")},
		{name: "header-host", manifest: resource("AIProvider",
			`{type: openai, model: m, openai: {url: "$SERVER/accept", headers: [{name: host, value: b}]}}`),
			want: refused("this header is set by KubeOps")},
		{name: "other-namespace",
			manifest: "apiVersion: kubeops.io/v1alpha1\nkind: Inspection\nmetadata: {name: a, namespace: neighbour}\n",
			want:     refused("cannot create resource \"inspections\"")},
		{name: "forged-report", manifest: "apiVersion: kubeops.io/v1alpha1\nkind: InspectionReport\nmetadata: {name: a}\nsummary: {}\n",
			want: refused("cannot create resource \"inspectionreports\"")},
		{name: "unknown-field", manifest: inspection("{kubeconfig: {exec: {command: sh}}}"), want: refused("unknown field")},
		{name: "annotations-512k",
			manifest: "apiVersion: kubeops.io/v1alpha1\nkind: Inspection\nmetadata:\n  name: $NAME\n  annotations: {a: " +
				strings.Repeat("a", 512<<10) + "}\n", want: refused("metadata.annotations: Too long")},
		{name: "long-" + strings.Repeat("a", 220), manifest: inspection("{}"), want: refused("must not exceed 200 characters")},
	}
}

// nameRows are names that pass the schema and lead nowhere.
func nameRows() []row {
	return []row{
		{name: "no-account", manifest: inspection("{serviceAccountName: nobody}"),
			want: notReady(v1alpha1.ReasonServiceAccountNotFound, "nobody")},
		{name: "account-of-others", manifest: inspection("{serviceAccountName: developer}"),
			want: notReady(v1alpha1.ReasonImpersonationForbidden, "developer")},
		{name: "namespace-of-others", manifest: inspection("{namespaces: [neighbour], timeout: 10s}"), want: notReady(v1alpha1.ReasonForbidden, "nothing was inspected")},
		{name: "no-metrics", manifest: inspection("{metricsRef: {name: a.b.c}, namespaces: [$NAMESPACE]}"), want: gap("does not exist")},
		{name: "no-channels", manifest: inspection("{channels: [{name: a}, {name: b}], namespaces: [$NAMESPACE]}"),
			want: not(v1alpha1.ConditionNotified, v1alpha1.ReasonChannelNotFound, "a")},
		{name: "no-model", manifest: inspection("{ai: {providerRef: {name: a}}, namespaces: [$NAMESPACE]}"),
			want: not(v1alpha1.ConditionExplained, v1alpha1.ReasonProviderNotFound, "a")},
		{name: "no-check", manifest: inspection("{checks: {include: [\"[[[[\"]}}"), want: notReady(v1alpha1.ReasonUnknownCheck, "[[[[")},
		{name: "every-second", manifest: inspection(`{schedule: "@every 1s"}`),
			want: notReady(v1alpha1.ReasonLimitExceeded, "limits.minScheduleInterval")},
		{name: "never", manifest: inspection(`{schedule: "0 0 31 2 *"}`), want: notReady(v1alpha1.ReasonInvalidSchedule, "never comes due")},
		{name: "schedule-list", manifest: inspection(`{schedule: "` + strings.TrimSuffix(strings.Repeat("1,", 50), ",") + ` * * * *"}`),
			want: harmless("")},
		{name: "schedule-step", manifest: inspection(`{schedule: "*/999999999999 0-99999999 * * *"}`),
			want: notReady(v1alpha1.ReasonInvalidSchedule, "")},
		{name: "timeout-1h", manifest: inspection("{timeout: 1h}"), want: notReady(v1alpha1.ReasonLimitExceeded, "limits.maxRunTimeout")},
		{name: "keep-all", manifest: inspection("{keepReports: 100, namespaces: [$NAMESPACE]}"), want: harmless("")},
	}
}

// inspectionRows keep a run busy by other means than expressions.
func inspectionRows() []row {
	return []row{
		{name: "ignore-128", manifest: inspection("{namespaces: [$NAMESPACE], ignore: " + list(128, func(i int) string {
			return fmt.Sprintf("{check: %q, name: %q, reason: x}", strings.Repeat("*a?", 20)+"*", strings.Repeat("*a?", 80)+"*")
		}) + "}"), want: notReady(v1alpha1.ReasonUnknownCheck, "")},
		{name: "globs", manifest: inspection("{namespaces: [$NAMESPACE], excludeNamespaces: " + list(256, func(i int) string {
			return fmt.Sprintf("%q", strings.Repeat("*?", 28)+fmt.Sprint(i)+"[")
		}) + "}"), want: notReady(v1alpha1.ReasonInvalidSpec, "63 characters")},
		{name: "registries", manifest: inspection("{namespaces: [$NAMESPACE], allowedRegistries: " + list(64, func(i int) string {
			return fmt.Sprintf("%q", strings.Repeat("é", 240)+fmt.Sprint(i))
		}) + "}"), want: harmless("")},
		{name: "namespaces-256", manifest: inspection("{timeout: 30s, namespaces: " + list(256, func(i int) string {
			return fmt.Sprintf("team-%d", i)
		}) + "}"), want: notReady(v1alpha1.ReasonForbidden, "nothing was inspected")},
		{name: "flooded", manifest: resource("MetricsBackend", `{type: prometheus, prometheus: {url: "$SERVER/flood"}}`) + "---\n" +
			inspection("{namespaces: [$NAMESPACE], timeout: 20s, metricsRef: {name: $NAME}}"), want: gap("more than 50000 series")},
		{name: "export", manifest: inspection("{namespaces: [$NAMESPACE], export: {openReports: true}}"),
			want: not(v1alpha1.ConditionExported, v1alpha1.ReasonImpersonationForbidden, "reports.openreports.io")},
	}
}
