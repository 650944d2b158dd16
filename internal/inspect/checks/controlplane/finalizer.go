package controlplane

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// foreground is the finalizer of an object that waits until the objects that it owns are deleted.
const foreground = "foregroundDeletion"

func finalizerChecks() []check.Check {
	return []check.Check{{
		ID: "object-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
		Summary: "An object is stuck terminating.",
		Meaning: "The object was deleted and still exists after the terminating grace (five minutes by default), since finalizers " +
			"hold it. " +
			"Applies to every kind of Kubernetes that is read, except Pods, Namespaces and PersistentVolumeClaims, which have checks of " +
			"their own, as custom resources do, and objects that wait for Pods whose own time to end is not over. " +
			"The finalizer says who has to act: the cloud controller (load balancers), the garbage " +
			"collector (objects that it owns), the API server (custom resources of a CRD), the claim of a volume, or an operator. If the " +
			"API group in the name of the finalizer has no CRD in the cluster, its operator is probably uninstalled.",
		Remediation: "Restore the controller that removes the finalizer, and check its log and permissions. Only if it is gone for good, " +
			"remove the finalizer by hand: what it would have cleaned up is then left behind.",
		Link: "https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/",
		Uses: append([]facts.Kind{
			facts.Service, facts.Ingress, facts.Job, facts.CronJob, facts.PV, facts.ConfigMap, facts.Secret, facts.ServiceAccount,
			facts.CRD, facts.Custom, facts.Event, facts.Pod, facts.Role, facts.RoleBinding, facts.NetworkPolicy,
		}, facts.WorkloadKinds()...),
		ExplainedBy: []string{"pod-stuck-terminating", "pvc-stuck-terminating", "custom-resource-stuck-terminating", "node-not-ready"},
		Run:         objectsStuckTerminating,
	}}
}

func objectsStuckTerminating(g *facts.Graph, params check.Params) []check.Finding {
	stuck := slices.DeleteFunc(g.Terminating(), func(meta *facts.Meta) bool {
		own := meta.Kind.IsCustom() || slices.Contains([]facts.Kind{facts.Pod, facts.Namespace, facts.PVC}, meta.Kind)
		return own || len(meta.Finalizers) == 0 || !g.OlderThan(meta.Deleting, params.TerminatingGrace) || podsEnd(g, meta, params)
	})
	owners := map[facts.Ref]bool{}
	for _, meta := range stuck {
		if slices.Contains(meta.Finalizers, foreground) {
			owners[meta.Ref] = true
		}
	}
	owned := g.OwnedObjects(owners)
	var findings []check.Finding
	for _, meta := range stuck {
		h := holderOf(g, meta, owned[meta.Ref])
		f := check.Finding{
			Object:  meta.Ref,
			Message: fmt.Sprintf("%s %s is stuck terminating: finalizer %s waits for %s.", meta.Kind, meta.Name, h.finalizer, h.waitsFor),
			Evidence: append([]check.Evidence{
				check.FromSpec("deleted at %s", meta.Deleting.UTC().Format("2006-01-02 15:04:05 MST")),
				check.FromSpec("finalizers: %s", strings.Join(meta.Finalizers, ", ")),
			}, h.evidence...),
			Remediation: h.fix, Culprits: h.culprits,
		}
		if events := g.EventsOf(meta.Ref); len(events) > 0 {
			f.Evidence = append(f.Evidence, check.FromEvent(events[0]))
		}
		findings = append(findings, f)
	}
	return findings
}

// podsEnd reports whether an object waits for Pods that have time left to end: their grace period may be hours.
func podsEnd(g *facts.Graph, meta *facts.Meta, params check.Params) bool {
	return slices.Contains(meta.Finalizers, foreground) && slices.ContainsFunc(g.PodsOf(meta.Ref), func(pod *facts.PodNode) bool {
		return !pod.Deleting.IsZero() && !g.OlderThan(pod.Deleting, params.TerminatingGrace)
	})
}

// holder is what has to remove a finalizer.
type holder struct {
	finalizer, waitsFor string
	fix                 remedy.Text
	evidence            []check.Evidence
	culprits            []facts.Ref
}

// holderOf says what holds an object, which owns others, by the first of its finalizers that can be explained.
func holderOf(g *facts.Graph, meta *facts.Meta, owned []facts.Ref) holder {
	for _, finalizer := range meta.Finalizers {
		if h, ok := knownHolder(g, meta, owned, finalizer); ok {
			h.finalizer = finalizer
			return h
		}
	}
	finalizer := meta.Finalizers[0]
	h := holder{finalizer: finalizer, waitsFor: "the controller that set it", fix: byHand(meta, finalizer)}
	group, _, named := strings.Cut(finalizer, "/")
	if !named || !g.Complete(facts.CRD, "") || kubernetesDomain(group) || slices.ContainsFunc(g.CRDs, func(c *facts.CRDNode) bool {
		return related(c.Defines.Group(), group)
	}) {
		return h
	}
	h.waitsFor = "a controller that is probably uninstalled"
	h.evidence = []check.Evidence{check.FromSpec("no CustomResourceDefinition has API group %s", group)}
	return h
}

// knownHolder explains the finalizers of Kubernetes itself.
func knownHolder(g *facts.Graph, meta *facts.Meta, owned []facts.Ref, finalizer string) (holder, bool) {
	switch finalizer {
	case foreground:
		return dependents(owned), true
	case "orphan":
		return holder{waitsFor: "the garbage collector", fix: "See whether kube-controller-manager runs, and whether all aggregated " +
			"APIs answer: " +
			"`kubectl get apiservices`."}, true
	case "service.kubernetes.io/load-balancer-cleanup":
		return holder{waitsFor: "the cloud controller that deletes its load balancer", fix: remedy.Sprintf("See whether the cloud "+
			"controller "+
			"manager runs, its log, and its credentials for the cloud. Only if it is gone for good, delete the load balancer in the cloud "+
			"by hand, and then: `%s`.", removeFinalizer(meta, finalizer))}, true
	case "kubernetes.io/pv-protection":
		volume, ok := facts.Lookup[*facts.PVNode](g, meta.Ref)
		if !ok || volume.Claim.IsZero() {
			return holder{}, false
		}
		return holder{
			waitsFor: fmt.Sprintf("PersistentVolumeClaim %s of namespace %s, which is bound to "+
				"it", volume.Claim.Name, volume.Claim.Namespace),
			fix: remedy.Sprintf("Delete the claim if its data is no longer needed: `kubectl -n %s delete pvc %s`.", volume.Claim.Namespace,
				volume.Claim.Name),
			culprits: []facts.Ref{volume.Claim},
		}, true
	case "customresourcecleanup.apiextensions.k8s.io":
		return remainingResources(g, meta)
	default:
		return holder{}, false
	}
}

// dependents are the objects that keep their owner, which was deleted in the foreground.
func dependents(owned []facts.Ref) holder {
	const (
		maxCulprits = 20
		maxListed   = 3
	)
	h := holder{waitsFor: "the objects that it owns", fix: remedy.Sprintf("See which of the objects that it owns remain, and " +
		"why. If none do, look at the garbage collector: `kubectl get --raw /apis` lists the APIs that it has to read, all of " +
		"which must answer.")}
	h.culprits = slices.Clip(owned[:min(len(owned), maxCulprits)])
	for _, ref := range owned[:min(len(owned), maxListed)] {
		h.evidence = append(h.evidence, check.FromCondition("it owns %s %s, which still exists", ref.Kind.Name(), ref.Name))
	}
	return h
}

// remainingResources are the custom resources that keep their definition.
func remainingResources(g *facts.Graph, meta *facts.Meta) (holder, bool) {
	crd, ok := facts.Lookup[*facts.CRDNode](g, meta.Ref)
	if !ok {
		return holder{}, false
	}
	h := holder{
		waitsFor: "its custom resources, which still exist",
		fix: remedy.Sprintf("See what keeps them: `kubectl get %s -A`. Finalizers of an operator that was uninstalled first are not "+
			"removed by "+
			"anything.", crd.Defines.Argument()),
	}
	remaining := g.CustomsOf(crd.Defines)
	for _, custom := range remaining[:min(len(remaining), 3)] {
		h.culprits = append(h.culprits, custom.Ref)
	}
	if len(remaining) > 0 {
		h.evidence = []check.Evidence{check.FromCondition("%d %s of kind "+
			"%s", len(remaining), phrase.Plural(len(remaining), "object", "objects"),
			crd.Defines.Name())}
	}
	return h, true
}

// byHand is the remedy for a finalizer whose controller is not known.
func byHand(meta *facts.Meta, finalizer string) remedy.Text {
	return remedy.Sprintf("Restore the controller that removes finalizer %s, and check its log and permissions. Only if it is gone "+
		"for good: "+
		"`%s`; its cleanup is then skipped.", finalizer, removeFinalizer(meta, finalizer))
}

// removeFinalizer is the command that removes one finalizer, and fails if the list has changed since.
func removeFinalizer(meta *facts.Meta, finalizer string) remedy.Words {
	at := slices.Index(meta.Finalizers, finalizer)
	return remedy.Command("%s patch %s %s --type=json -p '[{\"op\":\"test\",\"path\":\"/metadata/finalizers/%d\",\"value\":\"%s\"},"+
		"{\"op\":\"remove\",\"path\":\"/metadata/finalizers/%d\"}]'", kubectl.Command(meta.Ref), meta.Kind.Argument(), meta.Name, at,
		finalizer, at)
}

// kubernetesDomain reports whether a domain belongs to Kubernetes or one of its usual add-ons without CRDs.
func kubernetesDomain(domain string) bool {
	return related(domain, "kubernetes.io") || related(domain, "k8s.io")
}

// related reports whether two API groups are of one project: widgets.example.com and example.com.
func related(a, b string) bool {
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}
