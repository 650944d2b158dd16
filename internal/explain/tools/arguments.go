package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/names"
)

// arguments of a call, whose names and types are those of its tool.
type arguments map[string]any

func (a arguments) text(name string) string {
	value, _ := a[name].(string)
	return value
}

func (a arguments) flag(name string) bool {
	value, _ := a[name].(bool)
	return value
}

// number returns an integer between 1 and a maximum, or a default if there is none.
func (a arguments) number(name string, byDefault, maximum int) int {
	value, ok := a[name].(int)
	if !ok {
		return byDefault
	}
	return min(max(value, 1), maximum)
}

// parse reads the arguments of a call and checks them against the tool. Null and "" count as absent.
func parse(t Tool, raw json.RawMessage) (arguments, error) {
	if len(raw) > MaxArguments {
		return nil, refuse("the arguments have %d bytes, at most %d are allowed", len(raw), MaxArguments)
	}
	given := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil && !errors.Is(err, io.EOF) {
		return nil, refuse("the arguments are not a JSON object")
	}
	parsed := arguments{}
	for name, value := range given {
		i := slices.IndexFunc(t.Arguments, func(a Argument) bool { return a.Name == name })
		if i < 0 {
			return nil, refuse("tool %s has no argument %s; its arguments are %s", t.Name, names.Quote(name), t.usage())
		}
		if value == nil || value == "" {
			continue
		}
		checked, ok := t.Arguments[i].check(value)
		if !ok {
			return nil, refuse("argument %s must be %s", name, t.Arguments[i].Values())
		}
		parsed[name] = checked
	}
	for _, a := range t.Arguments {
		if _, has := parsed[a.Name]; a.Required && !has {
			return nil, refuse("argument %s is required; the arguments of %s are %s", a.Name, t.Name, t.usage())
		}
	}
	return parsed, parsed.checkNames()
}

// usage lists the arguments.
func (t Tool) usage() string {
	var all []string
	for _, a := range t.Arguments {
		name := a.Name
		if a.Required {
			name += " (required)"
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// Values says in words which values are valid.
func (a Argument) Values() string {
	switch {
	case len(a.Enum) > 0:
		return "one of " + strings.Join(a.Enum, ", ")
	case a.Type == "integer":
		return "an integer"
	case a.Type == "boolean":
		return "true or false"
	}
	return "a string"
}

// check converts a value. Models write numbers and switches as strings.
func (a Argument) check(value any) (any, bool) {
	text, isText := value.(string)
	if number, isNumber := value.(json.Number); isNumber {
		text = number.String()
	}
	switch a.Type {
	case "integer":
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || number != math.Trunc(number) || math.Abs(number) > math.MaxInt32 {
			return nil, false
		}
		return int(number), true
	case "boolean":
		if flag, isFlag := value.(bool); isFlag {
			return flag, true
		}
		flag, err := strconv.ParseBool(text)
		return flag, err == nil
	}
	return text, isText && (len(a.Enum) == 0 || slices.Contains(a.Enum, text))
}

// checkNames checks the names that become part of a request.
func (a arguments) checkNames() error {
	namespace := a.text("namespace")
	if namespace != "" && names.Namespace("namespace", namespace) != nil {
		return refuse("argument namespace %s is not a name of a namespace", names.Quote(namespace))
	}
	for _, argument := range []string{"name", "pod", "container", "serviceAccount"} {
		if value := a.text(argument); value != "" && names.Segments(namespace, value) != nil {
			return refuse("argument %s %s is not a name of an object", argument, names.Quote(value))
		}
	}
	return nil
}

// kindOf finds a kind by its name, or its plural: Deployment, deployment, deployments, deployments.apps.
func kindOf(name string) (background.Kind, error) {
	short, _, _ := strings.Cut(strings.ToLower(name), ".")
	var all []string
	for _, kind := range background.Kinds() {
		if strings.EqualFold(kind.Kind, short) || kind.Resource() == short {
			return kind, nil
		}
		all = append(all, kind.Kind)
	}
	return background.Kind{}, refuse("kind %s is not among those that can be read: %s", names.Quote(name), strings.Join(all, ", "))
}

// place checks that a kind has a namespace exactly if it is given one.
func place(kind background.Kind, namespace string) error {
	switch {
	case kind.Kind == "Secret":
		return refuse("Secrets are not read; tool changes shows when their data changed last")
	case kind.Namespaced && namespace == "":
		return refuse("argument namespace is required for kind %s", kind.Kind)
	case !kind.Namespaced && namespace != "":
		return refuse("kind %s has no namespaces; leave out argument namespace", kind.Kind)
	}
	return nil
}

// The arguments that several tools have.
func text(name, description string) Argument {
	return Argument{Name: name, Description: description, Type: "string"}
}

func required(a Argument) Argument {
	a.Required = true
	return a
}

func namespaceArgument() Argument { return text("namespace", "namespace of the object") }

// objectArguments name an object of a workload.
func objectArguments() []Argument {
	return []Argument{
		required(text("kind", "Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, Service or PersistentVolumeClaim")),
		required(namespaceArgument()), required(text("name", "name of the object")),
	}
}
