package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// apiServerInterval is the time between two requests to an API server that does not answer.
	apiServerInterval = time.Second
	// apiServerTimeout of one of them.
	apiServerTimeout = 5 * time.Second
)

// findCluster of the environment. It returns once its API server answers, or ctx is done.
func findCluster(ctx context.Context, logger logr.Logger) (*rest.Config, error) {
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find a cluster: %w", err)
	}
	return cluster, waitForAPIServer(ctx, cluster, apiServerInterval, logger)
}

// waitForAPIServer returns once the API server answers, or ctx is done. A process that exits instead is started again by the kubelet after
// up to five minutes, long after the API server is back. Any answer counts, also a refusal: what follows reports it better.
func waitForAPIServer(ctx context.Context, cluster *rest.Config, interval time.Duration, logger logr.Logger) error {
	short := rest.CopyConfig(cluster)
	short.Timeout = apiServerTimeout
	client, err := discovery.NewDiscoveryClientForConfig(short)
	if err != nil {
		return fmt.Errorf("prepare a client for the API server: %w", err)
	}
	said := ""
	for ctx.Err() == nil {
		_, err := client.RESTClient().Get().AbsPath("/version").DoRaw(ctx)
		if answered(err) {
			break
		}
		if text := err.Error(); text != said && ctx.Err() == nil { // not on every attempt
			logger.Info("The API server does not answer; trying again", "host", cluster.Host, "error", text)
			said = text
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
	return nil
}

// answered reports whether a response is one of an API server that serves. One that starts or is overloaded, or a proxy before it, answers
// with 429 or 5xx.
func answered(err error) bool {
	if err == nil {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code != http.StatusTooManyRequests && code < http.StatusInternalServerError
}
