package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// How long something may lie idle before it counts as forgotten.
const (
	idleDay   = 24 * time.Hour
	idleWeek  = 7 * idleDay
	idleMonth = 30 * idleDay
)

// idleChecks are all checks of the subject, unsorted.
func idleChecks() []Check { return slices.Concat(costChecks(), unusedChecks()) }

func costChecks() []Check {
	return []Check{
		{
			ID: "volume-released", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A PersistentVolume that nobody can use is kept.",
			Meaning: "The volume's claim was deleted more than seven days ago, and its reclaim policy Retain keeps it and the storage behind it, which goes on costing money. No claim can be " +
				"bound to it until a person frees it.",
			Remediation: "If its data are needed, copy them, or take out spec.claimRef so that a claim can have it (`kubectl patch pv <name> --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}]'`). " +
				"Else delete the storage behind it, then the object: `kubectl delete pv <name>`.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain",
			Needs: []facts.Kind{facts.PV}, Run: volumeReleased,
		},
		{
			ID: "pvc-unused", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "No Pod uses a PersistentVolumeClaim.",
			Meaning: "The claim is bound and older than a day, and neither a Pod nor the template of a workload, Job or CronJob names it. Claims that belong to another object, and those of a StatefulSet that still " +
				"exists, are left out, also when it is scaled down. A StatefulSet that is deleted leaves its claims behind.",
			Remediation: "If its data are no longer needed: `kubectl delete pvc <name>`. See first what becomes of the volume: with reclaim policy Delete the data go with it.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
			Needs:       []facts.Kind{facts.PVC, facts.Pod}, Uses: append(workloadKinds(), facts.Job, facts.CronJob), Run: claimUnused,
		},
		{
			ID: "loadbalancer-idle", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A load balancer stands before nothing.",
			Meaning: "The Service of type LoadBalancer has an address and is older than a day, and there is nothing behind it: the workloads that it selects are scaled to zero, or it selects nothing " +
				"and nobody gave it endpoints. Most clouds bill load balancers by the hour.",
			Remediation: "Delete the Service, or make it a ClusterIP while it rests: `kubectl patch service <name> -p '{\"spec\":{\"type\":\"ClusterIP\"}}'` (its address is lost).",
			Link:        "https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer",
			Needs:       []facts.Kind{facts.Service, facts.Pod, facts.EndpointSlice}, Uses: workloadKinds(),
			ExplainedBy: []string{"service-selector-matches-nothing"}, Run: loadBalancerIdle,
		},
		{
			ID: "workload-scaled-to-zero", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityInfo,
			Summary:     "A workload has been scaled to zero for long.",
			Meaning:     "A Deployment or StatefulSet wants no Pods, and has not been changed for more than 30 days. With it stay its claims, load balancers, Secrets and ConfigMaps. What an autoscaler scales is left out." + shippedNote,
			Remediation: "If it is no longer needed, delete it with what belongs to it.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#scaling-a-deployment",
			Needs:       []facts.Kind{facts.Deployment}, Uses: []facts.Kind{facts.StatefulSet, facts.HPA}, Run: scaledToZero,
		},
	}
}

func volumeReleased(g *facts.Graph, _ Params) []Finding {
	var findings []Finding
	for _, v := range g.PVs {
		since := v.PhaseSince
		if since.IsZero() {
			since = v.Created // API servers before 1.31 do not tell
		}
		if v.Phase != "Released" || v.ReclaimPolicy != "Retain" || !v.Deleting.IsZero() || !outlived(g, since, idleWeek) {
			continue
		}
		findings = append(findings, Finding{
			Object:   v.Ref,
			Message:  fmt.Sprintf("PersistentVolume %s is kept although its claim is gone, and no other claim can have it.", v.Name),
			Evidence: []Evidence{condition("%s, of claim %s in namespace %s", mebibytes(v.Capacity), v.Claim.Name, v.Claim.Namespace), spec("reclaim policy Retain")},
			Remediation: fmt.Sprintf("If its data are needed, copy them, or free it for another claim: `kubectl patch pv %[1]s --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}]'`. "+
				"Else delete the storage behind it, then the object: `kubectl delete pv %[1]s`.", v.Name),
		})
	}
	return findings
}

// users are the kinds that name claims, ConfigMaps, Secrets and ServiceAccounts in Pod specs.
func users() []facts.Kind {
	return append(workloadKinds(), facts.Pod, facts.Job, facts.CronJob)
}

// usersRead says whether all of them were read in a namespace.
func usersRead(g *facts.Graph, namespace string) bool {
	return !slices.ContainsFunc(users(), func(k facts.Kind) bool { return !g.Complete(k, namespace) })
}

// used are the objects that Pod specs name, of Pods at work or finished and of every template.
func used(g *facts.Graph) map[facts.Ref]bool {
	all := map[facts.Ref]bool{}
	seen := map[*facts.PodSpec]map[string]bool{}
	add := func(namespace string, spec *facts.PodSpec) {
		if spec == nil || seen[spec][namespace] {
			return
		}
		if seen[spec] == nil {
			seen[spec] = map[string]bool{}
		}
		seen[spec][namespace] = true
		for _, ref := range spec.Refs {
			all[facts.Ref{Kind: ref.Kind, Namespace: namespace, Name: ref.Name}] = true
		}
		all[facts.Ref{Kind: facts.ServiceAccount, Namespace: namespace, Name: spec.ServiceAccount}] = true
	}
	for _, pod := range g.Pods {
		add(pod.Namespace, pod.Spec)
	}
	for _, w := range g.Workloads {
		add(w.Namespace, w.Template)
	}
	for _, j := range g.Jobs {
		add(j.Namespace, j.Template)
	}
	for _, c := range g.CronJobs {
		add(c.Namespace, c.Template)
	}
	return all
}

func claimUnused(g *facts.Graph, _ Params) []Finding {
	named := used(g)
	kept := map[facts.Ref]bool{} // template-set of every StatefulSet, which its claims begin with
	for _, w := range g.Workloads {
		for _, template := range w.VolumeClaims {
			kept[facts.Ref{Kind: facts.PVC, Namespace: w.Namespace, Name: template + "-" + w.Name}] = true
		}
	}
	var findings []Finding
	for _, c := range g.PVCs {
		of := c.Ref
		if i := strings.LastIndexByte(c.Name, '-'); i > 0 {
			of.Name = c.Name[:i]
		}
		if c.Phase != "Bound" || c.Owned || !c.Deleting.IsZero() || named[c.Ref] || kept[of] || shipped(c.Namespace) || !usersRead(g, c.Namespace) ||
			!outlived(g, c.Created, idleDay) {
			continue
		}
		findings = append(findings, Finding{
			Object:   c.Ref,
			Message:  fmt.Sprintf("No Pod and no workload uses PersistentVolumeClaim %s.", c.Name),
			Evidence: []Evidence{condition("bound to %s, %s", c.Volume, mebibytes(max(c.Capacity, c.Request)))},
			Remediation: fmt.Sprintf("If its data are no longer needed: `%s delete pvc %s`. See first what becomes of the volume (`kubectl get pv %s`): with reclaim policy Delete the data go with it.",
				kubectl(c.Ref), c.Name, c.Volume),
		})
	}
	return findings
}

func loadBalancerIdle(g *facts.Graph, params Params) []Finding {
	var findings []Finding
	for _, s := range g.Services {
		if s.Type != "LoadBalancer" || s.LoadBalancerAddresses == 0 || !outlived(g, s.Created, idleDay) {
			continue
		}
		state := judgeService(g, s, params)
		finding := Finding{
			Object:   s.Ref,
			Message:  fmt.Sprintf("The load balancer of Service %s stands before nothing.", s.Name),
			Evidence: []Evidence{condition("addresses: %d; ready endpoints: 0", s.LoadBalancerAddresses)},
			Remediation: fmt.Sprintf("Delete the Service, or make it a ClusterIP while it rests (its address is lost): `%s patch service %s -p '{\"spec\":{\"type\":\"ClusterIP\"}}'`.",
				kubectl(s.Ref), s.Name),
		}
		switch {
		case state.scaledToZero:
			w := state.workloads[0]
			finding.Evidence = append(finding.Evidence, spec("%s, which it selects, %s", workloadNames(state.workloads), resting(w)))
			if !outlived(g, w.Changed, idleDay) {
				continue // overnight, perhaps
			}
		case state.health == serviceUnserved:
			finding.Evidence = append(finding.Evidence, spec("no selector"))
		default:
			continue
		}
		findings = append(findings, finding)
	}
	return findings
}

func scaledToZero(g *facts.Graph, _ Params) []Finding {
	scaled := map[facts.Ref]bool{}
	for _, h := range g.HPAs {
		scaled[h.Target] = true
	}
	var findings []Finding
	for _, w := range g.Workloads {
		if (w.Kind != facts.Deployment && w.Kind != facts.StatefulSet) || w.Desired > 0 || !w.Deleting.IsZero() || scaled[w.Ref] || shipped(w.Namespace) ||
			!w.Owner.IsZero() || w.Changed.IsZero() || !outlived(g, w.Changed, idleMonth) {
			continue
		}
		findings = append(findings, Finding{
			Object:   w.Ref,
			Message:  fmt.Sprintf("%s %s has been scaled to zero for more than 30 days.", w.Kind, w.Name),
			Evidence: []Evidence{spec("replicas: 0"), condition("last changed at %s", w.Changed.UTC().Format(time.RFC3339))},
		})
	}
	return findings
}
