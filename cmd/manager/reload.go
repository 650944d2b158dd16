package main

import (
	"context"
	"reflect"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	configv1alpha1 "kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/managerconfig"
)

// reloadInterval is how often the configuration is read again. The kubelet takes up to two minutes to update the files of a ConfigMap.
const reloadInterval = 15 * time.Second

// load reads the configuration again.
type load func() (*managerconfig.Effective, error)

// reloader sets the log level when it changes in the configuration, without a restart. All other fields need one.
type reloader struct {
	load   load
	level  zap.AtomicLevel
	logger logr.Logger
	clock  clock.WithTicker
	// started is the configuration that the process started with, and reported what was logged about the one that is there now.
	started  configv1alpha1.ManagerConfig
	reported string
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica has a log.
func (r *reloader) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (r *reloader) Start(ctx context.Context) error {
	ticker := r.clock.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			r.reload()
		}
	}
}

// reload once. A configuration that is not valid changes nothing.
func (r *reloader) reload() {
	effective, err := r.load()
	if err != nil {
		r.report("The configuration is not valid any more, and the manager would not start again: "+err.Error(), err)
		return
	}
	if level := zapLevel(effective.Config.Logging.Level); level != r.level.Level() {
		r.level.SetLevel(level)
		r.logger.Info("The log level has changed", "level", effective.Config.Logging.Level)
	}
	now := effective.Config
	now.Logging.Level = r.started.Logging.Level
	if reflect.DeepEqual(now, r.started) {
		r.reported = ""
		return
	}
	r.report("The configuration has changed; only logging.level takes effect without a restart", nil)
}

// report logs a text once.
func (r *reloader) report(text string, err error) {
	if r.reported == text {
		return
	}
	r.reported = text
	if err != nil {
		r.logger.Error(err, "The configuration is not valid any more, and the manager would not start again")
		return
	}
	r.logger.Info(text)
}
