package practice

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

const deprecationGuide = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"

func apiVersionChecks() []check.Check {
	// These kinds are written by users and their tools, not by Kubernetes itself.
	needs := []facts.Kind{facts.Deployment}
	uses := []facts.Kind{
		facts.StatefulSet, facts.DaemonSet, facts.CronJob, facts.HPA, facts.PDB, facts.Ingress, facts.IngressClass, facts.NetworkPolicy,
		facts.Role, facts.RoleBinding, facts.ClusterRole, facts.ClusterRoleBinding, facts.PriorityClass, facts.StorageClass,
		facts.ValidatingWebhook, facts.MutatingWebhook, facts.APIService,
	}
	const judged = " managedFields records the API version that each client last used. Clients that have since moved to a newer " +
		"version, and Kubernetes' own components, are not considered."
	return []check.Check{
		{
			ID: "removed-api-used", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "An object was written in an API version that Kubernetes has removed or removes in the next minor version.",
			Meaning: "A client wrote the object in an API version that this cluster, or the next minor version of Kubernetes, no " +
				"longer serves. The object is stored in a newer version and keeps working, but the manifest, chart or program that " +
				"wrote it fails the next time it is applied." + judged,
			Remediation: "Change apiVersion in the source of the object (manifest, chart or client) and apply it again. `kubectl " +
				"convert -f <file>` (the kubectl-convert plugin) rewrites a manifest.",
			Link: deprecationGuide, Needs: needs, Uses: uses, Run: apiVersions(true),
		},
		{
			ID: "deprecated-api-used", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "An object was written in a deprecated API version.",
			Meaning: "A client wrote the object in an API version that is still served but deprecated. A later version of " +
				"Kubernetes removes it." + judged,
			Remediation: "Change apiVersion in the source of the object (manifest, chart or client) before upgrading the cluster to " +
				"the version that removes it. `kubectl convert -f <file>` (the kubectl-convert plugin) rewrites a manifest.",
			Link: deprecationGuide, Needs: needs, Uses: uses, Run: apiVersions(false),
		},
	}
}

// oldAPI is an API version that was deprecated, with the minor versions of Kubernetes 1 that deprecated and removed it, and
// the version to use in its place.
type oldAPI struct {
	deprecated, removed uint
	instead             string
}

// oldAPIOf looks up a version of a kind. Source: the deprecation guide of Kubernetes and its release notes.
func oldAPIOf(apiVersion string, kind facts.Kind) (oldAPI, bool) {
	switch apiVersion {
	case "extensions/v1beta1":
		if kind == facts.Ingress {
			return oldAPI{14, 22, "networking.k8s.io/v1"}, true
		}
		if kind == facts.NetworkPolicy {
			return oldAPI{9, 16, "networking.k8s.io/v1"}, true
		}
		return oldAPI{9, 16, "apps/v1"}, true
	case "apps/v1beta1", "apps/v1beta2":
		return oldAPI{9, 16, "apps/v1"}, true
	case "networking.k8s.io/v1beta1": // of Ingress and IngressClass; newer kinds had a beta of that name later
		return oldAPI{19, 22, "networking.k8s.io/v1"}, kind == facts.Ingress || kind == facts.IngressClass
	case "rbac.authorization.k8s.io/v1beta1":
		return oldAPI{17, 22, "rbac.authorization.k8s.io/v1"}, true
	case "scheduling.k8s.io/v1beta1":
		return oldAPI{14, 22, "scheduling.k8s.io/v1"}, true
	case "storage.k8s.io/v1beta1":
		return oldAPI{19, 22, "storage.k8s.io/v1"}, kind == facts.StorageClass
	case "admissionregistration.k8s.io/v1beta1":
		return oldAPI{16, 22, "admissionregistration.k8s.io/v1"}, kind == facts.ValidatingWebhook || kind == facts.MutatingWebhook
	case "apiregistration.k8s.io/v1beta1":
		return oldAPI{19, 22, "apiregistration.k8s.io/v1"}, true
	case "batch/v1beta1":
		return oldAPI{21, 25, "batch/v1"}, true
	case "policy/v1beta1":
		return oldAPI{21, 25, "policy/v1"}, true
	case "autoscaling/v2beta1":
		return oldAPI{22, 25, "autoscaling/v2"}, true
	case "autoscaling/v2beta2":
		return oldAPI{23, 26, "autoscaling/v2"}, true
	case "flowcontrol.apiserver.k8s.io/v1beta1":
		return oldAPI{23, 26, "flowcontrol.apiserver.k8s.io/v1"}, true
	case "flowcontrol.apiserver.k8s.io/v1beta2":
		return oldAPI{26, 29, "flowcontrol.apiserver.k8s.io/v1"}, true
	case "flowcontrol.apiserver.k8s.io/v1beta3":
		return oldAPI{29, 32, "flowcontrol.apiserver.k8s.io/v1"}, true
	default:
		return oldAPI{}, false
	}
}

// minorOf is the minor version of the API server; one that is not known counts as newer than all of these removals.
func minorOf(text string) uint {
	const beyond = 1000
	parsed, err := version.ParseGeneric(text)
	if err != nil || parsed.Major() != 1 {
		return beyond
	}
	return parsed.Minor()
}

// apiVersions finds writers of old versions: those that fail at the next minor version at the latest, or the others.
func apiVersions(soon bool) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		server := minorOf(g.Version)
		var findings []check.Finding
		each := func(m *facts.Meta) {
			seen := map[string]bool{}
			for _, w := range m.Written {
				old, ok := oldAPIOf(w.APIVersion, m.Kind)
				if !ok || server < old.deprecated || (server+1 >= old.removed) != soon || seen[w.APIVersion] || ownWriter(w.Manager) ||
					!m.Deleting.IsZero() || m.Owned {
					continue
				}
				seen[w.APIVersion] = true
				findings = append(findings, oldVersionFinding(m, w, old, server))
			}
		}
		eachWritten(g, each)
		return findings
	}
}

// ownWriter reports whether a client is a component of Kubernetes, which is upgraded with the cluster.
func ownWriter(manager string) bool {
	return strings.HasPrefix(manager, "kube-") || manager == "kubelet" || manager == "cloud-controller-manager"
}

// eachWritten calls back for every object of the kinds that had other versions, in a fixed order.
func eachWritten(g *facts.Graph, each func(*facts.Meta)) {
	for _, n := range g.Workloads {
		each(&n.Meta)
	}
	for _, n := range g.CronJobs {
		each(&n.Meta)
	}
	for _, n := range g.HPAs {
		each(&n.Meta)
	}
	for _, n := range g.PDBs {
		each(&n.Meta)
	}
	for _, n := range g.Ingresses {
		each(&n.Meta)
	}
	for _, n := range g.IngressClasses {
		each(&n.Meta)
	}
	for _, n := range g.NetworkPolicies {
		each(&n.Meta)
	}
	for _, n := range g.Roles {
		each(&n.Meta)
	}
	for _, n := range g.Bindings {
		each(&n.Meta)
	}
	for _, n := range g.PriorityClasses {
		each(&n.Meta)
	}
	for _, n := range g.StorageClasses {
		each(&n.Meta)
	}
	for _, n := range g.Webhooks {
		each(&n.Meta)
	}
	for _, n := range g.APIServices {
		each(&n.Meta)
	}
}

func oldVersionFinding(m *facts.Meta, w facts.Written, old oldAPI, server uint) check.Finding {
	when := fmt.Sprintf("was removed in Kubernetes 1.%d", old.removed)
	switch {
	case server+1 == old.removed:
		when = fmt.Sprintf("is removed in the next minor version, Kubernetes 1.%d", old.removed)
	case server < old.removed:
		when = fmt.Sprintf("is deprecated and is removed in Kubernetes 1.%d", old.removed)
	}
	written := "time unknown"
	if !w.At.IsZero() {
		written = "last at " + w.At.UTC().Format(time.RFC3339)
	}
	return check.Finding{
		Object: m.Ref, Discriminator: w.APIVersion,
		Message:  fmt.Sprintf("%s %s was written as %s, which %s.", m.Kind, m.Name, w.APIVersion, when),
		Evidence: []check.Evidence{check.FromSpec("written by %s as %s, %s", w.Manager, w.APIVersion, written)},
		Remediation: remedy.Sprintf(
			"Change apiVersion to %s in the source that %s applies (manifest, chart or client), and apply it again. `kubectl convert "+
				"-f <file> --output-version %[1]s` (the kubectl-convert plugin) rewrites a manifest.",
			old.instead,
			w.Manager,
		),
	}
}
