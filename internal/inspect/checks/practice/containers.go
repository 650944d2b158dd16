package practice

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// containerChecks report mistakes within one Pod template.
func containerChecks() []check.Check {
	needs := []facts.Kind{facts.Pod}
	uses := append(facts.WorkloadKinds(), facts.Job, facts.CronJob)
	return []check.Check{
		{
			ID: "container-port-duplicate", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A Pod template declares a port twice.",
			Meaning: "The containers of a Pod share one network namespace: when two listen on the same port and protocol, the " +
				"second fails to start. If one container declares both, one entry is redundant." + check.SystemNamespacesNote,
			Remediation: "Give each container a different port, or remove the redundant entry from the Pod template.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking", Needs: needs, Uses: uses, Run: portDuplicate,
		},
		{
			ID: "env-duplicate", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "An environment variable is set twice in one container.",
			Meaning: "Only the last entry takes effect, and tools that merge lists by name (kubectl apply, server-side apply) may " +
				"drop one of them at the next change." + check.SystemNamespacesNote,
			Remediation: "Remove one of the entries from the container's env in the Pod template.",
			Link:        "https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/", Needs: needs,
			Uses: uses, Run: envDuplicate,
		},
		{
			ID: "volume-unused", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Pod template has a volume that no container mounts.",
			Meaning: "The volume is attached and set up before the Pod starts, but no container uses it: either it is obsolete, or " +
				"a volumeMount is missing. Only Pod templates are checked, since sidecars may be " +
				"injected later." + check.SystemNamespacesNote,
			Remediation: "Remove the volume from the Pod template, or mount it.",
			Link:        "https://kubernetes.io/docs/concepts/storage/volumes/", Needs: needs, Uses: uses, Run: volumeUnused,
		},
		{
			ID: "host-network-dns-policy", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Pod in the host network cannot resolve Services.",
			Meaning: "hostNetwork is true and dnsPolicy is ClusterFirst, its default. For such Pods ClusterFirst falls back to the " +
				"resolver of the node, which does not know cluster names. Programs that do not use Services are not " +
				"affected." + check.SystemNamespacesNote,
			Remediation: "If the program uses Services, set dnsPolicy: ClusterFirstWithHostNet in the Pod template. If not, set " +
				"dnsPolicy: Default to state the effective behavior.",
			Link: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy", Needs: needs, Uses: uses,
			Run: hostNetworkDNS,
		},
	}
}

func portDuplicate(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		takenBy := map[string]string{}
		var twice []string
		var evidence []check.Evidence
		for _, c := range template.Running() {
			for _, p := range c.Ports {
				port := fmt.Sprintf("%d/%s", p.ContainerPort, facts.ProtocolOf(string(p.Protocol)))
				first, taken := takenBy[port]
				if !taken {
					takenBy[port] = c.Name
					continue
				}
				if p.HostIP == "" && !slices.Contains(twice, port) {
					twice = append(twice, port)
					evidence = append(evidence, check.FromSpec("port %s: container %s and container %s", port, first, c.Name))
				}
			}
		}
		if len(twice) > 0 {
			findings = append(findings, check.Finding{
				Object: template.Owner, Evidence: evidence,
				Message: fmt.Sprintf("The Pod template of %s declares %s %s twice.", template.Name(),
					phrase.Plural(len(twice), "port", "ports"), phrase.List(twice)),
			})
		}
	}
	return findings
}

func envDuplicate(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		for _, c := range template.All() {
			count := map[string]int{}
			var twice []string
			for _, e := range c.Env {
				if count[e.Name]++; count[e.Name] == 2 {
					twice = append(twice, e.Name)
				}
			}
			if len(twice) > 0 {
				findings = append(findings, check.Finding{
					Object: template.Owner, Discriminator: c.Name,
					Message: fmt.Sprintf("Container %s of %s sets %s twice: only the last entry takes effect.", c.Name, template.Name(),
						phrase.List(twice)),
					Evidence: []check.Evidence{check.FromSpec("set more than once: %s", strings.Join(twice[:min(len(twice), 20)], ", "))},
				})
			}
		}
	}
	return findings
}

func volumeUnused(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		mounted := map[string]bool{}
		for _, c := range template.All() {
			for _, m := range c.VolumeMounts {
				mounted[m.Name] = true
			}
			for _, d := range c.VolumeDevices {
				mounted[d.Name] = true
			}
		}
		var unused []string
		for i := range template.Lean.Volumes {
			if name := template.Lean.Volumes[i].Name; !mounted[name] {
				unused = append(unused, name)
			}
		}
		if len(unused) > 0 && template.Template && len(template.Lean.EphemeralContainers) == 0 {
			findings = append(findings, check.Finding{
				Object: template.Owner,
				Message: fmt.Sprintf("No container of %s mounts its %s %s.", template.Name(),
					phrase.Plural(len(unused), "volume", "volumes"), phrase.List(unused)),
				Evidence: []check.Evidence{check.FromSpec("not mounted: %s", strings.Join(unused[:min(len(unused), 20)], ", "))},
			})
		}
	}
	return findings
}

func hostNetworkDNS(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if policy := template.Lean.DNSPolicy; template.Lean.HostNetwork && (policy == "" || policy == corev1.DNSClusterFirst) {
			findings = append(findings, check.Finding{
				Object:   template.Owner,
				Message:  fmt.Sprintf("%s uses the host network and cannot resolve Services.", template.Name()),
				Evidence: []check.Evidence{check.FromSpec("hostNetwork: true, dnsPolicy: ClusterFirst")},
			})
		}
	}
	return findings
}
