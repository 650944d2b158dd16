package render

import (
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

// writeJSON writes the report as an API object.
func writeJSON(w io.Writer, report *v1alpha1.InspectionReport, _ Options) error {
	return encode(w, report)
}

// writeYAML writes the report as an API object.
func writeYAML(w io.Writer, report *v1alpha1.InspectionReport, _ Options) error {
	text, err := yaml.Marshal(report)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// encode writes indented JSON without escaping < and >.
func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
