package v1alpha1_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

// nature is what the text of a field is.
type nature string

const (
	object        nature = "name of an object"
	namespace     nature = "namespace"
	secretKey     nature = "key of a Secret"
	namespaceGlob nature = "glob of namespaces"
	checkGlob     nature = "glob of checks"
	objectGlob    nature = "glob of objects"
	labelKeys     nature = "label keys, by a rule of the schema"
	labelsInGo    nature = "label keys, too many for a rule of the schema; logroute checks them"
	container     nature = "container"
	shaped        nature = "another shape, by a pattern, enum or rule"
	free          nature = "free text"
)

// fields is every string field of the specs, by Go type and field. A new field must be added here, with its nature.
func fields() map[string]nature {
	return map[string]nature{
		"AIProviderSpec.ServiceAccountName": object, "BackendAccess.ServiceAccountName": object,
		"InspectionSpec.ServiceAccountName": object, "NotificationChannelSpec.ServiceAccountName": object,
		"LocalReference.Name": object, "SecretReference.Name": object, "SecretKeyReference.Name": object, "SecretKeyReference.Key": secretKey,
		"ResourceBundleSpec.ServiceAccountName": object, "ClusterTargets.Names": object, "ClusterSelection.Names": object, "ConfigMapManifests.Key": secretKey,
		"ResourceBundleSpec.Mode": shaped, "ResourceBundleSpec.Conflicts": shaped, "ResourceBundleSpec.Drift": shaped,
		"ResourceBundleSpec.DeletionPolicy": shaped, "ResourceBundleSpec.WhenDeselected": shaped, "PrunePolicy.GuardedKinds": shaped,
		"PrunePolicy.Confirm":  shaped,
		"ObjectSelector.Group": shaped, "ObjectSelector.Kind": shaped, "ObjectSelector.Namespace": namespace,
		"ObjectSelector.Name":    objectGlob,
		"HealthExpression.Group": shaped, "HealthExpression.Kind": shaped, "HealthExpression.Healthy": free,
		"HealthExpression.Failed": free,
		"BundleAdoption.Managers": shaped,
		"PatchOperation.Op":       shaped, "PatchOperation.Path": shaped,
		"LogSelector.Namespaces": namespace, "InspectionSpec.Namespaces": namespaceGlob, "LogAnalysis.Namespaces": namespaceGlob,
		"InspectionSpec.ExcludeNamespaces": namespaceGlob, "IgnoreRule.Namespace": namespaceGlob,
		"CheckSelection.Include": checkGlob, "CheckSelection.Exclude": checkGlob, "IgnoreRule.Check": checkGlob, "IgnoreRule.Name": objectGlob,
		"LogSelector.Containers": container, "LogSelector.PodLabels": labelsInGo,
		"GrafanaDataSource.Labels": labelKeys, "GrafanaDataSource.InstanceSelector": labelKeys,
		"AlertmanagerReceiver.Labels": shaped, "UsageSettings.MatchLabels": shaped,

		"AIProviderSpec.Type": shaped, "AIProviderSpec.Model": shaped, "OpenAIServer.Organization": shaped,
		"OpenAIServer.AnswerFormat": shaped, "AIHeader.Name": shaped, "AIHeader.Value": shaped,
		"OpenAIServer.URL": shaped, "OllamaServer.URL": shaped, "AlertmanagerAccess.URL": shaped, "AlertmanagerReceiver.URL": shaped,
		"DataView.URL": shaped, "ElasticsearchBackend.URL": shaped, "LokiBackend.URL": shaped, "NATSSubject.URL": shaped,
		"PrometheusBackend.URL": shaped, "VictoriaLogsBackend.URL": shaped, "VictoriaMetricsBackend.URL": shaped,
		"VictoriaMetricsBackend.SelectURL": shaped, "VictoriaMetricsBackend.InsertURL": shaped, "WebhookReceiver.URL": shaped,
		"BackendTLS.ServerName": shaped, "EmailReceivers.Host": shaped, "EmailReceivers.From": shaped, "EmailReceivers.To": shaped,
		"EmailReceivers.Security": shaped, "NATSSubject.Subject": shaped,
		"ElasticsearchBackend.Index": shaped, "ElasticsearchBackend.WriteIndex": shaped, "LokiBackend.Tenant": shaped,
		"VictoriaLogsBackend.Tenant": shaped, "VictoriaMetricsBackend.Tenant": shaped,
		"LogBackendSpec.Type": shaped, "LogBackendSpec.Probe": shaped, "LogFields.Schema": shaped, "LogCollection.Collector": shaped,
		"LogCollection.DropFields": shaped, "MetricsBackendSpec.Type": shaped, "NotificationChannelSpec.Type": shaped,
		"NotificationChannelSpec.Mode": shaped, "NotificationFilter.MinSeverity": shaped, "NotificationFilter.Categories": shaped,
		"CustomCheck.ID": shaped, "CustomCheck.Severity": shaped, "CustomCheck.Category": shaped, "CustomCheck.Class": shaped, "CustomCheck.Link": shaped,
		"CustomResource.Group": shaped, "CustomResource.Version": shaped, "CustomResource.Resource": shaped,
		"InspectionSpec.Schedule": shaped, "InspectionSpec.TimeZone": shaped, "InspectionSpec.AllowedRegistries": shaped,
		"UsagePrices.CPUCoreHour": shaped, "UsagePrices.MemoryGiBHour": shaped, "UsagePrices.Currency": shaped, "AIUse.Language": shaped,

		"PipelineSpec.ServiceAccountName": object, "PipelineSpec.Concurrency": shaped, "PipelineParameter.Name": shaped,
		"PipelineParameter.Type": shaped, "PipelineParameter.Default": free, "PipelineParameter.Description": free,
		"PipelineStage.Name": shaped, "PipelineStage.Type": shaped, "PipelineStage.After": shaped, "PipelineStage.When": free,
		"PipelineStage.OnFailure": shaped, "StageRetry.On": shaped, "ApprovalStage.Message": free, "StageValue.Name": shaped,
		"StageValue.Value": free, "StageValue.Expression": free,
		"CommitStage.Repository": shaped, "CommitStage.Branch": shaped, "CommitStage.Message": free, "CommitAuthor.Name": shaped,
		"CommitAuthor.Email": shaped, "CommitChange.File": shaped, "CommitChange.Path": free, "CommitChange.Image": free,
		"CommitChange.Value": free, "CommitChange.Expression": free,
		"JobStage.Outputs": shaped, "PipelineRunSpec.RequestedBy": free,
		"ParameterValue.Name": shaped, "ParameterValue.Value": free, "StageAttempt.Stage": shaped, "ApprovalSpec.Pipeline": object,
		"ApprovalSpec.Run": object, "ApprovalSpec.Stage": shaped, "ApprovalSpec.Digest": shaped, "ApprovalSpec.Approver": free,
		"CDProviderSpec.Type": shaped, "CDProviderSpec.ServiceAccountName": object, "ArgoCDServer.URL": shaped, "CDPlugin.Settings": shaped,
		"PluginSecret.Name": shaped, "PluginProcess.Socket": shaped, "PluginProcess.Address": shaped,
		"DeployedApplication.Name": object, "DeployedApplication.Namespace": shaped, "StageText.Value": free, "StageText.Expression": free,
		"SyncResource.Group": shaped, "SyncResource.Kind": shaped, "SyncResource.Namespace": shaped, "SyncResource.Name": shaped,
		"ApprovalSpec.Groups": free, "ApprovalSpec.Decision": shaped, "ApprovalSpec.Comment": free,
		"ConfigMapKeyReference.Name": object, "ConfigMapKeyReference.Key": secretKey, "EnsuredJob.Jenkinsfile": free, "EnsuredJob.Drift": shaped,
		"GitManifests.URL": shaped, "GitManifests.Path": shaped, "GitRef.Branch": shaped, "GitRef.Tag": shaped, "GitRef.Commit": shaped,
		"GitTrigger.Repository": shaped, "GitTrigger.Branch": shaped,
		"BuildStage.Job": shaped, "BuildStage.Unstable": shaped, "BuildStage.Outputs": shaped,
		"ImageStage.Repository": shaped, "ImageStage.Platform": shaped, "InspectionSpec.Mode": shaped,
		"PipelineTrigger.Name": shaped, "PipelineTrigger.Type": shaped, "WebhookTrigger.Source": shaped, "WebhookTrigger.Events": shaped,
		"WebhookTrigger.Branches": free, "WebhookTrigger.Tags": free, "WebhookTrigger.Paths": free, // globs of names of another system
		"ScheduleTrigger.Cron": free, "ScheduleTrigger.TimeZone": shaped,
		"MetricsStage.Query": free, "MetricsStage.Condition": shaped,
		"MetricsStage.NoData": shaped, "InspectStage.Severity": shaped, "InspectStage.Namespaces": namespace, "InspectStage.NoData": shaped,
		"QualityStage.NoData": shaped, "SonarQubeGate.URL": shaped, "SonarQubeGate.Project": shaped, "SonarQubeGate.Branch": free,
		"SARIFGate.Stage": shaped, "SARIFGate.Artifact": shaped, "SARIFGate.Previous": shaped,
		"JobSCM.Repository": shaped, "JobSCM.Branch": shaped, "JobSCM.Path": shaped, "JobSCM.CredentialsID": shaped,
		"BundleStage.Repository": shaped,
		"PipelineWindow.Name":    shaped, "PipelineWindow.Type": shaped, "PipelineWindow.Cron": shaped, "PipelineWindow.TimeZone": shaped,
		"PipelineWindow.Stages":    shaped,
		"InspectionSpec.LogLabels": shaped, "AIUse.Investigate": shaped,
		"LogsStage.Namespaces": namespace, "LogsStage.NoData": shaped,
		"WorkloadReference.Kind": shaped, "WorkloadReference.Namespace": namespace, "WorkloadReference.Name": object,

		// Code that is compiled, text that is shown, and fields of stored documents, which are values of a query.
		"CustomCheck.Match": free, "CustomCheck.Expression": free, "CustomCheck.MessageExpression": free, "CustomCheck.Message": free,
		"CustomCheck.Remediation": free, "IgnoreRule.Reason": free, "NotificationTemplate.Title": free, "NotificationTemplate.Text": free,
		"LogCollection.Redact": free, "LogFields.Time": free, "LogFields.Message": free, "LogFields.Namespace": free, "LogFields.Pod": free,
		"LogFields.Container": free, "LogFields.Node": free, "LogFields.Level": free,
	}
}

// samples that the schema of a nature must accept and refuse.
func samples(n nature) (accepted, refused []string) {
	leads := []string{"../../shop/serviceaccounts/kubeops", "x/y", "x%2fy", "x y", "x\ny", "x;id", "$(id)", "x\u202ey", "\u00e9"}
	switch n {
	case object:
		return []string{"a", "kubeops", "0", "team-1.example.com", strings.Repeat("a", 253)},
			append(leads, "", ".", "..", "X", "-x", "x-", "x..y", "*", "x_y", strings.Repeat("a", 254))
	case namespace, container:
		return []string{"a", "kube-system", "2nd-team", strings.Repeat("a", 63)},
			append(leads, "", ".", "..", "X", "-x", "x-", "x.y", "*", strings.Repeat("a", 64))
	case secretKey:
		return []string{"token", "ca.crt", "TLS_KEY", "a-b"}, append(leads, "", strings.Repeat("a", 254))
	case namespaceGlob, checkGlob:
		return []string{"a", "kube-*", "team-?", "[a-c]*", "[^a]*"}, append(leads, "", "X", strings.Repeat("a", 64))
	case objectGlob:
		return []string{"a", "batch-*", "system:node", "Admin", "x.y_z"}, []string{"", "x/y", "x%2fy", "x y", "x\ny", strings.Repeat("a", 254)}
	}
	return nil, nil
}

func TestEveryStringOfASpecHasItsShapeInTheSchema(t *testing.T) {
	found := map[string]bool{}
	for kind, root := range map[string]any{
		"aiproviders": v1alpha1.AIProviderSpec{}, "inspections": v1alpha1.InspectionSpec{}, "logbackends": v1alpha1.LogBackendSpec{},
		"metricsbackends": v1alpha1.MetricsBackendSpec{}, "notificationchannels": v1alpha1.NotificationChannelSpec{},
		"resourcebundles": v1alpha1.ResourceBundleSpec{},
		"pipelines":       v1alpha1.PipelineSpec{}, "pipelineruns": v1alpha1.PipelineRunSpec{}, "approvals": v1alpha1.ApprovalSpec{},
		"cdproviders": v1alpha1.CDProviderSpec{},
	} {
		walk(t, reflect.TypeOf(root), schemaOf(t, kind), kind+".spec", func(field, path string, schema map[string]any) {
			found[field] = true
			n, listed := fields()[field]
			if !listed {
				t.Errorf("%s (%s) is not in the table: add it with its nature, and a pattern if it is a name", path, field)
				return
			}
			checkSchema(t, path, n, schema)
		})
	}
	for _, field := range slices.Sorted(maps.Keys(fields())) {
		if !found[field] {
			t.Errorf("%s is in the table and in no spec", field)
		}
	}
}

// checkSchema compares the schema of a field with its nature.
func checkSchema(t *testing.T, path string, n nature, schema map[string]any) {
	t.Helper()
	switch n {
	case free:
		if schema["maxLength"] == nil && !strings.Contains(path, "[]") {
			t.Errorf("%s has no maximum length", path)
		}
	case shaped:
		if schema["pattern"] == nil && schema["enum"] == nil && schema["x-kubernetes-validations"] == nil {
			t.Errorf("%s has no pattern, enum or rule", path)
		}
	case labelKeys:
		if !strings.Contains(fmt.Sprint(schema["x-kubernetes-validations"]), "k.matches(") {
			t.Errorf("%s has no rule for its keys", path)
		}
	case labelsInGo:
		if schema["maxProperties"] == nil {
			t.Errorf("%s has no maximum", path)
		}
	default:
		accepted, refused := samples(n)
		for _, value := range accepted {
			if !accepts(schema, value) {
				t.Errorf("%s (%s) refuses %q", path, n, value)
			}
		}
		for _, value := range refused {
			if accepts(schema, value) {
				t.Errorf("%s (%s) accepts %q", path, n, value)
			}
		}
	}
}

// accepts evaluates the rules of a schema for one string, as the API server does.
func accepts(schema map[string]any, value string) bool {
	pattern, ok := schema["pattern"].(string)
	if !ok || !regexp.MustCompile(pattern).MatchString(value) {
		return false
	}
	length := float64(len([]rune(value)))
	if low, ok := schema["minLength"].(float64); ok && length < low {
		return false
	}
	high, ok := schema["maxLength"].(float64)
	return ok && length <= high
}

// walk visits the string fields of a type, with their schemas: that of the items for a list, that of the object for a map.
func walk(t *testing.T, of reflect.Type, schema map[string]any, path string, visit func(field, path string, schema map[string]any)) {
	t.Helper()
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			walk(t, f.Type, schema, path, visit)
			continue
		}
		if name == "-" { // not serialized
			continue
		}
		properties, _ := schema["properties"].(map[string]any)
		below, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s.%s is not in the schema; run make generate", path, name)
			continue
		}
		typ := f.Type
		at := path + "." + name
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			if typ.Kind() == reflect.Slice {
				below, _ = below["items"].(map[string]any)
				at += "[]"
			}
			typ = typ.Elem()
		}
		switch {
		case typ.Kind() == reflect.String, typ.Kind() == reflect.Map:
			visit(of.Name()+"."+f.Name, at, below)
		case typ.Kind() == reflect.Struct && strings.HasSuffix(typ.PkgPath(), "api/v1alpha1"):
			walk(t, typ, below, at, visit)
		}
	}
}

// schemaOf reads the schema of a spec from the generated CRD.
func schemaOf(t *testing.T, plural string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "kubeops.io_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties map[string]map[string]any `json:"properties"`
					} `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(content, &crd); err != nil || len(crd.Spec.Versions) != 1 {
		t.Fatalf("%s: %v, %d versions", plural, err, len(crd.Spec.Versions))
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
}
