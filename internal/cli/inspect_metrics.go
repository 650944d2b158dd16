package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// metricsEnvironment is the prefix of the environment variables with the credentials for --metrics-url.
const metricsEnvironment = "KUBEOPS_METRICS"

// metricsFlags configure a metrics backend to read usage from.
type metricsFlags struct {
	url, kind string
	labels    map[string]string
}

func (f *metricsFlags) register(cmd *cobra.Command) {
	f.registerFor(cmd, "to also check resource usage")
}

// registerFor registers the flags, with what they are for.
func (f *metricsFlags) registerFor(cmd *cobra.Command, purpose string) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "metrics-url", "", "URL of a metrics backend, "+purpose+"; credentials are read from "+
		metricsEnvironment+"_TOKEN, or _USERNAME and _PASSWORD")
	types := supported(builtin.Metrics())
	flags.StringVar(&f.kind, "metrics-type", "prometheus", strings.Join(types.products, ", "))
	flags.StringToStringVar(&f.labels, "metrics-label", nil,
		"`label=value` that this cluster's series have in a backend of several clusters, for example cluster=prod")
	command.CompleteValues(cmd, "metrics-type", types.names...)
}

// unused rejects the flags for manifests.
func (f *metricsFlags) unused() error {
	if f.url != "" || len(f.labels) > 0 {
		return errors.New("--metrics-url and --metrics-label apply to clusters only: remove them, or remove -f")
	}
	return nil
}

// open creates the client of the backend; nil without --metrics-url. Loopback is allowed for port-forwards.
func (f *metricsFlags) open() (metrics.Provider, error) {
	if f.url == "" {
		return nil, nil
	}
	auth, err := environmentAuth(metricsEnvironment)
	if err != nil {
		return nil, err
	}
	registry, err := builtin.Metrics()
	if err != nil {
		return nil, err
	}
	backend, err := openBackend(registry, f.kind, map[string]string{"url": f.url}, metrics.Settings{
		Endpoint: provider.Endpoint{URL: f.url, Auth: auth}, Egress: provider.Egress{AllowLoopback: true, DetailedDialErrors: true},
	})
	if err != nil {
		return nil, backendError("--metrics-url", f.url, metricsEnvironment, err)
	}
	return backend, nil
}
