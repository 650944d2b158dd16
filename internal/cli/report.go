package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/remedy"
)

type reportOptions struct {
	cluster         clusterFlags
	output          string
	outputFile      string
	color           string
	failOn          string
	recommendations bool
	failOnGaps      bool
}

func newReport(streams Streams) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [INSPECTION or REPORT]",
		Short: "Print a report stored in the cluster",
		Long: `Print the latest report of an Inspection, or an InspectionReport by its name, in any format of "kubeops inspect".
Without a name, the namespace must have exactly one Inspection.`,
		Example: `  kubeops report -n shop
  kubeops report -n shop everything
  kubeops report -n shop everything -o html > report.html
  kubeops report -n shop everything -o markdown --output-file comment.md`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), streams, strings.Join(args, ""))
		},
	}
	flags := cmd.Flags()
	o.cluster.register(flags)
	flags.StringVarP(&o.output, "output", "o", "table", outputHelp)
	flags.StringVar(&o.outputFile, "output-file", "", outputFileHelp)
	flags.StringVar(&o.color, "color", "auto", colorHelp)
	flags.StringVar(&o.failOn, "fail-on", "", failOnHelp)
	flags.BoolVar(&o.recommendations, "recommendations", false, recommendationsHelp)
	flags.BoolVar(&o.failOnGaps, "fail-on-gaps", true, failOnGapsHelp)
	complete(cmd, "output", outputFormats()...)
	complete(cmd, "color", "auto", "always", "never")
	complete(cmd, "fail-on", severityNames()...)
	return cmd
}

func (o *reportOptions) run(ctx context.Context, streams Streams, name string) error {
	printer, err := newPrinter(streams.Out, o.output, o.color, o.outputFile)
	if err != nil {
		return err
	}
	if err := checkSeverity(o.failOn); err != nil {
		return err
	}
	printer.recommendations = o.recommendations
	printer.failOn = v1alpha1.Severity(o.failOn)
	target, err := o.cluster.resolve()
	if err != nil {
		return err
	}
	store, err := newReportStore(target)
	if err != nil {
		return err
	}
	report, err := store.find(ctx, name)
	if err != nil {
		return err
	}
	if err := printer.print(report, fmt.Sprintf("%s, report %s/%s", target.cluster, report.Namespace, report.Name)); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return verdict(v1alpha1.Severity(o.failOn), o.failOnGaps, report)
}

// reportStore reads Inspections and their reports in one namespace.
type reportStore struct {
	client    rest.Interface
	namespace string
}

func newReportStore(t target) (*reportStore, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(t.config)
	version := v1alpha1.GroupVersion()
	config.GroupVersion = &version
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	return &reportStore{client: client, namespace: t.namespace}, nil
}

func (s *reportStore) get(ctx context.Context, resource, name string, into runtime.Object) error {
	return s.client.Get().Namespace(s.namespace).Resource(resource).Name(name).Do(ctx).Into(into)
}

// find returns the latest report of the named Inspection or, if there is no such Inspection, the named report.
func (s *reportStore) find(ctx context.Context, name string) (*v1alpha1.InspectionReport, error) {
	inspection, err := s.inspection(ctx, name)
	switch {
	case apierrors.IsNotFound(err):
		report := &v1alpha1.InspectionReport{}
		if err := s.get(ctx, "inspectionreports", name, report); err != nil {
			return nil, fmt.Errorf("no Inspection or InspectionReport %q in namespace %s: %w", name, s.namespace, err)
		}
		return report, nil
	case err != nil:
		return nil, err
	case inspection.Status.LastReport == "":
		return nil, fmt.Errorf("inspection %s/%s has no report yet; run %s to see its status", s.namespace, inspection.Name,
			remedy.Command("kubectl -n %s get inspection %s", s.namespace, inspection.Name).Code())
	}
	report := &v1alpha1.InspectionReport{}
	if err := s.get(ctx, "inspectionreports", inspection.Status.LastReport, report); err != nil {
		return nil, fmt.Errorf("read the latest report of inspection %s/%s: %w", s.namespace, inspection.Name, err)
	}
	return report, nil
}

// inspection returns the named Inspection or, without a name, the only one in the namespace.
func (s *reportStore) inspection(ctx context.Context, name string) (*v1alpha1.Inspection, error) {
	if name != "" {
		inspection := &v1alpha1.Inspection{}
		return inspection, s.get(ctx, "inspections", name, inspection)
	}
	list := &v1alpha1.InspectionList{}
	if err := s.client.Get().Namespace(s.namespace).Resource("inspections").Do(ctx).Into(list); err != nil {
		return nil, fmt.Errorf("list the Inspections in namespace %s: %w", s.namespace, err)
	}
	var names []string
	for _, inspection := range list.Items {
		names = append(names, inspection.Name)
	}
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("no Inspection in namespace %s; use -n to select another namespace", s.namespace)
	case 1:
		return &list.Items[0], nil
	default:
		return nil, fmt.Errorf("namespace %s has several Inspections: specify one of %s", s.namespace, joinWords(names))
	}
}
