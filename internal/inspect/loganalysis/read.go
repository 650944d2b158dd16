package loganalysis

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
	"kubeops.io/kubeops/internal/provider/logs"
)

// streamKey names a container by the labels of its lines.
type streamKey struct{ namespace, pod, container string }

// stream is a container whose lines are read.
type stream struct {
	folder event.Folder
	group  *group
	// container by name.
	container string
}

// group is a workload whose lines are read.
type group struct {
	workload facts.Ref
	// miner of its errors; nil while there are none.
	miner *template.Miner[data]
	// lines of the window and of the baseline.
	window, baseline int
}

// reader reads lines during one inspection.
type reader struct {
	in      Input
	options Options
	labeled *facts.Labeled
	pool    *template.Pool
	groups  map[facts.Ref]*group
	// streams by name; nil for those that belong to nothing that was read.
	streams map[streamKey]*stream
	// current part, and the stream whose event is being emitted.
	current part
	from    *stream
	emit    func(*event.Event)
	// lines that may still be read, queries that may still be sent.
	lines, queries int
	// shares of the window and of the pieces of the baseline that were read.
	covered float64
	shares  []float64
	// foreign lines belong to no Pod of the cluster; read counts all.
	foreign, read int
	// cut says that the limit of lines left something unread.
	cut bool
}

func newReader(in Input) *reader {
	r := &reader{
		in: in, options: in.Options, labeled: facts.NewLabeled(in.Graph), pool: &template.Pool{Max: maxTemplates, MaxMisses: maxMisses},
		groups: map[facts.Ref]*group{}, streams: map[streamKey]*stream{}, queries: in.Options.MaxQueries(),
	}
	r.emit = r.learn
	return r
}

// parts reads parts one after the other. Each may take its share of the lines, and what those before left over. It returns at the
// first that fails.
func (r *reader) parts(ctx context.Context, list []part, lines int, namespaces []string, done func(part, float64)) error {
	r.lines = lines
	for i, p := range list {
		r.current = p
		share, err := r.part(ctx, p, r.lines/(len(list)-i), namespaces)
		r.flush()
		done(p, share)
		if err != nil {
			return err
		}
	}
	return nil
}

// part reads one part page by page, up to a number of lines, and returns what share of its time they cover.
func (r *reader) part(ctx context.Context, p part, most int, namespaces []string) (float64, error) {
	query := logs.Query{Start: p.start, End: p.end, AnyOf: map[string][]string{}}
	if len(namespaces) > 0 {
		query.AnyOf[logs.LabelNamespace] = namespaces
	}
	reached := p.start
	for most > 0 && r.queries > 0 {
		query.Limit = min(pageSize, most)
		r.queries--
		page, err := r.in.Provider.Search(ctx, query)
		if err != nil {
			return share(p, reached), err
		}
		most -= len(page.Entries)
		r.lines -= len(page.Entries)
		r.read += len(page.Entries)
		for i := range page.Entries {
			r.line(&page.Entries[i])
		}
		if n := len(page.Entries); n > 0 {
			reached = page.Entries[n-1].Time
		}
		if page.Next == "" {
			return 1, nil
		}
		if page.Next == query.Cursor { // a server that goes nowhere
			break
		}
		query.Cursor = page.Next
	}
	r.cut = true
	return share(p, reached), nil
}

// share of a part that lies before a time.
func share(p part, reached time.Time) float64 {
	return min(1, max(0, float64(reached.Sub(p.start))/float64(p.end.Sub(p.start))))
}

// line gives a line to the stream that it belongs to.
func (r *reader) line(entry *logs.Entry) {
	key := streamKey{entry.Labels[logs.LabelNamespace], entry.Labels[logs.LabelPod], entry.Labels[logs.LabelContainer]}
	s, known := r.streams[key]
	if !known {
		s = r.open(key)
	}
	if s == nil {
		r.foreign++
		return
	}
	if r.current.piece < 0 {
		s.group.window++
	} else {
		s.group.baseline++
		if s.group.miner == nil {
			return // without errors in the window, there is nothing to compare
		}
	}
	level := event.Unknown
	if label := entry.Labels[logs.LabelLevel]; label != "" {
		level = event.Named(label)
	}
	r.from = s
	s.folder.Add(entry.Time, entry.Line, level, r.emit)
}

// open finds the workload of a stream. With too many streams at once, those that are open end, and are found again.
func (r *reader) open(key streamKey) *stream {
	if len(key.namespace) > maxName || len(key.pod) > maxName || len(key.container) > maxName {
		return nil
	}
	if len(r.streams) >= maxStreams {
		r.flush()
		clear(r.streams)
	}
	workload, ok := r.labeled.Pod(key.namespace, key.pod)
	if !ok || r.in.Exclude != nil && r.in.Exclude(workload.Namespace) {
		r.streams[key] = nil
		return nil
	}
	g := r.groups[workload]
	if g == nil {
		g = &group{workload: workload}
		r.groups[workload] = g
	}
	s := &stream{group: g, container: key.container}
	r.streams[key] = s
	return s
}

// flush ends the events that are under way.
func (r *reader) flush() {
	for _, s := range r.streams {
		if s != nil {
			r.from = s
			s.folder.Flush(r.emit)
		}
	}
}
