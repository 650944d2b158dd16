package inspection

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

// screen is how wide `kubectl get` may be.
const screen = 120

// table is what the API server prints of this namespace's objects of a kind, as kubectl does: columns apart by three spaces.
func (w *world) table(resource string) []string {
	w.t.Helper()
	clientset, err := kubernetes.NewForConfig(realAPI)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := clientset.RESTClient().Get().
		AbsPath("/apis", v1alpha1.Group, v1alpha1.GroupVersion().Version, "namespaces", w.Namespace, resource).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	got := &metav1.Table{}
	if err := json.Unmarshal(answer, got); err != nil {
		w.t.Fatal(err)
	}
	rows := make([][]string, len(got.Rows)+1)
	for c, column := range got.ColumnDefinitions {
		if column.Priority > 0 {
			continue // only with -o wide
		}
		rows[0] = append(rows[0], strings.ToUpper(column.Name))
		for r, row := range got.Rows {
			rows[r+1] = append(rows[r+1], fmt.Sprint(row.Cells[c]))
		}
	}
	return align(rows)
}

func align(rows [][]string) []string {
	lines := make([]string, len(rows))
	for c := range rows[0] {
		width := 0
		for _, row := range rows {
			width = max(width, len([]rune(row[c])))
		}
		for r, row := range rows {
			lines[r] += row[c] + strings.Repeat(" ", width-len([]rune(row[c]))+3)
		}
	}
	for r := range lines {
		lines[r] = strings.TrimRight(lines[r], " ")
	}
	return lines
}

func TestTablesFitTheScreen(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	report := &v1alpha1.InspectionReport{
		ObjectMeta: w.Meta("production-daily-20261123t0630-8f3a1"),
		Summary: v1alpha1.ReportSummary{
			StartTime: metav1.NewTime(w.Clock.Now()), Score: new(int32(37)), Gaps: 14,
			Problems:        v1alpha1.RootCauseCounts{Total: 128, SeverityCounts: v1alpha1.SeverityCounts{Critical: 12, High: 116}},
			Recommendations: v1alpha1.RootCauseCounts{Total: 1131, SeverityCounts: v1alpha1.SeverityCounts{Medium: 1104, Low: 27}},
			Counts:          v1alpha1.SeverityCounts{Critical: 12, High: 240, Medium: 1104, Low: 27},
			Changes:         v1alpha1.ChangeCounts{New: 240, NewRootCauses: 118, Fixed: 2006, FixedRootCauses: 1003, Persisting: 20},
		},
	}
	w.Create(report)
	i := &v1alpha1.Inspection{ObjectMeta: w.Meta("production-daily"), Spec: v1alpha1.InspectionSpec{Schedule: "30 6 * * 1-5"}}
	w.Create(i)
	r := w.reconciler()
	scope := &kind.Scope[*v1alpha1.Inspection]{Object: i, Stored: i, Now: w.Clock.Now()}
	conclude(scope.Conditions(), report)
	record(i, &v1alpha1.InspectionRun{Trigger: triggerSchedule, Generation: 1}, report)
	if err := w.Client.Status().Update(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("i"), Spec: v1alpha1.InspectionSpec{Schedule: "30 6 * * 1-5"}})
	w.Clock.SetTime(time.Now())
	w.Settle(r)

	for resource, want := range map[string][]string{
		"inspections": {
			"128        True    128 problems, 1131 recommendations", "first run at ", "SCHEDULE       SUSPENDED   LAST RUN",
		},
		"inspectionreports": {"production-daily-20261123t0630-8f3a1   37      128        1131              118   1003    14"},
	} {
		lines := w.table(resource)
		for _, line := range lines {
			if n := len([]rune(line)); n > screen {
				t.Errorf("%d columns, more than %d: %s", n, screen, line)
			}
		}
		for _, part := range want {
			if !strings.Contains(strings.Join(lines, "\n"), part) {
				t.Errorf("%s: %q is not in\n%s", resource, part, strings.Join(lines, "\n"))
			}
		}
	}
}
