package custom

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks describes programs as checks: their meaning, and the kinds of the graph that they use. The checks have no Run, since they
// evaluate objects instead of the graph.
func Checks(programs []Program) []check.Check {
	list := make([]check.Check, 0, len(programs))
	for _, p := range programs {
		summary := p.check.Message
		if summary == "" {
			summary = "The object fails: " + oneLine(p.check.Expression)
		}
		meaning := "A custom check of " + p.check.Resource.Resource + ". Objects pass if this is true: " + oneLine(p.check.Expression)
		list = append(list, check.Check{
			ID: p.ID(), Category: p.check.Category, Class: p.check.Class, Severity: p.check.Severity, Summary: summary, Meaning: meaning,
			Remediation: remedy.Authored(p.check.Remediation), Link: p.check.Link, Uses: p.kinds(),
		})
	}
	return list
}

// Select selects built-in and custom checks as check.Select does. Its error is a *check.UnknownError.
func Select(builtin []check.Check, programs []Program, include, exclude []string) ([]check.Check, []Program, error) {
	all := slices.Concat(builtin, Checks(programs))
	selected, err := check.Select(all, include, exclude)
	if err != nil {
		return nil, nil, err
	}
	has := func(list []check.Check, id string) bool {
		return slices.ContainsFunc(list, func(c check.Check) bool { return c.ID == id })
	}
	kept := slices.DeleteFunc(slices.Clone(builtin), func(c check.Check) bool { return !has(selected, c.ID) })
	own := slices.DeleteFunc(slices.Clone(programs), func(p Program) bool { return !has(selected, p.ID()) })
	return kept, own, nil
}
