package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/dashboard"
	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/secretref"
)

// dashboardArgument makes this program serve the dashboard in place of running controllers.
const dashboardArgument = "dashboard"

// dashboardLine is what the flags of the dashboard state.
type dashboardLine struct {
	address, certificate, key, sessionKey string
	insecureLocal, queryBackends          bool
	openID                                openIDLine
}

// parseDashboard parses flags. Usage and errors of the flag package go to the output.
func parseDashboard(args []string, output io.Writer) (dashboardLine, error) {
	var line dashboardLine
	flags := flag.NewFlagSet("manager dashboard", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&line.address, "bind-address", "127.0.0.1:8090", "`[host]:port` to listen on")
	flags.BoolVar(&line.insecureLocal, "insecure-local", false,
		"disable sign-in: everyone on this machine acts as the user of the kubeconfig. Only with a loopback address")
	flags.StringVar(&line.certificate, "tls-cert-file", "", "PEM `file` with the certificate. It is read again when it changes")
	flags.StringVar(&line.key, "tls-key-file", "", "PEM `file` with the key of the certificate")
	flags.StringVar(&line.sessionKey, "session-key-file", "",
		"`file` with 32 bytes that encrypt the cookies of sessions (default: random, so sessions end when the process does)")
	flags.BoolVar(&line.queryBackends, "query-backends", false,
		"query LogBackends and MetricsBackends that have no credentials, for viewers who can read them. Their URLs are those of tenants")
	line.openID.register(flags)
	if err := flags.Parse(args); err != nil {
		return line, err
	}
	switch {
	case flags.NArg() > 0:
		return line, fmt.Errorf("unexpected argument %q; -h lists the flags", flags.Arg(0))
	case (line.certificate == "") != (line.key == ""):
		return line, errors.New("--tls-cert-file and --tls-key-file belong together: set both or none")
	case line.insecureLocal && !isLoopback(line.address):
		return line, fmt.Errorf("--insecure-local needs a loopback address, such as 127.0.0.1:8090; --bind-address is %q", line.address)
	}
	return line, line.openID.check(line.insecureLocal)
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	parsed, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && parsed.IsLoopback()
}

// serveDashboard until a signal ends it. The address is printed once it listens.
func serveDashboard(args []string, stdout, stderr io.Writer) error {
	line, err := parseDashboard(args, stderr)
	if err != nil {
		return err
	}
	defaults := managerconfig.Default()
	root, _ := setUpLogging(defaults.Logging)
	logger := root.WithName("dashboard")
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster: %w", err)
	}
	options := dashboard.Options{Config: config, InsecureLocal: line.insecureLocal, Logger: logger, Version: buildinfo.Read().Version}
	if line.sessionKey != "" {
		if options.SessionKey, err = os.ReadFile(line.sessionKey); err != nil {
			return fmt.Errorf("read the session key: %w", err)
		}
	}
	if options.OpenID, err = line.openID.load(); err != nil {
		return err
	}
	if line.queryBackends {
		if options.Backends, err = queriedBackends(line.insecureLocal); err != nil {
			return err
		}
	}
	ctx := ctrl.SetupSignalHandler()
	server, err := dashboard.New(ctx, options)
	if err != nil {
		return err
	}
	return listen(ctx, line, server.Handler(), logger, stdout)
}

// queriedBackends opens backends that refer to no Secrets: there is nothing to read them with. Outside of the cluster they can be on this
// machine.
func queriedBackends(local bool) (*backends.Resolver, error) {
	const memory = 32 << 20 // of the responses that are read at the same time
	const lines = 4 << 20   // of one answer of a LogBackend: a page keeps those of one answer while it waits for the next
	logTypes, err := builtin.Logs()
	if err != nil {
		return nil, err
	}
	metricsTypes, err := builtin.Metrics()
	if err != nil {
		return nil, err
	}
	return &backends.Resolver{
		Secrets: &secretref.Source{Config: &rest.Config{}}, LogTypes: logTypes, MetricsTypes: metricsTypes, Queries: &backends.Queries{},
		Egress: provider.Egress{AllowLoopback: local}, Memory: provider.NewResponseMemory(memory), MaxLogBytes: lines,
	}, nil
}

func listen(ctx context.Context, line dashboardLine, handler http.Handler, logger logr.Logger, stdout io.Writer) error {
	const maxHeader = 64 << 10
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeader, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", line.address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", line.address, err)
	}
	scheme := "http"
	if line.certificate != "" {
		scheme = "https"
		watcher, err := certwatcher.New(line.certificate, line.key)
		if err != nil {
			return fmt.Errorf("load the certificate: %w", err)
		}
		go func() {
			if err := watcher.Start(ctx); err != nil {
				logger.Error(err, "The certificate is no longer watched")
			}
		}()
		listener = tls.NewListener(listener, &tls.Config{
			GetCertificate: watcher.GetCertificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		})
	} else if !isLoopback(line.address) {
		logger.Info("No TLS: browsers keep the session only over https. Set --tls-cert-file, or use a proxy with https")
	}
	fmt.Fprintf(stdout, "KubeOps dashboard: %s://%s/\n", scheme, listener.Addr())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	const grace = 5 * time.Second
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return server.Shutdown(shutdown)
}
