package builtin

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/alertmanager"
)

const root = "../../.."

// typesOf a registry.
func typesOf[S, P any](t *testing.T, registry *provider.Registry[S, P], err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return registry.Types()
}

func TestEveryTypeOfTheAPIIsRegistered(t *testing.T) {
	t.Parallel()
	metricsTypes, metricsErr := Metrics()
	logTypes, logErr := Logs()
	modelTypes, modelErr := Models()
	channelTypes, channelErr := Channels()
	buildTypes, buildErr := BuildServers()
	for plural, registered := range map[string][]string{
		"metricsbackends": typesOf(t, metricsTypes, metricsErr), "logbackends": typesOf(t, logTypes, logErr),
		"aiproviders": typesOf(t, modelTypes, modelErr), "notificationchannels": typesOf(t, channelTypes, channelErr),
		"ciproviders": typesOf(t, buildTypes, buildErr),
	} {
		content, err := os.ReadFile(filepath.Join(root, "config", "crd", "bases", "kubeops.io_"+plural+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Versions []struct {
					Schema struct {
						OpenAPIV3Schema struct {
							Properties struct {
								Spec struct {
									Properties map[string]struct{ Enum []string }
								}
							}
						} `json:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(content, &crd); err != nil {
			t.Fatal(err)
		}
		members := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Spec.Properties
		wanted := slices.Sorted(slices.Values(members["type"].Enum))
		if !slices.Equal(wanted, registered) {
			t.Errorf("%s: the CRD has %v, registered are %v", plural, wanted, registered)
		}
		for _, name := range registered {
			if _, is := members[name]; !is {
				t.Errorf("%s: spec has no member %s for the settings of the type", plural, name)
			}
		}
	}
}

func TestEveryLogBackendCanBeRoutedToAndShownInGrafana(t *testing.T) {
	t.Parallel()
	registry, err := Logs()
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range registry.Backends() {
		config, err := backend.Configure(nil)
		if err != nil || backend.Products == "" {
			t.Fatal(backend.Type, err)
		}
		if _, is := config.(logs.GrafanaSourcer); !is {
			t.Errorf("%s has no data source of Grafana", backend.Type)
		}
		routable, is := config.(logs.Routable)
		if !is {
			t.Errorf("%s is not routable", backend.Type)
			continue
		}
		to, err := routable.RouteTarget(logs.Server{Version: "8.0.0"})
		if err != nil {
			t.Fatal(backend.Type, err)
		}
		sink, err := to.Vector(logs.VectorRoute{URL: "http://logs", Version: logs.VectorConfinement})
		if err != nil || sink.Type == "" || !strings.Contains(to.Fluentd().Ruby, "TARGETS['"+backend.Type+"']") {
			t.Errorf("%s has no target for one of the collectors", backend.Type)
		}
	}
}

func TestOnlyAlertmanagerHoldsAlerts(t *testing.T) {
	t.Parallel()
	registry, err := Channels()
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range registry.Backends() {
		config, err := backend.Configure(nil)
		if err != nil {
			t.Fatal(backend.Type, err)
		}
		if got := notify.HoldsAlerts(config); got != (backend.Type == alertmanager.Type) {
			t.Errorf("%s holds alerts: %v", backend.Type, got)
		}
	}
}

// TestTypesAreKnownToThisPackageOnly holds what makes a type one package and one line: nothing else imports the package of a type.
func TestTypesAreKnownToThisPackageOnly(t *testing.T) {
	t.Parallel()
	var packages []string
	for _, contract := range []string{"ai", "ci", "logs", "metrics", "notify"} {
		entries, err := filepath.Glob(filepath.Join("..", contract, "*", "config.go"))
		if err != nil || len(entries) == 0 {
			t.Fatal(err, contract)
		}
		for _, entry := range entries {
			packages = append(packages, "kubeops.io/kubeops/internal/provider/"+contract+"/"+filepath.Base(filepath.Dir(entry)))
		}
	}
	for _, folder := range []string{"cmd", "controllers", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "internal/provider/builtin/") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, imported := range file.Imports {
				if name, _ := strconv.Unquote(imported.Path.Value); slices.Contains(packages, name) {
					t.Errorf("%s imports %s; use the registry", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
