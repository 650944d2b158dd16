package telemetry

import (
	"fmt"
	"math"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func fillChecks() []check.Check {
	return []check.Check{
		{
			ID: "pvc-filling-up", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "A volume will soon be full.",
			Meaning: "The free space or free inodes of the claim's filesystem decrease steadily, and at the rate of the " +
				"last weeks they are used up within 14 days. The rate is a robust line fit over the history since the last " +
				"cleanup; nothing is reported if the history is shorter than a quarter of that time, or too unsteady. High " +
				"within four days; critical, and a problem, within one day. docs/trends.md describes the method.",
			Remediation: "Delete or archive data that is not needed, or expand the claim " +
				"(spec.resources.requests.storage) if its storage class permits it.",
			Link:    "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims",
			Needs:   []facts.Kind{facts.PVC},
			Uses:    []facts.Kind{facts.StorageClass},
			Sources: []facts.Source{facts.SourceClaimFill},
			Run:     claimsFillingUp,
		},
		{
			ID: "pvc-nearly-full", Category: v1alpha1.CategoryCapacity,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A volume is nearly full.",
			Meaning: "Less than 3 % of the space or inodes of the claim's filesystem are free. Read-only volumes, which " +
				"are as full as they were created, are skipped.",
			Remediation: "Delete or archive data that is not needed, or expand the claim " +
				"(spec.resources.requests.storage) if its storage class permits it.",
			Link:        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims",
			Needs:       []facts.Kind{facts.PVC},
			Uses:        []facts.Kind{facts.StorageClass},
			ExplainedBy: []string{"pvc-filling-up"},
			Sources:     []facts.Source{facts.SourceClaimFree},
			Run:         claimsNearlyFull,
		},
		{
			ID: "node-disk-filling-up", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "A node's disk will soon be so full that Pods are evicted.",
			Meaning: "The free space of a filesystem that the kubelet or the container runtime uses decreases steadily, " +
				"and at the rate of the last weeks less than 10 % (5 % of the inodes) are free within seven days: then the " +
				"kubelet reports DiskPressure, deletes images and evicts Pods. High within two days, a problem within one day. " +
				"docs/trends.md describes the method.",
			Remediation: "On the machine, find what grows: `du -xh --max-depth=3 /var | sort -h | tail`, `crictl " +
				"images`. Set ephemeral-storage limits on Pods that write a lot, rotate logs, or enlarge the disk.",
			Link:    "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds",
			Needs:   []facts.Kind{facts.Node},
			Sources: []facts.Source{facts.SourceNodeFill},
			Run:     nodesFillingUp,
		},
	}
}

// fillsOf are the forecasts of the filesystems of one kind.
func fillsOf(g *facts.Graph, kind facts.Kind) []facts.Fill {
	var fills []facts.Fill
	if trends := g.Trends(); trends != nil {
		for _, f := range trends.Fills {
			if f.Object.Kind == kind {
				fills = append(fills, f)
			}
		}
	}
	return fills
}

const day = 24 * time.Hour

func claimsFillingUp(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, f := range fillsOf(g, facts.PVC) {
		if !f.Forecast {
			continue
		}
		finding := check.Finding{
			Object: f.Object, Discriminator: string(f.What), Evidence: fillEvidence(f), Remediation: enlarge(g, f),
			Message: fmt.Sprintf("PersistentVolumeClaim %s is filling up: at its current rate it will soon %s.", f.Object.Name,
				runsOut(f.What)),
		}
		switch {
		case f.Until <= day:
			finding.Severity = v1alpha1.SeverityCritical
			finding.Class = v1alpha1.ClassProblem
		case f.Until <= 4*day:
			finding.Severity = v1alpha1.SeverityHigh
		}
		findings = append(findings, finding)
	}
	return findings
}

func runsOut(what facts.FillKind) string {
	if what == facts.FillInodes {
		return "have no inodes left"
	}
	return "be full"
}

// enlarge returns the remedy for a claim that needs more space.
func enlarge(g *facts.Graph, f facts.Fill) remedy.Text {
	claim, _ := facts.Lookup[*facts.PVCNode](g, f.Object)
	if f.What == facts.FillInodes {
		return "Find the directory with the most files (`du --inodes -x | sort -n | tail`) and clean it up. On most filesystems a " +
			"larger volume has more inodes."
	}
	if claim == nil {
		return ""
	}
	class, ok := facts.Lookup[*facts.StorageClassNode](g, facts.Ref{Kind: facts.StorageClass, Name: claim.StorageClass})
	switch {
	case !ok:
		return ""
	case class.Expandable:
		return remedy.Sprintf(
			"Delete or archive data that is not needed, or expand the claim, "+
				"which storage class %s permits: `kubectl -n %s patch pvc %s -p "+
				`'{"spec":{"resources":{"requests":{"storage":"<size>"}}}}'`+"`.",
			class.Name,
			claim.Namespace,
			claim.Name,
		)
	default:
		return remedy.Sprintf(
			"Delete or archive data that is not needed. Storage class %s does not permit expansion: move the data to a larger claim, "+
				"or set "+
				"allowVolumeExpansion on the class if its driver supports it.",
			class.Name,
		)
	}
}

// fillEvidence has the numbers behind a forecast.
func fillEvidence(f facts.Fill) []check.Evidence {
	evidence := []check.Evidence{
		check.FromMetric("%s free of %s (%.1f %%)", amount(f.What, f.Free), amount(f.What, f.Capacity), 100*f.Free/f.Capacity),
	}
	if !f.Forecast {
		return evidence
	}
	interval := fmt.Sprintf("%s to %s", span(f.Earliest), span(f.Latest))
	if f.Latest == 0 {
		interval = fmt.Sprintf("%s at the earliest; the rate is unsteady and may not last", span(f.Earliest))
	}
	rate := check.FromMetric("decreases by %s a day over %s: %s left (90 %% interval: %s)", amount(f.What, f.PerDay), span(f.History),
		span(f.Until), interval)
	evidence = append(evidence, rate)
	if f.Cycles > 0 {
		evidence = append(evidence,
			check.FromMetric("cleaned up %d times in that period; the free amount before each cleanup decreases", f.Cycles))
	}
	return evidence
}

// span formats a duration in days, or in hours below two days.
func span(d time.Duration) string {
	if d < 2*day {
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// amount formats bytes in binary units, or inodes.
func amount(what facts.FillKind, n float64) string {
	if what == facts.FillInodes {
		return fmt.Sprintf("%.0f inodes", n)
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	unit := 0
	for math.Abs(n) >= 1024 && unit < len(units)-1 {
		n /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %s", n, units[unit])
}

func claimsNearlyFull(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, f := range fillsOf(g, facts.PVC) {
		if f.Free >= 0.03*f.Capacity {
			continue
		}
		message := fmt.Sprintf("PersistentVolumeClaim %s is nearly full.", f.Object.Name)
		if f.What == facts.FillInodes {
			message = fmt.Sprintf("PersistentVolumeClaim %s is nearly out of inodes.", f.Object.Name)
		}
		f.Forecast = false
		findings = append(findings, check.Finding{
			Object: f.Object, Discriminator: string(f.What), Evidence: fillEvidence(f), Remediation: enlarge(g, f), Message: message,
		})
	}
	return findings
}

func nodesFillingUp(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, f := range fillsOf(g, facts.Node) {
		if !f.Forecast {
			continue
		}
		where := "its disk"
		if f.Path != "" {
			where = f.Path
		}
		finding := check.Finding{
			Object: f.Object, Discriminator: string(f.What) + " " + f.Path, Evidence: fillEvidence(f),
			Message: fmt.Sprintf("Node %s is filling up: at the current rate %s will soon be so low on %s that the kubelet evicts Pods.",
				f.Object.Name, where, fillNoun(f.What)),
		}
		if f.Until <= 2*day {
			finding.Severity = v1alpha1.SeverityHigh
		}
		if f.Until <= day {
			finding.Class = v1alpha1.ClassProblem
		}
		findings = append(findings, check.WithPodCount(g, finding))
	}
	return findings
}

func fillNoun(what facts.FillKind) string {
	if what == facts.FillInodes {
		return "inodes"
	}
	return "space"
}
