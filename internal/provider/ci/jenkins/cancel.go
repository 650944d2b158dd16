package jenkins

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// grace is how long a build has to end until a stronger means is used.
const grace = 30 * time.Second

// Means to end a build, from weak to strong. Only Pipeline builds have the last two.
const (
	stop = "stop"
	term = "term"
	kill = "kill"
)

// Cancel implements ci.Provider: it cancels the item of the queue, or stops the build. Later calls with the returned handle terminate and
// then kill a build that does not stop.
func (p *Provider) Cancel(ctx context.Context, from ci.Handle) (ci.Handle, error) {
	where, err := p.locate(ctx, from)
	if err != nil {
		return from, err
	}
	if where.place == inQueue {
		if where, err = p.cancelItem(ctx, where); err != nil {
			return where.handle.encode(), err
		}
	}
	if where.place != inBuilds {
		return where.handle.encode(), nil
	}
	b, _, err := p.build(ctx, where)
	if b == nil || !b.Building {
		return where.handle.encode(), err
	}
	h := &where.handle
	h.Means, h.MeansAt = p.nextMeans(*h, b.isPipeline())
	got, err := p.post(ctx, h.Means, where.buildPath()+"/"+h.Means, nil, nil)
	switch {
	case err != nil:
		return from, err
	case got.status < 400, got.status == http.StatusNotFound: // gone by now
		return h.encode(), nil
	}
	return from, p.refused(got, h.Job, "Job/Cancel")
}

// nextMeans is the means of the present call, and when it was used for the first time.
func (p *Provider) nextMeans(h handle, pipeline bool) (means string, since int64) {
	now := p.clock.Now().Unix()
	patient := now-h.MeansAt < int64(grace/time.Second)
	switch {
	case h.Means == "":
		return stop, now
	case patient || !pipeline || h.Means == kill:
		return h.Means, h.MeansAt
	case h.Means == stop:
		return term, now
	}
	return kill, now
}

// cancelItem takes an item out of the queue. Where that is too late it returns where the build is now.
func (p *Provider) cancelItem(ctx context.Context, where located) (located, error) {
	id := strconv.FormatInt(where.handle.Queue, 10)
	got, err := p.post(ctx, "cancelItem", "/queue/cancelItem", url.Values{"id": {id}}, nil)
	if err != nil {
		return where, err
	}
	if got.status < 400 {
		where.place = isCancelled
		return where, nil
	}
	if got.status != http.StatusNotFound && got.status != http.StatusUnprocessableEntity {
		return where, p.refused(got, where.handle.Job, "Job/Cancel")
	}
	now, err := p.locate(ctx, where.handle.encode())
	if err != nil || now.place != inQueue {
		return now, err
	}
	if got.status == http.StatusUnprocessableEntity {
		return now, problem.Retrying(v1alpha1.ReasonNotCancellable, nil, "%s does not cancel the build of job %s in its queue (422)",
			p.client.Host(), clip(where.handle.Job, maxReason))
	}
	// Servers before cancelItem have the call below the item.
	got, err = p.post(ctx, "cancelItem", "/queue/item/"+id+"/cancelQueue", nil, nil)
	switch {
	case err != nil:
		return now, err
	case got.status < 400 || got.status == http.StatusNotFound:
		now.place = isCancelled
		return now, nil
	}
	return now, p.refused(got, where.handle.Job, "Job/Cancel")
}
