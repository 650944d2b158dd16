package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
)

// logsEnvironment is the prefix of the environment variables with the credentials for --logs-url.
const logsEnvironment = "KUBEOPS_LOGS"

// logFlags configure a log backend to read lines from.
type logFlags struct {
	url, kind, index, tenant string
	analysis                 bool
}

func (f *logFlags) register(cmd *cobra.Command) {
	f.registerFor(cmd, "for the last log lines of deleted Pods")
	cmd.Flags().BoolVar(&f.analysis, "log-analysis", false,
		"compare the errors in the last hour's lines with the day before; reads up to 200,000 lines")
}

// registerFor registers the flags of the server, with what they are for.
func (f *logFlags) registerFor(cmd *cobra.Command, purpose string) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "logs-url", "", "URL of a log backend, "+purpose+"; credentials are read from "+
		logsEnvironment+"_TOKEN, _API_KEY, or _USERNAME and _PASSWORD")
	types := supported(builtin.Logs())
	flags.StringVar(&f.kind, "logs-type", "loki", strings.Join(types.products, ", "))
	flags.StringVar(&f.index, "logs-index", "", "index, alias, data stream or pattern to search in Elasticsearch (default logs-*)")
	flags.StringVar(&f.tenant, "logs-tenant", "", "tenant of Loki (X-Scope-OrgID) or VictoriaLogs (account:project)")
	command.CompleteValues(cmd, "logs-type", types.names...)
}

// unused rejects the flags for manifests.
func (f *logFlags) unused() error {
	if f.url != "" || f.analysis {
		return errors.New("--logs-url and --log-analysis apply to clusters only: remove them, or remove -f")
	}
	return nil
}

func (f *logFlags) validate() error {
	if f.analysis && f.url == "" {
		return errors.New("--log-analysis requires --logs-url: log analysis reads its lines from a log backend")
	}
	return nil
}

// open creates the client of the backend; nil without --logs-url. Loopback is allowed for port-forwards.
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
	backend, err := openBackend(registry, f.kind, map[string]string{"url": f.url, "index": f.index, "tenant": f.tenant}, logs.Settings{
		Endpoint: provider.Endpoint{URL: f.url, Auth: auth}, Egress: provider.Egress{AllowLoopback: true, DetailedDialErrors: true},
	})
	if err != nil {
		return nil, backendError("--logs-url", f.url, logsEnvironment, err)
	}
	return backend, nil
}

// supportedTypes of a registry, for completion and for help texts.
type supportedTypes struct{ names, products []string }

func supported[S, P any](registry *provider.Registry[S, P], err error) supportedTypes {
	var types supportedTypes
	if err != nil {
		return types // open reports it
	}
	for _, backend := range registry.Backends() {
		types.names = append(types.names, backend.Type)
		types.products = append(types.products, backend.Type+" ("+backend.Products+")")
	}
	return types
}

// openBackend of a type with those of its settings that are not empty.
func openBackend[S, P any](registry *provider.Registry[S, P], kind string, given map[string]string, settings S) (backend P, err error) {
	maps.DeleteFunc(given, func(_, value string) bool { return value == "" })
	content, err := json.Marshal(given)
	if err != nil {
		return backend, err
	}
	config, err := registry.Configure(kind, content)
	if err != nil {
		return backend, err
	}
	return config.Open(settings)
}

// options of the log analysis; nil where none is asked for.
func (f *logFlags) options() *loganalysis.Options {
	if !f.analysis {
		return nil
	}
	return &loganalysis.Options{}
}

// backendError names the flag that an error is about. The backend's own message about credentials in a URL is not used, since it
// refers to a Secret.
func backendError(flag, address, environment string, err error) error {
	if target, parseErr := url.Parse(address); parseErr == nil && target.User != nil {
		return fmt.Errorf("%s must not contain credentials: set %[2]s_USERNAME and %[2]s_PASSWORD instead", flag, environment)
	}
	return fmt.Errorf("%s: %s", flag, err.Error())
}

// environmentAuth reads the credentials of a backend from the environment variables with the prefix. Flags would expose them in the
// process list.
func environmentAuth(prefix string) (provider.Auth, error) {
	auth := provider.Auth{
		BearerToken: os.Getenv(prefix + "_TOKEN"), APIKey: os.Getenv(prefix + "_API_KEY"),
		Username: os.Getenv(prefix + "_USERNAME"), Password: os.Getenv(prefix + "_PASSWORD"),
	}
	methods := 0
	for _, given := range []bool{auth.BearerToken != "", auth.APIKey != "", auth.Username != "" || auth.Password != ""} {
		if given {
			methods++
		}
	}
	if methods > 1 {
		return provider.Auth{}, fmt.Errorf("%[1]s_TOKEN, %[1]s_API_KEY and %[1]s_USERNAME are mutually exclusive: unset all but one",
			prefix)
	}
	return auth, nil
}
