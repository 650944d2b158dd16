package practice

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

const configureProbes = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"

func probeSetupChecks() []check.Check {
	needs := []facts.Kind{facts.Pod}
	uses := facts.WorkloadKinds()
	return []check.Check{
		{
			ID: "readiness-probe-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A workload behind a Service has no readiness probe.",
			Meaning: "A Service selects the Pods, and the container that serves its target port has no readiness probe (if no " +
				"container declares that port: no container has one). A Pod then counts as ready as soon as its process starts, " +
				"receives requests before it can answer, and a rollout continues although the new version does not work. Services with " +
				"publishNotReadyAddresses are not considered." + check.SystemNamespacesNote,
			Remediation: "Add a readinessProbe that checks what a client needs, for example httpGet on the health path of the container.",
			Link:        configureProbes + "#define-readiness-probes",
			Needs:       append(needs, facts.Service), Uses: uses, Run: readinessMissing,
		},
		{
			ID: "liveness-probe-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A container that serves a port has no liveness probe.",
			Meaning: "A container that declares a port has no liveness probe: when its process hangs without exiting, the kubelet " +
				"does not restart it. Many programs exit when they cannot continue and need no liveness probe; then ignore this. Jobs, " +
				"CronJobs and sidecars are not reported." + check.SystemNamespacesNote,
			Remediation: "If the program can hang, add a livenessProbe that fails only then, with a higher failureThreshold than the " +
				"readiness probe.",
			Link:  configureProbes + "#define-a-liveness-command",
			Needs: needs, Uses: uses, Run: livenessMissing,
		},
		{
			ID: "liveness-equals-readiness", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A container's liveness probe is the same as its readiness probe and tolerates no more failures.",
			Meaning: "Both probes use the same handler, and the liveness probe fails no later (period times failureThreshold). A " +
				"container that is merely busy is then restarted instead of receiving no traffic for a while, which makes an " +
				"overload worse." + check.SystemNamespacesNote,
			Remediation: "Use a simpler handler for the liveness probe, or raise its failureThreshold well above that of the " +
				"readiness probe.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/pods/probes/",
			Needs: needs, Uses: uses, Run: livenessEqualsReadiness,
		},
		{
			ID: "startup-probe-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A container delays its liveness probe instead of using a startup probe.",
			Meaning: "The liveness probe has initialDelaySeconds above 60 and there is no startup probe: a container that takes " +
				"longer to start is killed, and one that hangs early is detected late." + check.SystemNamespacesNote,
			Remediation: "Add a startupProbe with the same handler and a failureThreshold that covers the slowest start, and remove " +
				"initialDelaySeconds.",
			Link:  configureProbes + "#define-startup-probes",
			Needs: needs, Uses: uses, Run: startupMissing,
		},
		{
			ID: "probe-timeout-above-period", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A probe's timeout is longer than its period.",
			Meaning: "timeoutSeconds is larger than periodSeconds. The kubelet runs one probe of a type at a time, so hanging " +
				"probes run less often than configured, and a failing container is detected late." + check.SystemNamespacesNote,
			Remediation: "Set timeoutSeconds to no more than periodSeconds.",
			Link:        configureProbes + "#configure-probes",
			Needs:       needs, Uses: uses, Run: probeTimeout,
		},
		{
			ID: "probe-port-undeclared", Static: true, Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "A probe uses a port name that its container does not declare.",
			Meaning: "The port of an httpGet or tcpSocket probe is a name, and the container declares no port with that name. The " +
				"probe cannot run: with a readiness or startup probe the container never becomes ready, with a liveness probe it is " +
				"never restarted." + check.SystemNamespacesNote,
			Remediation: "Add the name to the container's port, or use the port number in the probe.",
			Link:        configureProbes + "#use-a-named-port",
			Needs:       needs, Uses: uses, Run: probePortUndeclared,
		},
	}
}

func readinessMissing(g *facts.Graph, _ check.Params) []check.Finding {
	index := serviceIndex(g)
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if !template.Serving() {
			continue
		}
		for _, service := range index.matching(template.Owner.Namespace, template.Labels) {
			bare := unprobed(template, service)
			if service.PublishNotReady || len(bare) == 0 {
				continue
			}
			names := containerNames(bare)
			findings = append(findings, check.Finding{
				Object: template.Owner,
				Message: fmt.Sprintf("%s receives requests from Service %s before it is ready: %s %s no readiness probe.",
					template.Name(), service.Name, phrase.Containers(names), phrase.Plural(len(names), "has", "have")),
				Evidence: []check.Evidence{
					check.FromSpec("Service %s selects %s", service.Name, facts.SelectorFromSet(service.Selector)),
				},
			})
			break // one Service is sufficient
		}
	}
	return findings
}

// unprobed returns the containers behind a Service that have no readiness probe.
func unprobed(template podtemplate.Template, service *facts.ServiceNode) []*corev1.Container {
	probed := func(c *corev1.Container) bool { return c.ReadinessProbe != nil }
	behind := slices.DeleteFunc(template.Running(), func(c *corev1.Container) bool {
		return !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return slices.ContainsFunc(service.Ports, func(sp facts.ServicePort) bool {
				return (sp.TargetName != "" && sp.TargetName == p.Name) || (sp.TargetName == "" && sp.TargetPort == p.ContainerPort)
			})
		})
	})
	if len(behind) > 0 {
		return slices.DeleteFunc(behind, probed)
	}
	if all := template.Running(); !slices.ContainsFunc(all, probed) {
		return all
	}
	return nil
}

// containersWith returns one finding per template with containers that satisfy the predicate.
func containersWith(
	g *facts.Graph,
	containers func(podtemplate.Template) []*corev1.Container,
	is func(*corev1.Container) (check.Evidence, bool),
	message string,
) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if !template.Serving() {
			continue
		}
		var names []string
		var evidence []check.Evidence
		for _, c := range containers(template) {
			if e, ok := is(c); ok {
				names = append(names, c.Name)
				evidence = append(evidence, e)
			}
		}
		if len(names) > 0 {
			findings = append(
				findings,
				check.Finding{
					Object:   template.Owner,
					Evidence: evidence,
					Message:  fmt.Sprintf(message, template.Name(), phrase.Containers(names)),
				},
			)
		}
	}
	return findings
}

func mainContainers(template podtemplate.Template) []*corev1.Container {
	return slices.DeleteFunc(template.All(), func(c *corev1.Container) bool {
		return slices.ContainsFunc(template.Lean.InitContainers, func(i corev1.Container) bool { return i.Name == c.Name })
	})
}

func livenessMissing(g *facts.Graph, _ check.Params) []check.Finding {
	return containersWith(g, mainContainers, func(c *corev1.Container) (check.Evidence, bool) {
		return check.FromSpec("container %s declares a port and has no livenessProbe", c.Name), len(c.Ports) > 0 && c.LivenessProbe == nil
	}, "%s is not restarted when it hangs: there is no liveness probe on %s.")
}

// endurance is how long a probe must fail before it counts as failed.
func endurance(p *corev1.Probe) time.Duration {
	// 10 s and 3 are the API's defaults.
	return time.Duration(cmp.Or(p.PeriodSeconds, 10)) * time.Second * time.Duration(cmp.Or(p.FailureThreshold, 3))
}

func livenessEqualsReadiness(g *facts.Graph, _ check.Params) []check.Finding {
	return containersWith(g, podtemplate.Template.Running, func(c *corev1.Container) (check.Evidence, bool) {
		live, ready := c.LivenessProbe, c.ReadinessProbe
		if live == nil || ready == nil || !equality.Semantic.DeepEqual(live.ProbeHandler, ready.ProbeHandler) ||
			endurance(live) > endurance(ready) {
			return check.Evidence{}, false
		}
		return check.FromSpec("container %s: same handler; the liveness probe fails after %s, the readiness probe after %s", c.Name,
			endurance(live), endurance(ready)), true
	}, "%s restarts containers that are merely busy: the liveness probe of %s is the same as the readiness probe and fails no later.")
}

func startupMissing(g *facts.Graph, _ check.Params) []check.Finding {
	const long = 60
	return containersWith(g, podtemplate.Template.Running, func(c *corev1.Container) (check.Evidence, bool) {
		if c.LivenessProbe == nil || c.StartupProbe != nil || c.LivenessProbe.InitialDelaySeconds <= long {
			return check.Evidence{}, false
		}
		return check.FromSpec("container %s: livenessProbe.initialDelaySeconds is %d; there is no startupProbe", c.Name,
			c.LivenessProbe.InitialDelaySeconds), true
	}, "%s detects hanging containers late: the liveness probe of %s has a long initial delay instead of a startup probe.")
}

// namedProbe is a probe with its name in texts.
type namedProbe struct {
	name  string
	probe *corev1.Probe
}

// probesOf are the probes that a container has.
func probesOf(c *corev1.Container) []namedProbe {
	return slices.DeleteFunc([]namedProbe{{"startup", c.StartupProbe}, {"readiness", c.ReadinessProbe}, {"liveness", c.LivenessProbe}},
		func(p namedProbe) bool { return p.probe == nil })
}

func probeTimeout(g *facts.Graph, _ check.Params) []check.Finding {
	return containersWith(g, podtemplate.Template.Running, func(c *corev1.Container) (check.Evidence, bool) {
		for _, p := range probesOf(c) {
			if timeout, period := cmp.Or(p.probe.TimeoutSeconds, 1), cmp.Or(p.probe.PeriodSeconds, 10); timeout > period {
				return check.FromSpec("container %s: the %s probe has timeoutSeconds %d and periodSeconds %d", c.Name, p.name, timeout,
					period), true
			}
		}
		return check.Evidence{}, false
	}, "%s has a probe with a timeout longer than its period, on %s.")
}

func probePortUndeclared(g *facts.Graph, _ check.Params) []check.Finding {
	return containersWith(g, podtemplate.Template.Running, func(c *corev1.Container) (check.Evidence, bool) {
		for _, p := range probesOf(c) {
			name := probePortName(p.probe)
			if name != "" && !slices.ContainsFunc(c.Ports, func(port corev1.ContainerPort) bool { return port.Name == name }) {
				return check.FromSpec("container %s: the %s probe uses port %s, which the container does not declare", c.Name, p.name,
					name), true
			}
		}
		return check.Evidence{}, false
	}, "%s has a probe that cannot run: its port name is not declared on %s.")
}

// probePortName is the port of a probe where it is a name, and not a number in quotes.
func probePortName(p *corev1.Probe) string {
	var port intstr.IntOrString
	switch {
	case p.HTTPGet != nil:
		port = p.HTTPGet.Port
	case p.TCPSocket != nil:
		port = p.TCPSocket.Port
	}
	if port.Type != intstr.String || port.IntValue() != 0 {
		return ""
	}
	return port.StrVal
}
