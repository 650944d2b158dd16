package e2e

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// inspectNow requests a run and returns its report.
func (e *environment) inspectNow(ctx context.Context, namespace, name, request string) *v1alpha1.InspectionReport {
	GinkgoHelper()
	e.kubectl(ctx, "-n", namespace, "annotate", "--overwrite", "inspection/"+name, v1alpha1.AnnotationRequestedAt+"="+request)
	inspection := &v1alpha1.Inspection{}
	Eventually(func(g Gomega) {
		g.Expect(e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, inspection)).To(Succeed())
		g.Expect(inspection.Status.LastHandledRequest).To(Equal(request))
		g.Expect(inspection.Status.ActiveRun).To(BeNil())
	}).WithContext(ctx).Should(Succeed())
	report := e.report(ctx, namespace, inspection.Status.LastReport)
	ready := meta.IsStatusConditionTrue(inspection.Status.Conditions, v1alpha1.ConditionReady)
	Expect(ready).To(Equal(report.Summary.Complete()), "%+v", report.Gaps)
	return report
}

func (e *environment) report(ctx context.Context, namespace, name string) *v1alpha1.InspectionReport {
	GinkgoHelper()
	report := &v1alpha1.InspectionReport{}
	Expect(e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, report)).To(Succeed())
	return report
}

// reports lists the reports of a namespace.
func (e *environment) reports(ctx context.Context, namespace string) []v1alpha1.InspectionReport {
	GinkgoHelper()
	list := &v1alpha1.InspectionReportList{}
	Expect(e.client.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	return list.Items
}

// title is a finding in the notation of the specs: check Kind/namespace/name.
func title(f v1alpha1.Finding) string {
	return fmt.Sprintf("%s %s", f.Check, strings.Trim(strings.Join([]string{f.Object.Kind, f.Object.Namespace, f.Object.Name}, "/"), "/"))
}

// chains returns all findings of a report with their causes: symptom <- cause <- root cause.
func chains(report *v1alpha1.InspectionReport) []string {
	byID := map[string]v1alpha1.Finding{}
	for _, f := range report.Findings {
		byID[f.ID] = f
	}
	var lines []string
	for _, f := range report.Findings {
		line := title(f)
		for f.CausedBy != "" {
			f = byID[f.CausedBy]
			line += " <- " + title(f)
		}
		lines = append(lines, line)
	}
	return lines
}

// broken reports whether a finding is about something that does not work. The specs ignore recommendations, since their objects are
// kept short.
func broken(f v1alpha1.Finding) bool { return f.IsProblem() }

// causes returns the root causes of what is broken.
func causes(report *v1alpha1.InspectionReport) []string {
	var titles []string
	for _, f := range report.Findings {
		if f.CausedBy == "" && broken(f) {
			titles = append(titles, title(f))
		}
	}
	return titles
}

// finding returns the finding with the title.
func finding(report *v1alpha1.InspectionReport, want string) v1alpha1.Finding {
	GinkgoHelper()
	for _, f := range report.Findings {
		if title(f) == want {
			return f
		}
	}
	Fail(fmt.Sprintf("no finding %q among\n%s", want, strings.Join(chains(report), "\n")))
	return v1alpha1.Finding{}
}

// words joins message and evidence of a finding, for assertions on the text.
func words(f v1alpha1.Finding) string {
	text := f.Message
	for _, e := range f.Evidence {
		text += "\n" + e.Text
	}
	return text
}
