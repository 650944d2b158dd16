package facts

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selector matches labels. The zero value matches nothing.
type Selector struct {
	selector labels.Selector
	// Invalid is the error of a malformed selector, which matches nothing.
	Invalid string
}

// NewSelector compiles a label selector. nil matches nothing; an empty selector matches everything, as in policy/v1.
func NewSelector(selector *metav1.LabelSelector) Selector {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return Selector{Invalid: err.Error()}
	}
	return Selector{selector: compiled}
}

// SelectorFromSet compiles a map, as in Services. An empty map matches nothing.
func SelectorFromSet(set map[string]string) Selector {
	if len(set) == 0 {
		return Selector{}
	}
	return Selector{selector: labels.SelectorFromSet(set)}
}

// Matches reports whether the labels are selected.
func (s Selector) Matches(set map[string]string) bool {
	return s.selector != nil && s.selector.Matches(labels.Set(set))
}

// String is the selector in the form that `kubectl -l` takes.
func (s Selector) String() string {
	if s.selector == nil {
		return ""
	}
	return s.selector.String()
}

// Exact are the labels for which only one value is selected: matchLabels, and expressions with one value.
func (s Selector) Exact() map[string]string {
	if s.selector == nil {
		return nil
	}
	requirements, selectable := s.selector.Requirements()
	if !selectable {
		return nil
	}
	exact := map[string]string{}
	for _, r := range requirements {
		if value, ok := s.selector.RequiresExactMatch(r.Key()); ok {
			exact[r.Key()] = value
		}
	}
	return exact
}
