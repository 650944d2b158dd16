package doctor

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"kubeops.io/kubeops/internal/cli/terminal"
)

// none stands for an empty cell.
const none = "-"

// printTable prints a report for people.
func printTable(w io.Writer, report *Report, width int) error {
	out := &terminal.Writer{W: w, Width: width}
	out.Line("Context %s, Kubernetes %s, kubeops %s", report.Context, report.Kubernetes, report.Program)
	p := printer{out: out, report: report}
	p.managers()
	p.connections()
	p.findings(LevelProblem, "PROBLEMS")
	p.findings(LevelWarning, "WARNINGS")
	p.gaps()
	if len(report.Findings)+len(report.Gaps) == 0 {
		out.Line("")
		out.Line("No problems found")
	}
	return out.Err
}

type printer struct {
	out    *terminal.Writer
	report *Report
}

// table prints rows below a header, if there are any.
func (p *printer) table(header []string, rows [][]string) {
	if len(rows) == 0 || p.out.Err != nil {
		return
	}
	p.out.Line("")
	p.out.Err = terminal.PrintColumns(p.out.W, append([][]string{header}, rows...))
}

func (p *printer) managers() {
	var rows [][]string
	for _, m := range p.report.Managers {
		served := "all"
		if len(m.Namespaces) > 0 {
			served = terminal.JoinWords(m.Namespaces)
		}
		rows = append(rows, []string{m.Namespace + "/" + m.Name, fmt.Sprintf("%d/%d", m.Available, m.Replicas), served, m.Image})
	}
	p.table([]string{"MANAGER", "AVAILABLE", "NAMESPACES", "IMAGE"}, rows)
	rows = nil
	for _, l := range p.report.Leaders {
		state := "expired"
		if l.Active {
			state = "active"
		}
		rows = append(rows, []string{l.Namespace, cmp.Or(l.Holder, none), state, stamp(l.Since), stamp(l.Renewed)})
	}
	p.table([]string{"LEASE IN", "LEADER", "STATE", "SINCE", "RENEWED"}, rows)
}

func stamp(at *time.Time) string {
	if at == nil {
		return none
	}
	return at.UTC().Format(time.RFC3339)
}

func (p *printer) connections() {
	var rows [][]string
	for _, c := range p.report.Connections {
		rows = append(rows, []string{c.Kind, c.Namespace + "/" + c.Name, c.Ready, cmp.Or(c.Reason, none), stamp(c.LastProbe)})
	}
	p.table([]string{"CONNECTION", "NAME", "READY", "REASON", "LAST PROBE"}, rows)
}

func (p *printer) findings(level Level, title string) {
	number := 0
	for _, f := range p.report.Findings {
		if f.Level != level {
			continue
		}
		if number++; number == 1 {
			p.out.Line("")
			p.out.Line("%s", title)
		}
		p.out.Block(fmt.Sprintf("%d. ", number), "   ", f.Object+": "+f.Message+" ("+f.Check+")")
		p.out.Block("   ", "   ", string(f.Fix))
	}
}

func (p *printer) gaps() {
	for i, gap := range p.report.Gaps {
		if i == 0 {
			p.out.Line("")
			p.out.Line("NOT CHECKED")
		}
		p.out.Block("- ", "  ", gap.Check+": "+gap.Message)
	}
}
