package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// metricsEnvironment is how the variables begin that hold credentials for --metrics-url.
const metricsEnvironment = "KUBEOPS_METRICS"

// metricsFlags name a metrics back end to read usage from.
type metricsFlags struct {
	url, kind string
	labels    map[string]string
}

func (f *metricsFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "metrics-url", "", "URL of a metrics back end, to judge what workloads use as well; credentials are read from "+
		metricsEnvironment+"_TOKEN, or _USERNAME and _PASSWORD")
	flags.StringVar(&f.kind, "metrics-type", "prometheus", "prometheus (or what speaks its query API) or victoriametrics")
	flags.StringToStringVar(&f.labels, "metrics-label", nil, "label that this cluster's series have in a back end of several clusters, for example cluster=prod")
	complete(cmd, "metrics-type", "prometheus", "victoriametrics")
}

// unused is an error when the flags are given where no cluster is inspected.
func (f *metricsFlags) unused() error {
	if f.url != "" || len(f.labels) > 0 {
		return errors.New("--metrics-url is about clusters: manifests use nothing")
	}
	return nil
}

// open makes the back end; nil where none is named. Loopback is allowed, since a port-forward ends there.
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
	backend, err := registry.New(f.kind, metrics.Settings{
		Endpoint: provider.Endpoint{URL: f.url, Auth: auth}, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		return nil, unusable("--metrics-url", f.url, metricsEnvironment, err)
	}
	return backend, nil
}
