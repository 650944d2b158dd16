package line

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/provider/logs"
)

// written are the lines that a collector sent.
type written struct {
	lines []string
	fail  error
}

func (w *written) Write(_ context.Context, entries []logs.Entry) error {
	if w.fail != nil {
		return w.fail
	}
	for _, entry := range entries {
		w.lines = append(w.lines, entry.Labels[logs.LabelPod]+"/"+entry.Labels[logs.LabelContainer]+" "+entry.Line)
	}
	return nil
}

// node has the logs of a Pod.
type node struct {
	t   *testing.T
	dir string
}

func (n node) path(name string) string { return filepath.Join(n.dir, name) }

// log appends a text to a file.
func (n node) log(name, text string) {
	n.t.Helper()
	file, err := os.OpenFile(n.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString("2026-05-01T12:00:00.000000001Z stdout F " + text)
	}
	n.must(errors.Join(err, file.Close()))
}

func (n node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func TestEachLineIsCollectedOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		// between a look that read the line opened and the next.
		between func(n node, w *written)
		// after the next look, and what is collected by a third beside the line opened.
		after func(n node, w *written)
		want  []string
	}{
		"nothing new": {},
		"a new line":  {between: func(n node, _ *written) { n.log("0.log", "crashed\n") }, want: []string{"crashed"}},
		"the last line of a container whose file was removed, since it crashed twice": {
			between: func(n node, _ *written) {
				n.log("0.log", "crashed\n")
				n.must(os.Remove(n.path("0.log")))
				n.log("1.log", "cannot start\n")
			},
			want: []string{"crashed", "cannot start"},
		},
		"the last line of a Pod that was removed": {
			between: func(n node, _ *written) {
				n.log("0.log", "crashed\n")
				n.must(os.RemoveAll(n.dir))
			},
			want: []string{"crashed"},
		},
		"the lines before and after a rotation": {
			between: func(n node, _ *written) {
				n.log("0.log", "before\n")
				n.must(os.Rename(n.path("0.log"), n.path("0.log.20260501-120000")))
				n.log("0.log", "after\n")
			},
			want: []string{"before", "after"},
		},
		"a line that was not complete": {
			between: func(n node, _ *written) { n.log("0.log", "cra") },
			after: func(n node, _ *written) {
				file, err := os.OpenFile(n.path("0.log"), os.O_APPEND|os.O_WRONLY, 0)
				n.must(err)
				_, err = file.WriteString("shed\n")
				n.must(errors.Join(err, file.Close()))
			},
			want: []string{"crashed"},
		},
		"a line that could not be sent, of a file that was removed": {
			between: func(n node, w *written) {
				w.fail = errors.New("busy")
				n.log("0.log", "crashed\n")
				n.must(os.Remove(n.path("0.log")))
			},
			after: func(_ node, w *written) { w.fail = nil },
			want:  []string{"crashed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			n := node{t: t, dir: filepath.Join(folder, ShopNamespace+"_shop-1_0c45", "shop")}
			n.must(os.MkdirAll(n.dir, 0o700))
			w := &written{}
			c := &collector{folder: folder, writer: w, report: t.Logf}
			defer c.close()
			n.log("0.log", "opened\n")
			c.look(t.Context())
			for _, change := range []func(node, *written){tc.between, tc.after} {
				if change != nil {
					change(n, w)
				}
				c.look(t.Context())
			}
			want := []string{"shop-1/shop opened"}
			for _, line := range tc.want {
				want = append(want, "shop-1/shop "+line)
			}
			if !slices.Equal(w.lines, want) {
				t.Errorf("got %q, want %q", w.lines, want)
			}
			if left, err := filepath.Glob(n.path("*.log")); err != nil || len(c.files) != len(left) {
				t.Errorf("%d files are open, %d are there: %v", len(c.files), len(left), err)
			}
		})
	}
}
