// Package security checks what Pods can do to their node and to the cluster, and where secrets are visible.
package security

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks about the security of Pods and the exposure of secrets.
func Checks() []check.Check {
	all := slices.Concat(standardChecks(), hostChecks(), hostPathChecks(), containerSecurityChecks(), containerHardeningChecks())
	for i := range all {
		all[i].Subject = "security context"
	}
	all = slices.Concat(all, secretChecks(), imageSourceChecks())
	for i := range all {
		all[i].Category = v1alpha1.CategorySecurity
		if all[i].Needs == nil {
			all[i].Needs = []facts.Kind{facts.Pod}
			all[i].Uses = append(all[i].Uses, specKinds()...)
		}
	}
	return append(all, accountTokenChecks()...)
}

// specKinds are the kinds with a Pod template, and Node, which owns static Pods.
func specKinds() []facts.Kind {
	return append(facts.WorkloadKinds(), facts.Job, facts.CronJob, facts.Node)
}

// kubeSystemNote is the end of Meaning for checks that lower the severity in kube-system.
func kubeSystemNote() string {
	return " In kube-system, where networking, storage and DNS of the cluster need these settings, the severity is info, and static " +
		"Pods of the control plane are not reported."
}

// violation of a rule in a Pod spec.
type violation struct {
	// text for the evidence.
	text string
	// severity; empty for the severity of the check.
	severity v1alpha1.Severity
}

// specResult has the violations in the specs of one owner.
type specResult struct {
	owner      facts.Ref
	violations []violation
	// template is true if the owner has a template; inPodsOnly are the texts of violations that are not in it.
	template   bool
	inPodsOnly map[string]bool
}

// severity is that of the worst violation.
func (r *specResult) severity(defaultSeverity v1alpha1.Severity) v1alpha1.Severity {
	worst := v1alpha1.SeverityInfo
	for _, v := range r.violations {
		severity := v.severity
		if severity == "" {
			severity = defaultSeverity
		}
		if severity.Rank() < worst.Rank() {
			worst = severity
		}
	}
	return worst
}

// evidence lists the violations. A violation that is not in the template was added by a webhook, or comes from an earlier revision.
func (r *specResult) evidence() []check.Evidence {
	evidence := make([]check.Evidence, 0, len(r.violations))
	for _, v := range r.violations {
		if r.template && r.inPodsOnly[v.text] {
			v.text += " (in its Pods, not in its template)"
		}
		evidence = append(evidence, check.FromSpec("%s", v.text))
	}
	return evidence
}

// evaluateSpecs evaluates every distinct Pod spec and returns one result for each owner with violations: its template and its Pods
// together. Finished Jobs are skipped, and static Pods of kube-system if lenient is true. Specs without violations cost no memory.
func evaluateSpecs(g *facts.Graph, lenient bool, evaluate func(*facts.PodSpec) []violation) []*specResult {
	found, owners := violating(g, evaluate)
	if len(owners) == 0 {
		return nil
	}
	var results []*specResult
	byOwner := map[facts.Ref]*specResult{}
	for i, use := range g.Specs() {
		if !owners[use.Owner] || use.Spec.Lean == nil {
			continue
		}
		for _, owner := range reportTargets(g, use) {
			result := byOwner[owner]
			isStaticPod := owner.Kind == facts.Pod && owner != use.Owner
			if result == nil && len(found[i]) == 0 && !use.Template || lenient && isStaticPod && owner.Namespace == kubeSystem {
				continue
			}
			if result == nil {
				result = &specResult{owner: owner}
				byOwner[owner] = result
				results = append(results, result)
			}
			result.add(found[i], use.Template)
		}
	}
	results = slices.DeleteFunc(results, func(r *specResult) bool { return len(r.violations) == 0 })
	slices.SortStableFunc(results, func(a, b *specResult) int { return a.owner.Compare(b.owner) })
	return results
}

// violating returns the violations by the index of their spec, and the owners with one.
func violating(g *facts.Graph, evaluate func(*facts.PodSpec) []violation) (found map[int][]violation, owners map[facts.Ref]bool) {
	found = map[int][]violation{}
	owners = map[facts.Ref]bool{}
	for i, use := range g.Specs() {
		if use.Spec.Lean == nil || isFinishedJob(g, use.Owner) {
			continue
		}
		if violations := evaluate(use.Spec); len(violations) > 0 {
			found[i] = violations
			owners[use.Owner] = true
		}
	}
	return found, owners
}

func (r *specResult) add(violations []violation, template bool) {
	r.template = r.template || template
	for _, p := range violations {
		if !slices.ContainsFunc(r.violations, func(other violation) bool { return other.text == p.text }) {
			r.violations = append(r.violations, p)
			if !template { // Specs returns templates first
				if r.inPodsOnly == nil {
					r.inPodsOnly = map[string]bool{}
				}
				r.inPodsOnly[p.text] = true
			}
		}
	}
}

const kubeSystem = "kube-system"

// reportTargets is the owner of a spec. Static Pods are reported themselves: they are owned by their Node, which does not set their spec.
func reportTargets(g *facts.Graph, use facts.SpecUse) []facts.Ref {
	if use.Owner.Kind != facts.Node {
		return []facts.Ref{use.Owner}
	}
	var pods []facts.Ref
	for _, pod := range g.PodsOf(use.Owner) {
		if pod.Spec == use.Spec {
			pods = append(pods, pod.Ref)
		}
	}
	return pods
}

// isFinishedJob is true for a Job that creates no more Pods.
func isFinishedJob(g *facts.Graph, owner facts.Ref) bool {
	job, ok := facts.Lookup[*facts.JobNode](g, owner)
	return ok && job.IsFinished()
}

// specCheck returns the Run of a check with one finding for each owner. Its message is the owner and the problem: "Deployment web" and
// "uses the host network".
func specCheck(
	defaultSeverity v1alpha1.Severity, problem string, evaluate func(*facts.PodSpec) []violation,
) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		var findings []check.Finding
		for _, result := range evaluateSpecs(g, true, evaluate) {
			findings = append(findings, result.finding(defaultSeverity, problem))
		}
		return findings
	}
}

// finding about an owner. Other dependencies of the owner cannot cause it.
func (r *specResult) finding(defaultSeverity v1alpha1.Severity, problem string) check.Finding {
	severity := r.severity(defaultSeverity)
	if r.owner.Namespace == kubeSystem {
		severity = v1alpha1.SeverityInfo
	}
	return check.Finding{
		Object: r.owner, Severity: severity, Evidence: r.evidence(), RestrictToCulprits: true,
		Message: string(r.owner.Kind) + " " + r.owner.Name + " " + problem + ".",
	}
}

// containerRule returns the violation of a container, or "", and its severity if it differs from that of the check.
type containerRule func(c *corev1.Container) (text string, severity v1alpha1.Severity)

// apply returns the violation with the name of the container.
func (rule containerRule) apply(containerType string, c *corev1.Container) []violation {
	text, severity := rule(c)
	if text == "" {
		return nil
	}
	return []violation{{containerType + " " + c.Name + ": " + text, severity}}
}

// containerViolations applies a rule to the containers of a spec, init containers first.
func containerViolations(spec *facts.PodSpec, rule containerRule) []violation {
	var violations []violation
	for i := range spec.Lean.InitContainers {
		violations = append(violations, rule.apply("init container", &spec.Lean.InitContainers[i])...)
	}
	for i := range spec.Lean.Containers {
		violations = append(violations, rule.apply("container", &spec.Lean.Containers[i])...)
	}
	return violations
}

// ephemeralContainerViolations applies a rule to ephemeral containers. Only rules about dangerous settings use it: debug containers are
// usually not hardened.
func ephemeralContainerViolations(spec *facts.PodSpec, rule containerRule) []violation {
	var violations []violation
	for i := range spec.Lean.EphemeralContainers {
		container := (*corev1.Container)(&spec.Lean.EphemeralContainers[i].EphemeralContainerCommon)
		violations = append(violations, rule.apply("ephemeral container", container)...)
	}
	return violations
}

// isWindows is true for Pods without Linux capabilities, users and system calls.
func isWindows(spec *facts.PodSpec) bool {
	if spec.Lean.OS != nil {
		return spec.Lean.OS.Name == corev1.Windows
	}
	return spec.Lean.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows)
}

// isPrivileged is true for containers that other settings of the security context do not restrict.
func isPrivileged(c *corev1.Container) bool {
	return c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
}
