package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// LokiOptions of a Loki. The zero value keeps lines forever and has one tenant.
type LokiOptions struct {
	// Retention turns deletion on, for example 31d.
	Retention string
	// Tenants makes it want the header X-Scope-OrgID.
	Tenants bool
	// Limits are more settings of limits_config, such as max_entries_limit_per_query: 100.
	Limits []string
	// Backfill accepts lines of the last days, in the order of time, and keeps all lines in memory, where queries find them at once.
	Backfill bool
	// Place to listen on.
	Place Place
}

// Loki is a running server.
type Loki struct {
	*Process
	URL string
}

// StartLoki runs a Loki in one process, with its data in a scratch folder, on loopback only unless it has another Place.
func StartLoki(t testing.TB, options LokiOptions) *Loki {
	t.Helper()
	address, port := options.Place.port(t)
	grpc := FreePort(t)
	data := t.TempDir()
	config := filepath.Join(data, "loki.yaml")
	if err := os.WriteFile(config, []byte(lokiConfig(options.Place.address(), port, grpc, data, options)), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "http://" + address
	path, line := options.Place.within(filepath.Join(Folder(t, "loki"), "loki"), []string{"-config.file=" + config, "-target=all"})
	process := Start(t, Spec{
		Name: "loki", Path: path, Dir: data, Args: line,
		Env:   []string{"GOMAXPROCS=2"},
		Ready: Answers(url + "/ready"),
	})
	return &Loki{Process: process, URL: url}
}

func lokiConfig(address, port string, grpc int, data string, options LokiOptions) string {
	retention := ""
	limits := ""
	ingester := ""
	querier := ""
	if options.Backfill {
		options.Limits = append(options.Limits, "reject_old_samples: false", "ingestion_rate_mb: 64", "ingestion_burst_size_mb: 64")
		ingester = "  max_chunk_age: 96h\n  chunk_idle_period: 96h"
		querier = "querier: {query_ingesters_within: 0s}"
	}
	for _, setting := range options.Limits {
		limits += "  " + setting + "\n"
	}
	compactor := "  retention_enabled: false"
	if options.Retention != "" {
		retention = "  retention_period: " + options.Retention
		compactor = "  retention_enabled: true\n  delete_request_store: filesystem"
	}
	return strings.NewReplacer("ADDRESS", address, "PORT", port, "GRPC", fmt.Sprint(grpc), "DATA", data,
		"TENANTS", fmt.Sprint(options.Tenants), "  RETENTION\n", retention+"\n", "  COMPACTOR", compactor,
		"  LIMITS\n", limits, "  INGESTER", ingester, "QUERIER", querier).Replace(`
auth_enabled: TENANTS
server:
  http_listen_address: ADDRESS
  http_listen_port: PORT
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: GRPC
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: DATA
  replication_factor: 1
  ring:
    instance_addr: 127.0.0.1
    kvstore:
      store: inmemory
  storage:
    filesystem:
      chunks_directory: DATA/chunks
      rules_directory: DATA/rules
ingester:
  lifecycler:
    min_ready_duration: 0s
    final_sleep: 0s
  INGESTER
QUERIER
frontend_worker:
  frontend_address: 127.0.0.1:GRPC
memberlist:
  bind_addr: [127.0.0.1]
  bind_port: 0
schema_config:
  configs:
    - from: 2024-01-01
      store: tsdb
      object_store: filesystem
      schema: v13
      index:
        prefix: index_
        period: 24h
limits_config:
  volume_enabled: false
  RETENTION
  LIMITS
compactor:
  working_directory: DATA/compactor
  COMPACTOR
analytics:
  reporting_enabled: false
`)
}
