package main

import (
	"os"

	"github.com/go-logr/logr"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

// zapLevel of a valid level.
func zapLevel(level v1alpha1.LogLevel) zapcore.Level {
	return map[v1alpha1.LogLevel]zapcore.Level{
		v1alpha1.LogLevelDebug: zapcore.DebugLevel,
		v1alpha1.LogLevelInfo:  zapcore.InfoLevel,
		v1alpha1.LogLevelWarn:  zapcore.WarnLevel,
		v1alpha1.LogLevelError: zapcore.ErrorLevel,
	}[level]
}

// setUpLogging of controller-runtime, and of Kubernetes' client libraries, which log through klog. The level can be changed later.
func setUpLogging(logging v1alpha1.Logging) (logr.Logger, uberzap.AtomicLevel) {
	level := uberzap.NewAtomicLevelAt(zapLevel(logging.Level))
	encode := zap.JSONEncoder
	if logging.Format == v1alpha1.LogFormatText {
		encode = zap.ConsoleEncoder
	}
	timestamps := func(c *zapcore.EncoderConfig) { c.EncodeTime = zapcore.RFC3339TimeEncoder }
	// Entries quote names and answers. Encoders of zap escape controls, but not the marks that turn the direction of text.
	safe := zap.WriteTo(printable.NewJSONWriter(os.Stderr))
	logger := zap.New(encode(timestamps), zap.Level(level), safe)
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	return logger, level
}
