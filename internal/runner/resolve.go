package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
)

// resolve reads everything that a run needs. Its errors are problems.
func (l *Local) resolve(ctx context.Context, inspection *v1alpha1.Inspection) (inspect.Input, error) {
	if err := checkNamespaces(&inspection.Spec); err != nil {
		return inspect.Input{}, err
	}
	selected, own, err := l.SelectChecks(ctx, &inspection.Spec)
	if err != nil {
		return inspect.Input{}, err
	}
	config, err := l.account(ctx, inspection)
	if err != nil {
		return inspect.Input{}, err
	}
	previous, err := l.Previous(ctx, inspection)
	if err != nil {
		return inspect.Input{}, err
	}
	spec := &inspection.Spec
	input := inspect.Input{
		Source:            collect.Source{Cluster: v1alpha1.LocalCluster, Config: config},
		Scope:             collect.Scope{Namespaces: spec.Namespaces, Home: inspection.Namespace, Asked: asked(spec, selected)},
		Checks:            selected,
		Custom:            own,
		AskedSources:      askedSources(spec, selected),
		Params:            params(spec),
		Usage:             usageOptions(spec.Usage),
		LogAnalysis:       logOptions(spec.LogAnalysis),
		Ignore:            spec.Ignore,
		ExcludeNamespaces: spec.ExcludeNamespaces,
		Previous:          previous,
		Clock:             l.Clock,
	}
	return input, l.openBackends(ctx, inspection, spec.LogLabels, &input)
}

// Check reports what would keep a run from starting, without starting one.
func (l *Local) Check(ctx context.Context, inspection *v1alpha1.Inspection) error {
	if err := checkNamespaces(&inspection.Spec); err != nil {
		return err
	}
	if _, _, err := l.SelectChecks(ctx, &inspection.Spec); err != nil {
		return err
	}
	if inspection.Spec.Clusters != nil {
		return checkShared(&inspection.Spec) // each cluster that cannot be read is a gap
	}
	_, err := l.account(ctx, inspection)
	return err
}

// checkNamespaces checks every list of namespaces: names become part of a path, and a malformed glob matches nothing.
func checkNamespaces(spec *v1alpha1.InspectionSpec) error {
	lists := []struct {
		field   string
		entries []string
	}{{"spec.namespaces", spec.Namespaces}, {"spec.excludeNamespaces", spec.ExcludeNamespaces}}
	if spec.LogAnalysis != nil {
		lists = append(lists, struct {
			field   string
			entries []string
		}{"spec.logAnalysis.namespaces", spec.LogAnalysis.Namespaces})
	}
	for _, list := range lists {
		for i, entry := range list.entries {
			if err := names.Namespaces(fmt.Sprintf("%s[%d]", list.field, i), entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// account acts as the Inspection's ServiceAccount.
func (l *Local) account(ctx context.Context, inspection *v1alpha1.Inspection) (*rest.Config, error) {
	return l.Accounts.Verified(ctx, inspection.Namespace, inspection.ServiceAccountName(), "the inspection reads with",
		"bind ClusterRole kubeops-inspector to it")
}

// compileTimeout bounds the compilation of an Inspection's custom checks. The bounds of their size keep it below a second on an idle
// machine.
const compileTimeout = 5 * time.Second

// SelectChecks compiles the custom checks, narrows all to what spec.checks selects, and refuses ignore rules for checks that do not exist.
func (l *Local) SelectChecks(ctx context.Context, spec *v1alpha1.InspectionSpec) ([]check.Check, []custom.Program, error) {
	limited, cancel := context.WithTimeout(ctx, compileTimeout)
	defer cancel()
	compile := l.Compile
	if compile == nil {
		compile = custom.Compile
	}
	own, err := compile(limited, spec.CustomChecks)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case limited.Err() != nil && err != nil:
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidCustomCheck, nil,
			"spec.customChecks: compiling takes longer than %s; use fewer or shorter expressions", compileTimeout)
	case err != nil:
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidCustomCheck, nil, "spec.customChecks: %s", err)
	}
	all := slices.Concat(l.Checks, custom.Checks(own))
	for i, rule := range spec.Ignore {
		if err := check.Known(all, rule.Check); rule.Check != "" && err != nil {
			return nil, nil, problem.UserError(v1alpha1.ReasonUnknownCheck, nil, "spec.ignore[%d].check: %s; "+
				"`kubeops checks` lists them all", i, err)
		}
	}
	if spec.Checks == nil {
		return l.Checks, own, nil
	}
	selected, own, err := custom.Select(l.Checks, own, spec.Checks.Include, spec.Checks.Exclude)
	switch {
	case err != nil:
		return nil, nil, problem.UserError(v1alpha1.ReasonUnknownCheck, nil, "spec.checks: %s; `kubeops checks` lists them all", err)
	case len(selected)+len(own) == 0:
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"spec.checks leaves no check to run: exclude removes every check that include selects")
	}
	return selected, own, nil
}

// asked are the kinds that checks read which spec.checks.include names by their id.
func asked(spec *v1alpha1.InspectionSpec, selected []check.Check) []facts.Kind {
	if spec.Checks == nil {
		return nil
	}
	return check.Asked(selected, spec.Checks.Include)
}

// askedSources are the sources of the checks which spec.checks.include names by their id.
func askedSources(spec *v1alpha1.InspectionSpec, selected []check.Check) []facts.Source {
	if spec.Checks == nil {
		return nil
	}
	return check.AskedSources(selected, spec.Checks.Include)
}

// Previous is the last report, or nil if it no longer exists.
func (l *Local) Previous(ctx context.Context, inspection *v1alpha1.Inspection) (*v1alpha1.InspectionReport, error) {
	if inspection.Status.LastReport == "" {
		return nil, nil
	}
	report := &v1alpha1.InspectionReport{}
	err := l.Reader.Get(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: inspection.Status.LastReport}, report)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read InspectionReport %s/%s (%s)", inspection.Namespace,
			inspection.Status.LastReport, apierror.DescribeWithMessage(err, MaxQuote))
	}
	return report, nil
}

// params are the thresholds of the spec, over the defaults.
func params(spec *v1alpha1.InspectionSpec) check.Params {
	p := check.DefaultParams()
	t := spec.Thresholds
	p.AllowedRegistries = spec.AllowedRegistries
	sizes(spec.Usage, &p)
	if t == nil {
		return p
	}
	for _, set := range []struct {
		value *metav1.Duration
		to    *time.Duration
	}{{t.StartupGrace, &p.StartupGrace}, {t.TerminatingGrace, &p.TerminatingGrace}, {t.RecentWindow, &p.RecentWindow}} {
		if set.value != nil {
			*set.to = set.value.Duration
		}
	}
	return p
}

// MaxQuote is how many runes of the API server's own message a condition quotes.
const MaxQuote = 512
