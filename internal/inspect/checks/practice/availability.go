package practice

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// availabilityChecks report workloads that a single failure takes down.
func availabilityChecks() []check.Check {
	return []check.Check{
		{
			ID: "single-replica", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A Deployment behind a Service has a single replica.",
			Meaning: "A Service sends requests to the only Pod of the Deployment, and no HorizontalPodAutoscaler sets a higher " +
				"minimum: each crash, node drain and eviction is an outage. Deployments with a volume that only one node can mount are " +
				"not reported, since they cannot have more replicas." + check.SystemNamespacesNote,
			Remediation: "If the application supports several replicas: `kubectl scale deployment <name> --replicas=2`. Then add a " +
				"PodDisruptionBudget.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#dealing-with-disruptions",
			Needs: []facts.Kind{facts.Deployment, facts.Service}, Uses: []facts.Kind{facts.HPA, facts.PVC}, Run: singleReplica,
		},
		{
			ID: "pdb-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A workload with several replicas behind a Service has no PodDisruptionBudget.",
			Meaning: "The workload has two or more replicas and a Service sends them requests, but no PodDisruptionBudget selects " +
				"its Pods: a node drain or a cluster upgrade can evict all of them at the same time." + check.SystemNamespacesNote,
			Remediation: "Create one that allows one Pod to be unavailable: `kubectl create poddisruptionbudget <name> " +
				"--selector=<labels> --max-unavailable=1`.",
			Link:  "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
			Needs: []facts.Kind{facts.Deployment, facts.Service, facts.PDB}, Uses: facts.WorkloadKinds(), Run: pdbMissing,
		},
		{
			ID: "spread-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "All replicas of a workload run on one node.",
			Meaning: "The workload has two or more ready Pods, all on the same node, although other schedulable nodes match its " +
				"node selector. It has neither topology spread constraints nor pod anti-affinity to separate them. If that node fails, " +
				"all Pods fail. Workloads with node affinity or with volumes are not reported, since those may bind them to " +
				"the node." + check.SystemNamespacesNote,
			Remediation: "Add topologySpreadConstraints with topologyKey kubernetes.io/hostname and whenUnsatisfiable ScheduleAnyway " +
				"to the Pod template. `kubectl rollout restart <kind> <name>` reschedules the Pods.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
			Needs: []facts.Kind{facts.Pod, facts.Node}, Uses: facts.WorkloadKinds(), Run: spreadMissing,
		},
		{
			ID: "pvc-access-mode-with-replicas", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "Several replicas of a Deployment share a volume that only one node, or one Pod, can mount.",
			Meaning: "The Deployment has two or more replicas, and all mount the same PersistentVolumeClaim, whose only access " +
				"mode is ReadWriteOnce or ReadWriteOncePod. Pods on a second node do not start. The severity is low while all Pods are " +
				"ready: they run on one node, or the storage does not enforce the access mode." + check.SystemNamespacesNote,
			Remediation: "Use a StatefulSet, which creates one claim per Pod; or storage that supports ReadWriteMany; or a single " +
				"replica with strategy Recreate.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes",
			Needs: []facts.Kind{facts.Deployment, facts.PVC}, Run: sharedClaim,
		},
		{
			ID: "host-port-with-replicas", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A workload with host ports has more replicas than nodes to run them.",
			Meaning: "Each Pod uses a port of its node, so a node can run only one of them. The workload has more replicas than " +
				"there are schedulable nodes that match its node selector. The remaining Pods stay pending." + check.SystemNamespacesNote,
			Remediation: "Remove hostPort and reach the Pods through a Service, or use a DaemonSet if one Pod per node is intended.",
			Link:        "https://kubernetes.io/docs/concepts/configuration/overview/#services",
			Needs:       []facts.Kind{facts.Deployment, facts.Node}, Uses: facts.WorkloadKinds(), Run: hostPortReplicas,
		},
	}
}

// replicated reports whether the template belongs to a workload with a replica count.
func replicated(template podtemplate.Template) bool {
	return template.Workload != nil && template.Workload.Kind != facts.DaemonSet
}

// exclusiveClaims returns the claims of a template that only one node can mount at a time; known is false if
// one of its claims could not be read.
func exclusiveClaims(g *facts.Graph, template podtemplate.Template) (claims []string, known bool) {
	known = true
	for _, ref := range template.Spec.Refs {
		if ref.Kind != facts.PVC {
			continue
		}
		claim, ok := facts.Lookup[*facts.PVCNode](g, facts.Ref{Kind: facts.PVC, Namespace: template.Owner.Namespace, Name: ref.Name})
		switch {
		case !ok:
			known = false
		case !slices.ContainsFunc(claim.AccessModes, func(m string) bool {
			return m == string(corev1.ReadWriteMany) || m == string(corev1.ReadOnlyMany)
		}) && len(claim.AccessModes) > 0:
			claims = append(claims, ref.Name)
		}
	}
	return claims, known
}

func singleReplica(g *facts.Graph, _ check.Params) []check.Finding {
	index := serviceIndex(g)
	scaled := map[facts.Ref]bool{}
	for _, autoscaler := range g.HPAs {
		scaled[autoscaler.Target] = scaled[autoscaler.Target] || autoscaler.Min > 1
	}
	behind := podsBehind(g, index)
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if template.Owner.Kind != facts.Deployment || template.Workload == nil || template.Workload.Desired != 1 ||
			scaled[template.Owner] {
			continue
		}
		claims, known := exclusiveClaims(g, template)
		services := slices.DeleteFunc(index.matching(template.Owner.Namespace, template.Labels), func(s *facts.ServiceNode) bool {
			return behind[s.Ref] > 1 // versions side by side: the other ones answer
		})
		if len(claims) > 0 || !known || len(services) == 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object: template.Owner,
			Message: fmt.Sprintf("Deployment %s has a single replica behind Service %s: each restart and each node drain is an outage.",
				template.Owner.Name, services[0].Name),
			Evidence: []check.Evidence{
				check.FromSpec("replicas: 1"),
				check.FromSpec("Service %s selects %s", services[0].Name, facts.SelectorFromSet(services[0].Selector)),
			},
			Remediation: remedy.Sprintf(
				"If the application supports several replicas: `%s scale deployment %s --replicas=2`, or set replicas in its source. "+
					"Then add a PodDisruptionBudget.",
				kubectl.Command(template.Owner),
				template.Owner.Name,
			),
		})
	}
	return findings
}

// podsBehind counts the Pods that Services would select if each workload had what it wants. A DaemonSet counts as several.
func podsBehind(g *facts.Graph, index labelIndex[*facts.ServiceNode]) map[facts.Ref]int32 {
	behind := map[facts.Ref]int32{}
	for template := range podtemplate.Configured(g) {
		var pods int32
		switch {
		case template.Live: // a Pod of its own
			pods = 1
		case template.Workload == nil || !g.IsTopWorkload(template.Workload): // Jobs end, and a ReplicaSet is counted with its Deployment
		case template.Owner.Kind == facts.DaemonSet:
			pods = 2
		default:
			pods = template.Workload.Desired
		}
		for _, service := range index.matching(template.Owner.Namespace, template.Labels) {
			behind[service.Ref] += pods
		}
	}
	return behind
}

func pdbMissing(g *facts.Graph, _ check.Params) []check.Finding {
	services := serviceIndex(g)
	budgets := indexLabels(g.PDBs, func(p *facts.PDBNode) (string, facts.Selector) { return p.Namespace, p.Selector })
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if !replicated(template) || template.Workload.Desired < 2 || !g.Complete(facts.PDB, template.Owner.Namespace) {
			continue
		}
		behind := services.matching(template.Owner.Namespace, template.Labels)
		if len(behind) == 0 || len(budgets.matching(template.Owner.Namespace, template.Labels)) > 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object: template.Owner,
			Message: fmt.Sprintf("%s has no PodDisruptionBudget: a node drain can evict all of its Pods at the same time.",
				template.Name()),
			Evidence: []check.Evidence{check.FromSpec("selected by Service %s; no PodDisruptionBudget selects its Pods", behind[0].Name)},
			Remediation: remedy.Sprintf(
				"Allow one Pod to be unavailable at a time: `%s create poddisruptionbudget %s --selector='%s' --max-unavailable=1`.",
				kubectl.Command(template.Owner),
				template.Owner.Name,
				template.Workload.Selector,
			),
		})
	}
	return findings
}

// openNodes counts the nodes that accept Pods without tolerations and match a node selector.
func openNodes(g *facts.Graph, selector map[string]string) int {
	count := 0
	for _, n := range g.Nodes {
		if n.TakesAnyPod() && n.HasLabels(selector) {
			count++
		}
	}
	return count
}

func spreadMissing(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		a := template.Lean.Affinity
		if !replicated(template) || template.Workload.Desired < 2 || len(template.Lean.TopologySpreadConstraints) > 0 ||
			(a != nil && (a.PodAntiAffinity != nil || a.NodeAffinity != nil || a.PodAffinity != nil)) ||
			len(template.Workload.VolumeClaims) > 0 ||
			slices.ContainsFunc(template.Spec.Refs, func(r facts.SpecRef) bool { return r.Kind == facts.PVC }) {
			continue
		}
		node := ""
		ready := 0
		together := true
		for _, pod := range g.PodsOf(template.Owner) {
			if !pod.Ready || !pod.Deleting.IsZero() {
				continue
			}
			together = together && (ready == 0 || pod.NodeName == node)
			node = pod.NodeName
			ready++
		}
		if !together || ready < 2 || node == "" || openNodes(g, template.Lean.NodeSelector) < 2 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  template.Owner,
			Message: fmt.Sprintf("All Pods of %s run on one node: if the node fails, all of them fail.", template.Name()),
			Evidence: []check.Evidence{
				check.FromCondition("%d ready Pods, all on node %s", ready, node),
				check.FromSpec("neither topologySpreadConstraints nor podAntiAffinity is set"),
			},
		})
	}
	return findings
}

func sharedClaim(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if template.Owner.Kind != facts.Deployment || template.Workload == nil || template.Workload.Desired < 2 {
			continue
		}
		claims, _ := exclusiveClaims(g, template)
		slices.Sort(claims)
		for _, name := range slices.Compact(claims) {
			claim, _ := facts.Lookup[*facts.PVCNode](g, facts.Ref{Kind: facts.PVC, Namespace: template.Owner.Namespace, Name: name})
			finding := check.Finding{
				Object: template.Owner, Discriminator: name, RestrictToCulprits: true,
				Message: fmt.Sprintf("All Pods of Deployment %s mount PersistentVolumeClaim %s, which only one node can mount.",
					template.Owner.Name, name),
				Evidence: []check.Evidence{
					check.FromSpec("replicas: %d",
						template.Workload.Desired), check.FromSpec("PersistentVolumeClaim %s: %s", name, phrase.List(claim.AccessModes)),
					check.FromCondition("Pods ready: %d", template.Workload.Ready),
				},
			}
			if template.Workload.Ready >= template.Workload.Desired {
				finding.Severity = v1alpha1.SeverityLow
			}
			findings = append(findings, finding)
		}
	}
	return findings
}

func hostPortReplicas(g *facts.Graph, _ check.Params) []check.Finding {
	if !g.Complete(facts.Node, "") || len(g.Nodes) == 0 {
		return nil
	}
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		i := slices.IndexFunc(template.Spec.Ports, func(p facts.ContainerPort) bool { return p.HostPort != 0 })
		if !replicated(template) || i < 0 || len(template.Lean.Tolerations) > 0 {
			continue
		}
		if nodes := openNodes(g, template.Lean.NodeSelector); int(template.Workload.Desired) > nodes {
			port := template.Spec.Ports[i]
			findings = append(findings, check.Finding{
				Object: template.Owner,
				Message: fmt.Sprintf("%s has more replicas than nodes to run them: each Pod uses host port %d/%s of its node.",
					template.Name(), port.HostPort, facts.ProtocolOf(port.Protocol)),
				Evidence: []check.Evidence{
					check.FromSpec("replicas: %d", template.Workload.Desired),
					check.FromCondition("schedulable nodes that match: %d", nodes),
				},
			})
		}
	}
	return findings
}
