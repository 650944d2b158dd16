package mcpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/redact"
)

// minToken is the length of a token in characters.
const minToken = 16

// Backends are flags for backends that tools read.
type Backends interface {
	// Register adds the flags to the command.
	Register(cmd *cobra.Command)
	// Open opens the backends of the flags, once they are parsed. Those without a flag are nil.
	Open() (tools.Sources, error)
}

type options struct {
	cluster    connect.ClusterFlags
	backends   Backends
	inspection string
	namespaces []string
	listen     string
	tokenFile  string
	redaction  redact.Options
}

// NewCommand returns `kubeops mcp`.
func NewCommand(streams command.Streams, backends Backends) *cobra.Command {
	o := options{backends: backends}
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Let an assistant read the cluster by the Model Context Protocol",
		Long: `Serve tools of the Model Context Protocol (MCP) that read the cluster with your own permissions: get, list, logs, events,
rollout_diff, related, changes, resolve_host and can_i; with --metrics-url also metric, with --logs-url log_templates, and with
--inspection history. They change nothing, and read no values of Secrets and ConfigMaps. Secrets in what they return are
redacted. A call returns at most 16 KiB. Of the backends, only what belongs to Pods and claims that you can read is returned.

Without --listen, the server speaks on stdin and stdout, as assistants that start it themselves expect. With --listen, it
serves streamable HTTP on an address of this machine. Clients must send the token: the content of --token-file, or one that
is printed at the start.`,
		Example: `  kubeops mcp                                  # as the command of an MCP server in the settings of an assistant
  kubeops mcp -n shop -n payments              # only these namespaces
  kubeops mcp --metrics-url http://127.0.0.1:9090 --logs-url http://127.0.0.1:3100 --inspection inspections/everything
  kubeops mcp --listen 127.0.0.1:8765 --token-file token`,
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), streams) },
	}
	flags := cmd.Flags()
	o.cluster.RegisterCluster(flags)
	flags.StringSliceVarP(&o.namespaces, "namespace", "n", nil, "only read these namespaces, names or globs (default: all)")
	flags.StringVar(&o.inspection, "inspection", "", "Inspection as NAMESPACE/NAME, whose reports tool history reads")
	o.backends.Register(cmd)
	flags.StringVar(&o.listen, "listen", "", "serve HTTP on this loopback address and port, for example 127.0.0.1:8765")
	flags.StringVar(&o.tokenFile, "token-file", "", "file with the token that clients must send, at least 16 characters (with --listen)")
	flags.BoolVar(&o.redaction.Emails, "emails", false, "also redact email addresses")
	flags.BoolVar(&o.redaction.IPs, "ips", false, "also redact IP addresses")
	return cmd
}

func (o *options) run(ctx context.Context, streams command.Streams) error {
	if o.listen == "" && o.tokenFile != "" {
		return errors.New("--token-file applies to --listen")
	}
	listener, err := o.listener(ctx)
	if err != nil {
		return err
	}
	target, err := o.cluster.Resolve()
	if err != nil {
		return err
	}
	cluster, err := background.Open(target.Config)
	if err != nil {
		return err
	}
	redactor, err := redact.New(o.redaction)
	if err != nil {
		return err
	}
	sources, err := o.sources(target.Config, redactor)
	if err != nil {
		return err
	}
	set := tools.New(background.Within(background.Scope{Namespaces: o.namespaces}, cluster), time.Now).With(sources)
	server := New(Options{Tools: set, Redactor: redactor, Version: buildinfo.Read().String()})
	if listener == nil {
		return o.serveStreams(ctx, streams, server)
	}
	token, err := o.token(streams.Err)
	if err != nil {
		return err
	}
	fmt.Fprintf(streams.Err, "Serving MCP at http://%s\n", listener.Addr())
	return serve(ctx, listener, Handler(server, token))
}

// sources are the backends and reports of the flags. They are open until the process ends.
func (o *options) sources(config *rest.Config, redactor *redact.Redactor) (tools.Sources, error) {
	sources, err := o.backends.Open()
	if err != nil {
		return sources, err
	}
	sources.Redact = redactor.Text
	if o.inspection != "" {
		sources.History, err = historyOf(config, o.inspection)
	}
	return sources, err
}

// serveStreams serves the client at the other end of stdin and stdout until it closes them.
func (o *options) serveStreams(ctx context.Context, streams command.Streams, server *mcp.Server) error {
	err := server.Run(ctx, &mcp.IOTransport{
		Reader: io.NopCloser(streams.In), Writer: writer{streams.Out}, MaxLineLength: maxMessage,
	})
	if ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, mcp.ErrConnectionClosed) {
		return nil //nolint:nilerr // the usual end
	}
	return err
}

// writer is stdout, which is not closed.
type writer struct{ io.Writer }

// Close implements io.Closer.
func (writer) Close() error { return nil }

// listener on the address of --listen, or nil without it.
func (o *options) listener(ctx context.Context) (net.Listener, error) {
	if o.listen == "" {
		return nil, nil //nolint:nilnil // stated above
	}
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen %s is not an address and port such as 127.0.0.1:8765", o.listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--listen %s is not an address of loopback, such as 127.0.0.1: the server reads with your permissions",
			o.listen)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
}

// token that clients must send. Without a file, it is random and printed.
func (o *options) token(out io.Writer) (string, error) {
	if o.tokenFile == "" {
		token := rand.Text()
		fmt.Fprintf(out, "Token: %s\n", token)
		return token, nil
	}
	content, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if len(token) < minToken {
		return "", fmt.Errorf("the token in %s has %d characters, at least %d are required", o.tokenFile, len(token), minToken)
	}
	return token, nil
}
