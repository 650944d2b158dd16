// Package security checks what Pods may do to their node and to the cluster, and where secrets are visible.
package security

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks judge what Pods may do to their node and to the cluster, and where secrets stand in the open.
func Checks() []check.Check {
	all := slices.Concat(standardChecks(), hostChecks(), hostPathChecks(), containerSecurityChecks(), containerHardeningChecks(),
		secretChecks(), imageSourceChecks())
	for i := range all {
		all[i].Category = v1alpha1.CategorySecurity
		if all[i].Needs == nil {
			all[i].Needs = []facts.Kind{facts.Pod}
			all[i].Uses = append(all[i].Uses, specKinds()...)
		}
	}
	return append(all, accountTokenChecks()...)
}

// specKinds are the kinds beside Pods that have Pod specs, and the one that owns static Pods.
func specKinds() []facts.Kind {
	return append(facts.WorkloadKinds(), facts.Job, facts.CronJob, facts.Node)
}

// aboutKubeSystem ends the meaning of checks that are lenient there.
func aboutKubeSystem() string {
	return " In the namespace kube-system, where networking, storage and DNS of the cluster need such rights, it is information only, and static " +
		"Pods of the control plane are left out."
}

// piece is one thing that is wrong in a Pod spec.
type piece struct {
	// text for the evidence.
	text string
	// severity, where it differs from the check's own.
	severity v1alpha1.Severity
}

// specVerdict is what a check says of the specs of one owner.
type specVerdict struct {
	owner  facts.Ref
	pieces []piece
	// template says whether some spec of the owner was a template; inPodsOnly holds pieces that no template has.
	template   bool
	inPodsOnly map[string]bool
}

// severity is that of the worst piece; own is that of the check.
func (v *specVerdict) severity(own v1alpha1.Severity) v1alpha1.Severity {
	worst := v1alpha1.SeverityInfo
	for _, p := range v.pieces {
		severity := p.severity
		if severity == "" {
			severity = own
		}
		if severity.Rank() < worst.Rank() {
			worst = severity
		}
	}
	return worst
}

// evidence lists the pieces. What only Pods have, and not the template of their workload, was put there at their creation, for
// example by a webhook, or stands in an earlier revision.
func (v *specVerdict) evidence() []check.Evidence {
	evidence := make([]check.Evidence, 0, len(v.pieces))
	for _, p := range v.pieces {
		if v.template && v.inPodsOnly[p.text] {
			p.text += " (in its Pods, not in its template)"
		}
		evidence = append(evidence, check.FromSpec("%s", p.text))
	}
	return evidence
}

// judgeSpecs asks for every distinct Pod spec what is wrong with it, and joins the answers for one owner: its template and its
// Pods are one matter. Jobs that have ended are left out, and with them static Pods of kube-system if lenient says so.
func judgeSpecs(g *facts.Graph, lenient bool, judge func(*facts.PodSpec) []piece) []*specVerdict {
	var verdicts []*specVerdict
	byOwner := map[facts.Ref]*specVerdict{}
	judged := map[*facts.PodSpec][]piece{}
	for _, use := range g.Specs() {
		if use.Spec.Lean == nil || finishedJob(g, use.Owner) {
			continue
		}
		pieces, known := judged[use.Spec]
		if !known {
			pieces = judge(use.Spec)
			judged[use.Spec] = pieces
		}
		for _, owner := range reportedOn(g, use) {
			v := byOwner[owner]
			if (v == nil && len(pieces) == 0 && !use.Template) || lenient && owner.Kind == facts.Pod && owner != use.Owner && owner.Namespace == kubeSystem {
				continue
			}
			if v == nil {
				v = &specVerdict{owner: owner}
				byOwner[owner] = v
				verdicts = append(verdicts, v)
			}
			v.add(pieces, use.Template)
		}
	}
	verdicts = slices.DeleteFunc(verdicts, func(v *specVerdict) bool { return len(v.pieces) == 0 })
	slices.SortStableFunc(verdicts, func(a, b *specVerdict) int { return a.owner.Compare(b.owner) })
	return verdicts
}

func (v *specVerdict) add(pieces []piece, template bool) {
	v.template = v.template || template
	for _, p := range pieces {
		if !slices.ContainsFunc(v.pieces, func(other piece) bool { return other.text == p.text }) {
			v.pieces = append(v.pieces, p)
			if !template { // templates come first
				if v.inPodsOnly == nil {
					v.inPodsOnly = map[string]bool{}
				}
				v.inPodsOnly[p.text] = true
			}
		}
	}
}

const kubeSystem = "kube-system"

// reportedOn is the owner of a spec. A static Pod is owned by its Node, which has no part in what the Pod may do.
func reportedOn(g *facts.Graph, use facts.SpecUse) []facts.Ref {
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

// finishedJob says whether the owner is a Job that will make no more Pods.
func finishedJob(g *facts.Graph, owner facts.Ref) bool {
	job, ok := facts.Lookup[*facts.JobNode](g, owner)
	return ok && job.IsFinished()
}

// specCheck makes the Run of a check that says one thing of each owner: "Deployment web" and what it does.
func specCheck(own v1alpha1.Severity, does string, judge func(*facts.PodSpec) []piece) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		var findings []check.Finding
		for _, v := range judgeSpecs(g, true, judge) {
			findings = append(findings, v.finding(own, does))
		}
		return findings
	}
}

// finding about an owner. What else the owner depends on has nothing to do with it.
func (v *specVerdict) finding(own v1alpha1.Severity, does string) check.Finding {
	severity := v.severity(own)
	if v.owner.Namespace == kubeSystem {
		severity = v1alpha1.SeverityInfo
	}
	return check.Finding{
		Object: v.owner, Severity: severity, Message: string(v.owner.Kind) + " " + v.owner.Name + " " + does + ".", Evidence: v.evidence(), RestrictToCulprits: true,
	}
}

// judgeContainer says what is wrong with a container, or "", and how bad that is where it differs from the check's severity.
type judgeContainer func(c *corev1.Container) (text string, severity v1alpha1.Severity)

// of puts the text behind the container's name.
func (judge judgeContainer) of(kind string, c *corev1.Container) []piece {
	text, severity := judge(c)
	if text == "" {
		return nil
	}
	return []piece{{kind + " " + c.Name + ": " + text, severity}}
}

// containerPieces asks for every container of a spec what is wrong with it, init containers first.
func containerPieces(s *facts.PodSpec, judge judgeContainer) []piece {
	var pieces []piece
	for i := range s.Lean.InitContainers {
		pieces = append(pieces, judge.of("init container", &s.Lean.InitContainers[i])...)
	}
	for i := range s.Lean.Containers {
		pieces = append(pieces, judge.of("container", &s.Lean.Containers[i])...)
	}
	return pieces
}

// debugPieces are of containers that were added for debugging. They are judged where they are a danger; nobody hardens them.
func debugPieces(s *facts.PodSpec, judge judgeContainer) []piece {
	var pieces []piece
	for i := range s.Lean.EphemeralContainers {
		pieces = append(pieces, judge.of("ephemeral container", (*corev1.Container)(&s.Lean.EphemeralContainers[i].EphemeralContainerCommon))...)
	}
	return pieces
}

// windows Pods know nothing of Linux' capabilities, users and system calls.
func windows(s *facts.PodSpec) bool {
	return s.Lean.OS != nil && s.Lean.OS.Name == corev1.Windows
}

// privileged containers may do all; nothing is gained by saying in what else they could be held back.
func privileged(c *corev1.Container) bool {
	return c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
}
