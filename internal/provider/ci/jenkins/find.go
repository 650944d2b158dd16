package jenkins

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// clockSlack is by how much the clock of the server may be wrong beyond what its Date header shows.
const clockSlack = 10 * time.Minute

// Find implements ci.Provider: it reads the queue first and the builds of the job after it, since an item moves that way.
func (p *Provider) Find(ctx context.Context, request ci.Request) (ci.Lookup, error) {
	path, err := check(request)
	if err != nil {
		return ci.Lookup{Presence: ci.Unknown}, err
	}
	w := wanted{handle: handle{Job: request.Job, Key: request.Key}, path: path, unmarked: request.AllowUnmarked}
	if !request.Claimed.IsZero() {
		w.handle.Since = request.Claimed.Unix()
	}
	result, err := p.search(ctx, w)
	if err != nil {
		lookup := ci.Lookup{Presence: ci.Unknown}
		if p := problem.As(err); p != nil {
			lookup.Reason = p.Message
		}
		return lookup, err
	}
	lookup := ci.Lookup{Presence: result.presence, Reason: result.reason}
	if result.presence == ci.Found {
		lookup.Handle = result.handle.encode()
	}
	return lookup, nil
}

// wanted is a build that is looked for: by its key, or by its item of the queue in the same session.
type wanted struct {
	handle handle
	path   string
	// unmarked says that builds without a marker may be the one.
	unmarked bool
}

func (w wanted) is(m mark, queueID int64, session string) bool {
	if w.handle.Key != "" {
		return m.Key == w.handle.Key
	}
	return w.handle.Queue > 0 && queueID == w.handle.Queue && session == w.handle.Session
}

// found is the result of a search.
type found struct {
	presence ci.Presence
	handle   handle
	reason   string
}

func unknown(reason string) found { return found{presence: ci.Unknown, reason: reason} }

// search the queue, then the builds.
func (p *Provider) search(ctx context.Context, w wanted) (found, error) {
	name := clip(w.handle.Job, maxReason)
	waiting := queue{Items: bounded[item]{max: maxItems}}
	got, err := p.read(ctx, "queue", "/queue", queueTree, &waiting)
	if err != nil && got.status == http.StatusNotFound {
		return found{}, err // every server has a queue: this is a proxy before it, and says nothing about the job
	}
	if err != nil {
		return found{}, p.describeError(err, got, w.handle.Job)
	}
	session := got.session
	might := false
	for _, i := range waiting.Items.list {
		if w.is(i.Mark, i.ID, session) {
			w.handle.Queue = i.ID
			w.handle.Session = session
			return found{presence: ci.Found, handle: w.handle}, nil
		}
		might = might || w.unmarked && !i.Mark.Declared && isTask(i.Task.URL, w.path)
	}
	list, complete, got, err := p.builds(ctx, w)
	if err != nil {
		return found{}, p.describeError(err, got, w.handle.Job)
	}
	slices.Reverse(list) // the first build with the key counts: a crash can make Jenkins run an item of its queue twice
	for _, b := range list {
		if w.is(b.Mark, b.QueueID, got.session) {
			w.handle.Build = b.Number
			return found{presence: ci.Found, handle: w.handle}, nil
		}
		might = might || w.unmarked && !b.Mark.Declared && (w.handle.Since == 0 || at(b.Timestamp).After(p.cutoff(w.handle, got)))
	}
	switch {
	case session != got.session:
		return unknown("Jenkins restarted during the lookup"), nil
	case waiting.Items.cut:
		return unknown("the queue has more than " + strconv.Itoa(maxItems) + " items"), nil
	case !complete:
		return unknown("job " + name + " has more builds than Jenkins lists"), nil
	case might:
		return unknown("job " + name + " has builds without the parameter " + Marker +
			", of which one may be the one that was triggered"), nil
	}
	return found{presence: ci.Absent, handle: w.handle}, nil
}

// cutoff is the time before which no build can be the one of the handle, by the clock of the server.
func (p *Provider) cutoff(h handle, got reply) time.Time {
	since := h.since()
	if since.IsZero() {
		return since
	}
	if !got.now.IsZero() {
		since = since.Add(got.now.Sub(p.clock.Now()))
	}
	return since.Add(-clockSlack)
}

// builds of a job, the newest first, in up to two pages. Complete says that no other build can be the one that is wanted: all were listed,
// or the oldest that was listed began before the claim.
func (p *Provider) builds(ctx context.Context, w wanted) (list []build, complete bool, got reply, err error) {
	page := func(from, to int) (builds, reply, error) {
		read := builds{Builds: bounded[build]{max: maxBuilds}}
		tree := "builds[" + buildTree + "]{" + strconv.Itoa(from) + "," + strconv.Itoa(to) + "}"
		got, err := p.read(ctx, "builds", w.path, tree, &read)
		return read, got, err
	}
	first, got, err := page(0, firstPage)
	if err != nil {
		return nil, false, got, err
	}
	list = first.Builds.list
	isOld := func(b build) bool { return b.Timestamp > 0 && at(b.Timestamp).Before(p.cutoff(w.handle, got)) }
	if len(list) < firstPage || slices.ContainsFunc(list, isOld) {
		return list, true, got, nil
	}
	if p.noRanges.Load() {
		return list, !first.Builds.cut && len(list) < maxBuilds, got, nil
	}
	second, got, err := page(firstPage-overlap, maxBuilds)
	if err != nil {
		return nil, false, got, err
	}
	last := list[len(list)-1].Number
	joined := slices.IndexFunc(second.Builds.list, func(b build) bool { return b.Number == last })
	if joined < 0 {
		return list, false, got, nil // more new builds than the overlap came in between, or the list changed
	}
	list = append(list, second.Builds.list[joined+1:]...)
	complete = len(second.Builds.list) < maxBuilds-firstPage+overlap || slices.ContainsFunc(list, isOld)
	return list, complete, got, nil
}

// isTask reports whether a URL of the queue leads to the job at a path. A job of the same name in a folder counts, too: the prefix of the
// server's URL is not known.
func isTask(task, path string) bool {
	target, err := url.Parse(task)
	return err == nil && strings.HasSuffix(strings.TrimSuffix(target.Path, "/"), path)
}

// item of the queue, or nil if there is none of this id, or no longer. Jenkins forgets it 5 minutes after it left the queue.
func (p *Provider) item(ctx context.Context, id int64) (*item, reply, error) {
	var i item
	got, err := p.read(ctx, "item", "/queue/item/"+strconv.FormatInt(id, 10), itemTree, &i)
	switch {
	case got.status == http.StatusNotFound:
		return nil, got, nil
	case got.status == http.StatusUnauthorized || got.status == http.StatusForbidden:
		p := p.refused(got, "", "Job/Read")
		return nil, got, p
	case err != nil:
		return nil, got, err
	}
	return &i, got, nil
}

// untold is the problem of a build that can neither be found nor be called lost.
func untold(reason string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonTriggerUnknown, nil, "the build cannot be found: %s", reason)
}
