package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/remedy"
)

// maxSkew is how far two clocks may be apart. Leases, schedules and tokens need the same time.
const maxSkew = 30 * time.Second

// precision of the difference of two clocks: times of the API server are whole seconds.
const precision = 10 * time.Second

// examination of the KubeOps of one cluster, with the permissions of the user. Its checks change nothing.
type examination struct {
	store  *connect.Store
	client client.Client
	report *Report
	// now by the clock of the API server.
	now time.Time
	// minor version of the API server; 0 if it is unknown.
	minor int
	// installed are the Deployments of the manager.
	installed []installation
}

// examine the cluster of a store. An error means that the API server could not be reached.
func examine(ctx context.Context, store *connect.Store, now func() time.Time) (*Report, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	config := connect.Unlimited(store.Target.Config)
	e := &examination{store: store, report: &Report{
		Context: store.Target.Cluster, Program: buildinfo.Read().Version,
		Managers: []Manager{}, Leaders: []Leader{}, Connections: []Connection{}, Findings: []Finding{}, Gaps: []Gap{},
	}}
	if err := e.server(ctx, config, now); err != nil {
		return nil, store.Target.Failed(err, "read the version of the API server")
	}
	var err error
	if e.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, store.Target.Failed(err, "read the APIs of the cluster")
	}
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{
		{checkCRDs, e.crds},
		{checkManager, e.managers},
		{checkLeader, e.leaders},
		{checkPermissions, e.permissions},
		{checkPolicies, e.policies},
		{checkNetworkPolicy, e.networkPolicies},
		{checkConnections, e.connections},
		{checkRestored, e.restored},
	} {
		if err := check.run(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			e.gap(check.name, err)
		}
	}
	return e.report, nil
}

// server reads the version and the clock of the API server.
func (e *examination) server(ctx context.Context, config *rest.Config, now func() time.Time) error {
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("version").String(), nil)
	if err != nil {
		return err
	}
	response, err := caller.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	const maxVersion = 64 << 10
	content, err := io.ReadAll(io.LimitReader(response.Body, maxVersion))
	if err != nil {
		return err
	}
	var info version.Info
	if response.StatusCode != http.StatusOK || json.Unmarshal(content, &info) != nil {
		return fmt.Errorf("the response to GET /version is %s, and not that of an API server", response.Status)
	}
	e.report.Kubernetes = info.GitVersion
	_, _ = fmt.Sscanf(strings.TrimSuffix(info.Minor, "+"), "%d", &e.minor) // 0 if it is no number
	own := now()
	e.now = own
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		e.now = at
		if skew := own.Sub(at).Round(precision); skew.Abs() > maxSkew {
			e.warn(checkClock, "this machine", fmt.Sprintf("its clock is %s that of the API server", aheadOf(skew)),
				remedy.Sprintf("Synchronize the clock of this machine by NTP: `timedatectl status`."))
		}
	}
	return nil
}

// aheadOf describes the difference of two clocks.
func aheadOf(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("%s behind", -skew)
	}
	return fmt.Sprintf("%s ahead of", skew)
}

func (e *examination) problem(check, object, message string, fix remedy.Text) {
	e.report.Findings = append(e.report.Findings, Finding{check, LevelProblem, object, message, fix})
}

func (e *examination) warn(check, object, message string, fix remedy.Text) {
	e.report.Findings = append(e.report.Findings, Finding{check, LevelWarning, object, message, fix})
}

// gap records what could not be read. Several checks that cannot read the same are one gap.
func (e *examination) gap(check string, err error) {
	message := err.Error()
	if failure := (*connect.Failure)(nil); !errors.As(err, &failure) {
		message = apierror.DescribeWithMessage(err, maxMessage)
	}
	for _, known := range e.report.Gaps {
		if known.Message == message {
			return
		}
	}
	e.report.Gaps = append(e.report.Gaps, Gap{check, message})
}

// failed describes an error of the API server.
func (e *examination) failed(err error, doing string) error { return e.store.Target.Failed(err, doing) }

// maxMessage that is quoted from the cluster, in runes.
const maxMessage = 500
