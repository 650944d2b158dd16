package jenkins

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"kubeops.io/kubeops/internal/provider/ci"
)

// absence is how long a build must be in neither list until it is lost: between the two there is a gap while an executor starts.
const absence = 10 * time.Second

// unfinished is how long the record of a build must be gone, or be without a result, until the build is lost. Servers load records from
// their disk while a build starts: for a moment, one that runs has neither a state nor a result.
const unfinished = 30 * time.Second

// place where a build is.
type place int

const (
	inQueue place = iota + 1
	inBuilds
	isCancelled
	isMissing
	isLost
)

// located is where a build is, with what is known of it.
type located struct {
	place  place
	handle handle
	path   string
	reason string
}

// locate the build of a handle: by its number, by its item of the queue in the same session, or by its marker.
func (p *Provider) locate(ctx context.Context, from ci.Handle) (located, error) {
	h, path, err := decodeHandle(from)
	if err != nil {
		return located{}, err
	}
	if h.Build > 0 {
		return located{place: inBuilds, handle: h, path: path}, nil
	}
	if h.Queue > 0 {
		i, got, err := p.item(ctx, h.Queue)
		if err != nil {
			return located{}, err
		}
		// Ids of the queue are given again after a crash: both the session and the marker must be the same.
		if i != nil && got.session == h.Session && (h.Key == "" || i.Mark.Key == h.Key) {
			return inItem(i, h, path), nil
		}
	}
	w := wanted{handle: h, path: path}
	w.handle.Missing = 0
	result, err := p.search(ctx, w)
	switch {
	case err != nil:
		return located{}, err
	case result.presence == ci.Unknown:
		return located{}, untold(result.reason)
	case result.presence == ci.Absent:
		return p.missing(h, path), nil
	case result.handle.Build > 0:
		return located{place: inBuilds, handle: result.handle, path: path}, nil
	}
	return located{place: inQueue, handle: result.handle, path: path}, nil
}

// inItem is where the item of a build is. One that left the queue has no build for a moment.
func inItem(i *item, h handle, path string) located {
	h.Missing = 0
	where := located{place: inQueue, handle: h, path: path, reason: clip(i.Why, maxReason)}
	switch {
	case i.Executable != nil && i.Executable.Number > 0:
		where.place = inBuilds
		where.handle.Build = i.Executable.Number
	case i.Cancelled:
		where.place = isCancelled
	}
	return where
}

// missing is a build that neither the queue nor the list of builds has. It is lost if that does not change.
func (p *Provider) missing(h handle, path string) located {
	if !h.missingFor(absence, p.clock.Now()) {
		return located{place: isMissing, handle: h, path: path}
	}
	return located{place: isLost, handle: h, path: path,
		reason: "neither the queue nor the builds of job " + clip(h.Job,
			maxReason) + " have the build: it was deleted, or lost in a restart"}
}

// Get implements ci.Provider.
func (p *Provider) Get(ctx context.Context, from ci.Handle) (ci.Status, error) {
	where, err := p.locate(ctx, from)
	if err != nil {
		return ci.Status{}, err
	}
	status := ci.Status{Handle: where.handle.encode(), Reason: where.reason}
	switch where.place {
	case inQueue:
		status.Phase = ci.Queued
		if status.Reason == "" {
			status.Reason = "waits in the queue"
		}
	case isMissing:
		status.Phase = ci.Queued
		status.Reason = "left the queue, and is not listed as a build yet"
	case isCancelled:
		status.Phase = ci.Aborted
		status.Reason = "cancelled in the queue"
	case isLost:
		status.Phase = ci.Lost
	default:
		return p.status(ctx, where)
	}
	return status, nil
}

// missingFor tells whether the build has been missing for a duration. The first time that it is missing is noted.
func (h *handle) missingFor(d time.Duration, now time.Time) bool {
	if h.Missing == 0 {
		h.Missing = now.Unix()
	}
	return now.Unix()-h.Missing >= int64(d/time.Second)
}

// read a build by its number. It is nil if it is gone, or another one.
func (p *Provider) build(ctx context.Context, where located) (b *build, lost string, err error) {
	b = &build{}
	got, err := p.read(ctx, "build", where.buildPath(), buildTree, b)
	name := buildName(where)
	switch {
	case got.status == http.StatusNotFound:
		return nil, name + " was deleted, or is not visible to the user " + clip(p.user, maxShort), nil
	case err != nil:
		return nil, "", p.describeError(err, got, where.handle.Job)
	case where.handle.Key != "" && b.Mark.Key != where.handle.Key:
		return nil, name + " is another one: the job was deleted and created again", nil
	}
	return b, "", nil
}

func (l located) buildPath() string { return l.path + "/" + strconv.FormatInt(l.handle.Build, 10) }

// status of a build that has a number.
func (p *Provider) status(ctx context.Context, where located) (ci.Status, error) {
	b, lost, err := p.build(ctx, where)
	if err != nil {
		return ci.Status{}, err
	}
	status := ci.Status{Number: where.handle.Build}
	if b != nil {
		status.URL = p.buildURL(where)
		status.Started = at(b.Timestamp)
		if !b.Building && b.Result == "" {
			lost = "the record of the build has no result: a restart of Jenkins cut it off"
		}
	}
	if lost != "" {
		status.Phase = ci.Lost
		status.Reason = lost
		if !where.handle.missingFor(unfinished, p.clock.Now()) {
			status.Phase = ci.Running
			status.Reason = "its record is incomplete"
		}
		status.Handle = where.handle.encode()
		return status, nil
	}
	where.handle.Missing = 0
	status.Handle = where.handle.encode()
	if !b.Building && b.Duration > 0 {
		status.Duration = time.Duration(min(b.Duration, maxMilliseconds)) * time.Millisecond
	}
	if b.Building { // a result may be set already, and change
		status.Phase = ci.Running
	} else {
		status.Phase = phaseOf(b.Result)
		status.Reason = "result " + clip(b.Result, maxShort)
	}
	if b.isPipeline() {
		if status.Stages, err = p.stages(ctx, where, status.Phase); err != nil {
			return ci.Status{}, err
		}
		for _, stage := range status.Stages {
			if stage.Paused {
				status.Reason = "waits for an answer in stage " + stage.Name
			}
		}
	}
	if status.Phase.Ended() {
		status.Tests, err = p.tests(ctx, where)
	}
	return status, err
}
