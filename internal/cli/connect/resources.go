package connect

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
)

// APIObject is a resource of KubeOps.
type APIObject interface {
	runtime.Object
	metav1.Object
}

// Reconciled is a resource of KubeOps that a controller reconciles and spec.suspend stops.
type Reconciled interface {
	APIObject
	Lifecycle() v1alpha1.Lifecycle
}

// ResourceKind is a kind of KubeOps on the command line.
type ResourceKind struct {
	// Kind as in manifests, and resource as in the path of the API.
	Kind, Resource string
	// Short names, as in kubectl, and further names that are accepted.
	Short []string
	Empty func() APIObject
	List  func() runtime.Object
}

// InspectionKind is the default of all commands.
func InspectionKind() ResourceKind {
	return ResourceKind{
		Kind: "Inspection", Resource: "inspections", Short: []string{"insp"},
		Empty: func() APIObject { return &v1alpha1.Inspection{} }, List: func() runtime.Object { return &v1alpha1.InspectionList{} },
	}
}

// ReportKind is InspectionReport.
func ReportKind() ResourceKind {
	return ResourceKind{
		Kind: "InspectionReport", Resource: "inspectionreports", Short: []string{"inspr", "report", "reports"},
		Empty: func() APIObject { return &v1alpha1.InspectionReport{} },
		List:  func() runtime.Object { return &v1alpha1.InspectionReportList{} },
	}
}

// BundleKind is ResourceBundle.
func BundleKind() ResourceKind {
	return ResourceKind{
		Kind: "ResourceBundle", Resource: "resourcebundles", Short: []string{"rbun", "bundle", "bundles"},
		Empty: func() APIObject { return &v1alpha1.ResourceBundle{} },
		List:  func() runtime.Object { return &v1alpha1.ResourceBundleList{} },
	}
}

// PipelineKind is Pipeline.
func PipelineKind() ResourceKind {
	return ResourceKind{
		Kind: "Pipeline", Resource: "pipelines", Short: []string{"pl"},
		Empty: func() APIObject { return &v1alpha1.Pipeline{} }, List: func() runtime.Object { return &v1alpha1.PipelineList{} },
	}
}

// PipelineRunKind is PipelineRun.
func PipelineRunKind() ResourceKind {
	return ResourceKind{
		Kind: "PipelineRun", Resource: "pipelineruns", Short: []string{"plr"},
		Empty: func() APIObject { return &v1alpha1.PipelineRun{} }, List: func() runtime.Object { return &v1alpha1.PipelineRunList{} },
	}
}

// ApprovalKind is Approval.
func ApprovalKind() ResourceKind {
	return ResourceKind{
		Kind: "Approval", Resource: "approvals", Short: []string{"appr"},
		Empty: func() APIObject { return &v1alpha1.Approval{} }, List: func() runtime.Object { return &v1alpha1.ApprovalList{} },
	}
}

// InventoryKind is BundleInventory.
func InventoryKind() ResourceKind {
	return ResourceKind{
		Kind: "BundleInventory", Resource: "bundleinventories", Short: []string{"bundleinv"},
		Empty: func() APIObject { return &v1alpha1.BundleInventory{} },
		List:  func() runtime.Object { return &v1alpha1.BundleInventoryList{} },
	}
}

// ReconciledKinds are the kinds with spec.suspend, the default one first.
func ReconciledKinds() []ResourceKind {
	return []ResourceKind{
		InspectionKind(),
		{
			Kind: "MetricsBackend", Resource: "metricsbackends", Short: []string{"mb"},
			Empty: func() APIObject { return &v1alpha1.MetricsBackend{} },
			List:  func() runtime.Object { return &v1alpha1.MetricsBackendList{} },
		},
		{
			Kind: "LogBackend", Resource: "logbackends", Short: []string{"lb"},
			Empty: func() APIObject { return &v1alpha1.LogBackend{} }, List: func() runtime.Object { return &v1alpha1.LogBackendList{} },
		},
		{
			Kind: "AIProvider", Resource: "aiproviders", Short: []string{"aip"},
			Empty: func() APIObject { return &v1alpha1.AIProvider{} }, List: func() runtime.Object { return &v1alpha1.AIProviderList{} },
		},
		{
			Kind: "NotificationChannel", Resource: "notificationchannels", Short: []string{"nch"},
			Empty: func() APIObject { return &v1alpha1.NotificationChannel{} },
			List:  func() runtime.Object { return &v1alpha1.NotificationChannelList{} },
		},
		{
			Kind: "ManagedCluster", Resource: "managedclusters", Short: []string{"mc"},
			Empty: func() APIObject { return &v1alpha1.ManagedCluster{} },
			List:  func() runtime.Object { return &v1alpha1.ManagedClusterList{} },
		},
		{
			Kind: "CIProvider", Resource: "ciproviders", Short: []string{"cip"},
			Empty: func() APIObject { return &v1alpha1.CIProvider{} }, List: func() runtime.Object { return &v1alpha1.CIProviderList{} },
		},
		{
			Kind: "CDProvider", Resource: "cdproviders", Short: []string{"cdp"},
			Empty: func() APIObject { return &v1alpha1.CDProvider{} }, List: func() runtime.Object { return &v1alpha1.CDProviderList{} },
		},
		BundleKind(),
	}
}

// Names under which a kind is accepted, in lower case.
func (k ResourceKind) Names() []string {
	singular := strings.ToLower(k.Kind)
	group := "." + v1alpha1.GroupVersion().Group
	return append([]string{singular, k.Resource, singular + group, k.Resource + group}, k.Short...)
}

// Reference is an object that a command line names.
type Reference struct {
	Kind ResourceKind
	// explicit is set if the kind was given.
	explicit bool
	Name     string
}

// ParseReference reads NAME or KIND/NAME, as `kubectl get -o name` prints it. The first of the kinds is the default.
func ParseReference(argument string, kinds ...ResourceKind) (Reference, error) {
	kind, name, explicit := strings.Cut(argument, "/")
	if !explicit {
		name = argument
	}
	if name == "" || strings.Contains(name, "/") {
		return Reference{}, fmt.Errorf("invalid name %q: must be NAME or KIND/NAME, for example %s/everything", argument,
			strings.ToLower(kinds[0].Kind))
	}
	if !explicit {
		return Reference{Kind: kinds[0], Name: name}, nil
	}
	k, err := ParseKind(kind, kinds...)
	return Reference{Kind: k, explicit: true, Name: name}, err
}

// ParseKind finds a kind by one of its names.
func ParseKind(name string, kinds ...ResourceKind) (ResourceKind, error) {
	var known, singular []string
	for _, k := range kinds {
		if slices.Contains(k.Names(), strings.ToLower(name)) {
			return k, nil
		}
		known = append(known, k.Names()...)
		singular = append(singular, strings.ToLower(k.Kind))
	}
	similar := command.Nearest(known, strings.ToLower(name))
	return ResourceKind{}, fmt.Errorf("unknown kind %q%s: must be one of %s", name, command.DidYouMean(similar),
		terminal.JoinWords(singular))
}
