package cli

import (
	"fmt"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
)

const (
	// maxClusters have a line of their own: of more, those that were not inspected and those with the most problems.
	maxClusters = 20
	// maxClusterName is the width of the column of names, in which longer names are shifted to the right.
	maxClusterName = 40
)

// clusters prints a line for each cluster of a report about several.
func (p *printer) clusters(text *terminal.Writer, all []v1alpha1.InspectedCluster) {
	if len(all) == 0 {
		return
	}
	listed := render.WorstClusters(all, maxClusters)
	width := 0
	versions := 0
	for _, c := range listed {
		width = max(width, min(utf8.RuneCountInString(printable.Line(c.Name)), maxClusterName))
		versions = max(versions, utf8.RuneCountInString(c.Version))
	}
	text.Line("")
	text.Line("%s", p.colors.Bold("Clusters: "+render.CountClusters(all)))
	for _, c := range listed {
		line := fmt.Sprintf("  %-*s  ", width, printable.Line(c.Name))
		if versions > 0 {
			line += fmt.Sprintf("%-*s  ", versions, printable.Line(c.Version))
		}
		text.Line("%s", line+render.DescribeCluster(c))
	}
	if more := len(all) - len(listed); more > 0 {
		text.Line("  and %d more (see -o yaml)", more)
	}
}
