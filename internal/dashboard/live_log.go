package dashboard

import (
	"context"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// topicLog sends the lines of a container as they are written.
	topicLog = "log"
	// maxBuffered and maxBufferedBytes of lines that wait for the page. Of more, the oldest are left out.
	maxBuffered      = 1000
	maxBufferedBytes = 256 << 10
	// maxFollow is how long a log is followed. The page can continue.
	maxFollow = time.Hour
	// maxLogs of one socket.
	maxLogs = 8
	// maxLineRate is how many lines of followed logs are read for one viewer in a second, after the first maxLineBurst. The others are left
	// out: Pods can write faster than secrets are found.
	maxLineRate  = 5000
	maxLineBurst = 20_000
)

// logTopic is one subscription to a log. A goroutine reads, and the connection sends.
type logTopic struct {
	op   operation
	stop context.CancelFunc

	mu      sync.Mutex
	lines   []LogLine
	bytes   int
	dropped int
	over    bool
	err     error
}

// add a line. The oldest ones go if the page does not keep up.
func (t *logTopic) add(line LogLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	t.bytes += len(line.Text)
	for len(t.lines) > maxBuffered || t.bytes > maxBufferedBytes {
		t.bytes -= len(t.lines[0].Text)
		t.lines = t.lines[1:]
		t.dropped++
	}
}

// lose a line that was not read.
func (t *logTopic) lose() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped++
}

func (t *logTopic) finish(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.err = err
}

// take returns the lines that wait, how many were left out, and whether there will be more.
func (t *logTopic) take() (lines []LogLine, dropped int, over bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines = t.lines
	dropped = t.dropped
	t.lines = nil
	t.bytes = 0
	t.dropped = 0
	return lines, dropped, t.over, t.err
}

func (o operation) validLog() bool {
	_, err := time.Parse(time.RFC3339Nano, o.Since)
	return o.valid() && o.Namespace != "" && len(validation.IsDNS1123Subdomain(o.Name)) == 0 && o.Tail >= 0 && o.Tail <= maxTail &&
		(o.Container == "" || len(validation.IsDNS1123Label(o.Container)) == 0) && (o.Since == "" || err == nil)
}

func (c *connection) subscribeLog(ctx context.Context, op operation) error {
	if !op.validLog() || len(c.logs) >= maxLogs {
		return c.send(ctx, end(op.ID, http.StatusUnprocessableEntity, "unknown",
			"A log has a namespace, the name of a Pod, and a tail of up to 5000 lines; at most 8 are open.", false))
	}
	viewer := c.viewer.key()
	release, refusal := c.server.logStreams.acquire(viewer, true)
	if refusal != "" {
		return c.send(ctx, end(op.ID, http.StatusTooManyRequests, "unavailable", refusal, true))
	}
	readCtx, cancel := context.WithTimeout(ctx, maxFollow)
	topic := &logTopic{op: op, stop: cancel}
	c.logs[op.ID] = topic
	tail := op.Tail
	if tail == 0 {
		tail = defaultTail
	}
	request := logRequest{
		namespace: op.Namespace, name: op.Name, container: op.Container, search: op.Q, since: op.Since, previous: op.Previous,
		follow: !op.Previous, tail: tail,
	}
	wake := func() {
		select {
		case c.logged <- struct{}{}:
		default:
		}
	}
	request.allow = func() bool { return c.server.logLines.allow(viewer) }
	request.lost = func() {
		topic.lose()
		wake()
	}
	go func() {
		defer release()
		defer cancel()
		err := c.server.readLog(readCtx, c.viewer, request, func(line LogLine) {
			topic.add(line)
			wake()
		})
		topic.finish(err)
		wake()
	}()
	return nil
}

// flushLogs sends the lines that wait.
func (c *connection) flushLogs(ctx context.Context) error {
	if err := c.pause(ctx); err != nil {
		return err
	}
	for id, topic := range c.logs {
		lines, dropped, over, reason := topic.take()
		if len(lines) > 0 || dropped > 0 {
			if err := c.send(ctx, liveMessage{Type: "log", ID: id, Lines: lines, Dropped: dropped}); err != nil {
				return err
			}
		}
		if !over {
			continue
		}
		c.leave(id)
		message := end(id, http.StatusOK, "gone", "The log has ended.", false)
		if reason != nil {
			status, code, detail := problemOf(reason)
			message = end(id, status, code, detail, code == "unavailable")
		}
		if err := c.send(ctx, message); err != nil {
			return err
		}
	}
	return nil
}

// recheckLogs ends logs that the viewer can no longer read.
func (c *connection) recheckLogs(ctx context.Context) error {
	for id, topic := range c.logs {
		allowed, err := c.server.access.allowed(ctx, c.viewer, permission{"get", "", "pods/log", topic.op.Namespace})
		if err == nil && allowed {
			continue
		}
		c.leave(id)
		if err != nil {
			err = c.endTopic(ctx, id, failed(err))
		} else {
			err = c.send(ctx, end(id, http.StatusNotFound, "revoked", notFound, false))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
