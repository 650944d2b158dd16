package facts

import (
	"cmp"
	"slices"
)

type vulnerability struct {
	ID       loose[string] `json:"vulnerabilityID"`
	Severity loose[string] `json:"severity"`
	Resource loose[string] `json:"resource"`
	Fixed    loose[string] `json:"fixedVersion"`
}

// rank orders vulnerabilities: critical before high, fixable before others.
func (v vulnerability) rank() int {
	rank := 0
	if v.Severity.V != "CRITICAL" {
		rank += 2
	}
	if v.Fixed.V == "" {
		rank++
	}
	return rank
}

func (v vulnerability) String() string {
	if v.Fixed.V == "" {
		return v.ID.V + " in " + v.Resource.V + ", not fixed yet"
	}
	return v.ID.V + " in " + v.Resource.V + ", fixed in " + v.Fixed.V
}

// reduceVulnerabilities keeps counts and three examples; a whole report may have thousands.
func reduceVulnerabilities(node *CustomNode, o *CustomObject, meta *customMeta) {
	labels := meta.Labels.V
	report := read[struct {
		Artifact loose[struct {
			Repository loose[string] `json:"repository"`
			Tag        loose[string] `json:"tag"`
		}] `json:"artifact"`
		Vulnerabilities looseList[vulnerability] `json:"vulnerabilities"`
	}](o.Report)
	facts := &VulnerabilityFacts{
		Container: labels["trivy-operator.container.name"],
		Workload:  Ref{Kind(labels["trivy-operator.resource.kind"]), node.Namespace, labels["trivy-operator.resource.name"]},
		Image:     clip(report.Artifact.V.Repository.V),
	}
	if tag := report.Artifact.V.Tag.V; tag != "" {
		facts.Image = clip(facts.Image + ":" + tag)
	}
	if facts.Workload.Name == "" {
		facts.Workload = node.Owner // labels cannot hold long names
	}
	var worst []vulnerability
	for _, v := range report.Vulnerabilities {
		switch v.Severity.V {
		case "CRITICAL":
			facts.Critical++
		case "HIGH":
			facts.High++
		default:
			continue
		}
		if v.Fixed.V != "" && v.Severity.V == "CRITICAL" {
			facts.FixableCritical++
		} else if v.Fixed.V != "" {
			facts.FixableHigh++
		}
		worst = append(worst, v)
	}
	slices.SortStableFunc(worst, func(a, b vulnerability) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.ID.V, b.ID.V), cmp.Compare(a.Resource.V, b.Resource.V))
	})
	worst = slices.CompactFunc(worst, func(a, b vulnerability) bool { return a.ID.V == b.ID.V })
	for _, v := range worst[:min(len(worst), 3)] {
		facts.Examples = append(facts.Examples, clip(v.String()))
	}
	node.Vulnerabilities = facts
}
