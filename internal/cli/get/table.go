package get

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/text"
)

// fleetTable prints rows of several clusters under one header. Clusters of different versions may have different columns.
type fleetTable struct {
	columns    []string
	positions  map[string]map[string]int
	namespaces bool
	widths     []int
	rows       [][]string
}

// newFleetTable has the columns of all clusters: those of the first one, then those that only others have.
func newFleetTable(answers []answer, namespaces, wide bool) *fleetTable {
	t := &fleetTable{positions: map[string]map[string]int{}, namespaces: namespaces}
	for _, a := range answers {
		positions := map[string]int{}
		for i, column := range a.table.ColumnDefinitions {
			if column.Priority != 0 && !wide {
				continue
			}
			positions[column.Name] = i
			if !slices.Contains(t.columns, column.Name) {
				t.columns = append(t.columns, column.Name)
			}
		}
		t.positions[a.cluster] = positions
	}
	return t
}

// add rows of a cluster.
func (t *fleetTable) add(cluster string, rows []metav1.TableRow) {
	for _, row := range rows {
		line := []string{cluster}
		if t.namespaces {
			line = append(line, rowMetadata(row).Namespace)
		}
		for _, column := range t.columns {
			i, has := t.positions[cluster][column]
			if !has || i >= len(row.Cells) {
				line = append(line, "")
				continue
			}
			line = append(line, cellText(row.Cells[i]))
		}
		t.rows = append(t.rows, line)
	}
}

// print the rows, under a header unless they are changes. Columns keep the widths of the list. width is the one of the terminal, to which
// all columns but those of names are shortened; zero shortens none.
func (t *fleetTable) print(w io.Writer, header bool, width int) error {
	if header && len(t.rows) == 0 {
		return nil
	}
	head := []string{"CLUSTER"}
	if t.namespaces {
		head = append(head, "NAMESPACE")
	}
	for _, column := range t.columns {
		head = append(head, strings.ToUpper(column))
	}
	rows := t.rows
	if header {
		rows = append([][]string{head}, rows...)
	}
	if t.widths == nil {
		t.widths = make([]int, len(head))
	}
	for _, row := range rows {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	fixed := 0
	for i, column := range head {
		if column == "CLUSTER" || column == "NAMESPACE" || column == "NAME" {
			fixed |= 1 << i
		}
	}
	shorten(t.widths, fixed, width)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = text.Clip(cell, t.widths[i])
		}
	}
	return terminal.PrintAligned(w, rows, t.widths)
}

// shorten the widest columns until they fit a line; those of the bits of fixed are not shortened.
func shorten(widths []int, fixed, width int) {
	const narrowest = 8
	for width > 0 {
		total := -2
		widest := -1
		for i, w := range widths {
			total += w + 2
			if fixed&(1<<i) == 0 && w > narrowest && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if total <= width || widest < 0 {
			return
		}
		widths[widest]--
	}
}
