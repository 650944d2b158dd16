// Package unused checks for objects that nothing uses: volumes, claims, load balancers, workloads scaled to zero,
// ConfigMaps, Secrets and ServiceAccounts.
package unused

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/endpoints"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// How long something may lie idle before it counts as forgotten.
const (
	idleDay   = 24 * time.Hour
	idleWeek  = 7 * idleDay
	idleMonth = 30 * idleDay
)

// Checks are all checks of what nothing uses, in no fixed order.
func Checks() []check.Check { return slices.Concat(costChecks(), unusedChecks()) }

func costChecks() []check.Check {
	return []check.Check{
		{
			ID: "volume-released", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A Released PersistentVolume is not deleted.",
			Meaning: "The volume's claim was deleted more than seven days ago, and reclaim policy Retain keeps the volume and its " +
				"storage, which still costs money. No claim can bind it until claimRef is removed.",
			Remediation: "If the data is needed, copy it, or remove spec.claimRef to make it available to a new claim (`kubectl patch " +
				"pv <name> --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}]'`). Otherwise delete the backing storage, " +
				"then the object: `kubectl delete pv <name>`.",
			Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain",
			Needs: []facts.Kind{facts.PV}, Run: volumeReleased,
		},
		{
			ID: "pvc-unused", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A PersistentVolumeClaim is not used by any Pod.",
			Meaning: "The claim is bound and older than a day, and neither a Pod nor the template of a workload, Job or CronJob " +
				"names it. Claims that belong to another object, and those of a StatefulSet that still exists, are ignored, also when " +
				"it is scaled down. A StatefulSet that is deleted leaves its claims behind.",
			Remediation: "If the data is no longer needed: `kubectl delete pvc <name>`. With reclaim policy Delete, this deletes the data.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
			Needs: []facts.Kind{
				facts.PVC,
				facts.Pod,
			}, Uses: append(facts.WorkloadKinds(), facts.Job, facts.CronJob), Run: claimUnused,
		},
		{
			ID: "loadbalancer-idle", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A load balancer has no endpoints.",
			Meaning: "The Service of type LoadBalancer has an address and is older than a day, but no endpoints: the workloads it " +
				"selects are scaled to zero, or it has no selector and no manual endpoints. Most clouds bill load balancers by the hour.",
			Remediation: "Delete the Service, or change it to ClusterIP while it is unused: `kubectl patch service <name> -p " +
				"'{\"spec\":{\"type\":\"ClusterIP\"}}'` (its address is lost).",
			Link:  "https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer",
			Needs: []facts.Kind{facts.Service, facts.Pod, facts.EndpointSlice}, Uses: facts.WorkloadKinds(),
			ExplainedBy: []string{"service-selector-matches-nothing"}, Run: loadBalancerIdle,
		},
		{
			ID: "workload-scaled-to-zero", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload has been scaled to zero for more than 30 days.",
			Meaning: "A Deployment or StatefulSet has zero replicas and has not changed for more than 30 days. Its claims, load " +
				"balancers, Secrets and ConfigMaps remain. Workloads with an autoscaler are ignored." + check.SystemNamespacesNote,
			Remediation: "If it is no longer needed, delete it with what belongs to it.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#scaling-a-deployment",
			Needs:       []facts.Kind{facts.Deployment}, Uses: []facts.Kind{facts.StatefulSet, facts.HPA}, Run: scaledToZero,
		},
	}
}

func volumeReleased(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, v := range g.PVs {
		since := v.PhaseSince
		if since.IsZero() {
			since = v.Created // API servers before 1.31 do not tell
		}
		if v.Phase != "Released" || v.ReclaimPolicy != "Retain" || !v.Deleting.IsZero() || !g.OlderThan(since, idleWeek) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  v.Ref,
			Message: fmt.Sprintf("PersistentVolume %s is Released: its claim was deleted and no other claim can bind it.", v.Name),
			Evidence: []check.Evidence{
				check.FromCondition("%s, of claim %s in namespace %s", phrase.Bytes(v.Capacity), v.Claim.Name, v.Claim.Namespace),
				check.FromSpec("reclaim policy Retain"),
			},
			Remediation: remedy.Sprintf("If the data is needed, copy it, or make the volume available to a new claim (which exposes the "+
				"data to it): `kubectl patch pv %[1]s --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}]'`. Otherwise "+
				"delete the backing storage, then the object: `kubectl delete pv %[1]s`.", v.Name),
		})
	}
	return findings
}

// users are the kinds that name claims, ConfigMaps, Secrets and ServiceAccounts in Pod specs.
func users() []facts.Kind {
	return append(facts.WorkloadKinds(), facts.Pod, facts.Job, facts.CronJob)
}

// usersRead reports whether all of them were read in a namespace.
func usersRead(g *facts.Graph, namespace string) bool {
	return !slices.ContainsFunc(users(), func(k facts.Kind) bool { return !g.Complete(k, namespace) })
}

// used are the objects that Pod specs name, of Pods at work or finished and of every template.
func used(g *facts.Graph) map[facts.Ref]bool {
	all := map[facts.Ref]bool{}
	type use struct {
		namespace string
		spec      *facts.PodSpec
	}
	seen := map[use]bool{}
	add := func(namespace string, spec *facts.PodSpec) {
		if spec == nil || seen[use{namespace, spec}] {
			return
		}
		seen[use{namespace, spec}] = true
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

func claimUnused(g *facts.Graph, _ check.Params) []check.Finding {
	named := used(g)
	kept := map[facts.Ref]bool{} // template-set of every StatefulSet, which its claims begin with
	for _, w := range g.Workloads {
		for _, template := range w.VolumeClaims {
			kept[facts.Ref{Kind: facts.PVC, Namespace: w.Namespace, Name: template + "-" + w.Name}] = true
		}
	}
	var findings []check.Finding
	for _, c := range g.PVCs {
		of := c.Ref
		if i := strings.LastIndexByte(c.Name, '-'); i > 0 {
			of.Name = c.Name[:i]
		}
		if c.Phase != "Bound" || c.Owned || !c.Deleting.IsZero() || named[c.Ref] || kept[of] || check.IsSystemNamespace(c.Namespace) ||
			!usersRead(g, c.Namespace) ||
			!g.OlderThan(c.Created, idleDay) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   c.Ref,
			Message:  fmt.Sprintf("PersistentVolumeClaim %s is not used by any Pod or workload.", c.Name),
			Evidence: []check.Evidence{check.FromCondition("bound to %s, %s", c.Volume, phrase.Bytes(max(c.Capacity, c.Request)))},
			Remediation: remedy.Sprintf("If the data is no longer needed: `%s delete pvc %s`. With reclaim policy Delete (`kubectl get pv "+
				"%s`), this deletes the data.",
				kubectl.Command(c.Ref), c.Name, c.Volume),
		})
	}
	return findings
}

func loadBalancerIdle(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, s := range g.Services {
		if s.Type != "LoadBalancer" || s.LoadBalancerAddresses == 0 || !g.OlderThan(s.Created, idleDay) {
			continue
		}
		state := endpoints.Judge(g, s, params)
		finding := check.Finding{
			Object:   s.Ref,
			Message:  fmt.Sprintf("Service %s has a load balancer without endpoints.", s.Name),
			Evidence: []check.Evidence{check.FromCondition("addresses: %d; ready endpoints: 0", s.LoadBalancerAddresses)},
			Remediation: remedy.Sprintf("Delete the Service, or change it to ClusterIP while it is unused (its address is lost): `%s "+
				"patch service %s -p '{\"spec\":{\"type\":\"ClusterIP\"}}'`.",
				kubectl.Command(s.Ref), s.Name),
		}
		switch {
		case state.ScaledToZero:
			w := state.Workloads[0]
			finding.Evidence = append(finding.Evidence,
				check.FromSpec("selects %s, which %s", phrase.Workloads(state.Workloads), phrase.WhyNoPods(w)))
			if !g.OlderThan(w.Changed, idleDay) {
				continue // overnight, perhaps
			}
		case state.Health == endpoints.Unserved:
			finding.Evidence = append(finding.Evidence, check.FromSpec("no selector"))
		default:
			continue
		}
		findings = append(findings, finding)
	}
	return findings
}

func scaledToZero(g *facts.Graph, _ check.Params) []check.Finding {
	scaled := map[facts.Ref]bool{}
	for _, h := range g.HPAs {
		scaled[h.Target] = true
	}
	var findings []check.Finding
	for _, w := range g.Workloads {
		if (w.Kind != facts.Deployment && w.Kind != facts.StatefulSet) || w.Desired > 0 || !w.Deleting.IsZero() || scaled[w.Ref] ||
			check.IsSystemNamespace(w.Namespace) ||
			!w.Owner.IsZero() || w.Changed.IsZero() ||
			!g.OlderThan(w.Changed, idleMonth) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  w.Ref,
			Message: fmt.Sprintf("%s %s has been scaled to zero for more than 30 days.", w.Kind, w.Name),
			Evidence: []check.Evidence{
				check.FromSpec("replicas: 0"),
				check.FromCondition("last changed at %s", w.Changed.UTC().Format(time.RFC3339)),
			},
		})
	}
	return findings
}
