package webhook

import (
	"context"
	"errors"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"kubeops.io/kubeops/internal/trigger"
)

const (
	// maxInProgress deliveries are processed at the same time, and maxPerNamespace of one namespace.
	maxInProgress   = 16
	maxPerNamespace = 4
	// maxBuffered are the bytes of all bodies that are held at the same time, and maxBufferedPerNamespace of one namespace.
	maxBuffered             = 32 << 20
	maxBufferedPerNamespace = 8 << 20
	// firstBuffer of a body in bytes. It is doubled when it is full.
	firstBuffer = 4 << 10
)

var (
	errBusy     = errors.New("too many deliveries at the same time")
	errTooLarge = errors.New("the delivery is too large")
)

// places bound what deliveries hold. A body takes memory only for what has arrived, and a place only once it is complete, so that a slow
// sender holds neither.
type places struct {
	all *semaphore.Weighted

	mutex sync.Mutex
	// buffered bytes of all namespaces.
	buffered   int
	namespaces map[string]*share
}

// share of a namespace, as long as it has deliveries. Namespaces are what the path of a request says.
type share struct {
	users    int
	buffered int
	places   *semaphore.Weighted
	// evaluation of expressions is one at a time: there are few processes for it, and expressions can be slow on purpose.
	evaluation *semaphore.Weighted
}

func newPlaces() *places {
	return &places{all: semaphore.NewWeighted(maxInProgress), namespaces: map[string]*share{}}
}

// enter returns the share of a namespace. The caller calls leave.
func (p *places) enter(namespace string) *share {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	s := p.namespaces[namespace]
	if s == nil {
		s = &share{places: semaphore.NewWeighted(maxPerNamespace), evaluation: semaphore.NewWeighted(1)}
		p.namespaces[namespace] = s
	}
	s.users++
	return s
}

// leave gives back the bytes of a body.
func (p *places) leave(namespace string, s *share, bytes int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.buffered -= bytes
	s.buffered -= bytes
	if s.users--; s.users == 0 {
		delete(p.namespaces, namespace)
	}
}

// grow takes bytes, if they are free.
func (p *places) grow(s *share, bytes int) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.buffered+bytes > maxBuffered || s.buffered+bytes > maxBufferedPerNamespace {
		return false
	}
	p.buffered += bytes
	s.buffered += bytes
	return true
}

// read a body of at most trigger.MaxBody bytes. It took the returned number of bytes, also after an error.
func (p *places) read(s *share, from io.Reader) (body []byte, taken int, err error) {
	for {
		if len(body) == cap(body) {
			size := min(max(firstBuffer, 2*cap(body)), trigger.MaxBody+1)
			if size <= cap(body) {
				return nil, taken, errTooLarge
			}
			if !p.grow(s, size-cap(body)) {
				return nil, taken, errBusy
			}
			taken += size - cap(body)
			grown := make([]byte, len(body), size)
			copy(grown, body)
			body = grown
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > trigger.MaxBody:
			return nil, taken, errTooLarge
		case errors.Is(err, io.EOF):
			return body, taken, nil
		case err != nil:
			return nil, taken, err
		}
	}
}

// process calls f in a place of the namespace. The error says that there was none in time.
func (p *places) process(ctx context.Context, s *share, f func()) error {
	if err := s.places.Acquire(ctx, 1); err != nil {
		return errBusy
	}
	defer s.places.Release(1)
	if err := p.all.Acquire(ctx, 1); err != nil {
		return errBusy
	}
	defer p.all.Release(1)
	f()
	return nil
}

// evaluate calls f when no other delivery of the namespace does. The error is that of ctx.
func (p *places) evaluate(ctx context.Context, namespace string, f func() error) error {
	s := p.enter(namespace)
	defer p.leave(namespace, s, 0)
	if err := s.evaluation.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.evaluation.Release(1)
	return f()
}
