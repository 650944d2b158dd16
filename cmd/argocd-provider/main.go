// Command argocd-provider is the plugin of KubeOps for Argo CD: a process of its own beside the manager, or a Deployment that the manager
// reaches by mutual TLS.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/providers/argocd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "argocd-provider:", err)
		os.Exit(1)
	}
}

// options of the command line.
type options struct {
	listen                     string
	certificate, key, clientCA string
	loopback, version          bool
	denied                     []string
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := pflag.NewFlagSet("argocd-provider", pflag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "unix:"+plugin.DefaultSockets+"/argocd.sock", "unix:PATH, or HOST:PORT with TLS")
	flags.StringVar(&o.certificate, "tls-cert", "", "file with the certificate of HOST:PORT")
	flags.StringVar(&o.key, "tls-key", "", "file with the key of the certificate")
	flags.StringVar(&o.clientCA, "client-ca", "", "file with the authority of client certificates")
	flags.BoolVar(&o.loopback, "allow-loopback", false, "allow Argo CD on a loopback address")
	flags.BoolVar(&o.version, "version", false, "print the version and the commit, and exit")
	flags.StringSliceVar(&o.denied, "deny", nil,
		"networks that are never called, such as 10.0.0.0/8, beside loopback, link-local and metadata addresses")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.version {
		_, err := fmt.Println("kubeops argocd-provider " + buildinfo.Read().String())
		return err
	}
	egress := provider.Egress{AllowLoopback: o.loopback}
	for _, text := range o.denied {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--deny: %w", err)
		}
		egress.Denied = append(egress.Denied, prefix)
	}
	config, err := o.tls()
	if err != nil {
		return err
	}
	listener, err := plugin.Listen(ctx, o.listen)
	if err != nil {
		return err
	}
	log := func(line string) { fmt.Fprintln(os.Stderr, line) }
	return plugin.Serve(ctx, listener, &argocd.Plugin{Egress: egress}, plugin.Options{TLS: config, Log: log})
}

// tls of an address, which accepts certificates of one authority only. Nil for a socket.
func (o *options) tls() (*tls.Config, error) {
	if strings.HasPrefix(o.listen, "unix:") {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.certificate, o.key)
	if err != nil {
		return nil, fmt.Errorf("an address needs --tls-cert and --tls-key: %w", err)
	}
	authority, err := os.ReadFile(o.clientCA)
	if err != nil {
		return nil, fmt.Errorf("an address needs --client-ca: %w", err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, errors.New("--client-ca has no certificate in PEM form")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}
