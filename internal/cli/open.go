package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
)

// dashboardURLVariable names the dashboard, unless --dashboard-url does.
const dashboardURLVariable = "KUBEOPS_DASHBOARD_URL"

// defaultDashboardURL is where `manager dashboard` listens by default.
const defaultDashboardURL = "http://127.0.0.1:8090"

type openOptions struct {
	cluster connect.ClusterFlags
	url     string
	print   bool
}

func newOpen(streams command.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Open a page of the dashboard",
		Long: `Open a page of the dashboard in the browser, and print its address. The dashboard is the one at --dashboard-url,
or else in the environment variable KUBEOPS_DASHBOARD_URL, or else at http://127.0.0.1:8090, where "manager dashboard"
listens.`,
		Example: `  kubeops open report everything -n shop`,
		Args:    command.OnlySubcommands,
		RunE:    command.PrintHelp,
	}
	var o openOptions
	report := &cobra.Command{
		Use:   "report [INSPECTION or REPORT]",
		Short: "Open the latest report of an Inspection, or a report by its name",
		Long: `Open the latest report of an Inspection, or an InspectionReport by its name. Without a name, the namespace must have
exactly one Inspection. The address of the latest report stays the same when there is a new one.`,
		Example: `  kubeops open report -n shop
  kubeops open report everything -n shop
  kubeops open report everything -n shop --print --dashboard-url https://kubeops.example.com`,
		Args: command.MaxArguments(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.report(cmd.Context(), streams, strings.Join(args, ""))
		},
	}
	o.cluster.Register(report.Flags())
	o.cluster.Complete(report)
	report.Flags().StringVar(&o.url, "dashboard-url", "",
		"address of the dashboard (default: $"+dashboardURLVariable+", then "+defaultDashboardURL+")")
	report.Flags().BoolVar(&o.print, "print", false, "only print the address")
	report.ValidArgsFunction = o.cluster.CompleteNames(1, connect.InspectionKind(), connect.ReportKind())
	cmd.AddCommand(report)
	return cmd
}

func (o *openOptions) report(ctx context.Context, streams command.Streams, argument string) error {
	base, err := o.base()
	if err != nil {
		return err
	}
	store, err := o.cluster.Open()
	if err != nil {
		return err
	}
	report, err := store.Report(ctx, argument)
	if err != nil {
		return err
	}
	_, name, explicit := strings.Cut(argument, "/")
	if !explicit {
		name = argument
	}
	page := base.JoinPath("inspections", report.Namespace, report.Summary.Inspection)
	if name == report.Name {
		page = base.JoinPath("reports", report.Namespace, report.Name)
	}
	return o.show(ctx, streams, page.String())
}

// base is the address of the dashboard.
func (o *openOptions) base() (*url.URL, error) {
	address := o.url
	source := "--dashboard-url"
	if address == "" {
		address = os.Getenv(dashboardURLVariable)
		source = dashboardURLVariable
	}
	if address == "" {
		address = defaultDashboardURL
	}
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("invalid %s %q: must be an address such as %s", source, address, defaultDashboardURL)
	}
	return base, nil
}

// show prints an address, and opens it in the browser.
func (o *openOptions) show(ctx context.Context, streams command.Streams, address string) error {
	if _, err := fmt.Fprintln(streams.Out, address); err != nil || o.print {
		return err
	}
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	}
	path, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) {
		_, err = fmt.Fprintf(streams.Err, "no browser was opened: %s is not installed; open the address yourself\n", program)
		return err
	}
	if err != nil {
		return err
	}
	if output, err := exec.CommandContext(ctx, path, address).CombinedOutput(); err != nil {
		return fmt.Errorf("open the browser: %s: %w: %.200s", program, err, strings.TrimSpace(string(output)))
	}
	return nil
}
