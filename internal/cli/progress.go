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
	p.shown = true
	switch step.Stage {
	case inspect.StageCollect:
		fmt.Fprintf(p.w, "\r\033[KReading %s: %d of %d kinds, %d objects", p.cluster, step.Done, step.Total, step.Objects)
	case inspect.StageCauses:
		fmt.Fprint(p.w, "\r\033[KReading the last log lines of what crashed")
	default:
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
