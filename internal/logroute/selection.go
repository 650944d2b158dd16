package logroute

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// selector is a checked v1alpha1.LogSelector in a fixed order. All that is not empty must match.
type selector struct {
	namespaces, containers []string
	labels                 []label
}

type label struct{ key, value string }

// selection of lines: one of include matches, and none of exclude.
type selection struct {
	include, exclude []selector
}

// selectionOf checks what a LogBackend selects, and confines it to its own namespace unless it may collect everywhere.
func selectionOf(b *Backend, everywhere bool) (selection, *problem.Problem) {
	var s selection
	for i, one := range b.Collect.Include {
		field := fmt.Sprintf("spec.collect.include[%d]", i)
		checked, err := selectorOf(one, field)
		if err != nil {
			return s, err
		}
		if !everywhere {
			if len(checked.namespaces) == 0 {
				checked.namespaces = []string{b.Name.Namespace}
			}
			for _, namespace := range checked.namespaces {
				if namespace != b.Name.Namespace {
					return s, problem.UserError(v1alpha1.ReasonNamespaceNotAllowed, nil,
						"%s.namespaces includes %s, but LogBackends in namespace %s can only collect from their own namespace; "+
							"remove it, or add %s to logCollection.clusterWideNamespaces in the manager's configuration",
						field, namespace, b.Name.Namespace, b.Name.Namespace)
				}
			}
		}
		s.include = append(s.include, checked)
	}
	if len(s.include) == 0 {
		s.include = []selector{{namespaces: []string{b.Name.Namespace}}}
	}
	for i, one := range b.Collect.Exclude {
		checked, err := selectorOf(one, fmt.Sprintf("spec.collect.exclude[%d]", i))
		if err != nil {
			return s, err
		}
		s.exclude = append(s.exclude, checked)
	}
	s.include, s.exclude = sorted(s.include), sorted(s.exclude)
	if i := slices.IndexFunc(s.exclude, func(e selector) bool { return e.key() == (selector{}).key() }); i >= 0 {
		return s, problem.UserError(v1alpha1.ReasonConflictingRoutes, nil,
			"an empty selector in spec.collect.exclude excludes every line; remove or complete it")
	}
	if !slices.ContainsFunc(s.include, func(i selector) bool { return !s.hides(i) }) {
		return s, problem.UserError(v1alpha1.ReasonConflictingRoutes, nil,
			"spec.collect.exclude excludes everything that spec.collect.include selects, so no line is collected")
	}
	return s, nil
}

func selectorOf(in v1alpha1.LogSelector, field string) (selector, *problem.Problem) {
	s := selector{namespaces: set(in.Namespaces), containers: set(in.Containers)}
	invalid := func(part, value, why string) (selector, *problem.Problem) {
		return selector{}, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s.%s contains %q, which cannot match: %s", field, part, value, why)
	}
	for _, name := range s.namespaces {
		if why := validation.IsDNS1123Label(name); why != nil {
			return invalid("namespaces", name, why[0])
		}
	}
	for _, name := range s.containers {
		if why := validation.IsDNS1123Label(name); why != nil {
			return invalid("containers", name, why[0])
		}
	}
	for key, value := range in.PodLabels {
		if why := validation.IsQualifiedName(key); why != nil {
			return invalid("podLabels", key, why[0])
		}
		if why := validation.IsValidLabelValue(value); why != nil {
			return invalid("podLabels", value, why[0])
		}
		s.labels = append(s.labels, label{key, value})
	}
	slices.SortFunc(s.labels, func(x, y label) int { return strings.Compare(x.key, y.key) })
	return s, nil
}

func set(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// sorted selectors without doubles: their order means nothing.
func sorted(list []selector) []selector {
	slices.SortFunc(list, func(x, y selector) int { return strings.Compare(x.key(), y.key()) })
	return slices.CompactFunc(list, func(x, y selector) bool { return x.key() == y.key() })
}

func (s selector) key() string { return fmt.Sprint(s.namespaces, s.labels, s.containers) }

// hides says whether exclude leaves out all that a selector selects. It is decided for each namespace and container separately, so
// that several exclusions together may hide one inclusion.
func (s selection) hides(include selector) bool {
	any := func(names []string) []string {
		if len(names) == 0 {
			return []string{""} // every one
		}
		return names
	}
	for _, namespace := range any(include.namespaces) {
		for _, container := range any(include.containers) {
			if !slices.ContainsFunc(s.exclude, func(e selector) bool { return e.covers(namespace, container, include.labels) }) {
				return false
			}
		}
	}
	return true
}

// covers says whether a selector matches all Pods of a namespace and container ("" forevery one) with these labels.
func (s selector) covers(namespace, container string, labels []label) bool {
	holds := func(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	if !holds(s.namespaces, namespace) || !holds(s.containers, container) {
		return false
	}
	for _, wanted := range s.labels {
		if !slices.Contains(labels, wanted) {
			return false
		}
	}
	return true
}

// overlaps says whether some line may be selected by both. It errs on the side of yes: what tells two selections apart is a
// namespace, a container, or a label that both name with different values. Exclusions that hide one side altogether count, too.
func (s selection) overlaps(other selection) bool {
	for _, mine := range s.include {
		for _, theirs := range other.include {
			both, possible := mine.and(theirs)
			if possible && !s.hides(both) && !other.hides(both) {
				return true
			}
		}
	}
	return false
}

// and is what both select; possible is false when nothing can be.
func (s selector) and(other selector) (both selector, possible bool) {
	intersect := func(x, y []string) ([]string, bool) {
		switch {
		case len(x) == 0:
			return y, true
		case len(y) == 0:
			return x, true
		}
		common := slices.DeleteFunc(slices.Clone(x), func(name string) bool { return !slices.Contains(y, name) })
		return common, len(common) > 0
	}
	namespaces, some := intersect(s.namespaces, other.namespaces)
	containers, any := intersect(s.containers, other.containers)
	labels := slices.Clone(s.labels)
	for _, theirs := range other.labels {
		at := slices.IndexFunc(labels, func(mine label) bool { return mine.key == theirs.key })
		switch {
		case at < 0:
			labels = append(labels, theirs)
		case labels[at].value != theirs.value:
			return selector{}, false
		}
	}
	return selector{namespaces: namespaces, containers: containers, labels: labels}, some && any
}
