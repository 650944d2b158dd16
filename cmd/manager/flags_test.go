package main

import (
	"bytes"
	"flag"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/provider"
)

func TestFlagsAreChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string // part of the error; empty means accepted
	}{
		"none": {},
		"all": {args: []string{"--config=x", "--print-config", "--version", "--leader-elect=false", "--allow-loopback-backends",
			"--log-level=debug", "--metrics-bind-address=0", "--health-probe-bind-address=:1"}},
		"help":            {[]string{"-h"}, flag.ErrHelp.Error()},
		"an argument":     {[]string{"start"}, `unexpected argument "start"`},
		"a typo":          {[]string{"--leader-elected"}, "not defined"},
		"no boolean":      {[]string{"--leader-elect=perhaps"}, "invalid boolean"},
		"a removed flag":  {[]string{"--max-concurrent-inspections=2"}, "not defined"},
		"a missing value": {[]string{"--config"}, "needs an argument"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(tc.args, io.Discard)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestFlagsOverrideOnlyWhenSet(t *testing.T) {
	line, err := parse([]string{
		"--leader-elect=true", "--log-level=info", "--metrics-bind-address=0", "--health-probe-bind-address=:1", "--allow-loopback-backends",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	effective, err := managerconfig.Load("", line.overrides...)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"backends.allowLoopback": "--allow-loopback-backends", "health.bindAddress": "--health-probe-bind-address",
		"leaderElection.enabled": "--leader-elect", "logging.level": "--log-level", "metrics.bindAddress": "--metrics-bind-address",
	}
	if diff := cmp.Diff(want, effective.Sources()); diff != "" {
		t.Error(diff)
	}
	config := effective.Config
	if config.Metrics.BindAddress != "0" || config.Health.BindAddress != ":1" || !config.Backends.AllowLoopback {
		t.Errorf("a flag did not change its field: %+v", config)
	}
	line, err = parse(nil, io.Discard)
	if err != nil || len(line.overrides) != 0 {
		t.Errorf("overrides without flags: %v, %v", line.overrides, err)
	}
}

func TestPrintConfigPrintsAndExits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	content := "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\nanswerCache: {redis: {url: 'redis://somebody@cache'}}\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"--config=" + file, "--print-config", "--log-level=warn"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level: warn # --log-level\n", "url: redis://[redacted]@cache # " + file + ":3:28\n", "maxConcurrent: 2\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not printed:\n%s", want, out.String())
		}
	}
	out.Reset()
	err := run([]string{"--config=" + file, "--print-config", "--log-level=loud", "--metrics-bind-address=x"}, &out)
	if err == nil || out.Len() != 0 || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("printed %q with %v", out.String(), err)
	}
}

func TestTheNetworkPolicyFollowsTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	content := "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\nbackends: {egress: {deniedCIDRs: [10.96.0.0/12]}}\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"--print-network-policy", "--config=" + file}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kind: NetworkPolicy", "10.96.0.0/12", "169.254.0.0/16"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in:\n%s", want, out.String())
		}
	}
}

func TestVersionPrintsTheBuildAndExits(t *testing.T) {
	build := buildinfo.Read()
	var out bytes.Buffer
	if err := run([]string{"--version", "--config=absent"}, &out); err != nil || out.String() != "kubeops manager "+build.String()+"\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	out.Reset()
	if err := run([]string{"--version", "-o", "json"}, &out); err != nil || !strings.Contains(out.String(), `"goVersion":"`+build.GoVersion) {
		t.Errorf("got %q, %v", out.String(), err)
	}
	if err := run([]string{"--version", "-o", "xml"}, &out); err == nil {
		t.Error("-o xml is accepted")
	}
}

// TestConfigurationReachesTheControllers sets every field that controllers.Options has.
func TestConfigurationReachesTheControllers(t *testing.T) {
	config := managerconfig.Default()
	config.Inspections.MaxConcurrent = 7
	config.Namespaces = []string{"shop", "inspections"}
	config.Backends.AllowLoopback = true
	config.Backends.Egress = v1alpha1.Egress{
		AllowedCIDRs: []string{"10.0.0.0/8"}, DeniedCIDRs: []string{"10.96.0.0/12"}, AllowedHosts: []string{"a"}, DeniedHosts: []string{"d"},
		ProxyResolvedHosts: []string{"p"}, DetailedDialErrors: true,
	}
	config.Webhooks.BindAddress = "127.0.0.1:8082"
	config.DashboardURL = "https://kubeops.example.com"
	config.Limits.MaxQueryBytes = 40 << 20
	config.Quotas.LogBackends = 3
	config.Quotas.RunsPerHour = 60
	config.LogCollection.Namespace = "logging"
	config.LogCollection.ClusterWideNamespaces = []string{"monitoring"}
	config.LogCollection.Images.Vector = "vector:1"
	config.LogCollection.Images.Fluentd = "fluentd:1"
	config.LogCollection.VectorVersion = "0.55.0"
	config.LogCollection.BufferDisk = "8Gi"
	options := controllerOptions(&config)
	collectors := options.LogCollectors
	if options.ParallelInspections != 7 || !options.Egress.AllowLoopback || collectors.Namespace != "logging" || options.Metrics == nil ||
		options.WebhookAddress != "127.0.0.1:8082" ||
		options.DashboardURL != config.DashboardURL {
		t.Errorf("%+v", options)
	}
	wantLimits := limits.Limits{
		MinScheduleInterval: time.Minute, MinProbeInterval: 10 * time.Second, MaxRunTimeout: 30 * time.Minute, MaxKeepReports: 100,
		MaxLogLines: 1_000_000, MaxQueryBytes: 40 << 20,
	}
	if options.Limits != wantLimits {
		t.Errorf("limits %+v", options.Limits)
	}
	quotas := options.Quotas
	if quotas.RunsPerHour != 60 || quotas.ConcurrentRuns != 0 || len(quotas.Objects) != 10 ||
		quotas.Objects["LogBackend"] != (limits.Objects{Served: 3, Setting: "quotas.logBackends"}) {
		t.Errorf("quotas %+v", quotas)
	}
	if diff := cmp.Diff([]string{"monitoring"}, collectors.Everywhere); diff != "" {
		t.Error(diff)
	}
	if collectors.VectorVersion != "0.55.0" || collectors.BufferDisk != 8<<30 {
		t.Errorf("version %q of Vector, %d bytes of disk", collectors.VectorVersion, collectors.BufferDisk)
	}
	if diff := cmp.Diff([]string{"fluentd:1", "vector:1"}, slices.Sorted(maps.Values(collectors.Images))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(config.Namespaces, options.Namespaces); diff != "" {
		t.Error(diff)
	}
	wanted := provider.Egress{
		AllowLoopback: true, Allowed: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Denied: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}, AllowedHosts: []string{"a"}, DeniedHosts: []string{"d"},
		ProxyResolvedHosts: []string{"p"}, DetailedDialErrors: true,
	}
	if !reflect.DeepEqual(options.Egress, wanted) {
		t.Errorf("%+v", options.Egress)
	}
	election := config.LeaderElection
	manager := managerOptions(&config, nil)
	if diff := cmp.Diff([]string{"inspections", "shop"}, slices.Sorted(maps.Keys(manager.Cache.DefaultNamespaces))); diff != "" {
		t.Error(diff)
	}
	if *manager.LeaseDuration != election.LeaseDuration.Duration || *manager.RenewDeadline != election.RenewDeadline.Duration ||
		*manager.RetryPeriod != election.RetryPeriod.Duration || manager.LeaderElectionNamespace != "" || !manager.LeaderElection {
		t.Errorf("%+v", manager)
	}
}

func TestResponseMemoryIsAPartOfTheMemoryOfTheProcess(t *testing.T) {
	for name, test := range map[string]struct {
		configured string
		own, want  int64
	}{
		"configured": {"100Mi", 96 << 20, 100 << 20}, "a limit": {"", 96 << 20, 12 << 20}, "no limit": {"", 0, 64 << 20},
	} {
		if got := responseMemory(test.configured, test.own); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}

func TestTheNamespaceOfTheManagerIsThatOfItsPod(t *testing.T) {
	for content, want := range map[string]string{"operators": "operators", "operators\n": "operators", "": "kubeops-system"} {
		file := filepath.Join(t.TempDir(), "namespace")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ownNamespace(file); got != want {
			t.Errorf("%q: got %s", content, got)
		}
	}
	if got := ownNamespace(filepath.Join(t.TempDir(), "none")); got != "kubeops-system" {
		t.Errorf("without a file: got %s", got)
	}
}
