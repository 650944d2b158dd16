package meter

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// fleet is what is known of the collectors with one label.
type fleet struct {
	began, readAt time.Time
	last          Reading
	pods          map[types.UID]*pod
	totals        map[string]*total
	troubles      map[string]*trouble
}

// pod is a collector that runs.
type pod struct {
	uid     types.UID
	address string
	started time.Time
	routes  map[string]*lines
	// asked is when it was requested last, and read whether it answered in this reading.
	asked time.Time
	read  bool
}

// total of a route. With continued, it began with what was counted before this process started.
type total struct {
	Earlier
	continued bool
}

// trouble of a route: when lines were refused and lost last, and why they were first.
type trouble struct {
	refusedAt, overflowAt time.Time
	refusal               string
	// over reports that the end of the refusal was read.
	over bool
}

// most returns at most maxPods collectors: those that were there before, and others by name. One that went and came again would be counted
// twice.
func (f *fleet) most(running []*pod) []*pod {
	known := func(one *pod) int {
		if f.pods[one.uid] != nil {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(running, func(x, y *pod) int { return cmp.Compare(known(x), known(y)) })
	return running[:min(len(running), maxPods)]
}

// inTurn sorts the collectors in place: first those that answered the last time, then those that were asked least recently. Where many do
// not answer, they must not take the time of the others.
func (f *fleet) inTurn(running []*pod) []*pod {
	waits := func(one *pod) time.Time {
		last := f.pods[one.uid]
		if last == nil {
			return time.Time{}
		}
		one.asked = last.asked
		if last.read {
			return time.Time{}
		}
		return one.asked
	}
	slices.SortStableFunc(running, func(x, y *pod) int { return waits(x).Compare(waits(y)) })
	return running
}

// follow the routes: one that is gone, that another object describes, or whose lines go to another place, loses its counts and what was
// refused.
func (f *fleet) follow(routes map[string]Earlier) {
	for id, total := range f.totals {
		if route, found := routes[id]; found && route.Place == total.Place && route.UID == total.UID {
			continue
		}
		delete(f.totals, id)
		delete(f.troubles, id)
		f.last.Routes = maps.Clone(f.last.Routes)
		delete(f.last.Routes, id)
	}
}

// update the fleet with a new reading. A counter that is not there is 0: Vector forgets those that did not change for minutes.
func (f *fleet) update(now time.Time, running []*pod, fresh []map[string]*lines, routes map[string]Earlier) {
	before := f.pods
	f.pods = make(map[types.UID]*pod, len(running))
	// grown since the last reading, and found in collectors that started before this process did: the latter is no news.
	grown := map[string]*lines{}
	found := map[string]*lines{}
	read := 0
	for i, one := range running {
		f.pods[one.uid] = one
		last := before[one.uid]
		if fresh[i] == nil {
			if last != nil {
				one.routes = last.routes
			}
			continue
		}
		read++
		one.read = true
		one.routes = fresh[i]
		into := grown
		baseline := map[string]*lines{}
		if last != nil && last.routes != nil {
			baseline = last.routes
		} else if one.started.Before(f.began) {
			into = found
		}
		for id, counts := range one.routes {
			// A new route starts the collectors again. One that started earlier counts for an object that had the name before.
			route, wanted := routes[id]
			if unknown := last == nil || last.routes == nil; !wanted || unknown && one.started.Before(route.Created) {
				continue
			}
			into[id] = sum(into[id], growth(counts, baseline[id]))
		}
	}
	for id, route := range routes {
		f.add(id, route, grown[id], found[id])
	}
	f.judge(now, grown, len(running), read)
}

// add to the total of a route. What is found in collectors that ran before is part of what was counted earlier, if anything was.
func (f *fleet) add(id string, earlier Earlier, grown, found *lines) {
	total := f.totals[id]
	if total == nil {
		total = newTotal(earlier)
		f.totals[id] = total
		if found != nil && total.continued {
			total.Sent = max(total.Sent, found.sent)
			total.Refused = max(total.Refused, found.refused)
			total.Dropped = max(total.Dropped, found.overflow+found.lost)
		}
	}
	if found != nil && !total.continued {
		total.add(found)
	}
	if grown != nil {
		total.add(grown)
	}
	if total.Since.IsZero() && (grown != nil || found != nil) {
		if total.Since = f.oldest(id); total.Since.Before(earlier.Created) {
			total.Since = earlier.Created
		}
	}
}

func newTotal(earlier Earlier) *total {
	return &total{Earlier: earlier, continued: !earlier.Since.IsZero()}
}

func (t *total) add(counts *lines) {
	t.Sent += counts.sent
	t.Refused += counts.refused
	t.Dropped += counts.overflow + counts.lost
}

// oldest is the start of the first collector that counts a route.
func (f *fleet) oldest(id string) (at time.Time) {
	for _, one := range f.pods {
		if one.routes[id] != nil && (at.IsZero() || one.started.Before(at)) {
			at = one.started
		}
	}
	return at
}

// judge what has grown. While no collector can be read, nothing is known, and no route recovers.
func (f *fleet) judge(now time.Time, grown map[string]*lines, running, read int) {
	blind := read == 0 && running > 0
	for id, t := range f.troubles {
		if blind && t.refusal != "" {
			t.refusedAt = now
		}
		if blind && !t.overflowAt.IsZero() {
			t.overflowAt = now
		}
		if read == running && t.isOver(grown[id]) {
			t.over = true
		}
		if t.over || now.Sub(t.refusedAt) > Quiet {
			t.refusal = ""
		}
		if now.Sub(t.overflowAt) > Quiet {
			t.overflowAt = time.Time{}
		}
		if t.refusal == "" && t.overflowAt.IsZero() && grown[id] == nil && !(t.over && now.Sub(f.began) <= Quiet) {
			delete(f.troubles, id)
		}
	}
	for id, counts := range grown {
		if counts.refused > 0 || counts.overflow > 0 {
			f.troubled(id, now, counts)
		}
	}
}

// troubled notes that lines of a route were refused or found the buffer full.
func (f *fleet) troubled(id string, now time.Time, counts *lines) {
	t := f.troubles[id]
	if t == nil {
		t = &trouble{}
		f.troubles[id] = t
	}
	if counts.refused > 0 {
		// The first reason stays, so that the message of the condition does.
		t.refusedAt = now
		t.over = false
		t.refusal = cmp.Or(t.refusal, counts.mainReason())
	}
	if counts.overflow > 0 {
		t.overflowAt = now
	}
}

// isOver reports whether a server that refused all lines accepts them again. Of one that refuses some, a line that it accepts proves
// nothing.
func (t *trouble) isOver(grown *lines) bool {
	whole := []string{"401", "403", "404", "405", "410", "cluster_block_exception"}
	return grown != nil && grown.sent > 0 && grown.refused == 0 && slices.Contains(whole, t.refusal)
}

// reading is the totals, and what is wrong.
func (f *fleet) reading(now time.Time) Reading {
	out := Reading{Routes: map[string]Route{}}
	for _, one := range f.pods {
		if one.read {
			out.Read++
		} else {
			out.Unread++
		}
	}
	settled := now.Sub(f.began) > Quiet
	out.Settled = out.Read > 0 && settled
	for id, total := range f.totals {
		t := f.troubles[id]
		if total.Since.IsZero() && t == nil {
			continue
		}
		route := Route{Sent: total.Sent, Refused: total.Refused, Dropped: total.Dropped, Since: total.Since, Settled: settled}
		if t != nil {
			route.Refusal = t.refusal
			route.Overflow = !t.overflowAt.IsZero()
			route.Settled = settled || t.over
		}
		out.Routes[id] = route
	}
	return out
}

// growth of counters. One that is smaller than before began again.
func growth(now, before *lines) *lines {
	if before == nil {
		return now
	}
	grown := func(now, before int64) int64 {
		if now < before {
			return now
		}
		return now - before
	}
	out := &lines{
		sent: grown(now.sent, before.sent), refused: grown(now.refused, before.refused),
		overflow: grown(now.overflow, before.overflow), lost: grown(now.lost, before.lost), reasons: map[string]int64{},
	}
	for reason, count := range now.reasons {
		out.reasons[reason] = grown(count, before.reasons[reason])
	}
	return out
}

func sum(all, one *lines) *lines {
	if all == nil {
		all = &lines{reasons: map[string]int64{}}
	}
	all.sent += one.sent
	all.refused += one.refused
	all.overflow += one.overflow
	all.lost += one.lost
	for reason, count := range one.reasons {
		all.reasons[reason] += count
	}
	return all
}

// mainReason is the most frequent reason of what was refused. A server that says so in a response of 200 has none.
func (l *lines) mainReason() string {
	most := "response"
	var count int64
	for _, reason := range slices.Sorted(maps.Keys(l.reasons)) {
		if l.reasons[reason] > count {
			most = reason
			count = l.reasons[reason]
		}
	}
	return most
}
