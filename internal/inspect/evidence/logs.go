// Package evidence reads what only single requests can tell: the last log lines of what crashed. It is bounded: one
// container for each distinct crash among the root causes, few lines of each, and never an error.
package evidence

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	parallel     = 4
	timeout      = 5 * time.Second
	tailLines    = 20
	limitBytes   = 16 << 10
	keptLines    = 10
	maxLineRunes = 300
)

// Request asks for the end of one container's log.
type Request struct {
	checks.LogRef
}

// Lines are the answer to the Request of the same index; Text is empty when there was nothing to read.
type Lines struct {
	Text string
}

// Add reads the logs. The result has one entry for each request. Being forbidden to read logs is a gap; a log that is
// gone, or a kubelet that does not answer, leaves its entry empty.
func Add(ctx context.Context, source collect.Source, requests []Request) ([]Lines, []facts.Gap) {
	lines := make([]Lines, len(requests))
	if len(requests) == 0 {
		return lines, nil
	}
	client, err := newClient(source.Config)
	if err != nil {
		return lines, []facts.Gap{unread(v1alpha1.GapUnavailable, "Logs were not read: the cluster's configuration cannot be used.", "")}
	}
	var (
		group     sync.WaitGroup
		mu        sync.Mutex
		forbidden = map[string]bool{}
		slots     = make(chan struct{}, parallel)
	)
	for i, request := range requests {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			text, err := last(ctx, client, request)
			mu.Lock()
			defer mu.Unlock()
			lines[i].Text = tidy(text)
			if apierrors.IsForbidden(err) {
				forbidden[request.Namespace] = true
			}
		})
	}
	group.Wait()
	if len(forbidden) == 0 {
		return lines, nil
	}
	return lines, []facts.Gap{unread(v1alpha1.GapForbidden,
		fmt.Sprintf("Logs of crashed containers may not be read in %d namespace(s), so findings about crashes lack their last lines.", len(forbidden)),
		"Grant get on pods/log, as ClusterRole kubeops-inspector does.")}
}

func unread(reason v1alpha1.GapReason, message, remediation string) facts.Gap {
	return facts.Gap{
		Source: "pods/log", Reason: reason, Message: message, Remediation: remediation,
		Checks: []string{"init-container-failing", "job-failed", "pod-crash-looping", "pod-oom-killed"},
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

// last reads the end of a log: of the container before its last restart when asked for, else, or when that is gone, of
// the one that is there.
func last(ctx context.Context, client *rest.RESTClient, request Request) (string, error) {
	text, err := read(ctx, client, request.LogRef, request.Previous)
	if request.Previous && (apierrors.IsBadRequest(err) || apierrors.IsNotFound(err)) {
		return read(ctx, client, request.LogRef, false)
	}
	return text, err
}

func read(ctx context.Context, client *rest.RESTClient, ref checks.LogRef, previous bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := client.Get().Namespace(ref.Namespace).Resource("pods").Name(ref.Pod).SubResource("log").
		Param("container", ref.Container).
		Param("previous", fmt.Sprint(previous)).
		Param("tailLines", fmt.Sprint(tailLines)).
		Param("limitBytes", fmt.Sprint(limitBytes)).
		Do(ctx).Raw()
	if err != nil {
		return "", err // the body is then the error's, not the log's
	}
	return string(body), nil
}

// tidy keeps the last lines that say something, without terminal sequences, each cut to a bearable length.
func tidy(log string) string {
	// CSI and OSC sequences of ECMA-48.
	escapes := regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])`)
	var kept []string
	for line := range strings.SplitSeq(escapes.ReplaceAllString(strings.ToValidUTF8(log, "\uFFFD"), ""), "\n") {
		line = strings.TrimRight(line, " \t\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if utf8.RuneCountInString(line) > maxLineRunes {
			line = string([]rune(line)[:maxLineRunes-1]) + "…"
		}
		kept = append(kept, line)
	}
	return strings.Join(kept[max(0, len(kept)-keptLines):], "\n")
}
