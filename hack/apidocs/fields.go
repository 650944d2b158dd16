package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const fieldsHead = `# Fields

All fields of all kinds of group ` + "`kubeops.io`, version `v1alpha1`" + `, generated from the CRDs.
` + "`kubectl explain`" + ` prints the same texts. A field in bold is required. Defaults are those that the API server writes; a field
without one says in its text what happens when it is not set. The fields of ` + "`status`" + ` are written by KubeOps;
[reasons.md](reasons.md) lists the reasons of its conditions.

`

// kind is one CustomResourceDefinition in its served version.
type kind struct {
	names   apiextensionsv1.CustomResourceDefinitionNames
	cluster bool
	schema  apiextensionsv1.JSONSchemaProps
}

// readKinds from the CRDs in a folder, sorted by name.
func readKinds(folder string) ([]kind, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var kinds []kind
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &crd); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(crd.Spec.Versions) != 1 || crd.Spec.Versions[0].Schema == nil {
			return nil, fmt.Errorf("%s: one version with a schema is expected", path)
		}
		kinds = append(kinds, kind{
			names: crd.Spec.Names, cluster: crd.Spec.Scope == apiextensionsv1.ClusterScoped,
			schema: *crd.Spec.Versions[0].Schema.OpenAPIV3Schema,
		})
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%s has no CRD", folder)
	}
	slices.SortFunc(kinds, func(a, b kind) int { return strings.Compare(a.names.Kind, b.names.Kind) })
	return kinds, nil
}

// fieldsPage is the reference of all fields.
func fieldsPage(kinds []kind) []byte {
	var out bytes.Buffer
	out.WriteString(fieldsHead)
	for _, k := range kinds {
		fmt.Fprintf(&out, "- [%s](#%s)\n", k.names.Kind, strings.ToLower(k.names.Kind))
	}
	for _, k := range kinds {
		scope := "Namespaced."
		if k.cluster {
			scope = "Cluster-scoped."
		}
		short := ""
		if len(k.names.ShortNames) > 0 {
			short = " Short name: `" + strings.Join(k.names.ShortNames, "`, `") + "`."
		}
		fmt.Fprintf(&out, "\n## %s\n\n%s %s%s\n", k.names.Kind, escape(k.schema.Description), scope, short)
		writeRules(&out, "", k.schema.XValidations)
		out.WriteString("\n| Field | Type | Description |\n|---|---|---|\n")
		writeFields(&out, "", k.schema)
	}
	return out.Bytes()
}

// ownFields are those of a kind itself: all objects of Kubernetes have the others.
func ownFields(path, name string) bool {
	return path != "" || !slices.Contains([]string{"apiVersion", "kind", "metadata"}, name)
}

// writeFields writes a row for each field below a path, depth first.
func writeFields(out *bytes.Buffer, path string, schema apiextensionsv1.JSONSchemaProps) {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !ownFields(path, name) {
			continue
		}
		field := schema.Properties[name]
		full := strings.TrimPrefix(path+"."+name, ".")
		shown := "`" + full + "`"
		if slices.Contains(schema.Required, name) {
			shown = "**" + shown + "**"
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", shown, typeOf(field), describe(field))
		writeBelow(out, full, field)
	}
}

// writeBelow writes the fields of an object, of the items of a list, or of the values of a map.
func writeBelow(out *bytes.Buffer, path string, field apiextensionsv1.JSONSchemaProps) {
	writeFields(out, path, field)
	if field.Items != nil && field.Items.Schema != nil {
		writeBelow(out, path+"[]", *field.Items.Schema)
	}
	if field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil {
		writeBelow(out, path+".*", *field.AdditionalProperties.Schema)
	}
}

// typeOf a field, as Go spells lists and maps.
func typeOf(field apiextensionsv1.JSONSchemaProps) string {
	switch {
	case field.XIntOrString:
		return "integer or string"
	case field.Items != nil && field.Items.Schema != nil:
		return "[]" + typeOf(*field.Items.Schema)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(*field.AdditionalProperties.Schema)
	case field.Format == "date-time":
		return "time"
	case field.Type == "":
		return "any"
	default:
		return field.Type
	}
}

// describe a field in one cell: its text, its values, default and limits, and what its rules ask for.
func describe(field apiextensionsv1.JSONSchemaProps) string {
	var out bytes.Buffer
	out.WriteString(escape(field.Description))
	values := field.Enum
	if field.Items != nil && field.Items.Schema != nil {
		values = append(values, field.Items.Schema.Enum...)
	}
	if len(values) > 0 {
		shown := make([]string, 0, len(values))
		for _, v := range values {
			shown = append(shown, code(string(v.Raw)))
		}
		sentence(&out, "One of "+strings.Join(shown, ", "))
	}
	if field.Default != nil {
		sentence(&out, "Default: "+code(string(field.Default.Raw)))
	}
	limits := limitsOf(field)
	if len(limits) > 0 {
		sentence(&out, strings.ToUpper(limits[0][:1])+strings.Join(limits, ", ")[1:])
	}
	writeRules(&out, " ", field.XValidations)
	return strings.TrimSpace(out.String())
}

// limitsOf a field that its schema states.
func limitsOf(field apiextensionsv1.JSONSchemaProps) []string {
	var limits []string
	add := func(format string, value *int64) {
		if value != nil {
			limits = append(limits, fmt.Sprintf(format, *value))
		}
	}
	add("at least %d items", field.MinItems)
	add("at most %d items", field.MaxItems)
	add("at least %d characters", field.MinLength)
	add("at most %d characters", field.MaxLength)
	add("at least %d keys", field.MinProperties)
	add("at most %d keys", field.MaxProperties)
	if field.Minimum != nil {
		limits = append(limits, "at least "+strconv.FormatFloat(*field.Minimum, 'f', -1, 64))
	}
	if field.Maximum != nil {
		limits = append(limits, "at most "+strconv.FormatFloat(*field.Maximum, 'f', -1, 64))
	}
	if field.Pattern != "" {
		limits = append(limits, "pattern "+code(field.Pattern))
	}
	return limits
}

// writeRules writes the messages of the rules that the API server checks. A rule without a message speaks for itself.
func writeRules(out *bytes.Buffer, before string, rules apiextensionsv1.ValidationRules) {
	for _, rule := range rules {
		text := escape(rule.Message)
		if text == "" {
			text = code(rule.Rule)
		}
		if before == "" {
			out.WriteString("\nChecked: " + text + ".\n")
			continue
		}
		sentence(out, "Checked: "+text)
	}
}

// sentence appends a sentence.
func sentence(out *bytes.Buffer, text string) {
	if out.Len() > 0 {
		out.WriteByte(' ')
	}
	out.WriteString(text + ".")
}

// escape a text for a cell: one line, no markup of HTML, no end of the cell. Code in backquotes stays as it is.
func escape(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	parts := strings.Split(text, "`")
	for i := range parts {
		if i%2 == 0 {
			parts[i] = strings.NewReplacer("<", `\<`, "*", `\*`, "_", `\_`, "[", `\[`).Replace(parts[i])
		}
		parts[i] = strings.ReplaceAll(parts[i], "|", `\|`)
	}
	return strings.Join(parts, "`")
}

// code is a value in backquotes; one that contains them gets two.
func code(value string) string {
	value = strings.ReplaceAll(strings.Trim(value, `"`), "|", `\|`)
	if strings.Contains(value, "`") {
		return "`` " + value + " ``"
	}
	if value == "" {
		value = `""`
	}
	return "`" + value + "`"
}
