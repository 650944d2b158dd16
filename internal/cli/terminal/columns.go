package terminal

import (
	"io"
	"strings"
)

// PrintColumns aligns the cells of rows. The last column is not padded.
func PrintColumns(w io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	return PrintAligned(w, rows, widths)
}

// PrintAligned prints rows whose columns have widths.
func PrintAligned(w io.Writer, rows [][]string, widths []int) error {
	text := &Writer{W: w}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", max(widths[i]-len([]rune(cell)), 0)+2)
		}
		text.Line("%s", strings.TrimRight(line, " "))
	}
	return text.Err
}
