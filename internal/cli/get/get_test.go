package get

import (
	"bytes"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// answers of two clusters of different versions.
func twoAnswers() []answer {
	column := func(name string, priority int32) metav1.TableColumnDefinition {
		return metav1.TableColumnDefinition{Name: name, Priority: priority}
	}
	row := func(cells ...any) metav1.TableRow {
		return metav1.TableRow{Cells: cells, Object: runtime.RawExtension{Raw: []byte(`{"metadata":{"namespace":"shop"}}`)}}
	}
	return []answer{
		{cluster: "east", table: metav1.Table{
			ColumnDefinitions: []metav1.TableColumnDefinition{column("Name", 0), column("Ready", 0), column("IP", 1)},
			Rows:              []metav1.TableRow{row("web", "1/1", "10.0.0.1")},
		}},
		{cluster: "west", table: metav1.Table{
			ColumnDefinitions: []metav1.TableColumnDefinition{column("Name", 0), column("Note", 0)},
			Rows:              []metav1.TableRow{row("api-server", strings.Repeat("x", 200)), row("bad\x1b[31m", nil)},
		}},
	}
}

func TestATableOfClustersHasTheColumnsOfAllAndFitsTheLine(t *testing.T) {
	for name, tc := range map[string]struct {
		wide, namespaces bool
		want             []string
	}{
		"narrow": {false, false, []string{"CLUSTER  NAME", "READY", "NOTE", "east     web", "west     api-server"}},
		"wide":   {true, true, []string{"CLUSTER  NAMESPACE  NAME", "IP", "10.0.0.1", "east     shop       web", strings.Repeat("x", 200)}},
	} {
		t.Run(name, func(t *testing.T) {
			all := twoAnswers()
			table := newFleetTable(all, tc.namespaces, tc.wide)
			for _, a := range all {
				table.add(a.cluster, a.table.Rows)
			}
			width := 120
			if tc.wide {
				width = 0
			}
			var b bytes.Buffer
			if err := table.print(&b, true, width); err != nil {
				t.Fatal(err)
			}
			for _, part := range tc.want {
				if !strings.Contains(b.String(), part) {
					t.Errorf("%q is missing in\n%s", part, b.String())
				}
			}
			if strings.Contains(b.String(), "\x1b") {
				t.Errorf("a terminal would act on %q", b.String())
			}
			for line := range strings.Lines(b.String()) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); width > 0 && n > width {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}
