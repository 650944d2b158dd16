package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/custom"
)

// maxCustomFile is the maximum size of a file with custom checks, in bytes.
const maxCustomFile = 4 << 20

// customPrograms compiles the custom checks in a file, or from stdin for "-". An empty name yields none.
func customPrograms(ctx context.Context, file string, stdin io.Reader) ([]custom.Program, error) {
	if file == "" {
		return nil, nil
	}
	content, err := readCustom(file, stdin)
	if err != nil {
		return nil, fmt.Errorf("--custom-checks: %w", err)
	}
	list, err := parseCustom(content)
	if err != nil {
		return nil, fmt.Errorf("--custom-checks: %s: %w", file, err)
	}
	programs, err := custom.Compile(ctx, list)
	var invalid *custom.InvalidError
	if errors.As(err, &invalid) {
		return nil, fmt.Errorf("--custom-checks: %s is invalid:\n%s", file, invalid.Detail())
	}
	return programs, err
}

func readCustom(file string, stdin io.Reader) ([]byte, error) {
	source := stdin
	if file != "-" {
		opened, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }() // read only
		source = opened
	}
	content, err := io.ReadAll(io.LimitReader(source, maxCustomFile+1))
	if err == nil && len(content) > maxCustomFile {
		return nil, fmt.Errorf("%s is larger than 4 MiB", file)
	}
	return content, err
}

// parseCustom reads lists of checks and the custom checks of Inspections. It skips other objects in the file.
func parseCustom(content []byte) ([]v1alpha1.CustomCheck, error) {
	var list []v1alpha1.CustomCheck
	found := false
	for documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, err
		}
		checks, ok, err := customOf(text)
		if err != nil {
			return nil, err
		}
		found = found || ok
		list = append(list, checks...)
	}
	if !found {
		return nil, errors.New("no custom checks found: expected a list of checks, or an Inspection with spec.customChecks")
	}
	return list, nil
}

// customOf reads one document; ok is false if it is neither a list nor an Inspection.
func customOf(text []byte) (checks []v1alpha1.CustomCheck, ok bool, err error) {
	if bytes.HasPrefix(text, []byte("[")) {
		return checks, true, decodeStrict(text, &checks)
	}
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	decoded := json.Unmarshal(text, &object) == nil
	if !decoded || object.APIVersion != v1alpha1.GroupVersion().String() || object.Kind != "Inspection" {
		return nil, false, nil
	}
	var inspection v1alpha1.Inspection
	err = decodeStrict(text, &inspection)
	return inspection.Spec.CustomChecks, true, err
}

// decodeStrict rejects unknown fields: a typo must not be ignored silently.
func decodeStrict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
