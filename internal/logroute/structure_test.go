package logroute

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kubeops.io/kubeops/api/v1alpha1"
)

// structure checks a configuration against the collector's documented schema, strictly: every option is one that the
// documentation of the component lists, and the number of components is that of the routes.
func structure(t *testing.T, collector v1alpha1.CollectorType, c Configuration, routes int) {
	t.Helper()
	if collector == v1alpha1.CollectorVector {
		vectorStructure(t, c, routes)
		return
	}
	fluentdStructure(t, c, routes)
}

// Options of Vector's components, as https://vector.dev/docs/reference/configuration/ lists them; those that are used.
type (
	vectorConfig struct {
		DataDir    string                     `yaml:"data_dir"`
		API        struct{ Enabled bool }     `yaml:"api"`
		Secret     map[string]vectorSecret    `yaml:"secret"`
		Sources    map[string]vectorSource    `yaml:"sources"`
		Transforms map[string]vectorTransform `yaml:"transforms"`
		Sinks      map[string]vectorSink      `yaml:"sinks"`
	}
	vectorSecret struct{ Type, Path string }
	vectorSource struct {
		Type              string
		GlobCooldown      int  `yaml:"glob_minimum_cooldown_ms"`
		MaxLineBytes      int  `yaml:"max_line_bytes"`
		MaxMergedBytes    int  `yaml:"max_merged_line_bytes"`
		ScrapeInterval    int  `yaml:"scrape_interval_secs"`
		UseAPIServerCache bool `yaml:"use_apiserver_cache"`
	}
	vectorTransform struct {
		Type        string
		Inputs      []string
		Condition   *struct{ Type, Source string }
		Source      string
		DropOnError bool `yaml:"drop_on_error"`
		DropOnAbort bool `yaml:"drop_on_abort"`
	}
	vectorSink struct {
		Type             string
		Inputs           []string
		Address          string
		Endpoint         string
		Endpoints        []string
		TenantID         string `yaml:"tenant_id"`
		Auth             *struct{ Strategy, Value string }
		Labels           map[string]string
		OutOfOrderAction string `yaml:"out_of_order_action"`
		Compression      string
		Encoding         *struct{ Codec string }
		Mode             string
		APIVersion       string `yaml:"api_version"`
		Query            map[string]string
		Bulk             *struct{ Action, Index string }
		IDKey            string `yaml:"id_key"`
		RetryPartial     *bool  `yaml:"request_retry_partial"`
		Unconfined       *bool  `yaml:"dangerously_allow_unconfined_template_resolution"`
		Request          *struct{ Headers map[string]string }
		Healthcheck      struct{ Enabled bool }
		TLS              *struct {
			CAFile            string `yaml:"ca_file"`
			CrtFile           string `yaml:"crt_file"`
			KeyFile           string `yaml:"key_file"`
			ServerName        string `yaml:"server_name"`
			VerifyCertificate bool   `yaml:"verify_certificate"`
			VerifyHostname    bool   `yaml:"verify_hostname"`
		}
		Buffer struct {
			Type     string
			MaxSize  int    `yaml:"max_size"`
			WhenFull string `yaml:"when_full"`
		}
	}
)

func parseVector(t *testing.T, text string) vectorConfig {
	t.Helper()
	var config vectorConfig
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return config
}

func vectorStructure(t *testing.T, c Configuration, routes int) {
	t.Helper()
	if routes == 0 {
		return
	}
	text := c.Files[VectorFile]
	config := parseVector(t, text)
	if len(c.Files) != 2 || len(config.Sources) != 2 || len(config.Transforms) != 2*routes || len(config.Sinks) != routes+1 {
		t.Fatalf("%d routes became %d sources, %d transforms and %d sinks", routes, len(config.Sources), len(config.Transforms),
			len(config.Sinks))
	}
	// Vector puts variables and secrets into the text before it parses it.
	if found := regexp.MustCompile(`\$[\w.{$]`).FindString(text); found != "" {
		t.Errorf("the configuration holds %q, which Vector may replace", found)
	}
	secrets := 0
	exporter := config.Sinks["counts_exporter"]
	if exporter.Type != "prometheus_exporter" || !slices.Equal(exporter.Inputs, []string{"counts"}) {
		t.Errorf("the exporter of counts is %+v", exporter)
	}
	delete(config.Sinks, "counts_exporter")
	for id, sink := range config.Sinks {
		if !regexp.MustCompile(`^b_[a-z0-9_]{0,81}_[0-9a-f]{10}$`).MatchString(id) {
			t.Errorf("the component %q may be no folder", id)
		}
		shape, chosen := config.Transforms[id+"_shape"], config.Transforms[id+"_select"]
		if !slices.Equal(sink.Inputs, []string{id + "_shape"}) || !slices.Equal(shape.Inputs, []string{id + "_select"}) ||
			!slices.Equal(chosen.Inputs, []string{"pods"}) {
			t.Errorf("%s is not a chain of its own", id)
		}
		if !shape.DropOnError || !shape.DropOnAbort || shape.Type != "remap" || chosen.Type != "filter" ||
			chosen.Condition.Type != "vrl" {
			t.Errorf("%s lets lines through that could not be redacted", id)
		}
		if sink.Buffer.Type != "disk" || sink.Buffer.WhenFull != "drop_newest" || sink.Buffer.MaxSize < 268435488 ||
			sink.Healthcheck.Enabled {
			t.Errorf("%s can block the others: %+v", id, sink.Buffer)
		}
		for _, program := range []string{shape.Source, chosen.Condition.Source} {
			if strings.Contains(program, "{{") {
				t.Errorf("%s holds a template:\n%s", id, program)
			}
		}
		own := "SECRET[kubeops." + id + ".authorization]"
		var held string
		switch {
		case sink.Auth != nil:
			held = sink.Auth.Value
		case sink.Request != nil:
			held = sink.Request.Headers["Authorization"]
		}
		if held != "" {
			secrets++
			if held != own || c.Secrets[id+".authorization"] == nil {
				t.Errorf("%s logs in with %q", id, held)
			}
		}
	}
	if strings.Count(text, "SECRET[") != secrets {
		t.Errorf("the configuration refers to secrets that are not its own:\n%s", text)
	}
}

// directive of Fluentd's configuration.
type directive struct {
	name, argument string
	params         map[string]string
	children       []*directive
}

// parseFluentd reads the grammar of https://docs.fluentd.org/configuration/config-file#syntax, and nothing beyond it.
func parseFluentd(t *testing.T, text string) *directive {
	t.Helper()
	opening, closing, param := regexp.MustCompile(`^<([a-z]+)(?: ([^<>\s]+))?>$`), regexp.MustCompile(`^</([a-z]+)>$`), regexp.MustCompile(`^(@?[a-z_]+) (.+)$`)
	root := &directive{name: "root", params: map[string]string{}}
	stack := []*directive{root}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		top := stack[len(stack)-1]
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case opening.MatchString(line):
			m := opening.FindStringSubmatch(line)
			d := &directive{name: m[1], argument: m[2], params: map[string]string{}}
			top.children, stack = append(top.children, d), append(stack, d)
		case closing.MatchString(line):
			if closing.FindStringSubmatch(line)[1] != top.name || len(stack) == 1 {
				t.Fatalf("line %d closes what is not open: %s", number+1, line)
			}
			stack = stack[:len(stack)-1]
		case param.MatchString(line) && len(stack) > 1:
			m := param.FindStringSubmatch(line)
			if _, twice := top.params[m[1]]; twice {
				t.Fatalf("line %d sets %s twice", number+1, m[1])
			}
			top.params[m[1]] = m[2]
		default:
			t.Fatalf("line %d is no configuration: %s", number+1, line)
		}
	}
	if len(stack) != 1 {
		t.Fatalf("<%s> is not closed", stack[len(stack)-1].name)
	}
	return root
}

func (d *directive) all(name string) (found []*directive) {
	for _, child := range d.children {
		if child.name == name {
			found = append(found, child)
		}
	}
	return found
}

// fluentdParams are the parameters that the documentation of each plug-in lists; those that are used.
func fluentdParams() map[string][]string {
	return map[string][]string{
		"kubeops_tail": {"@type", "@id", "@label", "path", "exclude_path", "pos_file", "tag", "read_from_head", "refresh_interval",
			"max_line_size", "@log_level", "pos_file_compaction_interval", "read_bytes_limit_per_second"},
		"none":             {"@type"},
		"kubeops_lines":    {"@type", "@id", "open_file"},
		"kubeops_metadata": {"@type", "@id", "skip_namespace_metadata", "skip_master_url", "annotation_match", "stats_interval", "watch_retry_max_times"},
		"kubeops_failed":   {"@type", "@id", "file"},
		"kubeops_metrics":  {"@type", "@id", "port"},
		"kubeops_select":   {"@type", "@id", "file"},
		"kubeops_route":    {"@type", "@id", "file", "route"},
		"kubeops":          {"@type", "@id", "file", "route", "secrets"},
		"file": {
			"@type", "path", "chunk_limit_size", "total_limit_size", "overflow_action", "flush_mode", "flush_interval", "flush_thread_count",
			"retry_type", "retry_forever", "retry_max_interval", "disable_chunk_backup",
		},
		"": {"log_level", "disable_shared_socket"},
	}
}

func fluentdStructure(t *testing.T, c Configuration, routes int) {
	t.Helper()
	if routes == 0 {
		return
	}
	var data map[string]fluentdRoute
	decoder := json.NewDecoder(strings.NewReader(c.Files["routes.json"]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&data); err != nil {
		t.Fatal(err)
	}
	root := parseFluentd(t, c.Files[FluentdFile])
	ids := map[string]bool{}
	var walk func(*directive)
	walk = func(d *directive) {
		for name := range d.params {
			if !slices.Contains(fluentdParams()[d.params["@type"]], name) {
				t.Errorf("<%s> of type %q has no parameter %s", d.name, d.params["@type"], name)
			}
		}
		if id := d.params["@id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %s is there twice", id)
			}
			ids[id] = true
		}
		for _, child := range d.children {
			walk(child)
		}
	}
	walk(root)
	labels := map[string]*directive{}
	for _, l := range root.all("label") {
		labels[l.argument] = l
	}
	selected := labels["@PODS"].all("match")[0].params["@type"]
	if len(data) != routes || len(labels) != routes+2 || len(root.all("source")) != 2 || selected != "kubeops_select" {
		t.Fatalf("%d routes became %d entries and %d labels, selected by %q", routes, len(data), len(labels), selected)
	}
	for id, route := range data {
		label := labels["@"+id]
		if label == nil {
			t.Fatalf("%s has no label", id)
		}
		match := label.all("match")[0]
		buffer := match.all("buffer")[0].params
		if match.params["route"] != id || label.all("filter")[0].params["route"] != id {
			t.Errorf("%s is not a chain of its own", id)
		}
		if buffer["overflow_action"] != "drop_oldest_chunk" || buffer["total_limit_size"] == "" || buffer["@type"] != "file" ||
			buffer["disable_chunk_backup"] != "true" {
			t.Errorf("%s can block the others: %v", id, buffer)
		}
		if route.Authorization != (c.Secrets[id+".authorization"] != nil) {
			t.Errorf("%s: the credentials are not where they are looked for", id)
		}
	}
	if strings.Contains(c.Files[FluentdFile], "#{") {
		t.Error("fluent.conf holds Ruby")
	}
}
