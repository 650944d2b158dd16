package logroute

import (
	_ "embed" // the plug-ins
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Fluentd's configuration holds names that this package made, and nothing that a user wrote: what a route does is data in
// routes.json, which two small plug-ins read. The official Elasticsearch plug-in would refuse OpenSearch, that of Loki is not in
// the image, and routing by labels with several conditions is beyond the built-in filters.

// FluentdFile is the name of Fluentd's configuration; routes and plug-ins stand beside it.
const FluentdFile = "fluent.conf"

//go:embed ruby/kubeops_routes.rb
var rubyRoutes string

//go:embed ruby/filter_kubeops_route.rb
var rubyFilter string

//go:embed ruby/out_kubeops.rb
var rubyOutput string

type fluentdSelector struct {
	Namespaces []string          `json:"namespaces"`
	Containers []string          `json:"containers"`
	Labels     map[string]string `json:"labels"`
}

type fluentdTLS struct {
	CA          bool   `json:"ca,omitempty"`
	Certificate bool   `json:"certificate,omitempty"`
	ServerName  string `json:"serverName,omitempty"`
	Insecure    bool   `json:"insecure,omitempty"`
}

// fluentdRoute is an entry of routes.json, which the plug-ins read.
type fluentdRoute struct {
	LogBackend    string            `json:"logBackend"`
	Type          string            `json:"type"`
	URL           string            `json:"url"`
	Settings      map[string]any    `json:"settings,omitempty"`
	WholeJSON     bool              `json:"wholeJSON,omitempty"`
	Headers       map[string]string `json:"headers"`
	Authorization bool              `json:"authorization,omitempty"`
	TLS           fluentdTLS        `json:"tls"`
	Include       []fluentdSelector `json:"include"`
	Exclude       []fluentdSelector `json:"exclude"`
	ParseJSON     bool              `json:"parseJSON"`
	DropFields    [][]string        `json:"dropFields"`
	Redact        []string          `json:"redact"`
}

func fluentdFiles(routes []*route) (map[string]string, error) {
	data := map[string]fluentdRoute{}
	var conf, stores, labels strings.Builder
	for _, r := range routes {
		data[r.id] = r.fluentd()
		fmt.Fprintf(&stores, fluentdStore, r.id)
		fmt.Fprintf(&labels, fluentdLabel, r.id, configFolder, secretsFolder, dataFolder)
	}
	fmt.Fprintf(&conf, fluentdHead, dataFolder, stores.String())
	conf.WriteString(labels.String())
	text, err := json.MarshalIndent(data, "", "  ")
	files := map[string]string{
		FluentdFile: conf.String(), "routes.json": string(text) + "\n",
		"kubeops_routes.rb": rubyRoutes, "filter_kubeops_route.rb": rubyFilter, "out_kubeops.rb": rubyOutput,
	}
	for _, r := range routes {
		files["kubeops_"+string(r.Type)+".rb"] = r.Target.Fluentd().Ruby
	}
	return files, err
}

func (r *route) fluentd() fluentdRoute {
	output := r.Target.Fluentd()
	out := fluentdRoute{
		LogBackend: r.Name.String(), Type: string(r.Type), URL: r.url, Settings: output.Settings, Headers: map[string]string{},
		WholeJSON: r.Target.Storage().WholeJSON, Authorization: r.authorization != "",
		Include: fluentdSelectors(r.include), Exclude: fluentdSelectors(r.exclude), ParseJSON: r.Collect.ParseJSON,
		DropFields: append([][]string{}, r.drop...), Redact: append([]string{}, r.redact...),
	}
	maps.Copy(out.Headers, output.Headers)
	if r.secure() {
		settings := r.Endpoint.TLS
		out.TLS = fluentdTLS{CA: len(settings.CA) > 0, Certificate: len(settings.Certificate) > 0, ServerName: settings.ServerName, Insecure: settings.InsecureSkipVerify}
	}
	return out
}

func fluentdSelectors(list []selector) []fluentdSelector {
	out := make([]fluentdSelector, 0, len(list))
	for _, s := range list {
		one := fluentdSelector{Namespaces: append([]string{}, s.namespaces...), Containers: append([]string{}, s.containers...), Labels: map[string]string{}}
		for _, l := range s.labels {
			one.Labels[l.key] = l.value
		}
		out = append(out, one)
	}
	return out
}

const fluentdHead = `# Made by KubeOps from spec.collect of LogBackends: changes are undone.
<system>
  log_level info
</system>

<source>
  @type tail
  @id pods
  @label @CRI
  path /var/log/containers/*.log
  # Its own lines about lines would never end.
  exclude_path ["/var/log/containers/kubeops-fluentd-*.log"]
  pos_file %[1]s/pods.pos
  tag kubernetes.*
  read_from_head true
  refresh_interval 10
  max_line_size 256k
  <parse>
    @type regexp
    expression /^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<logtag>[FP]) (?<message>.*)$/
    time_format %%Y-%%m-%%dT%%H:%%M:%%S.%%N%%z
  </parse>
</source>

# The container runtime cuts long lines into parts.
<label @CRI>
  <filter **>
    @type concat
    @id lines
    key message
    use_partial_cri_logtag true
    partial_cri_logtag_key logtag
    partial_cri_stream_key stream
    separator ""
    flush_interval 5
    timeout_label @PODS
  </filter>
  <match **>
    @type relabel
    @id whole_lines
    @label @PODS
  </match>
</label>

<label @PODS>
  <filter **>
    @type kubernetes_metadata
    @id metadata
    skip_namespace_metadata true
    skip_master_url true
    annotation_match ["."]
  </filter>
  <match **>
    @type copy
    @id routes
    # Each route has a copy of the line: what one does to it, no other sees.
    copy_mode deep
%[2]s  </match>
</label>
`

const fluentdStore = `    <store ignore_error>
      @type relabel
      @id %[1]s_copy
      @label @%[1]s
    </store>
`

const fluentdLabel = `
<label @%[1]s>
  <filter **>
    @type kubeops_route
    @id %[1]s_shape
    file %[2]s/routes.json
    route %[1]s
  </filter>
  <match **>
    @type kubeops
    @id %[1]s
    file %[2]s/routes.json
    route %[1]s
    secrets %[3]s
    <buffer>
      @type file
      path %[4]s/buffer/%[1]s
      chunk_limit_size 2m
      total_limit_size 256m
      # One back end that is down fills its own buffer, then loses its oldest lines; to block or to raise would stop the others.
      overflow_action drop_oldest_chunk
      flush_mode interval
      flush_interval 1s
      flush_thread_count 2
      retry_type exponential_backoff
      retry_forever true
      retry_max_interval 30s
    </buffer>
  </match>
</label>
`
