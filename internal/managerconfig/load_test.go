package managerconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

const header = "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\n"

// inFolder writes files into a new working directory, which keeps names in messages short.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadWithoutFileReturnsDefaults(t *testing.T) {
	effective, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), effective.Config); diff != "" {
		t.Error(diff)
	}
}

func TestLoadSetsEveryField(t *testing.T) {
	effective, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range Paths() {
		if _, set := effective.Origins[path]; !set {
			t.Errorf("testdata/full.yaml does not set %s", path)
		}
	}
	got := effective.Config
	want := v1alpha1.ManagerConfig{
		TypeMeta:       got.TypeMeta,
		Namespaces:     []string{"shop", "inspections"},
		DashboardURL:   "https://kubeops.example.com",
		Logging:        v1alpha1.Logging{Level: "debug", Format: "text"},
		Metrics:        v1alpha1.Metrics{BindAddress: "127.0.0.1:9090"},
		Health:         v1alpha1.Health{BindAddress: "0"},
		Webhooks:       v1alpha1.Webhooks{BindAddress: ":9443"},
		LeaderElection: v1alpha1.LeaderElection{Enabled: false, Namespace: "leases"},
		Inspections:    v1alpha1.Inspections{MaxConcurrent: 4, MemoryLimit: "512Mi", MaxContinuous: 3},
		Backends: v1alpha1.Backends{AllowLoopback: true, ResponseMemory: "64Mi", Egress: v1alpha1.Egress{
			AllowedCIDRs: []string{"10.0.0.0/8", "fd12::/16"}, DeniedCIDRs: []string{"10.96.0.0/12"},
			AllowedHosts: []string{"api.openai.com", "*.example.com"}, DeniedHosts: []string{"vault.*"},
			ProxyResolvedHosts: []string{"*.partner.example"}, DetailedDialErrors: true,
		}},
		Limits: v1alpha1.Limits{MaxKeepReports: 20, MaxLogLines: 300000, MaxQueryBytes: 33554432},
		Quotas: v1alpha1.Quotas{
			Inspections: 50, MetricsBackends: 5, LogBackends: 6, AIProviders: 7, NotificationChannels: 8, ManagedClusters: 7,
			CIProviders: 9, CDProviders: 10, ResourceBundles: 11, Pipelines: 12,
			RunsPerHour: 60, ConcurrentRuns: 2,
		},
		LogCollection: v1alpha1.LogCollection{
			Namespace: "kubeops-logging", ClusterWideNamespaces: []string{"monitoring", "security"},
			Images:        v1alpha1.CollectorImages{Vector: "registry.example.com/vector:1", Fluentd: "registry.example.com/fluentd:2"},
			VectorVersion: "0.55.0", BufferDisk: "8Gi",
		},
		AnswerCache: v1alpha1.AnswerCache{Redis: v1alpha1.Redis{
			URL: "rediss://kubeops@cache.example.com:6380/2", PasswordFile: "/etc/cache/password", CAFile: "/etc/cache/ca.crt",
		}},
		WorkQueue: v1alpha1.WorkQueue{
			NATSURL: "tls://nats.queue.example.com:4222", Name: "fleet", Replicas: 3, PartsStorage: "8Mi", ResultsStorage: "2Gi",
			CredentialsFile: "/etc/kubeops-queue/user.creds", PasswordFile: "/etc/kubeops-queue/password", CAFile: "/etc/kubeops-queue/ca.crt", CertFile: "/etc/kubeops-queue/tls.crt",
			KeyFile: "/etc/kubeops-queue/tls.key",
		},
		Tracing: v1alpha1.Tracing{
			Endpoint: "https://collector.tracing.example.com:4318", SamplePercent: 50, QueueSize: 4096,
			CAFile: "/etc/kubeops-tracing/ca.crt", TokenFile: "/etc/kubeops-tracing/token",
		},
		Profiling: v1alpha1.Profiling{BindAddress: "127.0.0.1:6060"},
	}
	want.LeaderElection.LeaseDuration.Duration = time.Minute
	want.LeaderElection.RenewDeadline.Duration = 40 * time.Second
	want.LeaderElection.RetryPeriod.Duration = 1500 * time.Millisecond
	want.Limits.MinScheduleInterval.Duration = 5 * time.Minute
	want.Limits.MaxRunTimeout.Duration = 10 * time.Minute
	want.Limits.MinProbeInterval.Duration = 30 * time.Second
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNullKeepsTheDefault(t *testing.T) {
	inFolder(t, map[string]string{"c.yaml": header + `logging:
health: {bindAddress: }
logCollection: {clusterWideNamespaces: ~, images: }
`})
	effective, err := Load("c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), effective.Config); diff != "" {
		t.Error(diff)
	}
}

func TestLaterFilesOverrideEarlierOnes(t *testing.T) {
	inFolder(t, map[string]string{
		"conf/10-a.yaml":      header + "logging: {level: debug, format: text}\nlogCollection: {clusterWideNamespaces: [a, b]}\n",
		"conf/20-b.yaml":      header + "logging: {level: warn}\nlogCollection: {clusterWideNamespaces: [c]}\n",
		"conf/README":         "not a configuration",
		"conf/.hidden.yaml":   "not a configuration",
		"conf/..data/c.yaml":  "not a configuration",
		"conf/folder/30.yaml": "not a configuration",
	})
	effective, err := Load("conf")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Logging = v1alpha1.Logging{Level: "warn", Format: "text"}
	want.LogCollection.ClusterWideNamespaces = []string{"c"}
	if diff := cmp.Diff(want, effective.Config); diff != "" {
		t.Error(diff)
	}
	wantSources := map[string]string{
		"logging.level":                          "conf/20-b.yaml:3:18",
		"logging.format":                         "conf/10-a.yaml:3:33",
		"logCollection.clusterWideNamespaces":    "conf/20-b.yaml:4:40",
		"logCollection.clusterWideNamespaces[0]": "conf/20-b.yaml:4:41",
	}
	if diff := cmp.Diff(wantSources, effective.Sources()); diff != "" {
		t.Error(diff)
	}
}

func TestFlagsOverrideFiles(t *testing.T) {
	inFolder(t, map[string]string{"c.yaml": header + "logging: {level: debug}\n"})
	level := func(level v1alpha1.LogLevel) Override {
		return Override{Path: "logging.level", Flag: "--log-level", Set: func(c *v1alpha1.ManagerConfig) { c.Logging.Level = level }}
	}
	effective, err := Load("c.yaml", level("warn"))
	if err != nil {
		t.Fatal(err)
	}
	if effective.Config.Logging.Level != "warn" || effective.Sources()["logging.level"] != "--log-level (overrides c.yaml:3:18)" {
		t.Errorf("level %s from %s", effective.Config.Logging.Level, effective.Sources()["logging.level"])
	}
	_, err = Load("c.yaml", level("chatty"))
	want := `--log-level: logging.level: unsupported value: "chatty": supported values: "debug", "info", "warn", "error"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	inFolder(t, map[string]string{"empty/README": "", "large.yaml": strings.Repeat("#", maxFileBytes+1), "folder.yaml/x": ""})
	if err := os.Mkdir("nested", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("nested/a.yaml", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"absent.yaml": "read the configuration: stat absent.yaml: no such file or directory",
		"empty":       "read the configuration: folder empty contains no *.yaml file",
		"large.yaml":  "read the configuration: large.yaml is larger than 1048576 bytes",
		"nested":      "read the configuration: read nested/a.yaml: is a directory",
	} {
		if _, err := Load(path); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// wantErrors compares all lines of an error.
func wantErrors(t *testing.T, err error, want ...string) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v, want Errors", err)
	}
	if diff := cmp.Diff(want, strings.Split(all.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}
