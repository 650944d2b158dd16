package render

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

// writeJSON writes the report as an API object.
func writeJSON(w io.Writer, report *v1alpha1.InspectionReport, _ Options) error {
	return JSON(w, report)
}

// writeYAML writes the report as an API object.
func writeYAML(w io.Writer, report *v1alpha1.InspectionReport, _ Options) error {
	return YAML(w, report)
}

// JSON writes a value as indented JSON. Names in it are exact; characters that a reader would not see, and markers of CI commands, are
// written as \uNNNN. It does not escape < and >.
func JSON(w io.Writer, value any) error {
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(printable.JSON(document.Bytes()))
	return err
}

// YAML writes a value as YAML. One that contains hidden characters or a CI command is written as JSON, which is YAML too: block scalars
// and plain scalars have no escapes.
func YAML(w io.Writer, value any) error {
	document, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	text := string(document)
	if printable.Block(text) != text || slices.ContainsFunc(strings.Split(text, "\n"), printable.HasCommand) {
		return JSON(w, value)
	}
	_, err = w.Write(document)
	return err
}
