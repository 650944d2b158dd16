package evidence

import (
	"context"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
)

const (
	// runningLines and runningBytes bound what is read of the log of a running container; runningRetry lines if they are long.
	runningLines = 200
	runningRetry = 40
	runningBytes = 64 << 10
)

// Running is the log of a running container.
type Running struct {
	// Text are its last whole lines, each with a timestamp in front.
	Text string
	// Err is why it was not read. Logs of a namespace in which one was forbidden are not read.
	Err error
}

// MaxRunning is how many logs of running containers are read in one run; what is left of maxReads is for long lines.
const MaxRunning = 40

// ReadRunning reads the last lines of running containers that are not older than a duration, in the order of the references and within
// maxReads requests. The result has one entry for each reference; those that were not read are empty.
func ReadRunning(ctx context.Context, source collect.Source, refs []check.LogRef, window time.Duration) ([]Running, error) {
	read := make([]Running, len(refs))
	if len(refs) == 0 {
		return read, nil
	}
	client, err := newClient(source.Config)
	if err != nil {
		return read, err
	}
	reader := &logReader{client: client, limits: limits{
		lines: runningLines, retry: runningRetry, bytes: runningBytes, seconds: int(window.Seconds()),
	}}
	ctx = klog.NewContext(ctx, klog.Logger{}) // failures are reported as gaps
	var group sync.WaitGroup
	var forbidden sync.Map
	slots := make(chan struct{}, maxParallel)
	for i, ref := range refs[:min(len(refs), maxReads)] {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err, known := forbidden.Load(ref.Namespace); known {
				read[i].Err, _ = err.(error)
				return
			}
			text, err := reader.last(ctx, ref)
			if apierrors.IsForbidden(err) {
				forbidden.Store(ref.Namespace, err)
			}
			read[i] = Running{Text: wholeLines(text), Err: err}
		})
	}
	group.Wait()
	return read, nil
}

// wholeLines drops a last line that a limit cut off.
func wholeLines(text string) string { return text[:strings.LastIndexByte(text, '\n')+1] }
