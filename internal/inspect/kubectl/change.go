package kubectl

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Change describes what the call changes as an instruction in lower case, for the source of an object: set
// spec.replicas to 2.
func (c Invocation) Change() remedy.Text {
	switch c.Verb {
	case "scale":
		return remedy.Sprintf("set spec.replicas to %s", c.Flag("--replicas"))
	case "set resources":
		return c.resources()
	case "set image":
		return joined(c.Arguments, "set the image of container %s to %s")
	case "patch":
		return c.patched()
	case "delete":
		return remedy.Sprintf("remove %s", c.named())
	case "label":
		return c.marks("label")
	case "annotate":
		return c.marks("annotation")
	case "rollout pause":
		return "set spec.paused to true"
	case "rollout resume":
		return "set spec.paused to false"
	case "rollout undo":
		return remedy.Sprintf("revert the last change of %s", c.named())
	case "autoscale":
		return remedy.Sprintf("add a HorizontalPodAutoscaler of %s", c.named())
	default:
		return remedy.Sprintf("change %s", c.named())
	}
}

// named lists the objects: Deployment cart.
func (c Invocation) named() string {
	kind := facts.Kind(c.Resource)
	if known, ok := kindOf(c.Resource); ok {
		kind = known
	}
	names := strings.Join(c.Names, " and ")
	switch {
	case c.Resource == "<kind>" || c.Resource == "":
		return "it"
	case names == "":
		return "those of kind " + kind.Name()
	}
	return kind.Name() + " " + names
}

// resources describes --requests=cpu=1,memory=1Gi and --limits.
func (c Invocation) resources() remedy.Text {
	var fields []remedy.Text
	for _, part := range []string{"requests", "limits"} {
		for _, pair := range strings.Split(c.Flag("--"+part), ",") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				fields = append(fields, remedy.Sprintf("resources.%s.%s to %s", part, name, value))
			}
		}
	}
	if len(fields) == 0 {
		return "change the resources of its containers"
	}
	text := remedy.Sprintf("set %s", remedy.Join(fields, " and "))
	if container := c.Flag("-c", "--containers"); container != "" {
		return remedy.Sprintf("%s in container %s", text, container)
	}
	return text
}

// joined describes NAME=VALUE arguments.
func joined(pairs []string, format string) remedy.Text {
	var all []remedy.Text
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok {
			all = append(all, remedy.Sprintf(format, name, value))
		}
	}
	if len(all) == 0 {
		return "change it"
	}
	return remedy.Join(all, " and ")
}

// marks describes KEY=VALUE and KEY- of labels or annotations.
func (c Invocation) marks(what string) remedy.Text {
	var all []remedy.Text
	for _, argument := range c.Arguments {
		if key, removed := strings.CutSuffix(argument, "-"); removed && !strings.Contains(argument, "=") {
			all = append(all, remedy.Sprintf("remove %s %s", what, key))
		} else if key, value, ok := strings.Cut(argument, "="); ok {
			all = append(all, remedy.Sprintf("set %s %s to %s", what, key, value))
		}
	}
	if len(all) == 0 {
		return remedy.Sprintf("change the %ss of %s", what, c.named())
	}
	return remedy.Join(all, " and ")
}

// patched describes a merge patch or a JSON patch by its fields.
func (c Invocation) patched() remedy.Text {
	var document any
	if json.Unmarshal([]byte(c.Flag("-p", "--patch")), &document) != nil {
		return remedy.Sprintf("change %s", c.named())
	}
	var fields []remedy.Text
	if operations, ok := document.([]any); ok {
		fields = operationFields(operations)
	} else {
		fields = mergedFields(document, "", nil)
	}
	if len(fields) == 0 {
		return remedy.Sprintf("change %s", c.named())
	}
	return remedy.Join(fields, " and ")
}

// operationFields describes the operations of a JSON patch (RFC 6902).
func operationFields(operations []any) []remedy.Text {
	var fields []remedy.Text
	for _, operation := range operations {
		fieldsOf, _ := operation.(map[string]any)
		path := strings.ReplaceAll(strings.TrimPrefix(fmt.Sprint(fieldsOf["path"]), "/"), "/", ".")
		if fieldsOf["op"] == "remove" {
			fields = append(fields, remedy.Sprintf("remove %s", path))
		} else {
			fields = append(fields, remedy.Sprintf("set %s to %s", path, inline(fieldsOf["value"])))
		}
	}
	return fields
}

// mergedFields describes the leaves of a merge patch (RFC 7396), in which null removes a field.
func mergedFields(value any, path string, fields []remedy.Text) []remedy.Text {
	object, ok := value.(map[string]any)
	if !ok || len(object) == 0 {
		if value == nil {
			return append(fields, remedy.Sprintf("remove %s", path))
		}
		return append(fields, remedy.Sprintf("set %s to %s", path, inline(value)))
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		fields = mergedFields(object[name], strings.TrimPrefix(path+"."+name, "."), fields)
	}
	return fields
}

// inline formats a value of a patch: a string as it is, other values as JSON.
func inline(value any) string {
	if text, ok := value.(string); ok && text != "" {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
