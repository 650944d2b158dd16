package facts

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// maxScanned bounds how much of one text is searched for secrets, in bytes.
const maxScanned = 64 << 10

// leaks records in a node the fields of its object that look like secrets.
func (r Reducer) leaks(object, node any) {
	switch n := node.(type) {
	case *ConfigNode:
		if c, ok := object.(*corev1.ConfigMap); ok {
			for _, key := range slices.Sorted(maps.Keys(c.Data)) {
				if rule := r.scan(key + ": " + c.Data[key]); rule != "" {
					n.Leaks = append(n.Leaks, Leak{Field: "data " + key, Rule: rule})
				}
			}
		}
	case *PodNode:
		n.Spec.Leaks = r.podLeaks(&object.(*corev1.Pod).Spec)
	default:
		if template := TemplateOf(object); template != nil {
			if spec := podSpecOf(node); spec != nil {
				spec.Leaks = r.podLeaks(&template.Spec)
			}
		}
	}
}

func (r Reducer) podLeaks(spec *corev1.PodSpec) []Leak {
	var leaks []Leak
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			c := &containers[i]
			for _, env := range c.Env {
				if env.Value == "" {
					continue
				}
				if rule := r.scan(env.Name + "=" + env.Value); rule != "" {
					leaks = append(leaks, Leak{Field: "env " + env.Name + " of container " + c.Name, Rule: rule})
				}
			}
			for _, words := range []struct {
				field string
				list  []string
			}{{"command", c.Command}, {"args", c.Args}} {
				for j, word := range words.list {
					// A flag and its value may be two words.
					if j > 0 && len(words.list[j-1]) > 1 && words.list[j-1][0] == '-' {
						word = words.list[j-1] + "=" + word
					}
					if rule := r.scan(word); rule != "" {
						leaks = append(leaks, Leak{Field: words.field + " of container " + c.Name, Rule: rule})
						break
					}
				}
			}
		}
	}
	return leaks
}

func (r Reducer) scan(text string) string {
	if len(text) > maxScanned {
		text = text[:maxScanned]
	}
	return r.Scan(text)
}
