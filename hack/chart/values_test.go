package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

func TestValuesReachTheObjects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		values string
		key    string
		want   []string
	}{
		"an image by tag": {
			"image: {repository: example.com/kubeops, tag: v1}", "Deployment/kubeops-system/kubeops-manager",
			[]string{"image: example.com/kubeops:v1\n"},
		},
		"an image by digest": {
			"image: {tag: v1, digest: 'sha256:" + strings.Repeat("a", 64) + "'}", "Deployment/kubeops-system/kubeops-manager",
			[]string{"image: kubeops.local/manager@sha256:" + strings.Repeat("a", 64)},
		},
		"names of ServiceAccounts": {
			"impersonatedServiceAccounts: [kubeops, checker]", "ClusterRole//kubeops-manager-impersonation", []string{"  - checker\n"},
		},
		"the Pod": {
			`{nodeSelector: {pool: system}, tolerations: [{operator: Exists}], priorityClassName: high, podLabels: {team: a},
			  podAnnotations: {note: b}, imagePullSecrets: [{name: pull}], topologySpreadConstraints: [{maxSkew: 1}]}`,
			"Deployment/kubeops-system/kubeops-manager",
			[]string{
				"pool: system", "operator: Exists", "priorityClassName: high", "team: a", "note: b", "- name: pull", "maxSkew: 1",
				"kubectl.kubernetes.io/default-container: manager",
			},
		},
		"the manager": {
			`manager: {replicas: 3, env: [{name: HTTPS_PROXY, value: "http://proxy"}], resources: {limits: {memory: 1Gi, cpu: 2}},
			  volumes: [{name: ca, configMap: {name: ca}}], volumeMounts: [{name: ca, mountPath: /etc/ssl}]}`,
			"Deployment/kubeops-system/kubeops-manager",
			[]string{"replicas: 3", "name: HTTPS_PROXY", "memory: 1Gi", "cpu: 2", "mountPath: /etc/ssl", "cpu: 50m"},
		},
		"flags of the dashboard": {
			"{components: {dashboard: true}, dashboard: {args: [--tls-cert-file=/tls/tls.crt]}}",
			"Deployment/kubeops-system/kubeops-dashboard", []string{"- --tls-cert-file=/tls/tls.crt"},
		},
		"probes of a dashboard with a certificate": {
			"{components: {dashboard: true}, dashboard: {args: [--tls-cert-file, /tls/tls.crt, --tls-key-file=/tls/tls.key]}}",
			"Deployment/kubeops-system/kubeops-dashboard",
			[]string{
				"livenessProbe:\n          httpGet:\n            path: /healthz\n            port: http\n            scheme: HTTPS\n",
				"readinessProbe:\n          httpGet:\n            path: /healthz\n            port: http\n            scheme: HTTPS\n",
			},
		},
		"a name that is a number": {
			"{priorityClassName: '100', podLabels: null, podAnnotations: null}", "Deployment/kubeops-system/kubeops-manager",
			[]string{`priorityClassName: "100"`},
		},
		"a label that workers have already": {
			"{components: {workers: true}, podLabels: {app.kubernetes.io/part-of: platform}}",
			"Deployment/kubeops-system/kubeops-worker", []string{"\n        app.kubernetes.io/part-of: kubeops\n"},
		},
		"workers": {
			"{components: {workers: true}, workers: {replicas: 5}}", "Deployment/kubeops-system/kubeops-worker", []string{"replicas: 5"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]any{}
			if err := yaml.Unmarshal([]byte(tc.values), &values); err != nil {
				t.Fatal(err)
			}
			installed, err := helm(t, namespace, values)
			if err != nil {
				t.Fatal(err)
			}
			content, err := yaml.Marshal(installed.byKey[tc.key])
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if !strings.Contains(string(content), want) {
					t.Errorf("%s has no %q:\n%s", tc.key, want, content)
				}
			}
		})
	}
}

func TestANamespaceMayLookLikeANumber(t *testing.T) {
	t.Parallel()
	installed, err := helm(t, "2026", merged(allValues(), map[string]any{"namespaces": []any{"42"}}))
	if err != nil {
		t.Fatal(err)
	}
	for key, manifest := range installed.byKey {
		metadata, _ := manifest["metadata"].(map[string]any)
		if _, isText := metadata["namespace"].(string); metadata["namespace"] != nil && !isText {
			t.Errorf("%s: namespace %v", key, metadata["namespace"])
		}
		subjects, _ := manifest["subjects"].([]any)
		for _, s := range subjects {
			subject, _ := s.(map[string]any)
			if _, isText := subject["namespace"].(string); !isText {
				t.Errorf("%s: subject %v", key, subject)
			}
		}
	}
}

func TestEverySettingOfTheManagerIsAValue(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(repository, "internal", "managerconfig", "testdata", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]any{}
	if err := yaml.Unmarshal(content, &config); err != nil {
		t.Fatal(err)
	}
	namespaces := config["namespaces"]
	for _, name := range []string{"apiVersion", "kind", "namespaces"} {
		delete(config, name)
	}
	installed, err := helm(t, namespace, map[string]any{"config": config, "namespaces": namespaces})
	if err != nil {
		t.Fatal(err)
	}
	data, _ := installed.byKey["ConfigMap/"+namespace+"/"+managerConfig]["data"].(map[string]any)
	written, _ := data["90-site.yaml"].(string)
	got, want := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal([]byte(written), &got); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the settings (-) and the ConfigMap (+) differ:\n%s", diff)
	}
}

// TestARoleIsNeverForAllServiceAccounts: --skip-schema-validation leaves the schema out, and a rule without names holds for all.
func TestARoleIsNeverForAllServiceAccounts(t *testing.T) {
	t.Parallel()
	chart, err := loader.LoadDir(filepath.Join(repository, "charts", "kubeops"))
	if err != nil {
		t.Fatal(err)
	}
	for _, none := range []any{nil, []any{}} {
		values := map[string]any{"impersonatedServiceAccounts": none}
		options := common.ReleaseOptions{Name: "kubeops", Namespace: namespace, IsInstall: true, Revision: 1}
		prepared, err := util.ToRenderValuesWithSchemaValidation(chart, values, options, common.DefaultCapabilities, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Render(chart, prepared); err == nil || !strings.Contains(err.Error(), "impersonatedServiceAccounts has no name") {
			t.Errorf("%v: got %v", none, err)
		}
	}
}

func TestASectionWithoutSettingsIsTheDefault(t *testing.T) {
	t.Parallel()
	installed, err := helm(t, namespace, map[string]any{"config": nil}) // all lines below config: are comments
	if err != nil {
		t.Fatal(err)
	}
	data, _ := installed.byKey["ConfigMap/"+namespace+"/"+managerConfig]["data"].(map[string]any)
	if len(data) != 1 || data["10-manager.yaml"] == nil {
		t.Errorf("the configuration has %d files", len(data))
	}
}

func TestWrongValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"componets: {webhooks: true}":                    "componets",
		"components: {webhook: true}":                    "webhook",
		"components: {webhooks: yes please}":             "components/webhooks",
		"image: {repository: ''}":                        "image/repository",
		"image: {repository: 'a b'}":                     "image/repository",
		"image: {digest: 'sha256:12'}":                   "image/digest",
		"image: {pullPolicy: Sometimes}":                 "image/pullPolicy",
		"manager: {replicas: -1}":                        "manager/replicas",
		"manager: {replicas: two}":                       "manager/replicas",
		"manager: {resources: {limits: {memory: null}}}": "manager/resources/limits",
		"namespaces: [Shop]":                             "namespaces/0",
		"namespaces: shop":                               "namespaces",
		"impersonatedServiceAccounts: []":                "impersonatedServiceAccounts",
		"impersonatedServiceAccounts: null":              "impersonatedServiceAccounts", // null removes a default
		"components: null":                               "components",
		"components: {admission: null}":                  "admission",
		"manager: {resources: null}":                     "resources",
		"config: {namespaces: [shop]}":                   "namespaces",
		"config: {kind: ManagerConfig}":                  "kind",
		"config: {inspections: {maxConcurent: 4}}":       "maxConcurent",
		"config: {inspections: {maxConcurrent: four}}":   "config/inspections/maxConcurrent",
		"workers: {replicas: 1.5}":                       "workers/replicas",
		"nodeSelector: [pool]":                           "nodeSelector",
		`priorityClassName: "a\nhostNetwork: true"`:      "priorityClassName",
		"image: {repository: '{a'}":                      "image/repository",
		"podLabels: {app.kubernetes.io/name: other}":     "podLabels", // the selectors of Deployments
		"clusterScoped: {install: false}":                "namespaces",
		"clusterScoped: null":                            "clusterScoped",
		"{clusterScoped: {install: false}, namespaces: [shop], components: {dashboard: true}}":     "components.dashboard",
		"{clusterScoped: {install: false}, namespaces: [shop], components: {logCollection: true}}": "components.logCollection",
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			decoded := map[string]any{}
			if err := yaml.Unmarshal([]byte(values), &decoded); err != nil {
				t.Fatal(err)
			}
			if _, err := helm(t, namespace, decoded); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error that names %s", err, want)
			}
		})
	}
}

func TestNotesWarnOfValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	const sample, labels = "config/samples", "by their labels"
	for name, tc := range map[string]struct {
		kubernetes, values string
		want, never        []string
	}{
		"the default": {"v1.36.0", "{}", []string{sample}, []string{"WARNING", labels}},
		"a Kubernetes without constrained impersonation": {"v1.35.2", "{}", []string{"cannot act as ServiceAccounts"}, nil},
		"plain impersonation where it is needed":         {"v1.35.2", "components: {plainImpersonation: true}", nil, []string{"WARNING"}},
		"plain impersonation where it is not":            {"v1.36.0", "components: {plainImpersonation: true}", []string{"unset it otherwise"}, nil},
		"single namespaces":                              {"v1.36.0", "namespaces: [shop]", []string{"namespaces shop only"}, []string{sample}},
		"an installation without objects of the cluster": {
			"v1.36.0", "{namespaces: [shop], clusterScoped: {install: false}}", []string{"installs the CRDs"}, []string{sample},
		},
		"two dashboards": {
			"v1.36.0", "{components: {dashboard: true}, dashboard: {replicas: 2}}", []string{"--session-key-file"}, nil,
		},
		"two dashboards with a key": {
			"v1.36.0", "{components: {dashboard: true}, dashboard: {replicas: 2, args: [--x, --session-key-file=/key]}}", nil, []string{"WARNING"},
		},
		"webhooks": {"v1.36.0", "components: {webhooks: true}", []string{"kubeops.io/webhooks=allowed", "kubeops.io/metrics=allowed"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]any{}
			if err := yaml.Unmarshal([]byte(tc.values), &values); err != nil {
				t.Fatal(err)
			}
			on := *common.DefaultCapabilities
			on.KubeVersion.Version = tc.kubernetes
			files, err := renderedFiles(t, namespace, values, &on)
			if err != nil {
				t.Fatal(err)
			}
			notes := files["kubeops/templates/NOTES.txt"]
			for _, want := range tc.want {
				if !strings.Contains(notes, want) {
					t.Errorf("the notes have no %q:\n%s", want, notes)
				}
			}
			for _, never := range tc.never {
				if strings.Contains(notes, never) {
					t.Errorf("the notes have %q:\n%s", never, notes)
				}
			}
		})
	}
}
