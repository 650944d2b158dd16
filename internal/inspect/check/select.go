package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/text"
)

// UnknownError is a selection of checks that do not exist.
type UnknownError struct {
	// Names that match no check.
	Names []string
	// Similar is a known id that resembles the first of them; may be empty.
	Similar string
}

// Error lists the unknown checks and suggests a similar one.
func (e *UnknownError) Error() string {
	text := "unknown check"
	if len(e.Names) > 1 {
		text += "s"
	}
	text += " " + strings.Join(e.Names, ", ")
	if e.Similar != "" {
		text += fmt.Sprintf(" (did you mean %s?)", e.Similar)
	}
	return text
}

// Select returns the checks that match include (all, if it is empty) and do not match exclude. Both take IDs and globs. A name that
// matches no check is an *UnknownError.
func Select(all []Check, include, exclude []string) ([]Check, error) {
	var unknown []string
	for _, pattern := range slices.Concat(include, exclude) {
		if !slices.ContainsFunc(all, func(c Check) bool { return match(pattern, c.ID) }) {
			unknown = append(unknown, pattern)
		}
	}
	if len(unknown) > 0 {
		return nil, &UnknownError{Names: unknown, Similar: closestID(all, unknown[0])}
	}
	return slices.DeleteFunc(slices.Clone(all), func(c Check) bool {
		in := len(include) == 0 || slices.ContainsFunc(include, func(p string) bool { return match(p, c.ID) })
		out := slices.ContainsFunc(exclude, func(p string) bool { return match(p, c.ID) })
		return !in || out
	}), nil
}

// Known returns an *UnknownError for an id or glob that matches no check.
func Known(all []Check, pattern string) error {
	_, err := Select(all, []string{pattern}, nil)
	return err
}

// Asked returns the kinds that the checks read which are included by their id, not by a glob. A gap of these is never optional.
func Asked(all []Check, include []string) []facts.Kind {
	return Kinds(slices.DeleteFunc(slices.Clone(all), func(c Check) bool { return !slices.Contains(include, c.ID) }))
}

// AskedSources returns the sources of the checks that are included by their id, not by a glob. A gap of these is never optional.
func AskedSources(all []Check, include []string) []facts.Source {
	var sources []facts.Source
	for _, c := range all {
		if slices.Contains(include, c.ID) {
			sources = append(sources, c.Sources...)
		}
	}
	return sources
}

func match(pattern, id string) bool {
	ok, err := path.Match(pattern, id)
	return ok && err == nil
}

// closestID returns the ID with the smallest edit distance to the name, if it is small enough for a typo, or else the first one that
// begins with the name.
func closestID(all []Check, name string) string {
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	if similar := text.Closest(ids, name, max(3, len(name)/3)); similar != "" {
		return similar
	}
	if i := slices.IndexFunc(ids, func(id string) bool { return strings.HasPrefix(id, name+"-") }); i >= 0 {
		return ids[i]
	}
	return ""
}

// Kinds returns the distinct kinds that the checks need or use, in a fixed order.
func Kinds(selected []Check) []facts.Kind {
	var kinds []facts.Kind
	for _, c := range selected {
		kinds = append(kinds, c.Needs...)
		kinds = append(kinds, c.Uses...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Requiring returns the IDs of the checks that need a source, which are affected if it cannot be read. With none it is not queried.
func Requiring(selected []Check, source facts.Source) []string {
	var ids []string
	for _, c := range selected {
		if slices.Contains(c.Sources, source) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// NeedLeaks reports whether a check needs texts to be searched for credentials while they are read.
func NeedLeaks(selected []Check) bool {
	return slices.ContainsFunc(selected, func(c Check) bool { return c.Leaks })
}

// OfOneCluster returns the checks that judge one cluster, without those that compare several.
func OfOneCluster(selected []Check) []Check {
	return slices.DeleteFunc(slices.Clone(selected), func(c Check) bool { return c.Compare != nil })
}

// Comparing returns the checks that compare clusters.
func Comparing(selected []Check) []Check {
	return slices.DeleteFunc(slices.Clone(selected), func(c Check) bool { return c.Compare == nil })
}
