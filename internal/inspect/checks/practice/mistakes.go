package practice

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// mistakeChecks report values that the API server accepts and that cannot be meant.
func mistakeChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.Job, facts.CronJob)
	return []check.Check{
		{
			ID: "memory-unit-wrong", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "A container requests or limits memory in bytes or thousandths of bytes.",
			Meaning: "A memory quantity of less than 1Mi has the wrong unit: 512m are 0.512 bytes, 512 are bytes, and 512Mi was meant. " +
				"The severity is high for a limit, with which no container can start, and medium for a request, with which the scheduler " +
				"assumes that the container needs nothing." + check.SystemNamespacesNote,
			Remediation: "Write the quantity with Mi or Gi, such as 512Mi.",
			Link:        managingResources + "#meaning-of-memory", Needs: []facts.Kind{facts.Pod}, Uses: uses, Run: memoryUnitWrong,
		},
		{
			ID: "spread-selector-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A topology spread constraint does not count the Pods that it spreads.",
			Meaning: "A topologySpreadConstraint has no labelSelector, or one that does not match the Pods of its own template: it " +
				"counts none of them, so that all may run in one zone or on one node." + check.SystemNamespacesNote,
			Remediation: "Set labelSelector of the constraint to the labels of the Pod template.",
			Link:        "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
			Needs:       []facts.Kind{facts.Pod}, Uses: uses, Run: spreadSelectorMissing,
		},
		{
			ID: "statefulset-service-not-headless", Static: true, Category: v1alpha1.CategoryConfiguration,
			Severity: v1alpha1.SeverityMedium,
			Summary:  "The Service that governs a StatefulSet is not headless.",
			Meaning: "spec.serviceName of the StatefulSet names a Service with a cluster IP. Its Pods then have no DNS names of their " +
				"own " +
				"(<pod>.<service>.<namespace>.svc), by which the members of a database or queue find each other." +
				check.SystemNamespacesNote,
			Remediation: "Create a headless Service (clusterIP: None) with the same selector, and name it in spec.serviceName. Both are " +
				"immutable: delete the StatefulSet with --cascade=orphan and create it again; its Pods and claims stay.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id",
			Needs: []facts.Kind{facts.StatefulSet, facts.Service}, Run: serviceNotHeadless,
		},
	}
}

// smallestMemory is what no container can run with. The runtimes themselves need more.
const smallestMemory = 1 << 20

func memoryUnitWrong(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		f := check.Finding{Object: template.Owner}
		for _, c := range template.All() {
			for _, of := range []struct {
				field    string
				list     corev1.ResourceList
				severity v1alpha1.Severity
			}{
				{"limits.memory", c.Resources.Limits, v1alpha1.SeverityHigh},
				{"requests.memory", c.Resources.Requests, v1alpha1.SeverityMedium},
			} {
				amount, set := of.list[corev1.ResourceMemory]
				if !set || amount.Sign() <= 0 || amount.Value() >= smallestMemory {
					continue
				}
				if f.Message == "" {
					f.Severity = of.severity
					f.Message = fmt.Sprintf("%s sets %s of container %s to %s, which is "+
						"%s.", template.Name(), of.field, c.Name, amount.String(),
						bytesText(amount))
					f.Remediation = remedy.Sprintf("Write %s with Mi or Gi in the Pod template, such as %sMi.", of.field,
						strings.TrimRight(amount.String(), "mk"))
				}
				f.Evidence = append(f.Evidence, check.FromSpec("container %s: resources.%s: %s", c.Name, of.field, amount.String()))
			}
		}
		if f.Message != "" {
			findings = append(findings, f)
		}
	}
	return findings
}

// bytesText says how many bytes a small quantity is.
func bytesText(amount resource.Quantity) string {
	if milli := amount.MilliValue(); milli%1000 != 0 {
		return fmt.Sprintf("%g bytes", float64(milli)/1000)
	}
	return fmt.Sprintf("%d bytes", amount.Value())
}

func spreadSelectorMissing(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		f := check.Finding{Object: template.Owner}
		for _, c := range template.Lean.TopologySpreadConstraints {
			why := ""
			selector, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
			switch {
			case c.LabelSelector == nil:
				why = "has no labelSelector"
			case err == nil && !selector.Matches(labels.Set(template.Labels)):
				why = fmt.Sprintf("selects %s, which its Pods do not have", selector)
			default:
				continue
			}
			if f.Message == "" {
				f.Message = fmt.Sprintf("%s is not spread by its topologySpreadConstraint for %s: the constraint %s.", template.Name(),
					c.TopologyKey, why)
			}
			f.Evidence = append(f.Evidence, check.FromSpec("topologySpreadConstraint for %s %s", c.TopologyKey, why))
		}
		if f.Message != "" {
			findings = append(findings, f)
		}
	}
	return findings
}

func serviceNotHeadless(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, set := range g.Workloads {
		service, ok := facts.Lookup[*facts.ServiceNode](g,
			facts.Ref{Kind: facts.Service, Namespace: set.Namespace, Name: set.ServiceName})
		if set.Kind != facts.StatefulSet || set.ServiceName == "" || !ok || service.Headless || service.Type == "ExternalName" ||
			!set.Deleting.IsZero() || check.IsSystemNamespace(set.Namespace) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: set.Ref,
			Message: fmt.Sprintf("StatefulSet %s is governed by Service %s, which is not headless: its Pods have no DNS names of "+
				"their own.",
				set.Name, service.Name),
			Evidence: []check.Evidence{check.FromSpec("spec.serviceName: %s; Service %s is of type %s with a cluster IP", set.ServiceName,
				service.Name, typeOf(service))},
		})
	}
	return findings
}

// typeOf is the type of a Service; ClusterIP is the API's default.
func typeOf(service *facts.ServiceNode) string {
	if service.Type == "" {
		return string(corev1.ServiceTypeClusterIP)
	}
	return service.Type
}
