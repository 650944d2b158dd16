// Package evidence reads the last log lines of crashed containers, from the kubelets or from a log backend. It reads a few lines of
// one container for each distinct crash among the root causes. Failures become gaps, never errors.
package evidence

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// maxReads of logs in one run, including retries; further requests stay empty.
	maxReads = 50
	// maxParallel is how many logs are read at the same time.
	maxParallel = 12
	// readTimeout of one log, including its retry.
	readTimeout = 5 * time.Second
	// tailLines and limitBytes bound a response. The kubelet applies limitBytes from the first of those lines, which cuts off the
	// end if lines are long; then only retryLines are requested.
	tailLines  = 20
	retryLines = 3
	limitBytes = 16 << 10
)

// Request asks for the last lines of a container's log.
type Request struct {
	check.LogRef
	// Check of the finding; it is listed in the gap if the log cannot be read.
	Check string
}

// Lines answer the Request with the same index; Text is empty if there was nothing to read.
type Lines struct {
	Text string
}

// ReadClusterLogs reads logs through the API server. The result has one entry per request. The entry of a log that no longer exists
// or has not started stays empty; logs that are forbidden or unavailable are reported as gaps.
func ReadClusterLogs(ctx context.Context, source collect.Source, requests []Request) ([]Lines, []facts.Gap) {
	lines := make([]Lines, len(requests))
	if len(requests) == 0 {
		return lines, nil
	}
	client, err := newClient(source.Config)
	if err != nil {
		return lines, []facts.Gap{newGap(v1alpha1.GapUnavailable, requests,
			"Cannot read the logs of crashed containers: the client configuration of the cluster is invalid.",
			"Check the address, certificates and credentials of the cluster.")}
	}
	reader := &logReader{client: client, limits: crashed()}
	ctx = klog.NewContext(ctx, klog.Logger{}) // failures are reported as gaps
	failures := make([]error, len(requests))
	var group sync.WaitGroup
	slots := make(chan struct{}, maxParallel)
	for i, request := range requests[:min(len(requests), maxReads)] {
		if request.Pod == "" {
			continue // all Pods of the workload were deleted
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var text string
			text, failures[i] = reader.last(ctx, request.LogRef)
			lines[i].Text = cleanLog(text)
		})
	}
	group.Wait()
	return lines, gaps(source, requests, failures)
}

// gaps returns one gap for logs that are forbidden, and one for logs that are unavailable.
func gaps(source collect.Source, requests []Request, failures []error) []facts.Gap {
	var forbidden, failed []Request
	for i, err := range failures {
		switch {
		case err == nil || apierrors.IsNotFound(err) || apierrors.IsBadRequest(err):
			// The log was read, or does not exist: the container was deleted or has not started.
		case apierrors.IsForbidden(err):
			forbidden = append(forbidden, requests[i])
		default:
			failed = append(failed, requests[i])
		}
	}
	var gaps []facts.Gap
	if len(forbidden) > 0 {
		gaps = append(gaps, newGap(v1alpha1.GapForbidden, forbidden,
			fmt.Sprintf("%s cannot get pods/log in %s: findings about crashes lack the last log lines.",
				cmp.Or(source.Config.Impersonate.UserName, "The current user"), namespaces(forbidden)),
			"Grant get on pods/log; ClusterRole kubeops-inspector includes it."))
	}
	if len(failed) > 0 {
		gaps = append(gaps, newGap(v1alpha1.GapUnavailable, failed,
			fmt.Sprintf("Cannot read the logs of %d of %d crashed containers: their findings lack the last log lines.",
				len(failed), len(requests)),
			"Check that the API server can reach the kubelets (port 10250); `kubectl logs` shows the error."))
	}
	return gaps
}

// namespaces names the first namespace of the requests and counts the others.
func namespaces(requests []Request) string {
	names := distinct(requests, func(r Request) string { return r.Namespace })
	switch len(names) {
	case 0:
		return "the cluster"
	case 1:
		return "namespace " + names[0]
	}
	return fmt.Sprintf("namespace %s and %d more", names[0], len(names)-1)
}

// distinct returns the sorted, unique, non-empty values of the requests.
func distinct(requests []Request, valueOf func(Request) string) []string {
	var values []string
	for _, request := range requests {
		if value := valueOf(request); value != "" {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// newGap is the gap of logs of the cluster. It is optional: no check needs them, and a container that is gone has none.
func newGap(reason v1alpha1.GapReason, requests []Request, message string, remediation remedy.Text) facts.Gap {
	return facts.Gap{
		Source: "pods/log", Reason: reason, Message: message, Remediation: remediation, Optional: true,
		Checks: distinct(requests, func(r Request) string { return r.Check }),
	}
}

func newClient(config *rest.Config) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	version := corev1.SchemeGroupVersion
	config.GroupVersion = &version
	config.APIPath = "/api"
	config.QPS = -1 // maxReads bounds the requests
	config.RateLimiter = nil
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(config)
}

// logReader reads logs through the API server, at most maxReads times.
type logReader struct {
	client *rest.RESTClient
	reads  atomic.Int64
	limits limits
}

// limits of the reads of a logReader.
type limits struct {
	// lines from the end of a log, and how many of them are read instead if those exceed bytes.
	lines, retry int
	bytes        int64
	// seconds before now; 0 for the whole log. Its lines then have timestamps.
	seconds int
}

// crashed are the limits for containers that crashed.
func crashed() limits { return limits{lines: tailLines, retry: retryLines, bytes: limitBytes} }

// last reads the last lines of a log. If the previous container is requested but no longer exists, it reads the current one.
func (l *logReader) last(ctx context.Context, ref check.LogRef) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	text, err := l.tail(ctx, ref)
	if ref.Previous && (apierrors.IsBadRequest(err) || apierrors.IsNotFound(err)) {
		ref.Previous = false
		return l.tail(ctx, ref)
	}
	return text, err
}

// tail reads the last lines, or fewer of them if those exceed the limit.
func (l *logReader) tail(ctx context.Context, ref check.LogRef) (string, error) {
	text, err := l.read(ctx, ref, l.limits.lines)
	if err != nil || int64(len(text)) < l.limits.bytes {
		return text, err
	}
	if shorter, err := l.read(ctx, ref, l.limits.retry); err == nil && shorter != "" {
		return shorter, nil
	}
	return text, nil
}

func (l *logReader) read(ctx context.Context, ref check.LogRef, lines int) (string, error) {
	if l.reads.Add(1) > maxReads {
		return "", nil
	}
	request := l.client.Get().Namespace(ref.Namespace).Resource("pods").Name(ref.Pod).SubResource("log").
		Param("container", ref.Container).
		Param("previous", strconv.FormatBool(ref.Previous)).
		Param("tailLines", strconv.Itoa(lines)).
		Param("limitBytes", strconv.FormatInt(l.limits.bytes, 10))
	if l.limits.seconds > 0 {
		request = request.Param("sinceSeconds", strconv.Itoa(l.limits.seconds)).Param("timestamps", "true")
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()                                            //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(stream, l.limits.bytes)) // the server may ignore limitBytes
	if err != nil && len(body) == 0 {
		return "", fmt.Errorf("read the log: %w", err)
	}
	return string(body), nil // a partial log is better than none
}
