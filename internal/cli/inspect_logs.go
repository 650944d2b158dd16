package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
)

// logsEnvironment is how the variables begin that hold credentials for --logs-url.
const logsEnvironment = "KUBEOPS_LOGS"

// logFlags name a log back end to read lines from.
type logFlags struct {
	url, kind, index, tenant string
	analysis                 bool
}

func (f *logFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "logs-url", "", "URL of a log back end, for the last lines of Pods that are gone; credentials are read from "+
		logsEnvironment+"_TOKEN, _API_KEY, or _USERNAME and _PASSWORD")
	flags.StringVar(&f.kind, "logs-type", loki.Type, "loki, elasticsearch (also OpenSearch) or victorialogs")
	flags.StringVar(&f.index, "logs-index", elasticsearch.DefaultIndex, "index, alias, data stream or pattern to search in Elasticsearch")
	flags.StringVar(&f.tenant, "logs-tenant", "", "tenant of Loki (X-Scope-OrgID) or VictoriaLogs (account:project)")
	flags.BoolVar(&f.analysis, "log-analysis", false, "compare the errors in the last hour's lines with the day before; reads up to 200,000 lines")
	complete(cmd, "logs-type", loki.Type, elasticsearch.Type, victorialogs.Type)
}

// unused is an error when the flags are given where no cluster is inspected.
func (f *logFlags) unused() error {
	if f.url != "" || f.analysis {
		return errors.New("--logs-url and --log-analysis are about clusters: manifests write no lines")
	}
	return nil
}

// validate is an error where lines are to be analysed that come from nowhere.
func (f *logFlags) validate() error {
	if f.analysis && f.url == "" {
		return errors.New("--log-analysis needs --logs-url: the lines of all workloads come from a log back end")
	}
	return nil
}

// open makes the back end; nil where none is named. Loopback is allowed, since a port-forward ends there.
func (f *logFlags) open() (logs.Provider, error) {
	if f.url == "" {
		return nil, nil
	}
	auth, err := environmentAuth(logsEnvironment)
	if err != nil {
		return nil, err
	}
	registry, err := builtin.Logs()
	if err != nil {
		return nil, err
	}
	backend, err := registry.New(f.kind, logs.Settings{
		Endpoint: provider.Endpoint{URL: f.url, Auth: auth}, Egress: provider.Egress{AllowLoopback: true}, Index: f.index, Tenant: f.tenant,
	})
	if err != nil {
		return nil, unusable("--logs-url", f.url, logsEnvironment, err)
	}
	return backend, nil
}

// options of the log analysis; nil where none is asked for.
func (f *logFlags) options() *loganalysis.Options {
	if !f.analysis {
		return nil
	}
	return &loganalysis.Options{}
}

// unusable says on which flag a back end cannot be made. What the back end itself would say of credentials is about a Secret.
func unusable(flag, address, environment string, err error) error {
	if target, parseErr := url.Parse(address); parseErr == nil && target.User != nil {
		return fmt.Errorf("%s must not hold credentials: put them into %[2]s_USERNAME and %[2]s_PASSWORD", flag, environment)
	}
	return fmt.Errorf("%s: %s", flag, err.Error())
}

// environmentAuth reads the credentials of a back end from the variables that begin with prefix: flags would show them to all who
// list processes.
func environmentAuth(prefix string) (provider.Auth, error) {
	auth := provider.Auth{
		BearerToken: os.Getenv(prefix + "_TOKEN"), APIKey: os.Getenv(prefix + "_API_KEY"),
		Username: os.Getenv(prefix + "_USERNAME"), Password: os.Getenv(prefix + "_PASSWORD"),
	}
	ways := 0
	for _, given := range []bool{auth.BearerToken != "", auth.APIKey != "", auth.Username != "" || auth.Password != ""} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return provider.Auth{}, fmt.Errorf("%[1]s_TOKEN, %[1]s_API_KEY and %[1]s_USERNAME exclude each other: unset all but one", prefix)
	}
	return auth, nil
}
