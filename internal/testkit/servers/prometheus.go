package servers

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Passwords that a WebConfig may have. There are two, so that a test can change one; their hashes are below, because making
// one needs bcrypt.
const (
	FirstPassword  = "first-of-the-tests"
	SecondPassword = "second-of-the-tests"
)

// WebConfig is the web config file of a Prometheus: who may call it, and with which certificate. Prometheus reads the file
// for every request, so a change and Write take effect immediately.
type WebConfig struct {
	// Username and Password to ask for, if set. Password is FirstPassword or SecondPassword.
	Username, Password string
	// Certificate to serve TLS with, if set.
	Certificate *Certificate

	folder string
}

// Write the file; Prometheus calls it at first.
func (w *WebConfig) Write(t testing.TB) {
	t.Helper()
	if w.folder == "" {
		w.folder = t.TempDir()
	}
	var text strings.Builder
	if w.Username != "" {
		hash := map[string]string{
			FirstPassword:  "$2b$04$5GHJarApX92EK8bkTcw4Euk1hT39q17gV3CGbpz8q/Smj/uc7M3be",
			SecondPassword: "$2b$04$yvlmJUDBBgQytqvva.U9A.oKAOdu8BMpeiAM1LLXjDuz/0O28ujTW",
		}[w.Password]
		if hash == "" {
			t.Fatal("the password of a WebConfig must be FirstPassword or SecondPassword")
		}
		fmt.Fprintf(&text, "basic_auth_users:\n  %s: %s\n", w.Username, hash)
	}
	if w.Certificate != nil {
		fmt.Fprintf(&text, "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n")
		writeText(t, filepath.Join(w.folder, "tls.crt"), string(w.Certificate.Certificate))
		writeText(t, filepath.Join(w.folder, "tls.key"), string(w.Certificate.Key))
		writeText(t, filepath.Join(w.folder, "ca.crt"), string(w.Certificate.CA))
	}
	writeText(t, filepath.Join(w.folder, "web.yml"), text.String())
}

func (w *WebConfig) scheme() string {
	if w.Certificate != nil {
		return "https"
	}
	return "http"
}

// scrape is what a scrape of the server itself needs to get in.
func (w *WebConfig) scrape() string {
	text := "    scheme: " + w.scheme() + "\n"
	if w.Username != "" {
		text += fmt.Sprintf("    basic_auth: {username: %s, password: %s}\n", w.Username, w.Password)
	}
	if w.Certificate != nil {
		text += fmt.Sprintf("    tls_config: {ca_file: %s}\n", filepath.Join(w.folder, "ca.crt"))
	}
	return text
}

// ready asks whether the server is, with its credentials and CA.
func (w *WebConfig) ready(url string) func(context.Context) error {
	pool := x509.NewCertPool()
	if w.Certificate != nil {
		pool.AppendCertsFromPEM(w.Certificate.CA)
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
	}}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/-/ready", nil)
		if err != nil {
			return err
		}
		if w.Username != "" {
			request.SetBasicAuth(w.Username, w.Password)
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// PrometheusOptions of a server. The zero value is one that scrapes itself every second as job prometheus.
type PrometheusOptions struct {
	// Web is its web config file; nil allows everyone, without TLS.
	Web *WebConfig
	// Rules is the content of a rule file, evaluated every second.
	Rules string
	// Targets to scrape besides itself, by job, as host:port.
	Targets map[string]string
	// ScrapeConfigs are more entries of scrape_configs, in YAML, indented by two spaces.
	ScrapeConfigs string
	// History is what the server has stored before it starts, in the OpenMetrics text format, without its last line.
	History string
	// WriteHistory writes the same, for a history of weeks that is not to be kept in memory.
	WriteHistory func(io.Writer)
	// Alertmanager to send alerts to, as host:port.
	Alertmanager string
	// RemoteWrite is a URL that samples are sent on to.
	RemoteWrite string
	// Args are added to the command line.
	Args []string
	// Place to listen on.
	Place Place
}

// Prometheus starts a Prometheus on a free port, which it keeps when it is stopped and started again, as it keeps its data.
func Prometheus(t testing.TB, options PrometheusOptions) (url string, process *Process) {
	t.Helper()
	folder := Folder(t, "prometheus")
	dir := t.TempDir()
	if options.Web == nil {
		options.Web = &WebConfig{}
	}
	options.Web.Write(t)
	address, _ := options.Place.port(t)
	writeText(t, filepath.Join(dir, "prometheus.yml"), options.config(address))
	writeText(t, filepath.Join(dir, "rules.yml"), options.Rules)
	if options.writeHistory(t, filepath.Join(dir, "history.txt")) {
		// The file is read once for each block, which have two hours by default.
		arguments := []string{"tsdb", "create-blocks-from", "openmetrics", "-q", "--max-block-duration=768h", "history.txt", "data"}
		promtool := exec.Command(filepath.Join(folder, "promtool"), arguments...) //nolint:noctx // it ends without a context
		promtool.Dir = dir
		run(t, promtool)
	}
	url = options.Web.scheme() + "://" + address
	path, line := options.Place.within(filepath.Join(folder, "prometheus"), append([]string{
		"--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=" + address,
		"--web.config.file=" + filepath.Join(options.Web.folder, "web.yml"),
		"--rules.alert.resend-delay=1s", // a first alert is sent before Alertmanagers are known, and again only then
	}, options.Args...))
	process = Start(t, Spec{Name: "prometheus", Path: path, Args: line, Dir: dir, Ready: options.Web.ready(url)})
	return url, process
}

// writeHistory writes a file with the history; false if there is none.
func (o PrometheusOptions) writeHistory(t testing.TB, path string) bool {
	t.Helper()
	if o.History == "" && o.WriteHistory == nil {
		return false
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriter(file)
	_, _ = buffered.WriteString(o.History)
	if o.WriteHistory != nil {
		o.WriteHistory(buffered)
	}
	_, _ = buffered.WriteString("# EOF\n")
	if err := errors.Join(buffered.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

func (o PrometheusOptions) config(address string) string {
	text := "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n"
	text += fmt.Sprintf("  - job_name: prometheus\n    static_configs: [{targets: [%q]}]\n%s", address, o.Web.scrape())
	for job, target := range o.Targets {
		text += fmt.Sprintf("  - job_name: %s\n    static_configs: [{targets: [%q]}]\n", job, target)
	}
	text += o.ScrapeConfigs
	if o.Alertmanager != "" {
		text += fmt.Sprintf("alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", o.Alertmanager)
	}
	if o.RemoteWrite != "" {
		text += fmt.Sprintf("remote_write: [{url: %q, queue_config: {batch_send_deadline: 1s}}]\n", o.RemoteWrite)
	}
	return text
}

func writeText(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
