package logroute

import (
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Where things are in the collectors' containers.
const (
	configFolder  = "/etc/kubeops/collector"
	secretsFolder = "/etc/kubeops/secrets"
	dataFolder    = "/var/lib/kubeops/collector"
)

// VectorFile is the name of Vector's configuration.
const VectorFile = "vector.yaml"

// vectorFiles makes Vector's configuration, see https://vector.dev/docs/reference/configuration/. It is read the same by versions
// that put environment variables into it (before 0.57) and by those that do not: secrets come through Vector's own secret backend.
func vectorFiles(routes []*route) (map[string]string, error) {
	transforms, sinks, secret := newObject(), newObject(), false
	for _, r := range routes {
		transforms.set(r.id+"_select", newObject().
			set("type", "filter").
			set("inputs", []string{"pods"}).
			set("condition", newObject().set("type", "vrl").set("source", program(r.selects()+"\n")))).
			note("LogBackend " + r.Name.String())
		// Each route has a copy of the line: what one does to it, no other sees.
		transforms.set(r.id+"_shape", newObject().
			set("type", "remap").
			set("inputs", []string{r.id + "_select"}).
			// A line that cannot be redacted must not leave the node.
			set("drop_on_error", true).
			set("drop_on_abort", true).
			set("source", r.shape()))
		sinks.set(r.id, r.sink()).note("LogBackend " + r.Name.String())
		secret = secret || r.authorization != ""
	}
	config := newObject().
		set("data_dir", dataFolder).note("Made by KubeOps from spec.collect of LogBackends: changes are undone.").
		set("api", newObject().set("enabled", false))
	if secret {
		config.set("secret", newObject().set("kubeops", newObject().set("type", "directory").set("path", secretsFolder)))
	}
	config.set("sources", newObject().set("pods", newObject().
		set("type", "kubernetes_logs").
		// A file is noticed within 10 seconds, not 60: short-lived Pods are those that one wants to know about.
		set("glob_minimum_cooldown_ms", 10000).
		set("max_line_bytes", 262144).
		set("use_apiserver_cache", true)))
	text, err := config.set("transforms", transforms).set("sinks", sinks).String()
	return map[string]string{VectorFile: text}, err
}

func (r *route) sink() object {
	sink := newObject()
	switch r.Type {
	case v1alpha1.LogBackendLoki:
		sink.set("type", "loki").set("inputs", []string{r.id + "_shape"}).set("endpoint", r.url)
		if r.Tenant != "" {
			sink.set("tenant_id", r.Tenant)
		}
		if r.authorization != "" {
			sink.set("auth", newObject().set("strategy", "custom").set("value", r.authorized()))
		}
		labels := newObject().
			set("namespace", "{{ kubernetes.pod_namespace }}").
			set("pod", "{{ kubernetes.pod_name }}").
			set("container", "{{ kubernetes.container_name }}").
			set("node", "{{ kubernetes.pod_node_name }}").
			set("stream", "{{ stream }}")
		if r.Collect.ParseJSON {
			labels.set("level", "{{ level }}")
		}
		sink.set("labels", labels).
			set("out_of_order_action", "accept").
			set("compression", "gzip").
			set("encoding", newObject().set("codec", "text"))
	default:
		r.elastic(sink)
	}
	sink.set("healthcheck", newObject().set("enabled", false)).note("KubeOps proves the back end itself; one that is down must not keep Vector from starting.")
	if r.secure() {
		sink.set("tls", r.tls())
	}
	sink.set("buffer", newObject().
		set("type", "disk").
		set("max_size", bufferBytes).
		// Anything else stops the source when one buffer is full, and with it every other back end.
		set("when_full", "drop_newest").note("One back end that is down fills its own buffer, then loses its newest lines; the others go on."))
	return sink
}

// elastic is the sink of Elasticsearch, OpenSearch, and of VictoriaLogs, whose documentation recommends it for Vector.
func (r *route) elastic(sink object) {
	sink.set("type", "elasticsearch").set("inputs", []string{r.id + "_shape"})
	headers := newObject()
	if r.authorization != "" {
		headers.set("Authorization", r.authorized())
	}
	if r.Type == v1alpha1.LogBackendVictoriaLogs {
		account, project, _ := strings.Cut(r.tenant(), ":")
		headers.set("AccountID", account).set("ProjectID", project)
		sink.set("endpoints", []string{r.url + "/insert/elasticsearch/"}).
			set("mode", "bulk").
			set("api_version", "v8").
			set("query", newObject().
				set("_msg_field", "message").
				set("_time_field", "timestamp").
				set("_stream_fields", "kubernetes.pod_namespace,kubernetes.pod_name,kubernetes.container_name,kubernetes.pod_node_name,stream"))
	} else {
		sink.set("endpoints", []string{r.url}).
			set("mode", "bulk").
			set("api_version", r.apiVersion()).
			set("bulk", newObject().set("action", "create").set("index", r.WriteIndex)).
			set("id_key", "kubeops_id")
	}
	sink.set("compression", "gzip")
	// Of a bulk request, only what was turned down for a while is sent again.
	sink.set("request_retry_partial", r.Type == v1alpha1.LogBackendElasticsearch)
	if len(headers.node.Content) > 0 {
		sink.set("request", newObject().set("headers", headers))
	}
}

// apiVersion is v6 for Elasticsearch 6, whose bulk requests name a type, and v8 for all that came later: the detection of Vector
// would need the server to answer whenever a collector starts.
func (r *route) apiVersion() string {
	if strings.HasPrefix(r.Version, "6.") && r.Flavor != "opensearch" {
		return "v6"
	}
	return "v8"
}

func (r *route) authorized() string { return "SECRET[kubeops." + r.authKey() + "]" }

func (r *route) tls() object {
	settings := r.Endpoint.TLS
	tls := newObject()
	if len(settings.CA) > 0 {
		tls.set("ca_file", secretsFolder+"/"+r.caKey())
	}
	if len(settings.Certificate) > 0 {
		tls.set("crt_file", secretsFolder+"/"+r.certificateKey()).set("key_file", secretsFolder+"/"+r.keyKey())
	}
	if settings.ServerName != "" {
		tls.set("server_name", settings.ServerName)
	}
	return tls.set("verify_certificate", !settings.InsecureSkipVerify).set("verify_hostname", !settings.InsecureSkipVerify)
}
