package checks

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// told runs one check over YAML, as All does, and writes what it found as text: severity, object and message, then the
// evidence, one piece a line. The kinds in elsewhere count as read in another namespace only: the check runs, and may not
// claim that something of these kinds does not exist.
func told(t *testing.T, id, documents string, elsewhere ...facts.Kind) string {
	t.Helper()
	i := slices.IndexFunc(Builtin(), func(c Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	builder := facts.NewBuilder("test", testkit.Now())
	for _, object := range testkit.Objects(t, documents) {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range testkit.Kinds() {
		if slices.Contains(elsewhere, kind) {
			builder.Covered(kind, "elsewhere")
		} else {
			builder.Covered(kind, "")
		}
	}
	findings, _, gaps := All(builder.Graph(), Builtin()[i:i+1], DefaultParams())
	if len(gaps) > 0 {
		t.Fatalf("the check failed in itself: %s", gaps[0].Message)
	}
	var text strings.Builder
	for _, f := range findings {
		if f.Remediation == "" {
			t.Errorf("no remediation on %s", f.Object)
		}
		fmt.Fprintf(&text, "%s %s", f.Severity, f.Object)
		if f.Discriminator != "" {
			fmt.Fprintf(&text, " [%s]", f.Discriminator)
		}
		fmt.Fprintf(&text, ": %s\n", f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&text, "  %s: %s\n", e.Source, e.Text)
		}
	}
	return text.String()
}

// lines is the expected text of told; without any line it is that of a check that found nothing.
func lines(want ...string) string {
	if len(want) == 0 {
		return ""
	}
	return strings.Join(want, "\n") + "\n"
}

// document is one YAML document; rest holds what follows the metadata.
func document(apiVersion, kind, metadata, rest string) string {
	return "apiVersion: " + apiVersion + "\nkind: " + kind + "\nmetadata: {" + metadata + "}\n" + rest + "\n---\n"
}
