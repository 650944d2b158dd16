package visual

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// generatedNotice stands at the top of generated YAML.
const generatedNotice = "# Made by `make generate` from internal/visual; changes here are lost.\n"

// Files are what ships below config/components, by path: dashboards, scraping and rules. The same code gives the same bytes.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	dashboards := []object{}
	for _, d := range Dashboards() {
		content, err := d.JSON()
		if err != nil {
			return nil, err
		}
		files["grafana/"+d.Name+".json"] = content
		dashboards = append(dashboards, grafanaDashboard(d))
	}
	for path, objects := range map[string][]object{
		"grafana-operator/dashboards.yaml":              dashboards,
		"prometheus-operator/servicemonitor.yaml":       {serviceMonitor()},
		"prometheus-operator/prometheusrule.yaml":       {ruleObject("monitoring.coreos.com/v1", "PrometheusRule")},
		"victoriametrics-operator/vmservicescrape.yaml": {serviceScrape()},
		"victoriametrics-operator/vmrule.yaml":          {ruleObject("operator.victoriametrics.com/v1beta1", "VMRule")},
	} {
		content := []byte(generatedNotice)
		for i, o := range objects {
			text, err := yaml.Marshal(o)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if i > 0 {
				content = append(content, "---\n"...)
			}
			content = append(content, text...)
		}
		files[path] = content
	}
	return files, nil
}

func metadata(name string) object {
	return object{"name": name, "namespace": "kubeops-system", "labels": object{"app.kubernetes.io/part-of": "kubeops"}}
}

// grafanaDashboard is a dashboard for grafana-operator, which reads it from the ConfigMap of component grafana.
func grafanaDashboard(d Dashboard) object {
	return object{
		"apiVersion": "grafana.integreatly.org/v1beta1", "kind": "GrafanaDashboard", "metadata": metadata("kubeops-" + d.Name),
		"spec": object{
			"allowCrossNamespaceImport": true, "folder": "KubeOps",
			"instanceSelector": object{"matchLabels": object{"dashboards": "grafana"}},
			"configMapRef":     object{"name": "kubeops-dashboards", "key": d.Name + ".json"},
		},
	}
}

func selector() object {
	return object{"matchLabels": object{"app.kubernetes.io/name": "kubeops-manager"}}
}

// serviceMonitor scrapes the manager. Its labels namespace and name are those of resources, and not of its Pod: they are kept.
func serviceMonitor() object {
	return object{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": metadata("kubeops-manager"),
		"spec": object{"selector": selector(), "endpoints": []object{{"port": "metrics", "interval": "30s", "honorLabels": true}}},
	}
}

func serviceScrape() object {
	return object{
		"apiVersion": "operator.victoriametrics.com/v1beta1", "kind": "VMServiceScrape", "metadata": metadata("kubeops-manager"),
		"spec": object{"selector": selector(), "endpoints": []object{{"port": "metrics", "scrape_interval": "30s", "honorLabels": true}}},
	}
}

func ruleObject(apiVersion, kind string) object {
	return object{"apiVersion": apiVersion, "kind": kind, "metadata": metadata("kubeops"), "spec": object{"groups": groups()}}
}
