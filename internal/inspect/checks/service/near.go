package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// nearMatch is a workload whose labels a Service's selector misses by one key.
type nearMatch struct {
	object facts.Ref
	// key that does not match, and the value in the Pods; have is empty when they lack the key.
	key, have string
	// otherKey holds the wanted value under another name; empty when no key does.
	otherKey string
	// distance is the edit distance of the two values.
	distance int
	// alike is true when more than the matching keys indicates this workload: the values resemble each other, another key
	// has the wanted value, or the Service and the workload have the same name.
	alike bool
}

// nearlySelected returns evidence of the Pods that a selector without matches nearly selects, and the fix. Without a near match
// there is no evidence, because a guess would mislead.
func nearlySelected(g *facts.Graph, service *facts.ServiceNode) (evidence []check.Evidence, fix remedy.Text) {
	var near []nearMatch
	consider := func(object facts.Ref, labels map[string]string) {
		if match, ok := missesByOne(service, object, labels); ok {
			near = append(near, match)
		}
	}
	for _, workload := range g.TopWorkloads(service.Namespace) {
		consider(workload.Ref, workload.TemplateLabels)
	}
	for _, pod := range g.PodsIn(service.Namespace) {
		if pod.Owner.IsZero() && pod.Deleting.IsZero() {
			consider(pod.Ref, pod.Labels)
		}
	}
	near = likely(near)
	for _, match := range near[:min(len(near), 3)] {
		evidence = append(evidence, check.FromSpec("%s", match.text(service)))
	}
	if len(near) == 0 {
		return nil, remedy.Sprintf("Compare the selector with the labels of the Pods (`kubectl -n %s get pods --show-labels`) and correct "+
			"one of them. Delete the Service if it is no longer needed.", service.Namespace)
	}
	if near[0].have == "" {
		return evidence, remedy.Sprintf(
			"Add the label %s=%s to the Pod template of %s %s, or correct the selector: `kubectl -n %s edit service %s`.",
			near[0].key,
			service.Selector[near[0].key],
			near[0].object.Kind,
			near[0].object.Name,
			service.Namespace,
			service.Name,
		)
	}
	return evidence, remedy.Sprintf("If you mean %s %s: `kubectl -n %s patch service %s -p '{\"spec\":{\"selector\":{\"%s\":\"%s\"}}}'`.",
		near[0].object.Kind, near[0].object.Name, service.Namespace, service.Name, near[0].key, near[0].have)
}

func (m nearMatch) text(service *facts.ServiceNode) string {
	whose := fmt.Sprintf("Pods of %s %s have", m.object.Kind, m.object.Name)
	if m.object.Kind == facts.Pod {
		whose = fmt.Sprintf("Pod %s has", m.object.Name)
	}
	wanted := m.key + "=" + service.Selector[m.key]
	switch {
	case m.have != "":
		return fmt.Sprintf("%s %s=%s instead of %s", whose, m.key, m.have, wanted)
	case m.otherKey != "":
		return fmt.Sprintf("%s %s=%s instead of %s", whose, m.otherKey, service.Selector[m.key], wanted)
	default:
		return fmt.Sprintf("%s no label %s; the selector requires %s", whose, m.key, wanted)
	}
}

// likely keeps the matches worth reporting, the closest first. If only matching keys indicate a workload, for example a label
// that all parts of an application share, it must be the only one.
func likely(near []nearMatch) []nearMatch {
	alike := slices.DeleteFunc(slices.Clone(near), func(m nearMatch) bool { return !m.alike })
	if len(alike) == 0 && len(near) == 1 {
		return near
	}
	slices.SortFunc(alike, func(a, b nearMatch) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), a.object.Compare(b.object))
	})
	return alike
}

// missesByOne reports whether exactly one key of the selector does not match, and another one does or the two are alike.
func missesByOne(service *facts.ServiceNode, object facts.Ref, labels map[string]string) (nearMatch, bool) {
	match := nearMatch{object: object}
	for _, key := range slices.Sorted(maps.Keys(service.Selector)) {
		if have, ok := labels[key]; ok && have == service.Selector[key] {
			continue
		}
		if match.key != "" {
			return nearMatch{}, false
		}
		match.key = key
		match.have = labels[key]
	}
	if match.key == "" {
		return nearMatch{}, false
	}
	wanted := service.Selector[match.key]
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if match.have == "" && wanted != "" && labels[key] == wanted {
			match.otherKey = key
			break
		}
	}
	match.distance = text.Distance(match.have, wanted)
	match.alike = match.otherKey != "" || object.Name == service.Name || (match.have != "" &&
		(match.distance <= max(1, len(wanted)/3) || strings.HasPrefix(match.have, wanted) || strings.HasPrefix(wanted, match.have)))
	return match, match.alike || len(service.Selector) > 1
}
