package cli

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"kubeops.io/kubeops/internal/inspect"
)

// progress is one line on stderr that tells how far an inspection is. It appears on a terminal only, so that logs of
// scripts stay clean.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	cluster string
	shown   bool
}

func newProgress(w io.Writer, cluster string) *progress {
	if !isTerminal(w) {
		w = nil
	}
	return &progress{w: w, cluster: cluster}
}

func (p *progress) update(step inspect.Progress) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if text := p.text(step); text != "" {
		p.shown = true
		fmt.Fprint(p.w, "\r\033[K"+text)
	}
}

// text of a step; empty for stages that are over at once, and for those that end.
func (p *progress) text(step inspect.Progress) string {
	switch {
	case step.Stage == inspect.StageCollect:
		return fmt.Sprintf("Reading %s: %d of %d kinds, %d objects", p.cluster, step.Done, step.Total, step.Objects)
	case step.Done > 0:
		return ""
	case step.Stage == inspect.StageMetrics:
		return "Asking the metrics back end what workloads use"
	case step.Stage == inspect.StageLogs:
		return "Reading lines of the log back end"
	case step.Stage == inspect.StageEvidence:
		return "Reading the last log lines of what crashed"
	default:
		return ""
	}
}

// clear removes the line.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
	p.w = nil
}

// isTerminal says whether a person is looking at the stream.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is the width of the terminal, within limits that keep lines readable; 120 when there is none.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return min(max(width, 60), 160)
		}
	}
	return 120
}
