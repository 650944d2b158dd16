package render

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// openReportPrefix avoids name clashes with the Reports of other tools.
	openReportPrefix = "kubeops-"
	// openReportSource is the source that viewers display.
	openReportSource = "kubeops"
	// maxOpenResults in a Report.
	maxOpenResults = 500
	// maxOpenBytes of its results as JSON; the whole Report stays below 512 KiB.
	maxOpenBytes = 500 << 10
)

// OpenReportResource is the resource of Reports.
func OpenReportResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"}
}

// OpenReportName is the name of the Report of an Inspection.
func OpenReportName(inspection *v1alpha1.Inspection) string {
	return openReportPrefix + inspection.Name
}

// OpenReport converts a report to a Report of openreports.io/v1alpha1, to be applied. Each Inspection has one Report, in its own
// namespace and owned by it. The results refer to objects in other namespaces, but nothing is written there. omitted counts the
// findings and gaps that did not fit.
func OpenReport(report *v1alpha1.InspectionReport, inspection *v1alpha1.Inspection) (object *unstructured.Unstructured, omitted int) {
	results, omitted := openResults(report)
	summary := map[string]any{"pass": int64(0), "fail": int64(0), "warn": int64(0), "error": int64(0), "skip": int64(0)}
	for _, result := range results {
		outcome := result.(map[string]any)["result"].(string)
		summary[outcome] = summary[outcome].(int64) + 1
	}
	object = &unstructured.Unstructured{Object: map[string]any{"source": openReportSource, "summary": summary, "results": results}}
	object.SetGroupVersionKind(OpenReportResource().GroupVersion().WithKind("Report"))
	object.SetNamespace(inspection.Namespace)
	object.SetName(OpenReportName(inspection))
	labels := map[string]string{"app.kubernetes.io/managed-by": "kubeops"}
	if name := report.Labels[v1alpha1.LabelInspection]; name != "" {
		labels[v1alpha1.LabelInspection] = name // a valid label value, as on the InspectionReport
	}
	object.SetLabels(labels)
	// Neither controller nor blockOwnerDeletion: the admission plugin OwnerReferencesPermissionEnforcement would reject it.
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion().String(), Kind: "Inspection", Name: inspection.Name, UID: inspection.UID,
	}})
	if len(inspection.Spec.Namespaces) == 1 && !strings.ContainsAny(inspection.Spec.Namespaces[0], "*?[") {
		object.Object["scope"] = map[string]any{"apiVersion": "v1", "kind": "Namespace", "name": inspection.Spec.Namespaces[0]}
	}
	return object, omitted
}

// openResults returns the findings in the order of the report, followed by the gaps.
func openResults(report *v1alpha1.InspectionReport) (results []any, omitted int) {
	timestamp := map[string]any{"seconds": report.Summary.StartTime.Unix(), "nanos": int64(0)}
	size := 0
	add := func(result map[string]any) {
		result["timestamp"] = timestamp
		result["source"] = openReportSource
		text, err := json.Marshal(result)
		if err != nil || omitted > 0 || len(results) >= maxOpenResults || size+len(text)+1 > maxOpenBytes {
			omitted++ // later results are less severe: after the first omitted one, all are omitted
			return
		}
		size += len(text) + 1
		results = append(results, result)
	}
	results = []any{}
	for _, f := range report.Findings {
		add(openFinding(f))
	}
	for _, gap := range report.Gaps {
		add(openGap(gap))
	}
	return results, omitted
}

func openFinding(f v1alpha1.Finding) map[string]any {
	resource := map[string]any{"apiVersion": f.Object.APIVersion, "kind": f.Object.Kind, "name": f.Object.Name}
	if f.Object.Namespace != "" {
		resource["namespace"] = f.Object.Namespace
	}
	properties := map[string]any{"findingId": f.ID, "class": string(f.ClassOrDefault())}
	for key, value := range map[string]string{
		"cluster": f.Cluster, "state": string(f.State), "causedBy": f.CausedBy, "remediation": clean(f.Remediation),
	} {
		if value != "" {
			properties[key] = value
		}
	}
	if f.FirstSeen != nil {
		properties["firstSeen"] = utc(f.FirstSeen.Time)
	}
	result := map[string]any{
		"policy": f.Check, "rule": f.Check, "category": string(f.Category), "message": clean(f.Message), "result": "warn",
		"resources": []any{resource}, "properties": properties,
	}
	if f.Severity.Rank() <= v1alpha1.SeverityInfo.Rank() {
		result["severity"] = string(f.Severity)
	}
	if f.IsProblem() && f.Severity.Rank() <= v1alpha1.SeverityMedium.Rank() {
		result["result"] = "fail"
		result["scored"] = true
	}
	return result
}

// openGap converts a gap to a result with the outcome error, or skip if it is optional.
func openGap(gap v1alpha1.Gap) map[string]any {
	properties := map[string]any{"source": gap.Source, "reason": string(gap.Reason)}
	if gap.Remediation != "" {
		properties["remediation"] = clean(gap.Remediation)
	}
	outcome := "error"
	if gap.Optional {
		outcome = "skip"
	}
	return map[string]any{
		"policy": "inspection-gap", "rule": string(gap.Reason), "category": "gap",
		"message": clean(gap.Message), "result": outcome, "properties": properties,
	}
}
