package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/serverclock"
)

// examination of the KubeOps of one cluster, with the permissions of the user. Its checks change nothing.
type examination struct {
	store  *connect.Store
	client client.Client
	report *Report
	// now by the clock of the API server.
	now time.Time
	// minor version of the API server; 0 if it is unknown.
	minor int
	// installed are the Deployments of the manager. found is set if they could be listed.
	installed []installation
	found     bool
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
		{checkManager, e.find},
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
	reader, err := serverclock.NewClient(config)
	if err != nil {
		return err
	}
	info, at, err := reader.Read(ctx)
	if err != nil {
		return err
	}
	e.report.Kubernetes = info.GitVersion
	if minor, err := strconv.Atoi(strings.TrimSuffix(info.Minor, "+")); err == nil {
		e.minor = minor
	}
	e.now = now()
	if at.IsZero() {
		return nil
	}
	if skew := serverclock.Skew(e.now, at); skew.Abs() > serverclock.MaxSkew {
		e.warn(checkClock, "this machine", fmt.Sprintf("its clock is %s that of the API server", serverclock.Describe(skew)),
			"Synchronize the clock of this machine by NTP: `timedatectl status`.")
	}
	e.now = at
	return nil
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
