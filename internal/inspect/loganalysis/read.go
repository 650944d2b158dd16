package loganalysis

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
	"kubeops.io/kubeops/internal/provider/logs"
)

// streamKey identifies a container by the labels of its lines.
type streamKey struct{ namespace, pod, container string }

// stream is a container whose lines are read.
type stream struct {
	folder event.Folder
	group  *group
	// container name; empty for a name that is not one of the workload's.
	container string
}

// group is a workload whose lines are read.
type group struct {
	workload facts.Ref
	// miner of its errors; nil if there are none yet.
	miner *template.Miner[data]
	// lines of the window and of the baseline.
	window, baseline int
}

// owner is what a stream belongs to: a workload, and a container of it that may be shown.
type owner struct {
	workload  facts.Ref
	container string
}

// reader reads lines during one inspection or comparison.
type reader struct {
	in      Input
	options Options
	// owner of a stream; false if its lines must not be read.
	owner  func(streamKey) (owner, bool)
	pool   *template.Pool
	groups map[facts.Ref]*group
	// streams by key; nil for those without an object in the graph.
	streams map[streamKey]*stream
	// current part, and the stream whose event is being emitted.
	current part
	from    *stream
	emit    func(*event.Event)
	// lines and queries that are left.
	lines, queries int
	// covered is the share of the window that was read, shares those of the pieces of the baseline.
	covered float64
	shares  []float64
	// foreign counts lines without a Pod of the cluster, read all lines.
	foreign, read int
	// arrived counts lines for a comparison; nil in an inspection.
	arrived *arrivals
	// cut is true if lines were not read because of the limit.
	cut bool
}

func newReader(in Input) *reader {
	r := &reader{
		in: in, options: in.Options, pool: &template.Pool{Max: maxTemplates, MaxMisses: maxMisses},
		groups: map[facts.Ref]*group{}, streams: map[streamKey]*stream{}, queries: in.Options.MaxQueries(),
	}
	r.emit = r.learn
	r.owner = r.inGraph
	return r
}

// parts reads parts one after another. Each may read its share of the lines and what the previous ones left over. It stops at the
// first error.
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

// part reads up to a number of lines of a part, page by page, and returns the share of its time that they cover.
func (r *reader) part(ctx context.Context, p part, maxLines int, namespaces []string) (float64, error) {
	query := logs.Query{Start: p.start, End: p.end, AnyOf: map[string][]string{}}
	if len(namespaces) > 0 {
		query.AnyOf[logs.LabelNamespace] = namespaces
	}
	reached := p.start
	for maxLines > 0 && r.queries > 0 {
		query.Limit = min(pageSize, maxLines)
		r.queries--
		page, err := r.in.Provider.Search(ctx, query)
		if err != nil {
			return share(p, reached), err
		}
		maxLines -= len(page.Entries)
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
		if page.Next == query.Cursor { // the server does not advance
			break
		}
		query.Cursor = page.Next
	}
	r.cut = true
	return share(p, reached), nil
}

// share returns the share of a part before a time.
func share(p part, reached time.Time) float64 {
	return min(1, max(0, float64(reached.Sub(p.start))/float64(p.end.Sub(p.start))))
}

// line adds a line to its stream.
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
		if r.arrived != nil {
			r.arrived.period(key, entry.Time)
		}
	} else {
		s.group.baseline++
		if r.arrived != nil {
			r.arrived.baseline(key)
		}
		if s.group.miner == nil {
			return // nothing to compare without errors in the window
		}
	}
	level := event.Unknown
	if label := entry.Labels[logs.LabelLevel]; label != "" {
		level = event.Named(label)
	}
	r.from = s
	s.folder.Add(entry.Time, entry.Line, level, r.emit)
}

// open finds the workload of a stream. If there are too many streams, it closes all; they are opened again when needed.
func (r *reader) open(key streamKey) *stream {
	if len(key.namespace) > maxName || len(key.pod) > maxName || len(key.container) > maxName {
		return nil
	}
	if len(r.streams) >= maxStreams {
		r.flush()
		clear(r.streams)
	}
	of, ok := r.owner(key)
	if !ok {
		r.streams[key] = nil
		return nil
	}
	g := r.groups[of.workload]
	if g == nil {
		g = &group{workload: of.workload}
		r.groups[of.workload] = g
	}
	s := &stream{group: g, container: of.container}
	r.streams[key] = s
	return s
}

// inGraph is the owner of a stream as the objects that the run read have it.
func (r *reader) inGraph(key streamKey) (owner, bool) {
	workload, ok := r.in.Scope.Pod(key.namespace, key.pod)
	if !ok || !r.in.reads(workload.Namespace) {
		return owner{}, false
	}
	of := owner{workload: workload}
	of.container, _ = r.in.Scope.Container(workload, key.container)
	return of, true
}

// flush completes the open events.
func (r *reader) flush() {
	for _, s := range r.streams {
		if s != nil {
			r.from = s
			s.folder.Flush(r.emit)
		}
	}
}
