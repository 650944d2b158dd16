package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// verdict compares a report with the known failures.
type verdict struct {
	// Broken workloads, and the number that the expected check found.
	Broken int `json:"broken"`
	Found  int `json:"found"`
	// Missed has some that were not found.
	Missed []string `json:"missed,omitempty"`
	// False are findings of medium severity or higher on healthy workloads, by check.
	False map[string]int `json:"false,omitempty"`
	// Practice are findings of low severity or info on healthy workloads, and those on everything else, by check.
	Practice map[string]int `json:"practice,omitempty"`
	Others   map[string]int `json:"others,omitempty"`
	// Examples of false findings.
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
				example := fmt.Sprintf("%s on %s %s/%s: %s", f.Check, f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Message)
				v.Examples = append(v.Examples, example)
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

// list formats counts by name, sorted by name.
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
