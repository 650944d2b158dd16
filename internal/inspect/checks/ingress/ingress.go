// Package ingress checks Ingresses, their backends and their classes.
package ingress

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/endpoints"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// certificatePatience is how many startup graces a TLS Secret may take to appear: an issuer such as Let's Encrypt needs
// some minutes.
const certificatePatience = 5

// Checks returns all checks of Ingresses and their classes, in no fixed order.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "ingress-backend-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "An Ingress routes to a Service or a Service port that does not exist.",
			Meaning: "The backend of one or more paths refers to a Service that is not in the Ingress's namespace, or to " +
				"a port that the Service does not have. Requests for these paths fail (most controllers return 503).",
			Remediation: "Correct the backend (`kubectl edit ingress <name>`) or create the Service. An Ingress can only " +
				"route to Services in its own namespace.",
			Link:  "https://kubernetes.io/docs/concepts/services-networking/ingress/#the-ingress-resource",
			Needs: []facts.Kind{facts.Ingress, facts.Service},
			Run:   backendMissing, Static: true,
		},
		{
			ID: "ingress-backend-dead", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "An Ingress routes to a Service that has no ready endpoints.",
			Meaning: "The Service behind one or more paths exists but has no ready endpoints: its selector matches no " +
				"Pods, none of its Pods is ready, or its targetPort refers to a port that they do not declare. Requests fail " +
				"(most controllers return 503).",
			Remediation: "Start with the Service: `kubectl describe service <name>` shows its selector and endpoints. " +
				"The finding that causes this one shows what is wrong there.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",
			Needs: []facts.Kind{facts.Ingress, facts.Service, facts.Pod},
			Uses:  append(facts.WorkloadKinds(), facts.EndpointSlice),
			ExplainedBy: slices.Concat(check.ServiceFailures(), check.WorkloadFailures(), []string{
				"replicaset-unavailable", "workload-not-observed",
			}),
			Run: backendDead,
		},
		{
			ID: "ingress-class-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "An Ingress uses an IngressClass that does not exist, or sets none and there is no default.",
			Meaning: "Controllers select Ingresses by class. An Ingress whose class does not exist, or that sets no " +
				"class in a cluster without a default, is served by no controller. An Ingress without a class that has an " +
				"address is skipped: a controller that does not require a class serves it. Classes set by the deprecated " +
				"kubernetes.io/ingress.class annotation are skipped too, because they need no IngressClass.",
			Remediation: "Set spec.ingressClassName to an existing class (`kubectl get ingressclass`), or install the " +
				"controller that provides the class.",
			Link:  "https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class",
			Needs: []facts.Kind{facts.Ingress, facts.IngressClass},
			Run:   classMissing,
		},
		{
			ID: "ingress-tls-secret-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "An Ingress uses a TLS Secret that does not exist.",
			Meaning: "Without the Secret the controller serves HTTPS with its default certificate, which browsers " +
				"reject. Checked only if the inspection can list Secrets (their contents are never read), and only once the " +
				"Ingress is older than five times the startup grace, because certificates take time to be issued.",
			Remediation: "Create the Secret (`kubectl create secret tls <name> --cert=<file> --key=<file>`). With " +
				"cert-manager, `kubectl describe certificate` shows why the certificate is not issued.",
			Link:  "https://kubernetes.io/docs/concepts/services-networking/ingress/#tls",
			Needs: []facts.Kind{facts.Ingress},
			Uses:  []facts.Kind{facts.Secret},
			// The Secret is created for a Certificate, or for a custom resource of another kind.
			ExplainedBy: append(check.CertificateFailures(), "custom-resource-not-ready"),
			Run:         tlsSecretMissing, Static: true,
		},
	}
}

// backendGroup groups the backends of one Ingress that refer to the same Service.
type backendGroup struct {
	ingress  *facts.IngressNode
	service  facts.Ref
	backends []facts.IngressBackend
}

// backendGroups are the Services that the Ingresses of the cluster route to, in a fixed order.
func backendGroups(g *facts.Graph) []backendGroup {
	var groups []backendGroup
	for _, ingress := range g.Ingresses {
		if !ingress.Deleting.IsZero() {
			continue
		}
		first := len(groups)
		for _, backend := range ingress.Backends {
			service := facts.Ref{Kind: facts.Service, Namespace: ingress.Namespace, Name: backend.Service}
			i := slices.IndexFunc(groups[first:], func(b backendGroup) bool { return b.service == service })
			if i < 0 {
				groups = append(groups, backendGroup{ingress: ingress, service: service})
				i = len(groups) - 1 - first
			}
			groups[first+i].backends = append(groups[first+i].backends, backend)
		}
	}
	return groups
}

// routes lists the hosts and paths of backends.
func routes(backends []facts.IngressBackend) string {
	var names []string
	for _, backend := range backends {
		name := backend.Host + backend.Path
		if backend.Host == "" {
			name = "*" + backend.Path
		}
		if backend.Host == "" && backend.Path == "" {
			name = "everything else"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return phrase.List(names)
}

func backendPortText(backend facts.IngressBackend) string {
	if backend.PortName != "" {
		return backend.PortName
	}
	return fmt.Sprint(backend.Port)
}

func backendMissing(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, group := range backendGroups(g) {
		finding := check.Finding{Object: group.ingress.Ref, Discriminator: group.service.Name, Culprits: []facts.Ref{group.service}}
		service, ok := facts.Lookup[*facts.ServiceNode](g, group.service)
		if !ok {
			if !g.Complete(facts.Service, group.service.Namespace) {
				continue
			}
			finding.Message = fmt.Sprintf("Ingress %s sends %s to Service %s, which does not exist in namespace %s.",
				group.ingress.Name, routes(group.backends), group.service.Name, group.service.Namespace)
			finding.Evidence = append(
				[]check.Evidence{check.FromSpec("backend service: %s", group.service.Name)},
				similarService(g, group.service)...)
			finding.Remediation = remedy.Sprintf("Create the Service, or correct the backend: `kubectl -n %s edit ingress %s`.",
				group.ingress.Namespace, group.ingress.Name)
			findings = append(findings, finding)
			continue
		}
		// The ports of an ExternalName Service do not restrict those of its target.
		if service.Type == "ExternalName" {
			continue
		}
		var ports []string
		var lost []facts.IngressBackend
		for _, backend := range group.backends {
			if _, ok := endpoints.PortOf(service, backend); !ok {
				lost = append(lost, backend)
				if text := backendPortText(backend); !slices.Contains(ports, text) {
					ports = append(ports, text)
				}
			}
		}
		if len(lost) == 0 {
			continue
		}
		finding.Message = fmt.Sprintf("Ingress %s sends %s to port %s of Service %s, which has no such port.",
			group.ingress.Name, routes(lost), phrase.List(ports), group.service.Name)
		finding.Evidence = []check.Evidence{check.FromSpec("Service %s has %s", service.Name, endpoints.ServicePorts(service))}
		finding.Remediation = remedy.Sprintf(
			"Set a port that the Service has (`kubectl -n %s edit ingress %s`), or add the port to the Service.",
			group.ingress.Namespace,
			group.ingress.Name,
		)
		findings = append(findings, finding)
	}
	return findings
}

// similarService returns a Service in the same namespace whose name resembles the missing one.
func similarService(g *facts.Graph, missing facts.Ref) []check.Evidence {
	var names []string
	for _, service := range g.ServicesIn(missing.Namespace) {
		names = append(names, service.Name)
	}
	if name := text.Similar(names, missing.Name); name != "" {
		return []check.Evidence{check.FromSpec("Service %s exists and has a similar name", name)}
	}
	return nil
}

func backendDead(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, group := range backendGroups(g) {
		service, ok := facts.Lookup[*facts.ServiceNode](g, group.service)
		if !ok {
			continue
		}
		finding := check.Finding{
			Object: group.ingress.Ref, Discriminator: group.service.Name, Culprits: []facts.Ref{group.service},
			Remediation: remedy.Sprintf("`kubectl -n %s describe service %s` shows the selector and endpoints of the Service.",
				service.Namespace, service.Name),
		}
		// A port that the Service does not have is reported by another check.
		dead := slices.DeleteFunc(slices.Clone(group.backends), func(b facts.IngressBackend) bool {
			_, known := endpoints.PortOf(service, b)
			return !known && service.Type != "ExternalName"
		})
		if len(dead) == 0 {
			continue
		}
		why := ""
		switch state := endpoints.Judge(g, service, params); state.Health {
		case endpoints.SelectsNothing:
			why = "whose selector matches no Pods"
			if state.ScaledToZero {
				why = "whose workload has 0 desired Pods"
				finding.Severity = v1alpha1.SeverityLow
			}
			finding.Evidence = []check.Evidence{
				check.FromSpec("Service %s selects %s", service.Name, facts.SelectorFromSet(service.Selector)),
			}
		case endpoints.NotReady:
			why = "which has no ready Pods"
			finding.Evidence = []check.Evidence{
				check.FromCondition("0 of %d Pods of Service %s are ready", len(state.Pods), service.Name),
			}
		case endpoints.Unserved:
			why = "which has no selector and no endpoints"
			finding.Evidence = []check.Evidence{check.FromCondition("EndpointSlices of Service %s: 0 ready", service.Name)}
		case endpoints.Healthy:
			var target string
			if dead, target = endpoints.DeadPorts(g, service, dead, params); len(dead) == 0 {
				continue
			}
			why = "whose Pods do not declare its target port"
			finding.Evidence = []check.Evidence{
				check.FromSpec("Service %s: targetPort %s, declared by none of its Pods", service.Name, target),
			}
		}
		finding.Message = fmt.Sprintf("Ingress %s sends %s to Service %s, %s.", group.ingress.Name, routes(dead), service.Name, why)
		findings = append(findings, finding)
	}
	return findings
}
