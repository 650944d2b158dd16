package style

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxColumns and TabWidth are those of lll in .golangci.yml and of .editorconfig.
	MaxColumns = 140
	// TabWidth is how many columns a tab takes.
	TabWidth = 4
)

// LongLines returns the lines of a Go file that lll reports. The linter is the gate; this serves to keep its exemptions few.
func LongLines(source Source) []Violation {
	var found []Violation
	for number, line := range bytes.Split(source.Text, []byte("\n")) {
		text := string(line)
		if strings.Contains(text, "+kubebuilder:") || strings.HasPrefix(text, "//go:") {
			continue
		}
		columns := utf8.RuneCountInString(text) + (TabWidth-1)*strings.Count(text, "\t")
		if columns > MaxColumns {
			found = append(found, Violation{
				File: source.Path,
				Line: number + 1,
				Hint: fmt.Sprintf("%d columns; %d are allowed", columns, MaxColumns),
			})
		}
	}
	return found
}
