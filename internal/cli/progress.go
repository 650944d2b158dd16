package cli

import (
	"fmt"
	"io"
	"sync"

	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/printable"
)

// progress shows the progress of an inspection in one line on stderr, on terminals only.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	cluster string
	shown   bool
}

func newProgress(w io.Writer, cluster string) *progress {
	if !terminal.IsTerminal(w) {
		w = nil
	}
	return &progress{w: w, cluster: printable.Line(cluster)}
}

func (p *progress) update(step inspect.Progress) {
	if text := p.text(step); text != "" {
		p.show(text)
	}
}

func (p *progress) show(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		p.shown = true
		fmt.Fprint(p.w, "\r\033[K"+text)
	}
}

// text describes a step; it is empty for stages that take no time and for steps that end a stage.
func (p *progress) text(step inspect.Progress) string {
	switch {
	case step.Stage == inspect.StageCollect:
		return fmt.Sprintf("Reading %s: %d of %d kinds, %d objects", p.cluster, step.Done, step.Total, step.Objects)
	case step.Done > 0:
		return ""
	case step.Stage == inspect.StageMetrics:
		return "Querying the metrics backend"
	case step.Stage == inspect.StageLogs:
		return "Reading lines from the log backend"
	case step.Stage == inspect.StageRunning:
		return "Reading the newest log lines of running Pods"
	case step.Stage == inspect.StageEvidence:
		return "Reading the last log lines of crashed containers"
	default:
		return ""
	}
}

// clear removes the line and stops further updates.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
	p.w = nil
}

// fleetProgress shows how many of several clusters are finished, and the last step of one.
type fleetProgress struct {
	line *progress
	mu   sync.Mutex
	done int
	of   int
}

func newFleetProgress(w io.Writer, clusters int) *fleetProgress {
	return &fleetProgress{line: newProgress(w, ""), of: clusters}
}

func (p *fleetProgress) update(cluster string, step inspect.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if step.Stage == inspect.StageReport && step.Done > 0 {
		p.done++
	}
	text := fmt.Sprintf("Inspecting %d clusters, %d finished", p.of, p.done)
	if step.Stage == inspect.StageCollect {
		text += fmt.Sprintf("; %s: %d of %d kinds", printable.Line(cluster), step.Done, step.Total)
	}
	p.line.show(text)
}

func (p *fleetProgress) clear() { p.line.clear() }
