package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryFormatIsPrintedToStdoutAndToAFile(t *testing.T) {
	for format, want := range map[string]string{
		"table": "configmap-key-missing", "json": `"summary": {`, "yaml": "summary:\n", "sarif": `"version": "2.1.0"`,
		"junit": "<testsuites", "markdown": "## KubeOps: here", "html": "<!doctype html>",
	} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			p, err := newPrinter(&out, format, "never", "")
			if err != nil {
				t.Fatal(err)
			}
			if err := p.print(sampleReport(), "here"); err != nil || !strings.Contains(out.String(), want) {
				t.Errorf("%v; no %q in\n%.500s", err, want, out.String())
			}

			file := filepath.Join(t.TempDir(), "report")
			var nothing bytes.Buffer
			p, err = newPrinter(&nothing, format, "auto", file)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.print(sampleReport(), "here"); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil || string(text) != out.String() || nothing.Len() > 0 {
				t.Errorf("file and stdout differ, or both were written: %v", err)
			}
		})
	}
}

func TestHelpListsEveryFormat(t *testing.T) {
	for _, format := range outputFormats() {
		if _, err := newPrinter(nil, format, "never", ""); err != nil {
			t.Error(err)
		}
		if !strings.Contains(outputHelp, format) {
			t.Errorf("the usage of -o does not name %s", format)
		}
	}
}
