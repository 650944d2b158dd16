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

const managingResources = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"

func resourceChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.Job, facts.CronJob, facts.LimitRange)
	needs := []facts.Kind{facts.Pod}
	return []check.Check{
		{
			ID: "qos-best-effort", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A workload sets neither requests nor limits.",
			Meaning: "None of its containers sets a request or limit for CPU or memory, so its Pods are of QoS class BestEffort: " +
				"the scheduler assumes that they need nothing, and a node under memory pressure evicts them first. Values set by a " +
				"LimitRange or another admission plugin count." + check.SystemNamespacesNote,
			Remediation: "Measure what the containers use (`kubectl top pod --containers`) and set resources.requests for CPU and " +
				"memory, and a limit for memory.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/#besteffort",
			Needs: needs, Uses: uses, Run: bestEffort,
		},
		{
			ID: "container-requests-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A container does not request CPU or memory.",
			Meaning: "A container that runs for the lifetime of its Pod sets no request for CPU or for memory, and no limit that " +
				"would be used as one. The scheduler assumes zero, nodes become overcommitted, and autoscalers cannot calculate " +
				"utilization. Values set by a LimitRange or another admission plugin count; workloads that set nothing at all are " +
				"reported by qos-best-effort." + check.SystemNamespacesNote,
			Remediation: "Measure what the container uses (`kubectl top pod --containers`) and set resources.requests.",
			Link:        managingResources, Needs: needs, Uses: uses, Run: requestsMissing,
		},
		{
			ID: "container-memory-limit-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A container has no memory limit.",
			Meaning: "A container that runs for the lifetime of its Pod can use all memory of its node: a leak affects every other " +
				"Pod there. A limit for the whole Pod, or one set by a LimitRange, is sufficient; workloads that set nothing at all " +
				"are reported by qos-best-effort. (CPU limits are optional and not required.)" + check.SystemNamespacesNote,
			Remediation: "Set resources.limits.memory somewhat above the peak usage of the container (`kubectl top pod --containers`).",
			Link:        managingResources, Needs: needs, Uses: uses, Run: memoryLimitMissing,
		},
		{
			ID: "memory-limit-far-above-request", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A container's memory limit is far above its request.",
			Meaning: "Its memory limit is more than four times its request, and more than 1Gi. The scheduler counts only the " +
				"request; when several such containers on a node use memory up to their limits, the node runs out of memory and " +
				"evicts Pods." + check.SystemNamespacesNote,
			Remediation: "Raise resources.requests.memory to the actual usage of the container, or lower the limit.",
			Link:        managingResources, Needs: needs, Uses: uses, Run: limitFarAboveRequest,
		},
		{
			ID: "emptydir-memory-unbounded", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A memory-backed volume has no size limit.",
			Meaning: "An emptyDir with medium Memory has no sizeLimit, and a container that mounts it has no memory limit: data " +
				"written there can use all memory of the node." + check.SystemNamespacesNote,
			Remediation: "Set emptyDir.sizeLimit, and a memory limit on the containers that mount it.",
			Link:        "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir", Needs: needs, Uses: uses,
			Run: memoryVolumeUnbounded,
		},
	}
}

// statesNothing reports whether the Pods are of QoS class BestEffort.
func statesNothing(template podtemplate.Template) bool {
	stated := func(r *corev1.ResourceRequirements) bool {
		return podtemplate.HasRequest(r, corev1.ResourceCPU) || podtemplate.HasRequest(r, corev1.ResourceMemory)
	}
	return !stated(template.Lean.Resources) &&
		!slices.ContainsFunc(template.All(), func(c *corev1.Container) bool { return stated(&c.Resources) })
}

func bestEffort(g *facts.Graph, _ check.Params) []check.Finding {
	filled := podtemplate.DefaultsOf(g)
	var findings []check.Finding
	for template := range podtemplate.Effective(g) {
		if d := filled[template.Owner.Namespace]; !statesNothing(template) || d.CPURequest || d.MemoryRequest || !template.Settled(g) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: template.Owner,
			Message: fmt.Sprintf("%s sets neither requests nor limits: its Pods are the first to be evicted under memory pressure.",
				template.Name()),
			Evidence: []check.Evidence{check.FromSpec("no requests or limits on %s", phrase.Containers(containerNames(template.All())))},
		})
	}
	return findings
}

func containerNames(containers []*corev1.Container) []string {
	names := make([]string, 0, len(containers))
	for _, c := range containers {
		names = append(names, c.Name)
	}
	return names
}

func requestsMissing(g *facts.Graph, _ check.Params) []check.Finding {
	filled := podtemplate.DefaultsOf(g)
	var findings []check.Finding
	for template := range podtemplate.Effective(g) {
		if statesNothing(template) || !template.Settled(g) {
			continue
		}
		d := filled[template.Owner.Namespace]
		var lacking []string // in the order of the containers
		containers := map[string][]string{}
		var evidence []check.Evidence
		for _, c := range template.Running() {
			missing := missingRequests(template, c, d)
			if len(missing) == 0 {
				continue
			}
			what := strings.Join(missing, " or ")
			if containers[what] == nil {
				lacking = append(lacking, what)
			}
			containers[what] = append(containers[what], c.Name)
			evidence = append(evidence, check.FromSpec("container %s requests no %s", c.Name, strings.Join(missing, " and no ")))
		}
		if len(lacking) == 0 {
			continue
		}
		parts := make([]string, 0, len(lacking))
		for _, what := range lacking {
			names := containers[what]
			parts = append(parts, phrase.Containers(names)+phrase.Plural(len(names), " does not request ", " do not request ")+what)
		}
		findings = append(findings, check.Finding{
			Object: template.Owner, Evidence: evidence,
			Message: fmt.Sprintf("%s has incomplete requests: %s.", template.Name(), strings.Join(parts, "; ")),
		})
	}
	return findings
}

// missingRequests names the resources that a container does not request, and that neither its Pod nor a default of the namespace sets.
func missingRequests(template podtemplate.Template, c *corev1.Container, d podtemplate.Defaults) []string {
	requested := func(name corev1.ResourceName) bool {
		return podtemplate.HasRequest(&c.Resources, name) || podtemplate.HasRequest(template.Lean.Resources, name)
	}
	var missing []string
	if !d.CPURequest && !requested(corev1.ResourceCPU) {
		missing = append(missing, "CPU")
	}
	if !d.MemoryRequest && !requested(corev1.ResourceMemory) {
		missing = append(missing, "memory")
	}
	return missing
}

func memoryLimitMissing(g *facts.Graph, _ check.Params) []check.Finding {
	filled := podtemplate.DefaultsOf(g)
	var findings []check.Finding
	for template := range podtemplate.Effective(g) {
		if statesNothing(template) || podtemplate.HasLimit(template.Lean.Resources, corev1.ResourceMemory) ||
			filled[template.Owner.Namespace].MemoryLimit ||
			!template.Settled(g) {
			continue
		}
		unlimited := slices.DeleteFunc(template.Running(),
			func(c *corev1.Container) bool { return podtemplate.HasLimit(&c.Resources, corev1.ResourceMemory) })
		if names := containerNames(unlimited); len(names) > 0 {
			findings = append(findings, check.Finding{
				Object:   template.Owner,
				Message:  fmt.Sprintf("%s has no memory limit on %s.", template.Name(), phrase.Containers(names)),
				Evidence: []check.Evidence{check.FromSpec("no resources.limits.memory on %s", phrase.Containers(names))},
			})
		}
	}
	return findings
}

func limitFarAboveRequest(g *facts.Graph, _ check.Params) []check.Finding {
	const maxRatio = 4
	const minLimit = 1 << 30
	var findings []check.Finding
	for template := range podtemplate.Effective(g) {
		var names []string
		var evidence []check.Evidence
		for _, c := range template.Running() {
			request, ok := c.Resources.Requests[corev1.ResourceMemory]
			limit := c.Resources.Limits[corev1.ResourceMemory]
			if ok && limit.Value() > minLimit && limit.Value()/maxRatio > request.Value() {
				names = append(names, c.Name)
				evidence = append(evidence,
					check.FromSpec("container %s: memory request %s, limit %s", c.Name, request.String(), limit.String()))
			}
		}
		if len(names) > 0 {
			findings = append(findings, check.Finding{
				Object: template.Owner, Evidence: evidence,
				Message: fmt.Sprintf("%s has a memory limit of more than four times its request, on %s.", template.Name(),
					phrase.Containers(names)),
			})
		}
	}
	return findings
}

func memoryVolumeUnbounded(g *facts.Graph, _ check.Params) []check.Finding {
	filled := podtemplate.DefaultsOf(g)
	var findings []check.Finding
	for template := range podtemplate.Effective(g) {
		if podtemplate.HasLimit(template.Lean.Resources, corev1.ResourceMemory) || filled[template.Owner.Namespace].MemoryLimit ||
			!template.Settled(g) {
			continue
		}
		for i := range template.Lean.Volumes {
			v := &template.Lean.Volumes[i]
			if v.EmptyDir == nil || v.EmptyDir.Medium != corev1.StorageMediumMemory || v.EmptyDir.SizeLimit != nil {
				continue
			}
			writers := slices.DeleteFunc(template.Running(), func(c *corev1.Container) bool {
				return podtemplate.HasLimit(&c.Resources, corev1.ResourceMemory) ||
					!slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name && !m.ReadOnly })
			})
			if len(writers) > 0 {
				findings = append(findings, check.Finding{
					Object: template.Owner, Discriminator: v.Name,
					Message: fmt.Sprintf("Volume %s of %s is memory-backed without a size limit: it can use all memory of its node.",
						v.Name, template.Name()),
					Evidence: []check.Evidence{
						check.FromSpec("emptyDir with medium Memory and no sizeLimit, mounted by %s without a memory limit",
							phrase.Containers(containerNames(writers))),
					},
				})
			}
		}
	}
	return findings
}
