package logroute

import (
	"kubeops.io/kubeops/internal/provider/logs"
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

// forVector is the sink of the type.
func (r *route) forVector() logs.VectorSink {
	to := logs.VectorRoute{URL: r.url, ParseJSON: r.Collect.ParseJSON}
	if r.authorization != "" {
		to.Authorization = "SECRET[kubeops." + r.authKey() + "]"
	}
	return r.Target.Vector(to)
}

func (r *route) sink() object {
	described := r.forVector()
	sink := newObject().set("type", described.Type).set("inputs", []string{r.id + "_shape"})
	for _, option := range described.Options {
		sink.set(option.Name, option.Value)
	}
	sink.set("healthcheck", newObject().set("enabled", false)).
		note("KubeOps proves the back end itself; one that is down must not keep Vector from starting.")
	if r.secure() {
		sink.set("tls", r.tls())
	}
	sink.set("buffer", newObject().
		set("type", "disk").
		set("max_size", bufferBytes).
		// Anything else stops the source when one buffer is full, and with it every other backend.
		set("when_full", "drop_newest").note("One back end that is down fills its own buffer, then loses its newest lines; the others go on."))
	return sink
}

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
