package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// verdict compares a report with what is known to be broken.
type verdict struct {
	// Broken workloads, and how many of them the expected check found.
	Broken int `json:"broken"`
	Found  int `json:"found"`
	// Missed names some that were not found.
	Missed []string `json:"missed,omitempty"`
	// False are findings of medium severity or worse about healthy workloads, by check.
	False map[string]int `json:"false,omitempty"`
	// Practice are findings of low severity or info about healthy workloads, and those about everything else, by check.
	Practice map[string]int `json:"practice,omitempty"`
	Others   map[string]int `json:"others,omitempty"`
	// Examples of the false ones.
	Examples []string `json:"examples,omitempty"`
}

func judge(w world, report *v1alpha1.InspectionReport) verdict {
	v := verdict{False: map[string]int{}, Practice: map[string]int{}, Others: map[string]int{}}
	type key struct{ check, kind, namespace, name string }
	found := map[key]bool{}
	flaws := map[string]flaw{}
	for _, o := range w.workloads {
		flaws[o.namespace+"/"+o.name] = o.flaw
	}
	for _, f := range report.Findings {
		found[key{f.Check, f.Object.Kind, f.Object.Namespace, f.Object.Name}] = true
		of, ours := flaws[f.Object.Namespace+"/"+f.Object.Name]
		switch {
		case !ours:
			v.Others[f.Check]++
		case of != healthy:
		case f.Severity.Rank() <= v1alpha1.SeverityMedium.Rank():
			v.False[f.Check]++
			if len(v.Examples) < 10 {
				v.Examples = append(v.Examples, fmt.Sprintf("%s on %s %s/%s: %s", f.Check, f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Message))
			}
		default:
			v.Practice[f.Check]++
		}
	}
	for _, o := range w.broken() {
		v.Broken++
		check, kind := o.flaw.expected()
		if found[key{check, kind, o.namespace, o.name}] {
			v.Found++
		} else if len(v.Missed) < 10 {
			v.Missed = append(v.Missed, fmt.Sprintf("%s: no %s on %s", o, check, kind))
		}
	}
	return v
}

// list writes counts by name, the names in order.
func list(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
