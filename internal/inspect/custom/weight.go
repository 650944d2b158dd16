package custom

import (
	"reflect"
	"unsafe"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// weight of a value: its size in bytes, with shared elements counted each time they occur, and how deep it is nested. Lists that contain
// themselves twice, several times over, are small in memory, but comparing or printing them takes forever.
type weight struct{ size, depth int }

// elementSize of a list or map, besides the element itself.
const elementSize = 16

// identity of a list or map in memory: that of its elements, since CEL wraps the same elements again at each access.
type identity struct {
	at     unsafe.Pointer
	length int
}

// weigh returns the weight of a value, which must be within the limits. Each list or map is walked once per evaluation.
func (m *meter) weigh(value ref.Val) weight {
	return m.checked(m.weighAny(value, 0))
}

// checked ends the evaluation if a weight exceeds a limit.
func (m *meter) checked(w weight) weight {
	switch {
	case w.size > maxValue:
		m.exceed("a value is larger than %d MiB", maxValue>>20)
	case w.depth > maxNesting:
		m.exceed("a value is nested more than %d levels deep", maxNesting)
	}
	return w
}

// grow adds an element to a list or map that a loop appends to.
func (m *meter) grow(container ref.Val, elements ...ref.Val) {
	sum := m.growing[container]
	for _, element := range elements {
		sum = sum.plus(m.weigh(element))
	}
	if m.growing == nil {
		m.growing = map[ref.Val]weight{}
	}
	m.growing[container] = m.checked(sum)
}

// plus adds the weight of an element to that of its container.
func (w weight) plus(element weight) weight {
	return weight{size: w.size + element.size + elementSize, depth: max(w.depth, element.depth+1)}
}

func (m *meter) weighAny(value any, level int) weight {
	if level > maxNesting {
		return weight{depth: maxNesting + 1}
	}
	switch v := value.(type) {
	case types.String:
		return weight{size: len(v)}
	case types.Bytes:
		return weight{size: len(v)}
	case string:
		return weight{size: len(v)}
	case *types.Optional:
		if v.HasValue() {
			return weight{}.plus(m.weighAny(v.GetValue(), level+1))
		}
	case traits.MutableLister, traits.MutableMapper:
		return m.growing[v.(ref.Val)]
	case traits.Lister:
		return m.weighAny(v.Value(), level)
	case traits.Mapper:
		return m.weighAny(v.Value(), level)
	case []ref.Val:
		return remembered(m, unsafe.Pointer(unsafe.SliceData(v)), len(v), func(sum weight) weight { return addAll(m, sum, v, level) })
	case []any:
		return remembered(m, unsafe.Pointer(unsafe.SliceData(v)), len(v), func(sum weight) weight { return addAll(m, sum, v, level) })
	case []string:
		return remembered(m, unsafe.Pointer(unsafe.SliceData(v)), len(v), func(sum weight) weight { return addAll(m, sum, v, level) })
	case map[string]any:
		return remembered(m, reflect.ValueOf(v).UnsafePointer(), len(v), func(sum weight) weight { return addEntries(m, sum, v, level) })
	case map[string]string:
		return remembered(m, reflect.ValueOf(v).UnsafePointer(), len(v), func(sum weight) weight { return addEntries(m, sum, v, level) })
	case map[ref.Val]ref.Val:
		return remembered(m, reflect.ValueOf(v).UnsafePointer(), len(v), func(sum weight) weight { return addEntries(m, sum, v, level) })
	}
	return m.weighOther(value, level)
}

// weighOther weighs values of types that CEL and Kubernetes use rarely: map[string][]string of a URL's query, for example.
func (m *meter) weighOther(value any, level int) weight {
	v := reflect.ValueOf(value)
	var sum weight
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			m.spend(1)
			sum = sum.plus(m.weighAny(v.Index(i).Interface(), level+1))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			m.spend(1)
			sum = sum.plus(m.weighAny(entries.Key().Interface(), level+1)).plus(m.weighAny(entries.Value().Interface(), level+1))
		}
	}
	return sum
}

func remembered(m *meter, at unsafe.Pointer, length int, compute func(weight) weight) weight {
	if length == 0 {
		return weight{}
	}
	id := identity{at, length}
	if known, ok := m.weights[id]; ok {
		return known
	}
	w := compute(weight{})
	if m.weights == nil {
		m.weights = map[identity]weight{}
	}
	m.weights[id] = w
	return w
}

func addAll[E any](m *meter, sum weight, elements []E, level int) weight {
	for _, element := range elements {
		m.spend(1)
		if sum = sum.plus(m.weighAny(element, level+1)); sum.size > maxValue {
			break
		}
	}
	return sum
}

func addEntries[K comparable, V any](m *meter, sum weight, entries map[K]V, level int) weight {
	for key, value := range entries {
		m.spend(1)
		if sum = sum.plus(m.weighAny(key, level+1)).plus(m.weighAny(value, level+1)); sum.size > maxValue {
			break
		}
	}
	return sum
}
