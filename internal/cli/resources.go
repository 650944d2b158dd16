package cli

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
)

// apiObject is a resource of KubeOps.
type apiObject interface {
	runtime.Object
	metav1.Object
}

// reconciled is a resource of KubeOps that a controller reconciles and spec.suspend stops.
type reconciled interface {
	apiObject
	Lifecycle() v1alpha1.Lifecycle
}

// resourceKind is a kind of KubeOps on the command line.
type resourceKind struct {
	// Kind as in manifests, and resource as in the path of the API.
	Kind, resource string
	// short names, as in kubectl, and further names that are accepted.
	short []string
	empty func() apiObject
	list  func() runtime.Object
}

// inspectionKind is the default of all commands.
func inspectionKind() resourceKind {
	return resourceKind{
		Kind: "Inspection", resource: "inspections", short: []string{"insp"},
		empty: func() apiObject { return &v1alpha1.Inspection{} }, list: func() runtime.Object { return &v1alpha1.InspectionList{} },
	}
}

func reportKind() resourceKind {
	return resourceKind{
		Kind: "InspectionReport", resource: "inspectionreports", short: []string{"inspr", "report", "reports"},
		empty: func() apiObject { return &v1alpha1.InspectionReport{} },
		list:  func() runtime.Object { return &v1alpha1.InspectionReportList{} },
	}
}

func bundleKind() resourceKind {
	return resourceKind{
		Kind: "ResourceBundle", resource: "resourcebundles", short: []string{"rbun", "bundle", "bundles"},
		empty: func() apiObject { return &v1alpha1.ResourceBundle{} },
		list:  func() runtime.Object { return &v1alpha1.ResourceBundleList{} },
	}
}

// reconciledKinds are the kinds with spec.suspend, the default one first.
func reconciledKinds() []resourceKind {
	return []resourceKind{
		inspectionKind(),
		{
			Kind: "MetricsBackend", resource: "metricsbackends", short: []string{"mb"},
			empty: func() apiObject { return &v1alpha1.MetricsBackend{} },
			list:  func() runtime.Object { return &v1alpha1.MetricsBackendList{} },
		},
		{
			Kind: "LogBackend", resource: "logbackends", short: []string{"lb"},
			empty: func() apiObject { return &v1alpha1.LogBackend{} }, list: func() runtime.Object { return &v1alpha1.LogBackendList{} },
		},
		{
			Kind: "AIProvider", resource: "aiproviders", short: []string{"aip"},
			empty: func() apiObject { return &v1alpha1.AIProvider{} }, list: func() runtime.Object { return &v1alpha1.AIProviderList{} },
		},
		{
			Kind: "NotificationChannel", resource: "notificationchannels", short: []string{"nch"},
			empty: func() apiObject { return &v1alpha1.NotificationChannel{} },
			list:  func() runtime.Object { return &v1alpha1.NotificationChannelList{} },
		},
		{
			Kind: "ManagedCluster", resource: "managedclusters", short: []string{"mc"},
			empty: func() apiObject { return &v1alpha1.ManagedCluster{} },
			list:  func() runtime.Object { return &v1alpha1.ManagedClusterList{} },
		},
		{
			Kind: "CIProvider", resource: "ciproviders", short: []string{"cip"},
			empty: func() apiObject { return &v1alpha1.CIProvider{} }, list: func() runtime.Object { return &v1alpha1.CIProviderList{} },
		},
		{
			Kind: "CDProvider", resource: "cdproviders", short: []string{"cdp"},
			empty: func() apiObject { return &v1alpha1.CDProvider{} }, list: func() runtime.Object { return &v1alpha1.CDProviderList{} },
		},
		bundleKind(),
	}
}

// names under which a kind is accepted, in lower case.
func (k resourceKind) names() []string {
	singular := strings.ToLower(k.Kind)
	group := "." + v1alpha1.GroupVersion().Group
	return append([]string{singular, k.resource, singular + group, k.resource + group}, k.short...)
}

// reference is an object that a command line names.
type reference struct {
	kind resourceKind
	// explicit is set if the kind was given.
	explicit bool
	name     string
}

// parseReference reads NAME or KIND/NAME, as `kubectl get -o name` prints it. The first of the kinds is the default.
func parseReference(argument string, kinds ...resourceKind) (reference, error) {
	kind, name, explicit := strings.Cut(argument, "/")
	if !explicit {
		name = argument
	}
	if name == "" || strings.Contains(name, "/") {
		return reference{}, fmt.Errorf("invalid name %q: must be NAME or KIND/NAME, for example %s/everything", argument,
			strings.ToLower(kinds[0].Kind))
	}
	if !explicit {
		return reference{kind: kinds[0], name: name}, nil
	}
	k, err := parseKind(kind, kinds...)
	return reference{kind: k, explicit: true, name: name}, err
}

// parseKind finds a kind by one of its names.
func parseKind(name string, kinds ...resourceKind) (resourceKind, error) {
	var known, singular []string
	for _, k := range kinds {
		if slices.Contains(k.names(), strings.ToLower(name)) {
			return k, nil
		}
		known = append(known, k.names()...)
		singular = append(singular, strings.ToLower(k.Kind))
	}
	return resourceKind{}, fmt.Errorf("unknown kind %q%s: must be one of %s", name, didYouMean(nearest(known, strings.ToLower(name))),
		joinWords(singular))
}
