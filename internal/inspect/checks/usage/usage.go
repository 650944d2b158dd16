// Package usage checks requests, limits and nodes against the usage that a metrics backend measured.
package usage

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/inspect/sizing"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks returns the checks of usage measured by a metrics backend.
func Checks() []check.Check {
	return slices.Concat(requestSizeChecks(), limitSizeChecks(), nodeUsageChecks())
}

const (
	// enoughHistory is the history needed to check requests: a day includes a peak hour.
	enoughHistory = 24 * time.Hour
	// rightSizing documents requests and limits.
	rightSizing = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#requests-and-limits"
	mebi        = 1 << 20
)

// sizedContainer is a container that runs for the lifetime of its Pod, with its resources and its usage.
type sizedContainer struct {
	podtemplate.Template
	container *corev1.Container
	used      facts.ContainerUsage
	// Millicores and bytes; 0 if not set for the container.
	cpuRequest, memoryRequest, cpuLimit, memoryLimit int64
	// killedAt is the memory limit at which an existing Pod was OOM-killed, 0 for none; killed is the latest time.
	killedAt int64
	killed   time.Time
	// pods is the desired number of replicas.
	pods int64
	// An autoscaler scales by the utilization of the resource, which depends on the request.
	cpuScaled, memoryScaled bool
}

// sizes returns the containers of workloads and CronJobs with known usage, without Pods and Jobs that are not
// recreated, containers injected at admission, and workloads sized by a VerticalPodAutoscaler.
func sizes(g *facts.Graph) []sizedContainer {
	if g.Usage() == nil {
		return nil
	}
	scaled := autoscaled(g)
	vpaSized := vpaTargets(g)
	templates := map[facts.Ref]*corev1.PodSpec{}
	for template := range podtemplate.Configured(g) {
		templates[template.Owner] = template.Lean
	}
	var all []sizedContainer
	for template := range podtemplate.Effective(g) {
		if (template.Workload == nil && template.Owner.Kind != facts.CronJob) || vpaSized[template.Owner] ||
			template.Lean.Resources != nil {
			continue
		}
		killed := kills(g, template.Owner)
		for _, c := range template.Running() {
			used, ok := g.UsageOf(template.Owner, c.Name)
			if !ok || !inTemplate(templates[template.Owner], c.Name) {
				continue
			}
			one := sizedContainer{
				Template:     template,
				container:    c,
				used:         used,
				pods:         1,
				cpuScaled:    scaled[template.Owner].cpu,
				memoryScaled: scaled[template.Owner].memory,
			}
			one.killedAt, one.killed = killed[c.Name].limit, killed[c.Name].at
			one.cpuRequest, one.cpuLimit = c.Resources.Requests.Cpu().MilliValue(), c.Resources.Limits.Cpu().MilliValue()
			one.memoryRequest, one.memoryLimit = c.Resources.Requests.Memory().Value(), c.Resources.Limits.Memory().Value()
			if _, stated := c.Resources.Requests[corev1.ResourceCPU]; !stated {
				one.cpuRequest = one.cpuLimit // the API server's default
			}
			if _, stated := c.Resources.Requests[corev1.ResourceMemory]; !stated {
				one.memoryRequest = one.memoryLimit
			}
			if template.Workload != nil {
				one.pods = int64(max(1, template.Workload.Desired))
			}
			all = append(all, one)
		}
	}
	return all
}

func inTemplate(spec *corev1.PodSpec, name string) bool {
	named := func(c corev1.Container) bool { return c.Name == name }
	return spec != nil && (slices.ContainsFunc(spec.Containers, named) || slices.ContainsFunc(spec.InitContainers, named))
}

// utilization holds the resources whose utilization scales a workload.
type utilization struct{ cpu, memory bool }

func autoscaled(g *facts.Graph) map[facts.Ref]utilization {
	all := map[facts.Ref]utilization{}
	for _, h := range g.HPAs {
		u := all[h.Target]
		if len(h.Metrics) == 0 {
			u.cpu = true // the API's default
		}
		for i, text := range h.Metrics {
			ofPods := i < len(h.MetricTypes) && (h.MetricTypes[i] == "Resource" || h.MetricTypes[i] == "ContainerResource")
			u.cpu = u.cpu || (ofPods && strings.HasPrefix(text, "cpu ") && strings.Contains(text, "%"))
			u.memory = u.memory || (ofPods && strings.HasPrefix(text, "memory ") && strings.Contains(text, "%"))
		}
		all[h.Target] = u
	}
	return all
}

// vpaTargets returns the workloads whose requests a VerticalPodAutoscaler sets.
func vpaTargets(g *facts.Graph) map[facts.Ref]bool {
	all := map[facts.Ref]bool{}
	for _, c := range g.CustomResources {
		if c.VPA != nil && c.VPA.Applies && c.Deleting.IsZero() {
			all[c.VPA.Target] = true
		}
	}
	return all
}

type kill struct {
	limit int64
	at    time.Time
}

// kills returns the highest limits at which containers of existing Pods were OOM-killed.
func kills(g *facts.Graph, owner facts.Ref) map[string]kill {
	all := map[string]kill{}
	for _, pod := range g.PodsOf(owner) {
		for _, containers := range [][]facts.Container{pod.Containers, pod.InitContainers} {
			for i := range containers {
				c := &containers[i]
				for _, state := range []facts.ContainerState{c.State, c.Last()} {
					if state.Reason == "OOMKilled" {
						known := all[c.Name]
						all[c.Name] = kill{limit: max(known.limit, c.MemoryLimit), at: check.Later(known.at, state.Finished)}
					}
				}
			}
		}
	}
	return all
}

// cpuNeed is the recommended request in millicores; memoryNeed in bytes.
func (sized *sizedContainer) cpuNeed(p check.Params) int64 {
	return sizing.CPU(float64(sized.used.CPU), p.Margins.CPU)
}

func (sized *sizedContainer) memoryNeed(p check.Params) int64 {
	return sizing.Memory(float64(sized.used.Memory), sized.killedAt, p.Margins.Memory)
}

// proven reports whether the history is long enough.
func (sized *sizedContainer) proven() bool { return sized.used.History >= enoughHistory }

// set is the command that sets resources of the container, for example --requests=cpu=100m.
func (sized *sizedContainer) set(flags remedy.Words) remedy.Text {
	return remedy.Sprintf("`%s set resources %s %s -c %s %s`", kubectl.Command(sized.Owner), sized.Owner.Kind.Argument(), sized.Owner.Name,
		sized.container.Name, flags)
}

// cpuEvidence and memoryEvidence describe the measured usage and the metric.
func (sized *sizedContainer) cpuEvidence(g *facts.Graph) check.Evidence {
	text := fmt.Sprintf("container %s used %s CPU, the 95th percentile of the busiest of %s %s", sized.container.Name,
		phrase.Cores(milli(sized.used.CPU)), podCount(sized.used.Pods), sized.history(g.Usage().Window))
	if sized.used.CPUPeak >= 0 {
		text += fmt.Sprintf(", and %s at its busiest", phrase.Cores(milli(sized.used.CPUPeak)))
	}
	return check.FromMetric("%s (container_cpu_usage_seconds_total)", text)
}

func (sized *sizedContainer) memoryEvidence(g *facts.Graph) check.Evidence {
	return check.FromMetric("container %s used %s of memory at its peak, in %s %s (container_memory_working_set_bytes)",
		sized.container.Name, phrase.Bytes(int64(sized.used.Memory)), podCount(sized.used.Pods), sized.history(g.Usage().Window))
}

func podCount(n int32) string { return fmt.Sprintf("%d %s", n, phrase.Plural(int(n), "Pod", "Pods")) }

func milli(of float32) int64 { return int64(math.Round(float64(of) * 1000)) }

// binary formats bytes as a quantity for kubectl, without rounding: sizes are whole mebibytes.
func binary(bytes int64) string {
	if bytes%(1<<30) == 0 {
		return fmt.Sprintf("%dGi", bytes>>30)
	}
	return fmt.Sprintf("%dMi", bytes>>20)
}

// millicores formats CPU as a quantity for kubectl.
func millicores(m int64) string {
	if m%1000 == 0 {
		return fmt.Sprint(m / 1000)
	}
	return fmt.Sprintf("%dm", m)
}

// advice for one container: the evidence, and the command that fixes it. cpu and memory are the requests that the command sets, in
// millicores and bytes; 0 if it leaves one as it is.
type advice struct {
	evidence    []check.Evidence
	command     remedy.Text
	cpu, memory int64
}

// perWorkload creates one finding per workload with containers for which judge returns advice.
func perWorkload(
	g *facts.Graph, judge func(*sizedContainer) (advice, bool),
	finding func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding,
) []check.Finding {
	all := sizes(g)
	largest := largestNodes(g)
	var findings []check.Finding
	for start := 0; start < len(all); {
		end := start + 1
		for end < len(all) && all[end].Owner == all[start].Owner {
			end++
		}
		var of []*sizedContainer
		var names []string
		var commands []remedy.Text
		var evidence []check.Evidence
		recommended := requestsOf(&all[start])
		for i := start; i < end; i++ {
			if a, ok := judge(&all[i]); ok {
				of = append(of, &all[i])
				names = append(names, all[i].container.Name)
				commands = append(commands, a.command)
				evidence = append(evidence, a.evidence...)
				recommended = recommended.with(&all[i], a)
			}
		}
		start = end
		if len(of) == 0 {
			continue
		}
		f := finding(of[0], of, phrase.Containers(names))
		f.Object = of[0].Owner
		f.Evidence = append(evidence, f.Evidence...)
		f.Remediation = remedy.Join(commands, ", then ") + f.Remediation
		largest.warn(&f, requestsOf(of[0]), recommended)
		findings = append(findings, f)
	}
	return findings
}
