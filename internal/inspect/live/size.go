package live

import "reflect"

// sizeOf is about how many bytes a node takes: its fields, and the strings, slices and maps that it holds. What pointers in it lead to is
// shared with other nodes and does not count.
func sizeOf(node any) int {
	v := reflect.ValueOf(node)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return 0
	}
	return int(v.Elem().Type().Size()) + held(v.Elem())
}

// held is what a value holds beside its own size.
func held(v reflect.Value) (size int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Slice:
		size = v.Len() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			size += held(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			size += held(v.Field(i))
		}
	case reflect.Map:
		size = v.Len() * int(v.Type().Key().Size()+v.Type().Elem().Size())
		for entries := v.MapRange(); entries.Next(); {
			size += held(entries.Key()) + held(entries.Value())
		}
	}
	return size
}
