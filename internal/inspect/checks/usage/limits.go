package usage

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/inspect/sizing"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// near is the share of the limit above which memory usage is reported; resident is the share that must not be page cache.
	near, resident = 0.9, 0.8
	// throttledSome and throttledOften are shares of periods; the alert CPUThrottlingHigh of the kubernetes-mixin has the first.
	throttledSome, throttledOften = 0.25, 0.5
	// busy is the share of a CPU limit that must be used for throttling to matter: an almost idle container is
	// throttled in the few moments in which it is active.
	busy = 0.3
)

// cpuThrottled is referenced by the checks of probes, which fail because of throttling.
const cpuThrottled = "cpu-throttled"

func limitSizeChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.CronJob, facts.HPA, facts.VPA, facts.LimitRange)
	needs := []facts.Kind{facts.Pod}
	return []check.Check{
		{
			ID: "memory-limit-near", Category: v1alpha1.CategoryReliability,
			Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityMedium,
			Summary: "A container's memory usage is close to its limit.",
			Meaning: "Within spec.usage.window (7 days), a running container used more than 90 % of its memory limit, and recently " +
				"at least 80 % of the limit was not page cache, which the kernel could reclaim. At the limit the container is " +
				"OOM-killed. A container that was killed recently is reported by pod-oom-killed instead." + check.SystemNamespacesNote,
			Remediation: "Raise resources.limits.memory, or find out what uses the memory: `kubectl set resources <kind> <name> -c " +
				"<container> --limits=memory=<quantity>`.",
			Link:  "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run",
			Needs: needs, Uses: uses, Sources: []facts.Source{facts.SourceUsage}, Run: memoryNearLimit,
		},
		{
			ID: cpuThrottled, Category: v1alpha1.CategoryReliability,
			Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityLow,
			Summary: "A container is throttled by its CPU limit.",
			Meaning: "Over the last day, the container reached its CPU limit in more than a quarter of the CFS periods (100 ms by " +
				"default) in which it ran, and was throttled for the rest of them. It responds slowly and its probes may fail although " +
				"its node has spare CPU. Containers that use less than 30 % of their limit are not reported. The severity is medium " +
				"from half of the periods." + check.SystemNamespacesNote,
			Remediation: "Raise resources.limits.cpu, or remove the limit: requests already share CPU fairly. `kubectl set resources " +
				"<kind> <name> -c <container> --limits=cpu=<quantity>`.",
			Link:  "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run",
			Needs: needs, Uses: uses, Sources: []facts.Source{facts.SourceThrottling}, Run: throttled,
		},
	}
}

func memoryNearLimit(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		limit := float64(sized.memoryLimit)
		if limit <= 0 || float64(sized.used.MemoryNow) < near*limit ||
			(sized.used.Resident >= 0 && float64(sized.used.Resident) < resident*limit) ||
			sized.used.History < time.Hour ||
			(!sized.killed.IsZero() && !g.OlderThan(sized.killed, p.RecentWindow)) {
			return advice{}, false
		}
		evidence := []check.Evidence{
			check.FromSpec("container %s has a memory limit of %s", sized.container.Name, phrase.Bytes(sized.memoryLimit)),
			check.FromMetric("container %s used %s of memory at its peak, %s (container_memory_working_set_bytes)", sized.container.Name,
				phrase.Bytes(int64(sized.used.MemoryNow)), sized.history(g.Usage().Window)),
		}
		raised := max(sizing.Limit(float64(sized.used.MemoryNow), sized.killedAt, p.Margins.Memory), sized.memoryLimit)
		return advice{
			evidence: append(evidence, sized.killEvidence()...), command: sized.set(remedy.Command("--limits=memory=%s", binary(raised))),
		}, true
	}, func(sized *sizedContainer, _ []*sizedContainer, names string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("%s has used more than 90 %% of its memory limit, in %s: at the limit it is OOM-killed.", sized.Name(),
				names),
			Remediation: ". If usage grows without bound, fix the leak instead",
		}
	})
}

func throttled(g *facts.Graph, _ check.Params) []check.Finding {
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		limit := float64(sized.cpuLimit) / 1000
		if limit <= 0 || sized.used.Throttled < throttledSome ||
			(sized.used.CPU >= 0 && float64(max(sized.used.CPU, sized.used.CPUPeak)) < busy*limit) {
			return advice{}, false
		}
		raised := sizing.CPU(limit*1.5, 0)
		if sized.used.Throttled >= throttledOften {
			raised = sizing.CPU(limit*2, 0)
		}
		evidence := []check.Evidence{
			check.FromSpec("container %s has a CPU limit of %s", sized.container.Name, phrase.Cores(sized.cpuLimit)),
			check.FromMetric("throttled in %.0f %% of the periods %s (container_cpu_cfs_throttled_periods_total / "+
				"container_cpu_cfs_periods_total)", sized.used.Throttled*100, sized.history(day)),
		}
		if sized.used.CPU >= 0 {
			evidence = append(evidence, sized.cpuEvidence(g))
		}
		return advice{evidence: evidence, command: sized.set(remedy.Command("--limits=cpu=%s", millicores(raised)))}, true
	}, func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding {
		f := check.Finding{
			Message: fmt.Sprintf("%s is throttled by its CPU limit in more than a quarter of its CFS periods, in %s.", sized.Name(),
				names),
			Remediation: ", or remove the limit: requests already share CPU fairly",
		}
		for _, sized := range of {
			if sized.used.Throttled >= throttledOften {
				f.Severity = v1alpha1.SeverityMedium
				f.Message = fmt.Sprintf("%s is throttled by its CPU limit in more than half of its CFS periods, in %s.", sized.Name(),
					names)
			}
		}
		return f
	})
}
