package tools

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/names"
)

func getTool() Tool {
	return Tool{
		Name: "get", Description: "Fields of one object: its status, then its spec. Values of ConfigMaps and of variables are not shown.",
		Arguments: []Argument{
			required(text("kind", "kind of the object, for example Deployment")), namespaceArgument(),
			required(text("name", "name of the object")), text("path", "only fields below this path, for example spec.template.spec"),
		},
		run: get,
	}
}

func get(ctx context.Context, s *Set, a arguments) (Output, error) {
	kind, err := kindOf(a.text("kind"))
	if err != nil {
		return Output{}, err
	}
	if err := place(kind, a.text("namespace")); err != nil {
		return Output{}, err
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind.GroupVersionKind)
	key := client.ObjectKey{Namespace: a.text("namespace"), Name: a.text("name")}
	found := Output{Names: []string{key.Namespace, key.Name}}
	if err := s.cluster.Get(ctx, key, object); apierrors.IsNotFound(err) {
		found.Lines = []string{missing(kind.Kind, key)}
		return found, nil
	} else if err != nil {
		return Output{}, err
	}
	found.Lines = below(background.Fields(object.Object), a.text("path"))
	if len(found.Lines) == 0 {
		return found, refuse("%s has no fields below %s", kind.Kind, names.Quote(a.text("path")))
	}
	found.Names = append(found.Names, namesIn(found.Lines)...)
	return found, nil
}

// missing says that an object does not exist.
func missing(kind string, key client.ObjectKey) string {
	return kind + " " + strings.TrimPrefix(key.String(), "/") + " does not exist."
}

// below are the fields below a path, those of the status first and the metadata last.
func below(fields []string, path string) []string {
	rank := func(line string) int {
		return slices.IndexFunc([]string{"status", "spec", ""}, func(part string) bool { return strings.HasPrefix(line, part) })
	}
	fields = slices.DeleteFunc(fields, func(line string) bool { return !strings.HasPrefix(line, strings.TrimPrefix(path, ".")) })
	slices.SortStableFunc(fields, func(a, b string) int { return rank(a) - rank(b) })
	return fields
}

// namesIn are the names of objects among fields: name, namespace, secretName and so on.
func namesIn(fields []string) []string {
	name := regexp.MustCompile(`(?:\.|[a-z])[nN]ame(?:space)?: ([a-z0-9][a-z0-9.-]*)$`)
	var found []string
	for _, line := range fields {
		if match := name.FindStringSubmatch(line); match != nil {
			found = append(found, match[1])
		}
	}
	return found
}

func listTool() Tool {
	return Tool{
		Name: "list", Description: "Objects of a kind, one a line with its state.",
		Arguments: []Argument{
			required(text("kind", "kind of the objects, for example Pod")), namespaceArgument(),
			text("labels", "selector of labels, for example app=cart"),
		},
		run: list,
	}
}

func list(ctx context.Context, s *Set, a arguments) (Output, error) {
	kind, err := kindOf(a.text("kind"))
	if err != nil {
		return Output{}, err
	}
	if err := place(kind, a.text("namespace")); err != nil {
		return Output{}, err
	}
	selector, err := labels.Parse(a.text("labels"))
	if err != nil {
		return Output{}, refuse("argument labels is not a selector of labels, for example app=cart")
	}
	objects := &unstructured.UnstructuredList{}
	objects.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err = s.cluster.List(ctx, objects, client.InNamespace(a.text("namespace")), client.MatchingLabelsSelector{Selector: selector},
		client.Limit(maxListed))
	if err != nil {
		return Output{}, err
	}
	slices.SortFunc(objects.Items, func(a, b unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	found := Output{Names: []string{a.text("namespace")}}
	shown := objects.Items[:min(len(objects.Items), maxRows)]
	for i := range shown {
		found.Lines = append(found.Lines, row(&shown[i]))
		node, _, _ := unstructured.NestedString(shown[i].Object, "spec", "nodeName")
		found.Names = append(found.Names, shown[i].GetName(), node)
	}
	if rest := len(objects.Items) - len(shown); rest > 0 {
		found.Lines = append(found.Lines, fmt.Sprintf("(%d more)", rest))
	}
	if objects.GetContinue() != "" {
		found.Lines = append(found.Lines, fmt.Sprintf("(only the first %d were read)", maxListed))
	}
	if len(found.Lines) == 0 {
		found.Lines = []string{"There is no such " + kind.Kind + "."}
	}
	return found, nil
}

// row describes an object on one line.
func row(object *unstructured.Unstructured) string {
	parts := []string{object.GetName()}
	put := func(name string, path ...string) {
		if value, has, err := unstructured.NestedFieldNoCopy(object.Object, path...); has && err == nil && value != nil && value != "" {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	put("phase", "status", "phase")
	put("reason", "status", "reason")
	put("replicas", "spec", "replicas")
	put("ready", "status", "readyReplicas")
	put("node", "spec", "nodeName")
	put("type", "spec", "type")
	put("class", "spec", "storageClassName")
	put("suspend", "spec", "suspend")
	parts = append(parts, containers(object)...)
	parts = append(parts, conditions(object)...)
	if object.GetDeletionTimestamp() != nil {
		parts = append(parts, "is being deleted")
	}
	return strings.Join(append(parts, "created="+clock(object.GetCreationTimestamp().Time)), " ")
}

// containers describes those containers of a Pod that wait, ended or were restarted.
func containers(object *unstructured.Unstructured) []string {
	var parts []string
	for _, field := range []string{"initContainerStatuses", "containerStatuses"} {
		statuses, _, _ := unstructured.NestedSlice(object.Object, "status", field)
		for _, one := range statuses {
			status, _ := one.(map[string]any)
			text := ""
			for _, state := range []string{"waiting", "terminated"} {
				if reason, _, _ := unstructured.NestedString(status, "state", state, "reason"); reason != "" && reason != "Completed" {
					text += " " + reason
				}
			}
			if restarts, _, _ := unstructured.NestedInt64(status, "restartCount"); restarts > 0 {
				text += fmt.Sprintf(" restarts=%d", restarts)
			}
			if text != "" {
				parts = append(parts, fmt.Sprintf("%v:%s", status["name"], text))
			}
		}
	}
	return parts
}

// conditions are those that may be a problem. Whether True is good depends on the type.
func conditions(object *unstructured.Unstructured) []string {
	var parts []string
	all, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range all {
		condition, _ := one.(map[string]any)
		kind, _ := condition["type"].(string)
		good := "True"
		if strings.HasSuffix(kind, "Pressure") || strings.HasSuffix(kind, "Failure") || strings.HasSuffix(kind, "Unavailable") ||
			kind == "Failed" {
			good = "False"
		}
		if status, _ := condition["status"].(string); status != good {
			parts = append(parts, fmt.Sprintf("%s=%s", kind, status))
		}
	}
	return parts
}
