package custom

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/checks"
)

// Checks are the programs as the catalogue has checks: what they mean, and the kinds of the graph that they use. They have
// no Run, since they judge objects and not the graph.
func Checks(programs []Program) []checks.Check {
	list := make([]checks.Check, 0, len(programs))
	for _, p := range programs {
		summary := p.check.Message
		if summary == "" {
			summary = "The object does not meet: " + oneLine(p.check.Expression)
		}
		meaning := "A custom check of " + p.check.Resource.Resource + ". True of every object that is in order: " + oneLine(p.check.Expression)
		list = append(list, checks.Check{
			ID: p.ID(), Category: p.check.Category, Severity: p.check.Severity, Summary: summary, Meaning: meaning,
			Remediation: p.check.Remediation, Link: p.check.Link, Uses: p.kinds(),
		})
	}
	return list
}

// Select narrows built-in and custom checks alike, as checks.Select does; its error is an *checks.UnknownError.
func Select(builtin []checks.Check, programs []Program, include, exclude []string) ([]checks.Check, []Program, error) {
	all := slices.Concat(builtin, Checks(programs))
	selected, err := checks.Select(all, include, exclude)
	if err != nil {
		return nil, nil, err
	}
	has := func(list []checks.Check, id string) bool {
		return slices.ContainsFunc(list, func(c checks.Check) bool { return c.ID == id })
	}
	kept := slices.DeleteFunc(slices.Clone(builtin), func(c checks.Check) bool { return !has(selected, c.ID) })
	own := slices.DeleteFunc(slices.Clone(programs), func(p Program) bool { return !has(selected, p.ID()) })
	return kept, own, nil
}
