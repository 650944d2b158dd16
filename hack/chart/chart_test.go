package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const repository = "../.."

// renderedFiles are the rendered templates of the chart by the paths of their files.
func renderedFiles(t *testing.T, in string, values map[string]any, on *common.Capabilities) (map[string]string, error) {
	t.Helper()
	chart, err := loader.LoadDir(filepath.Join(repository, "charts", "kubeops"))
	if err != nil {
		t.Fatal(err)
	}
	options := common.ReleaseOptions{Name: "kubeops", Namespace: in, IsInstall: true, Revision: 1}
	prepared, err := util.ToRenderValues(chart, values, options, on)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, prepared)
}

// helm renders the chart as an installation in a namespace would.
func helm(t *testing.T, in string, values map[string]any) (*objects, error) {
	t.Helper()
	files, err := renderedFiles(t, in, values, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	rendered := &objects{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for document := range strings.SplitSeq("\n"+files[name], "\n---\n") {
			manifest := object{}
			if err := yaml.UnmarshalStrict([]byte(document), &manifest); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
			}
			if len(manifest) == 0 {
				continue
			}
			if err := rendered.add(manifest); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return rendered, nil
}

// comparable is an installation without what differs on purpose: Helm installs into a namespace that exists, names no ConfigMap by its
// content, and keeps CRDs.
func comparable(t *testing.T, rendered *objects) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for key, manifest := range rendered.byKey {
		if key == "Namespace//"+namespace {
			continue
		}
		content, err := yaml.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		texts[key] = string(content)
		for _, config := range rendered.keys {
			if strings.HasPrefix(config, "ConfigMap/") {
				name, _ := rendered.byKey[config]["metadata"].(map[string]any)["name"].(string)
				if strings.HasPrefix(name, managerConfig) {
					texts[key] = strings.ReplaceAll(texts[key], name, managerConfig)
				}
			}
		}
		lines := strings.SplitAfter(texts[key], "\n")
		texts[key] = strings.Join(slices.DeleteFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, "        checksum/config: ") || line == "    helm.sh/resource-policy: keep\n" ||
				line == "      annotations:\n" && !strings.Contains(texts[key], "default-container")
		}), "")
	}
	return texts
}

// merged values: a value of the second wins, and objects are merged.
func merged(values ...map[string]any) map[string]any {
	result := map[string]any{}
	for _, v := range values {
		result = loader.MergeMaps(result, v)
	}
	return result
}

func TestHelmAndKustomizeInstallTheSameObjects(t *testing.T) {
	t.Parallel()
	config, err := readSources(repository)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range combinations() {
		t.Run(name, func(t *testing.T) {
			kustomized, err := config.render(tc.resources, tc.components, tc.more)
			if err != nil {
				t.Fatal(err)
			}
			for _, folder := range tc.tenants {
				addTenants(t, config, kustomized, append(slices.Clone(tc.roles), folder))
			}
			installed, err := helm(t, namespace, tc.values)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(comparable(t, kustomized), comparable(t, installed)); diff != "" {
				t.Errorf("Kustomize (-) and Helm (+) differ:\n%s", diff)
			}
		})
	}
}

// combination of components, for Kustomize and for Helm.
type combination struct {
	resources, components []string
	// tenants are folders that make the Roles of each namespace that the manager serves, of the roles of components.
	tenants, roles []string
	more           string
	values         map[string]any
}

func combinations() map[string]combination {
	cases := map[string]combination{"default": {resources: []string{"default"}}}
	all := combination{resources: []string{"default", "dashboard"}}
	single := combination{resources: []string{"default"}} // all that needs nothing of the whole cluster
	for _, c := range components() {
		one := combination{resources: []string{"default"}, values: c.values}
		switch {
		case c.folder == namespaced || c.folder == withoutClusterScoped:
			cases[c.folder] = one.inNamespaces(c.folder == withoutClusterScoped)
			continue
		case c.resource:
			one.resources = append(one.resources, c.folder)
		default:
			one.components = []string{c.folder}
		}
		if c.roles != "" {
			one.roles = []string{c.roles}
		}
		cases[c.folder] = one
		// Component grafana-operator contains grafana, and plain-impersonation replaces the roles that continuous patches.
		if c.beside != "" {
			both := one
			both.resources = append(both.resources, "dashboard")
			both.components = append(both.components, c.beside)
			both.values = merged(both.values, dashboard().values)
			cases[c.folder+" and the dashboard"] = both
			cases[c.folder+" in single namespaces"] = one.inNamespaces(false)
			continue
		}
		needsCluster := c.resource || c.folder == "components/log-collection"
		all.add(c)
		if !needsCluster {
			single.add(c)
		}
	}
	cases["all but plain impersonation"] = all
	cases["all but plain impersonation, in single namespaces"] = all.inNamespaces(false)
	cases["all without objects of the cluster"] = single.inNamespaces(true)
	cases["without admission"] = combination{
		resources: []string{"crd", "rbac", "manager"}, more: "namespace: " + namespace + "\n",
		values: map[string]any{"components": map[string]any{"admission": false}},
	}
	cases["without CRDs, and with settings"] = combination{
		resources: []string{"rbac", "manager", "admission"},
		more:      "namespace: " + namespace + "\n" + site("inspections:\n      maxConcurrent: 4"),
		values: map[string]any{
			"crds": map[string]any{"install": false}, "config": map[string]any{"inspections": map[string]any{"maxConcurrent": 4}},
		},
	}
	return cases
}

// add a component.
func (c *combination) add(one component) {
	c.values = merged(c.values, one.values)
	if !one.resource && one.folder != "components/grafana" {
		c.components = append(c.components, one.folder)
	}
	if one.roles != "" {
		c.roles = append(c.roles, one.roles)
	}
}

// inNamespaces is the combination for a manager that serves single namespaces, with or without objects of the whole cluster.
func (c combination) inNamespaces(withoutCluster bool) combination {
	c.components = append(slices.Clone(c.components), namespaced)
	c.tenants = []string{"tenant/roles"}
	c.values = merged(c.values, map[string]any{"namespaces": []any{"shop", "inspections"}})
	if withoutCluster {
		c.components = append(c.components, withoutClusterScoped)
		c.tenants = append(c.tenants, "tenant/users")
		c.values = merged(c.values, map[string]any{"clusterScoped": map[string]any{"install": false}})
	}
	c.more = site("namespaces:\n    - shop\n    - inspections")
	return c
}

// site is an overlay with settings, as docs/installation.md describes it.
func site(settings string) string {
	return "configMapGenerator:\n- name: " + managerConfig + "\n  namespace: " + namespace + "\n  behavior: merge\n  literals:\n  - |\n" +
		"    90-site.yaml=apiVersion: config.kubeops.io/v1alpha1\n    kind: ManagerConfig\n    " + settings + "\n"
}

// addTenants adds the Roles that components make in each namespace.
func addTenants(t *testing.T, config *sources, all *objects, folders []string) {
	t.Helper()
	for _, name := range []string{"shop", "inspections"} {
		bindings, err := config.render([]string{"rbac"}, folders, "namespace: "+name+"\n")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range bindings.keys {
			if err := all.add(bindings.byKey[key]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEveryComponentIsInTheChart(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join(repository, "config", "components", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no components: %v", err)
	}
	for _, folder := range folders {
		name := "components/" + filepath.Base(folder)
		switch in := slices.ContainsFunc(components(), func(c component) bool { return c.folder == name }); {
		case strings.HasPrefix(name, "components/edge-") && in:
			t.Errorf("%s needs host names and issuers of a site, and so is no part of the chart", name)
		case !strings.HasPrefix(name, "components/edge-") && !in:
			t.Errorf("%s is not in components()", name)
		}
	}
}

func TestTheGeneratedPartIsUpToDate(t *testing.T) {
	t.Parallel()
	config, err := readSources(repository)
	if err != nil {
		t.Fatal(err)
	}
	generated, err := collect(config)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(repository, "charts", "kubeops")
	found := 0
	for _, pattern := range []string{"files/*", "templates/generated/*.yaml", "templates/generated/crd/*"} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		found += len(paths)
	}
	if found != len(generated.files) {
		t.Errorf("there are %d files, and %d are generated; run make generate", found, len(generated.files))
	}
	for name, want := range generated.files {
		if got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))); err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date (%v); run make generate", name, err)
		}
	}
}

func TestCRDsAreKeptWhenTheReleaseIsUninstalled(t *testing.T) {
	t.Parallel()
	installed, err := helm(t, namespace, nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for key, manifest := range installed.byKey {
		annotations, _ := manifest["metadata"].(map[string]any)["annotations"].(map[string]any)
		keep := annotations["helm.sh/resource-policy"] == "keep"
		if isCRD := manifest["kind"] == "CustomResourceDefinition"; keep != isCRD {
			t.Errorf("%s: kept %v", key, keep)
		} else if isCRD {
			kept++
		}
	}
	if kept < 14 {
		t.Errorf("%d CRDs", kept)
	}
}

func TestTheChartInstallsIntoAnyNamespace(t *testing.T) {
	t.Parallel()
	installed, err := helm(t, "platform", allValues())
	if err != nil {
		t.Fatal(err)
	}
	for key, manifest := range installed.byKey {
		if manifest["kind"] == "CustomResourceDefinition" {
			continue // descriptions name the default
		}
		content, err := yaml.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), namespace) {
			t.Errorf("%s names %s", key, namespace)
		}
	}
}
