package managerconfig

import (
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

// member is a field of a struct under the name that files use.
type member struct {
	name  string
	index int
}

// members of a struct, in the order of the source. apiVersion and kind are handled apart.
func members(t reflect.Type) []member {
	var all []member
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = append(all, member{name: name, index: i})
		}
	}
	return all
}

func names(all []member) []string {
	result := make([]string, len(all))
	for i, one := range all {
		result[i] = one.name
	}
	return result
}

// find a member by its exact name.
func find(all []member, name string) (member, bool) {
	at := slices.IndexFunc(all, func(one member) bool { return one.name == name })
	if at < 0 {
		return member{}, false
	}
	return all[at], true
}

// isSection reports whether a type is a struct with fields of its own. A duration is a struct that is written as a string.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[metav1.Duration]()
}

// leafPaths are the paths of all fields of a type that are not sections.
func leafPaths(t reflect.Type, parent *field.Path) []string {
	var paths []string
	for _, one := range members(t) {
		path := parent.Child(one.name)
		if child := t.Field(one.index).Type; isSection(child) {
			paths = append(paths, leafPaths(child, path)...)
		} else {
			paths = append(paths, path.String())
		}
	}
	return paths
}

// Paths of all fields that are not sections, in the order of the types.
func Paths() []string {
	return leafPaths(reflect.TypeFor[v1alpha1.ManagerConfig](), nil)
}
