// Package evidence reads what only single requests can tell: the last log lines of what crashed. It is bounded: one
// container for each distinct crash among the root causes, few lines of each, and never an error.
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
)

const (
	// maxReads of logs in all, second tries included; what is asked for beyond is left empty.
	maxReads = 50
	// parallel is how many logs are read at the same time.
	parallel = 4
	// timeout of one request.
	timeout = 5 * time.Second
	// tailLines and limitBytes bound an answer. A kubelet counts the bytes from the first of those lines on, so that of
	// long lines the last are missing: then fewLines are asked for.
	tailLines, fewLines = 20, 3
	limitBytes          = 16 << 10
)

// Request asks for the end of one container's log.
type Request struct {
	check.LogRef
	// Check whose finding it is for; named in the gap when the log cannot be read.
	Check string
}

// Lines are the answer to the Request of the same index; Text is empty when there was nothing to read.
type Lines struct {
	Text string
}

// Add reads the logs. The result has one entry for each request. A log that is gone, or has not begun, leaves its entry
// empty; being forbidden to read logs is a gap, and so are logs that the cluster could not give.
func Add(ctx context.Context, source collect.Source, requests []Request) ([]Lines, []facts.Gap) {
	lines := make([]Lines, len(requests))
	if len(requests) == 0 {
		return lines, nil
	}
	client, err := newClient(source.Config)
	if err != nil {
		return lines, []facts.Gap{unread(v1alpha1.GapUnavailable, requests,
			"Logs of crashed containers were not read: the cluster's configuration cannot be used.",
			"Check the address, certificates and credentials of the cluster.")}
	}
	reader := &kubelets{client: client}
	ctx = klog.NewContext(ctx, klog.Logger{}) // failures are told as gaps
	failures := make([]error, len(requests))
	var group sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, request := range requests[:min(len(requests), maxReads)] {
		if request.Pod == "" {
			continue // none is left
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var text string
			text, failures[i] = reader.last(ctx, request.LogRef)
			lines[i].Text = tidy(text)
		})
	}
	group.Wait()
	return lines, gaps(source, requests, failures)
}

// gaps are one for logs that may not be read, and one for those that did not come.
func gaps(source collect.Source, requests []Request, failures []error) []facts.Gap {
	var forbidden, failed []Request
	for i, err := range failures {
		switch {
		case err == nil || apierrors.IsNotFound(err) || apierrors.IsBadRequest(err):
			// Read, or there is none: the container is gone, or has not started.
		case apierrors.IsForbidden(err):
			forbidden = append(forbidden, requests[i])
		default:
			failed = append(failed, requests[i])
		}
	}
	var made []facts.Gap
	if len(forbidden) > 0 {
		made = append(made, unread(v1alpha1.GapForbidden, forbidden,
			fmt.Sprintf("%s may not get pods/log in %s, so findings about crashes there lack the last log lines.",
				cmp.Or(source.Config.Impersonate.UserName, "The reader"), namespaces(forbidden)),
			"Grant get on pods/log, as ClusterRole kubeops-inspector does."))
	}
	if len(failed) > 0 {
		made = append(made, unread(v1alpha1.GapUnavailable, failed,
			fmt.Sprintf("Logs could not be read where they would show more (%d of %d), so those findings lack the last log lines.",
				len(failed), len(requests)),
			"Check that the API server reaches the kubelets of the nodes (port 10250): kubectl logs shows the error."))
	}
	return made
}

// namespaces names the first of the requests' namespaces, and says how many there are beside it.
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

// distinct are the values that the requests have, each once and in order; empty ones are left out.
func distinct(requests []Request, of func(Request) string) []string {
	var values []string
	for _, r := range requests {
		if v := of(r); v != "" {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func unread(reason v1alpha1.GapReason, requests []Request, message, remediation string) facts.Gap {
	return facts.Gap{
		Source: "pods/log", Reason: reason, Message: message, Remediation: remediation,
		Checks: distinct(requests, func(r Request) string { return r.Check }),
	}
}

func newClient(config *rest.Config) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	own := rest.CopyConfig(config)
	version := corev1.SchemeGroupVersion
	own.GroupVersion, own.APIPath, own.QPS, own.RateLimiter = &version, "/api", -1, nil
	own.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(own)
}

// kubelets reads logs through the API server, and counts how often.
type kubelets struct {
	client *rest.RESTClient
	reads  atomic.Int64
}

// last reads the end of a log: of the container before its last restart when asked for, else, or when that is gone, of
// the one that is there.
func (l *kubelets) last(ctx context.Context, ref check.LogRef) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	text, err := l.end(ctx, ref)
	if ref.Previous && (apierrors.IsBadRequest(err) || apierrors.IsNotFound(err)) {
		ref.Previous = false
		return l.end(ctx, ref)
	}
	return text, err
}

// end reads the last lines of a log; fewer, when they are too long.
func (l *kubelets) end(ctx context.Context, ref check.LogRef) (string, error) {
	text, err := l.read(ctx, ref, tailLines)
	if err != nil || len(text) < limitBytes {
		return text, err
	}
	if fewer, err := l.read(ctx, ref, fewLines); err == nil {
		return fewer, nil
	}
	return text, nil
}

func (l *kubelets) read(ctx context.Context, ref check.LogRef, lines int) (string, error) {
	if l.reads.Add(1) > maxReads {
		return "", nil
	}
	stream, err := l.client.Get().Namespace(ref.Namespace).Resource("pods").Name(ref.Pod).SubResource("log").
		Param("container", ref.Container).
		Param("previous", strconv.FormatBool(ref.Previous)).
		Param("tailLines", strconv.Itoa(lines)).
		Param("limitBytes", strconv.Itoa(limitBytes)).
		Stream(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()                                        //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(stream, limitBytes)) // a server may send more than it was asked for
	if err != nil && len(body) == 0 {
		return "", fmt.Errorf("read the log: %w", err)
	}
	return string(body), nil // a part of a log is better than none
}
