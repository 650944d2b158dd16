package secretref

import (
	"reflect"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Names are the names of all Secrets that a spec refers to, sorted, each once. It finds every field of the types
// SecretReference and SecretKeyReference, however deep, so that a field that is added later is found, too.
func Names(spec any) []string {
	var names []string
	collect(reflect.ValueOf(spec), &names)
	slices.Sort(names)
	return slices.Compact(names)
}

func collect(v reflect.Value, names *[]string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			collect(v.Elem(), names)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			collect(v.Index(i), names)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			collect(v.MapIndex(key), names)
		}
	case reflect.Struct:
		switch reference := v.Interface().(type) {
		case v1alpha1.SecretReference:
			*names = append(*names, reference.Name)
			return
		case v1alpha1.SecretKeyReference:
			*names = append(*names, reference.Name)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				collect(v.Field(i), names)
			}
		}
	}
}
