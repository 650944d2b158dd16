package logroute

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	es "kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	lokiservice "kubeops.io/kubeops/internal/provider/logs/loki"
	vlogs "kubeops.io/kubeops/internal/provider/logs/victorialogs"
)

// opened is no real password.
const opened = `open "se\same` + "\n$HOME" + `${X}`

// target of the settings of a type, for a server of a version.
func target(settings logs.Routable, version string) logs.RouteTarget {
	to, err := settings.RouteTarget(logs.Server{Version: version, Flavor: "elasticsearch"})
	if err != nil {
		panic(err)
	}
	return to
}

func elasticsearch(namespace, name string, collect v1alpha1.LogCollection) Backend {
	return Backend{
		Name: types.NamespacedName{Namespace: namespace, Name: name}, Type: v1alpha1.LogBackendElasticsearch,
		Target:   target(es.Config{}, "8.15.0"),
		Endpoint: endpoint("https://elasticsearch.logging:9200/es/", provider.Auth{Username: "kubeops", Password: opened}),
		Collect:  collect, Created: time.Unix(1_700_000_000, 0),
	}
}

func loki(namespace, name, tenant string, collect v1alpha1.LogCollection) Backend {
	return Backend{
		Name: types.NamespacedName{Namespace: namespace, Name: name}, Type: v1alpha1.LogBackendLoki,
		Target:   target(lokiservice.Config{Tenant: tenant}, ""),
		Endpoint: endpoint("http://loki-gateway.logging", provider.Auth{}), Collect: collect, Created: time.Unix(1_700_000_100, 0),
	}
}

func victorialogs(namespace, name string, collect v1alpha1.LogCollection) Backend {
	return Backend{
		Name: types.NamespacedName{Namespace: namespace, Name: name}, Type: v1alpha1.LogBackendVictoriaLogs,
		Target:   target(vlogs.Config{Tenant: "12:3"}, ""),
		Endpoint: endpoint("http://victoria-logs.logging:9428", provider.Auth{}), Collect: collect, Created: time.Unix(1_700_000_200, 0),
	}
}

// endpoint as the resolver of a LogBackend fills it in.
func endpoint(url string, auth provider.Auth) provider.Endpoint {
	return provider.Endpoint{URL: url, Auth: auth, Fields: provider.Fields{Auth: "spec.auth", TLS: "spec.tls"}}
}

func namespaces(names ...string) v1alpha1.LogSelector { return v1alpha1.LogSelector{Namespaces: names} }

// cases that the golden files show, for both collectors.
func cases() map[string][]Backend {
	everything := v1alpha1.LogCollection{
		Include: []v1alpha1.LogSelector{
			{Namespaces: []string{"shop", "platform"}, PodLabels: map[string]string{"app.kubernetes.io/name": "checkout", "tier": "web"}},
			{Namespaces: []string{"billing"}, Containers: []string{"main", "sidecar"}},
		},
		Exclude: []v1alpha1.LogSelector{{Containers: []string{"istio-proxy"}},
			{Namespaces: []string{"shop"}, PodLabels: map[string]string{"noisy": "true"}}},
		ParseJSON: true, DropFields: []string{"kubernetes.pod_annotations", "json.user.email", "kubernetes.namespace_labels"},
		Redact: []string{`(?i)password=\S+`, `\b[0-9]{4}-[0-9]{4}\b`},
	}
	secured := elasticsearch("platform", "secured", v1alpha1.LogCollection{})
	secured.Endpoint.Auth = provider.Auth{APIKey: "bm90LWEta2V5Om5vdC1hLWtleQ=="}
	secured.Endpoint.TLS = provider.TLS{ServerName: "es.internal", InsecureSkipVerify: true}
	bearer := loki("team-a", "bearer", "team-a", v1alpha1.LogCollection{})
	bearer.Endpoint.Auth = provider.Auth{BearerToken: "not-a-token"}
	older := elasticsearch("platform", "older", v1alpha1.LogCollection{})
	older.Target = target(es.Config{}, "6.8.23")
	return map[string][]Backend{
		"elasticsearch":         {elasticsearch("team-a", "logs", v1alpha1.LogCollection{})},
		"elasticsearch-6":       {older},
		"elasticsearch-secured": {secured},
		"loki":                  {loki("team-a", "logs", "", v1alpha1.LogCollection{})},
		"loki-tenant-bearer":    {bearer},
		"loki-json":             {loki("team-a", "logs", "team-a", v1alpha1.LogCollection{ParseJSON: true})},
		"victorialogs":          {victorialogs("team-a", "logs", v1alpha1.LogCollection{})},
		"everything":            {elasticsearch("platform", "all", everything)},
		"redact-only": {loki("team-a", "logs", "",
			v1alpha1.LogCollection{Redact: []string{`token: [A-Za-z0-9']{8,}`, `x$`}})},
		"all-namespaces": {victorialogs("platform", "all",
			v1alpha1.LogCollection{Include: []v1alpha1.LogSelector{{}}, Exclude: []v1alpha1.LogSelector{namespaces("kube-system")}})},
		"two-backends-share-lines": {elasticsearch("platform", "audit",
			v1alpha1.LogCollection{Include: []v1alpha1.LogSelector{namespaces("shop")},
				ParseJSON: true}), loki("shop", "logs", "shop", v1alpha1.LogCollection{Redact: []string{`[0-9]{16}`}})},
		"three-tenants-and-one-everything": {
			elasticsearch("platform", "all", everything),
			loki("team-a", "logs", "a", v1alpha1.LogCollection{}),
			loki("team-b", "logs", "b", v1alpha1.LogCollection{}),
			victorialogs("team-c", "logs", v1alpha1.LogCollection{}),
		},
	}
}

func options() Options { return Options{Everywhere: []string{"platform"}} }

// with a collector for all.
func with(collector v1alpha1.CollectorType, backends []Backend) []Backend {
	out := make([]Backend, len(backends))
	for i, b := range backends {
		b.Collect.Collector = collector
		out[i] = b
	}
	return out
}
