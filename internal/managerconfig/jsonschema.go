package managerconfig

import (
	"reflect"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

// JSONSchema of the configuration: the names and types of its fields, for values of the chart. It has no apiVersion, kind and namespaces,
// which the chart writes. Limits are not in it; the manager checks them when it starts.
func JSONSchema() map[string]any {
	schema := jsonSchema(reflect.TypeFor[v1alpha1.ManagerConfig]())
	if properties, ok := schema["properties"].(map[string]any); ok {
		delete(properties, "namespaces")
	}
	return schema
}

func jsonSchema(t reflect.Type) map[string]any {
	switch {
	case isSection(t):
		properties := map[string]any{}
		for _, one := range members(t) {
			properties[one.name] = jsonSchema(t.Field(one.index).Type)
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": jsonSchema(t.Elem())}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return map[string]any{"type": "integer"}
	default: // text, and durations and sizes, which are written as text
		return map[string]any{"type": "string"}
	}
}
