package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	configv1alpha1 "kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/tracing/export"
)

const (
	// flushTimeout of the spans that wait at the end.
	flushTimeout = 3 * time.Second
	// exportErrors are logged at most once in this time.
	exportErrors = time.Minute
)

// startTracing returns what records spans, or nil if the configuration has no collector. Stop sends what waits.
func startTracing(config *configv1alpha1.Tracing, logger logr.Logger) (provider trace.TracerProvider, stop func(), err error) {
	if config.Endpoint == "" {
		return nil, func() {}, nil
	}
	logger = logger.WithName("tracing")
	limit := rate.NewLimiter(rate.Every(exportErrors), 1)
	// The exporter reports errors here only.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if limit.Allow() {
			logger.Error(err, "Traces were not sent; check tracing in the configuration, and the collector")
		}
	}))
	sending, err := export.New(context.Background(), export.Options{
		Endpoint: config.Endpoint, SamplePercent: int(config.SamplePercent), QueueSize: int(config.QueueSize), CAFile: config.CAFile,
		TokenFile: config.TokenFile, Service: "kubeops-manager", Version: buildinfo.Read().Version, Metrics: metrics.Registry,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	return sending, func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		if err := sending.Shutdown(ctx); err != nil {
			logger.Error(err, "The last traces were not sent")
		}
	}, nil
}
