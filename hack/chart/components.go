package main

// namespaced is the component for single namespaces. It removes what others add, and so it is applied after them.
const namespaced = "components/namespaced"

// component is an optional part of an installation.
type component struct {
	// folder below config/.
	folder string
	// condition under which the chart has it, and values that fulfil it.
	condition string
	values    map[string]any
	// resource is set for a kustomization that is used as a resource, and not as a component.
	resource bool
	// tenant is a folder below config/ with its bindings for each namespace, where the manager serves some.
	tenant string
	// beside is a further component that goes with it if the dashboard is installed.
	beside string
}

func enabled(name, folder string) component {
	return component{
		folder: folder, condition: "$.Values.components." + name, values: map[string]any{"components": map[string]any{name: true}},
	}
}

func dashboard() component {
	dashboard := enabled("dashboard", "dashboard")
	dashboard.resource = true
	return dashboard
}

// components in the order in which the chart looks for a variant of an object: the first that changes it wins.
func components() []component {
	plain := enabled("plainImpersonation", "components/plain-impersonation")
	plain.beside = "dashboard/plain-impersonation"
	profiles := enabled("clusterProfiles", "components/cluster-profiles")
	profiles.tenant = "tenant/cluster-profiles"
	workers := enabled("workers", "components/workers")
	workers.tenant = "tenant/workers"
	return []component{
		plain,
		{
			folder: namespaced, condition: "$.Values.namespaces", tenant: "tenant",
			values: map[string]any{"namespaces": []any{"shop", "inspections"}},
		},
		dashboard(),
		enabled("argocd", "components/argocd"),
		enabled("bundles", "components/bundles"),
		profiles,
		enabled("continuous", "components/continuous"),
		enabled("exports", "components/exports"),
		enabled("grafana", "components/grafana"),
		enabled("grafanaOperator", "components/grafana-operator"),
		enabled("logCollection", "components/log-collection"),
		enabled("networkPolicy", "components/network-policy"),
		enabled("pipelines", "components/pipelines"),
		enabled("prometheusOperator", "components/prometheus-operator"),
		enabled("victoriametricsOperator", "components/victoriametrics-operator"),
		enabled("webhooks", "components/webhooks"),
		workers,
	}
}

// part of config/default, which has a file of templates of its own.
type part struct{ folder, condition string }

func parts() []part {
	return []part{
		{folder: "crd", condition: "$.Values.crds.install"},
		{folder: "rbac"},
		{folder: "admission", condition: "$.Values.components.admission"},
		{folder: "manager"},
	}
}

// handWritten are the objects whose templates are written by hand, since values change them. The tests compare them, too. The namespace is
// not part of a chart: Helm installs into one that exists.
func handWritten() map[string]bool {
	return map[string]bool{
		"Namespace//kubeops-system":                   true,
		"ConfigMap/kubeops-system/" + managerConfig:   true,
		"Deployment/kubeops-system/kubeops-manager":   true,
		"Deployment/kubeops-system/kubeops-dashboard": true,
		"Deployment/kubeops-system/kubeops-worker":    true,
	}
}
