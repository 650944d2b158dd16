package workqueue

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kubeops.io/kubeops/internal/runner"
)

const (
	// maxRead is how many results that were read are remembered, to be removed where space is needed.
	maxRead = 10_000
	// recently is how long space that was freed counts for all workers that were refused: each tries again once within it.
	recently = 3 * reconnectWait
)

// result of the part; nil if there is none. Each request has a time of its own, since that of the run may be long.
func (w *waiter) result(o *opened) (*runner.Outcome, error) {
	ctx, cancel := context.WithTimeout(w.ctx, requestTimeout)
	defer cancel()
	seen, err := o.find(ctx, w.id)
	switch {
	case err != nil || seen == nil:
		return nil, err
	case seen.Size > maxResult:
		return nil, fmt.Errorf("a result has %d bytes, above the maximum of %d", seen.Size, maxResult)
	}
	ctx, cancel = context.WithTimeout(w.ctx, resultTimeout)
	defer cancel()
	packed, err := o.results.GetBytes(ctx, w.id)
	if err != nil {
		return nil, err
	}
	outcome, err := decodeOutcome(packed)
	if err != nil {
		return nil, errors.Join(err, o.discard(ctx, seen))
	}
	if outcome.Problem != nil {
		// The next attempt of the run is another one. What was read counts even if this is not answered in time: the request may have been
		// done, and at worst the next attempt reports the same.
		_ = o.discard(ctx, seen)
	}
	return &outcome, nil
}

// storedResult is what the object store has under a name.
type storedResult struct {
	*jetstream.ObjectInfo
	// revision is the sequence of the message that names the result: another worker that stores it again writes a later one.
	revision uint64
}

// find a result; nil if there is none. The object store names a result even if a full bucket refuses its content: such a name is discarded,
// since a reader would wait for the content, and a worker would take the part for done.
func (o *opened) find(ctx context.Context, id string) (*storedResult, error) {
	for discarded := uint64(0); ; {
		seen, err := o.look(ctx, id)
		if err != nil || seen == nil || seen.revision <= discarded { // a replica may not know of the removal yet
			return nil, err
		}
		content := contentSubject(seen.ObjectInfo)
		counted, err := o.stored.Info(ctx, jetstream.WithSubjectFilter(content))
		switch {
		case err != nil:
			return nil, err
		case counted.State.Subjects[content] >= uint64(seen.Chunks):
			return seen, nil
		}
		if err := o.discard(ctx, seen); err != nil {
			return nil, err
		}
		discarded = seen.revision // there may be a later one meanwhile
	}
}

// look at the name of a result; nil if there is none. The object store does not return the revision.
func (o *opened) look(ctx context.Context, id string) (*storedResult, error) {
	message, err := o.stored.GetLastMsgForSubject(ctx, o.nameSubject(id))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	info := &jetstream.ObjectInfo{}
	if err := json.Unmarshal(message.Data, info); err != nil {
		return nil, errors.Join(jetstream.ErrBadObjectMeta, err)
	}
	if info.Deleted {
		return nil, nil
	}
	return &storedResult{ObjectInfo: info, revision: message.Sequence}, nil
}

func (o *opened) nameSubject(id string) string {
	return "$O." + o.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(id))
}

func contentSubject(info *jetstream.ObjectInfo) string {
	return "$O." + info.Bucket + ".C." + info.NUID
}

// discard a result that was seen, and not one that another worker has stored since under the same name. The object store itself would
// write a tombstone first, which a full bucket refuses: the messages are purged instead, the one that names the others first.
func (o *opened) discard(ctx context.Context, seen *storedResult) error {
	name := jetstream.WithPurgeSubject(o.nameSubject(seen.Name))
	if err := o.stored.Purge(ctx, name, jetstream.WithPurgeSequence(seen.revision+1)); err != nil { // which is not part of it
		return err
	}
	return o.stored.Purge(ctx, jetstream.WithPurgeSubject(contentSubject(seen.ObjectInfo)))
}

// keepRead remembers that the result of a part was read. It is kept for a leader that was restarted before it had saved the report.
func (q *Queue) keepRead(id string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.read == nil {
		q.read = map[string]time.Time{}
	}
	for known, since := range q.read {
		if time.Since(since) > keepResults || len(q.read) >= maxRead {
			delete(q.read, known)
		}
	}
	q.read[id] = time.Now()
}

// free the space of results that were read, such as of other parts of the same run, and report whether there is more now: several workers
// may have been refused before the first of them made space. A leader that is restarted now has these parts done again.
func (q *Queue) free(ctx context.Context, o *opened) (bool, error) {
	q.freeing.Lock()
	defer q.freeing.Unlock()
	q.mutex.Lock()
	read := q.read
	q.read = nil
	q.mutex.Unlock()
	limited, cancel := context.WithTimeout(ctx, resultTimeout)
	defer cancel()
	for id := range read {
		seen, err := o.find(limited, id)
		if err == nil && seen != nil {
			err = o.discard(limited, seen)
		}
		if err != nil {
			q.keepAll(read)
			return false, err
		}
		if seen != nil {
			q.freed = time.Now()
		}
		delete(read, id)
	}
	return time.Since(q.freed) < recently, nil
}

// keepAll remembers results that could not be removed.
func (q *Queue) keepAll(read map[string]time.Time) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.read == nil {
		q.read = read
		return
	}
	maps.Copy(q.read, read)
}
