package checks

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const managingResources = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"

func resourceChecks() []Check {
	uses := append(workloadKinds(), facts.Job, facts.CronJob, facts.LimitRange)
	needs := []facts.Kind{facts.Pod}
	return []Check{
		{
			ID: "qos-best-effort", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A workload states neither requests nor limits.",
			Meaning: "None of its containers requests CPU or memory, or limits them, so that its Pods are of the class BestEffort: the scheduler " +
				"puts them anywhere, as if they needed nothing, and a node that runs short of memory kills them first. What a LimitRange or " +
				"another admission plugin fills in counts as stated." + shippedNote,
			Remediation: "Measure what the containers use (`kubectl top pod --containers`) and set resources.requests for CPU and memory, and a limit for memory.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/#besteffort",
			Needs:       needs, Uses: uses, Run: bestEffort,
		},
		{
			ID: "container-requests-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A container does not request CPU or memory.",
			Meaning: "A container that runs for as long as its Pod states no request for CPU or for memory, and no limit that would count as one. " +
				"The scheduler then reckons with nothing for it, nodes fill up beyond what they have, and autoscalers that measure " +
				"utilization have nothing to measure against. What a LimitRange or another admission plugin fills in counts as stated; workloads " +
				"that state nothing at all are found by qos-best-effort." + shippedNote,
			Remediation: "Measure what the container uses (`kubectl top pod --containers`) and set resources.requests.",
			Link:        managingResources, Needs: needs, Uses: uses, Run: requestsMissing,
		},
		{
			ID: "container-memory-limit-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A container has no memory limit.",
			Meaning: "A container that runs for as long as its Pod may take all memory of its node: a leak in it hurts every other Pod there. A limit " +
				"of the whole Pod, or one that a LimitRange fills in, is enough; workloads that state nothing at all are found by " +
				"qos-best-effort. (A limit on CPU is a matter of taste and not asked for.)" + shippedNote,
			Remediation: "Set resources.limits.memory somewhat above what the container uses at its busiest.",
			Link:        managingResources, Needs: needs, Uses: uses, Run: memoryLimitMissing,
		},
		{
			ID: "memory-limit-far-above-request", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A container may use far more memory than it requests.",
			Meaning: "Its memory limit is more than four times its request, and more than 1Gi. The scheduler reckons with the request; when several " +
				"such containers of a node use what they may, the node runs out of memory and evicts Pods." + shippedNote,
			Remediation: "Bring the two closer: raise resources.requests.memory to what the container really uses, or lower the limit.",
			Link:        managingResources, Needs: needs, Uses: uses, Run: limitFarAboveRequest,
		},
		{
			ID: "emptydir-memory-unbounded", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A volume in memory may grow without bound.",
			Meaning: "An emptyDir of medium Memory has no sizeLimit, and a container that mounts it has no memory limit: what is written there is memory of " +
				"the node, until that runs out." + shippedNote,
			Remediation: "Set emptyDir.sizeLimit, and a memory limit on the containers that mount it.",
			Link:        "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir", Needs: needs, Uses: uses, Run: memoryVolumeUnbounded,
		},
	}
}

// states says whether a container states a request of a resource; a limit counts as one.
func states(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, request := r.Requests[name]
	return request || limits(r, name)
}

func limits(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, limit := r.Limits[name]
	return limit
}

// defaults are what the LimitRanges of a namespace fill in for containers at creation.
type defaults struct{ cpuRequest, memoryRequest, memoryLimit bool }

// defaultsOf are the defaults by namespace.
func defaultsOf(g *facts.Graph) map[string]defaults {
	all := map[string]defaults{}
	for _, l := range g.LimitRanges {
		d := all[l.Namespace]
		d.cpuRequest = d.cpuRequest || l.DefaultsCPURequest
		d.memoryRequest = d.memoryRequest || l.DefaultsMemoryRequest
		d.memoryLimit = d.memoryLimit || l.DefaultsMemoryLimit
		all[l.Namespace] = d
	}
	return all
}

// settled says whether it is known what admission fills in: Pods show it, and LimitRanges tell.
func (s setup) settled(g *facts.Graph) bool {
	return s.live || g.Complete(facts.LimitRange, s.Owner.Namespace)
}

// statesNothing says whether the Pods are of the class BestEffort.
func statesNothing(s setup) bool {
	stated := func(r *corev1.ResourceRequirements) bool {
		return states(r, corev1.ResourceCPU) || states(r, corev1.ResourceMemory)
	}
	return !stated(s.lean.Resources) && !slices.ContainsFunc(s.all(), func(c *corev1.Container) bool { return stated(&c.Resources) })
}

func bestEffort(g *facts.Graph, _ Params) []Finding {
	filled := defaultsOf(g)
	var findings []Finding
	for _, s := range effective(g) {
		if d := filled[s.Owner.Namespace]; !statesNothing(s) || d.cpuRequest || d.memoryRequest || !s.settled(g) {
			continue
		}
		findings = append(findings, Finding{
			Object:   s.Owner,
			Message:  fmt.Sprintf("%s states neither requests nor limits: its Pods may stand on any node, and are the first to be killed when memory is short.", s.name()),
			Evidence: []Evidence{spec("no resources on %s", containersText(containerNames(s.all())))},
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

func requestsMissing(g *facts.Graph, _ Params) []Finding {
	filled := defaultsOf(g)
	var findings []Finding
	for _, s := range effective(g) {
		if statesNothing(s) || !s.settled(g) {
			continue
		}
		d := filled[s.Owner.Namespace]
		var names []string
		var evidence []Evidence
		for _, c := range s.running() {
			var missing []string
			if !states(&c.Resources, corev1.ResourceCPU) && !states(s.lean.Resources, corev1.ResourceCPU) && !d.cpuRequest {
				missing = append(missing, "CPU")
			}
			if !states(&c.Resources, corev1.ResourceMemory) && !states(s.lean.Resources, corev1.ResourceMemory) && !d.memoryRequest {
				missing = append(missing, "memory")
			}
			if len(missing) > 0 {
				names = append(names, c.Name)
				evidence = append(evidence, spec("container %s requests no %s", c.Name, strings.Join(missing, " and no ")))
			}
		}
		if len(names) > 0 {
			findings = append(findings, Finding{
				Object: s.Owner, Evidence: evidence,
				Message: fmt.Sprintf("%s leaves open what it needs: %s %s CPU or memory.", s.name(), containersText(names), plural(len(names), "does not request", "do not request")),
			})
		}
	}
	return findings
}

func memoryLimitMissing(g *facts.Graph, _ Params) []Finding {
	filled := defaultsOf(g)
	var findings []Finding
	for _, s := range effective(g) {
		if statesNothing(s) || limits(s.lean.Resources, corev1.ResourceMemory) || filled[s.Owner.Namespace].memoryLimit ||
			!s.settled(g) {
			continue
		}
		unlimited := slices.DeleteFunc(s.running(), func(c *corev1.Container) bool { return limits(&c.Resources, corev1.ResourceMemory) })
		if names := containerNames(unlimited); len(names) > 0 {
			findings = append(findings, Finding{
				Object:   s.Owner,
				Message:  fmt.Sprintf("%s has no memory limit on %s.", s.name(), containersText(names)),
				Evidence: []Evidence{spec("no resources.limits.memory on %s", containersText(names))},
			})
		}
	}
	return findings
}

func limitFarAboveRequest(g *facts.Graph, _ Params) []Finding {
	const times, enough = 4, 1 << 30
	var findings []Finding
	for _, s := range effective(g) {
		var names []string
		var evidence []Evidence
		for _, c := range s.running() {
			request, ok := c.Resources.Requests[corev1.ResourceMemory]
			limit := c.Resources.Limits[corev1.ResourceMemory]
			if ok && limit.Value() > enough && limit.Value()/times > request.Value() {
				names = append(names, c.Name)
				evidence = append(evidence, spec("container %s requests %s of memory, and may use %s", c.Name, request.String(), limit.String()))
			}
		}
		if len(names) > 0 {
			findings = append(findings, Finding{
				Object: s.Owner, Evidence: evidence,
				Message: fmt.Sprintf("%s may use more than four times the memory that it requests, in %s.", s.name(), containersText(names)),
			})
		}
	}
	return findings
}

func memoryVolumeUnbounded(g *facts.Graph, _ Params) []Finding {
	filled := defaultsOf(g)
	var findings []Finding
	for _, s := range effective(g) {
		if limits(s.lean.Resources, corev1.ResourceMemory) || filled[s.Owner.Namespace].memoryLimit || !s.settled(g) {
			continue
		}
		for i := range s.lean.Volumes {
			v := &s.lean.Volumes[i]
			if v.EmptyDir == nil || v.EmptyDir.Medium != corev1.StorageMediumMemory || v.EmptyDir.SizeLimit != nil {
				continue
			}
			writers := slices.DeleteFunc(s.running(), func(c *corev1.Container) bool {
				return limits(&c.Resources, corev1.ResourceMemory) ||
					!slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name && !m.ReadOnly })
			})
			if len(writers) > 0 {
				findings = append(findings, Finding{
					Object: s.Owner, Discriminator: v.Name,
					Message: fmt.Sprintf("Volume %s of %s stands in memory, and may grow until its node has none left.", v.Name, s.name()),
					Evidence: []Evidence{spec("emptyDir of medium Memory without sizeLimit, mounted by %s without a memory limit",
						containersText(containerNames(writers)))},
				})
			}
		}
	}
	return findings
}
