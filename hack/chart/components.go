package main

// Components that remove what others add, and so are applied after them, in this order.
const (
	// namespaced is the component for single namespaces.
	namespaced = "components/namespaced"
	// withoutClusterScoped is the component of an installation without objects of the whole cluster.
	withoutClusterScoped = "components/without-cluster-scoped"
)

// noClusterScoped is the condition of withoutClusterScoped.
const noClusterScoped = "(not $.Values.clusterScoped.install)"

// component is an optional part of an installation.
type component struct {
	// folder below config/.
	folder string
	// condition under which the chart has it, and values that fulfil it.
	condition string
	values    map[string]any
	// resource is set for a kustomization that is used as a resource, and not as a component.
	resource bool
	// roles is a folder below config/ with its roles alone, of which each namespace has some where the manager serves single ones.
	roles string
	// beside is a further component that goes with it if the dashboard is installed.
	beside string
}

func enabled(name, folder string) component {
	return component{
		folder: folder, condition: "$.Values.components." + name, values: map[string]any{"components": map[string]any{name: true}},
	}
}

// withRoles is a component of nothing but roles.
func withRoles(name, folder string) component {
	c := enabled(name, folder)
	c.roles = folder
	return c
}

func dashboard() component {
	dashboard := enabled("dashboard", "dashboard")
	dashboard.resource = true
	return dashboard
}

// components in the order in which the chart looks for a variant of an object: the first that changes it wins.
func components() []component {
	plain := withRoles("plainImpersonation", "components/plain-impersonation")
	plain.beside = "dashboard/plain-impersonation"
	continuous := enabled("continuous", "components/continuous")
	continuous.roles = "components/continuous/roles"
	workers := enabled("workers", "components/workers")
	workers.roles = "components/workers/roles"
	served := map[string]any{"namespaces": []any{"shop", "inspections"}}
	return []component{
		plain,
		{folder: namespaced, condition: "$.Values.namespaces", values: served},
		{
			folder: withoutClusterScoped, condition: noClusterScoped,
			values: map[string]any{"namespaces": served["namespaces"], "clusterScoped": map[string]any{"install": false}},
		},
		dashboard(),
		enabled("argocd", "components/argocd"),
		withRoles("bundles", "components/bundles"),
		withRoles("clusterProfiles", "components/cluster-profiles"),
		continuous,
		withRoles("exports", "components/exports"),
		enabled("grafana", "components/grafana"),
		enabled("grafanaOperator", "components/grafana-operator"),
		enabled("logCollection", "components/log-collection"),
		enabled("networkPolicy", "components/network-policy"),
		withRoles("pipelines", "components/pipelines"),
		enabled("prometheusOperator", "components/prometheus-operator"),
		enabled("victoriametricsOperator", "components/victoriametrics-operator"),
		enabled("webhooks", "components/webhooks"),
		workers,
	}
}

// tenantRoles are components of config/tenant that make Roles of ClusterRoles, for each namespace that the manager serves.
func tenantRoles() []component {
	return []component{
		{folder: "tenant/roles"}, // the range over the namespaces is its condition
		{folder: "tenant/users", condition: noClusterScoped},
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
