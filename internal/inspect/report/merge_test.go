package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
)

// partOf is a cluster with a number of problems, each with one symptom, and of recommendations.
func partOf(name string, problems, recommendations int, score int32) Part {
	r := &v1alpha1.InspectionReport{}
	add := func(id string, class v1alpha1.FindingClass, causedBy string) {
		f := v1alpha1.Finding{
			ID: name + id, Check: "check-" + string(class), Class: class, Severity: v1alpha1.SeverityHigh, Cluster: name, CausedBy: causedBy,
			Object: v1alpha1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: id}, Message: strings.Repeat("m", 100),
		}
		if causedBy == "" {
			f.Affects = 1
		}
		r.Findings = append(r.Findings, f)
		r.Summary.Counts.Add(f.Severity)
		if causedBy == "" && class == v1alpha1.ClassProblem {
			r.Summary.Problems.Add(f.Severity)
		} else if causedBy == "" {
			r.Summary.Recommendations.Add(f.Severity)
		}
	}
	for i := range problems {
		add(fmt.Sprintf("p%04d", i), v1alpha1.ClassProblem, "")
		add(fmt.Sprintf("s%04d", i), v1alpha1.ClassProblem, fmt.Sprintf("%sp%04d", name, i))
	}
	for i := range recommendations {
		add(fmt.Sprintf("r%04d", i), v1alpha1.ClassRecommendation, "")
	}
	r.Summary.Score = &score
	r.Summary.ChecksRun = 90
	return Part{Report: r, Cluster: v1alpha1.InspectedCluster{Name: name}}
}

func unreachable(name string) Part {
	return Part{
		Gap:     &v1alpha1.Gap{Cluster: name, Source: "cluster " + name, Reason: v1alpha1.GapTimedOut, Message: "Cluster " + name + " timed out."},
		Cluster: v1alpha1.InspectedCluster{Name: name, NotInspected: v1alpha1.GapTimedOut},
	}
}

func merged(bounds Bounds, parts ...Part) *v1alpha1.InspectionReport {
	return Merge(MergeInput{Parts: parts, Start: time.Unix(1_000_000, 0), Duration: time.Second, Bounds: bounds})
}

func byCluster(r *v1alpha1.InspectionReport) map[string]int {
	counts := map[string]int{}
	for _, f := range r.Findings {
		counts[f.Cluster]++
	}
	return counts
}

func TestABrokenClusterLeavesRoomForTheOthers(t *testing.T) {
	r := merged(Bounds{Findings: 500}, partOf("broken", 600, 50, 3), partOf("a", 20, 5, 70), partOf("b", 0, 10, 100), partOf("c", 3, 0, 90))
	got := byCluster(r)
	// Problems come first: all 40 findings of a and 6 of c, then what is left for the broken one; nothing for recommendations.
	if got["a"] < 40 || got["c"] != 6 || got["broken"] < 300 || len(r.Findings) > 500 {
		t.Errorf("findings by cluster: %v", got)
	}
	if len(r.Clusters) != 4 || r.Clusters[2].Name != "broken" || r.Clusters[2].Problems.Total != 600 || r.Clusters[2].Findings != 1250 {
		t.Fatalf("clusters: %+v", r.Clusters)
	}
	for _, c := range r.Clusters {
		if int(c.Findings-c.Omitted) != got[c.Name] {
			t.Errorf("%s: %d findings, %d omitted, %d in the report", c.Name, c.Findings, c.Omitted, got[c.Name])
		}
	}
	if r.Summary.Problems.Total != 623 || r.Summary.Recommendations.Total != 65 || !r.Summary.Truncated {
		t.Errorf("summary: %+v", r.Summary)
	}
	omitted := 0
	for _, o := range r.Omitted {
		omitted += int(o.Count)
	}
	if omitted+len(r.Findings) != int(r.Summary.Counts.Total()) {
		t.Errorf("%d omitted and %d in the report of %d", omitted, len(r.Findings), r.Summary.Counts.Total())
	}
}

func TestASymptomIsNeverKeptWithoutItsCause(t *testing.T) {
	for limit := range 20 {
		r := merged(Bounds{Findings: limit + 1}, partOf("a", 5, 2, 50), partOf("b", 5, 2, 50))
		kept := map[string]bool{}
		for _, f := range r.Findings { // a cause precedes its symptoms
			if kept[f.ID] = true; f.CausedBy != "" && !kept[f.CausedBy] {
				t.Errorf("limit %d: %s without %s", limit+1, f.ID, f.CausedBy)
			}
		}
	}
}

func TestProblemsOfAllClustersPrecedeRecommendations(t *testing.T) {
	r := merged(Bounds{}, partOf("b", 2, 2, 50), partOf("a", 2, 2, 60))
	recommendations := false
	for _, f := range r.Findings {
		if recommendations = recommendations || !f.IsProblem(); recommendations && f.IsProblem() {
			t.Errorf("problem %s follows a recommendation", f.ID)
		}
	}
	if len(r.Findings) != 12 || r.Summary.Truncated || r.Summary.ChecksRun != 90 {
		t.Errorf("%d findings, summary %+v", len(r.Findings), r.Summary)
	}
}

func TestTheScoreOfSeveralClustersIsTheLowest(t *testing.T) {
	if r := merged(Bounds{}, partOf("a", 1, 0, 90), partOf("b", 1, 0, 40)); r.Summary.Score == nil || *r.Summary.Score != 40 {
		t.Errorf("score %v", r.Summary.Score)
	}
	r := merged(Bounds{}, partOf("a", 1, 0, 90), unreachable("b"))
	if r.Summary.Score != nil || r.Summary.RequiredGaps != 1 || len(r.Gaps) != 1 || r.Gaps[0].Cluster != "b" {
		t.Errorf("summary %+v, gaps %v", r.Summary, r.Gaps)
	}
	if c := r.Clusters; c[0].Score == nil || *c[0].Score != 90 || c[1].Score != nil || c[1].RequiredGaps != 1 {
		t.Errorf("clusters %+v", c)
	}
}

func TestGapsOfOneClusterLeaveRoomForThoseOfOthers(t *testing.T) {
	noisy, quiet := partOf("noisy", 0, 0, 0), partOf("quiet", 0, 0, 0)
	for i := range 300 {
		noisy.Report.Gaps = append(noisy.Report.Gaps, v1alpha1.Gap{Cluster: "noisy", Source: fmt.Sprint(i), Optional: i < 10})
	}
	quiet.Report.Gaps = []v1alpha1.Gap{{Cluster: "quiet", Source: "pods"}, {Cluster: "quiet", Source: "secrets", Optional: true}}
	r := merged(Bounds{}, noisy, quiet, unreachable("z"))
	if len(r.Gaps) != 200 || r.Gaps[0].Cluster != "z" || r.Gaps[2].Cluster != "quiet" {
		t.Errorf("%d gaps, %v", len(r.Gaps), r.Gaps[:3])
	}
}

func TestAThousandBrokenClustersFitIntoOneReport(t *testing.T) {
	bounds := Bounds{}.OfCluster(1000)
	var parts []Part
	for i := range 1000 {
		part := partOf(fmt.Sprintf("cluster-%04d", i), 50, 50, 1)
		truncate(part.Report, bounds)
		part.Cluster.Version = "v1.37.2+vendor.12345"
		parts = append(parts, part)
	}
	r := merged(Bounds{}, parts...)
	text, err := json.Marshal(r)
	if err != nil || len(text) > MaxBytes || len(r.Clusters) != 1000 {
		t.Errorf("%d bytes, %d clusters (%v)", len(text), len(r.Clusters), err)
	}
	if n := len(byCluster(r)); n < 300 {
		t.Errorf("findings of %d clusters only, %d in all", n, len(r.Findings))
	}
}

func TestTheBoundsOfOneClusterShrinkWithTheirNumber(t *testing.T) {
	for clusters, want := range map[int]int{1: 500, 4: 500, 8: 250, 1000: 2, 100_000: 1} {
		if got := (Bounds{}).OfCluster(clusters); got.Findings != want || got.Bytes > MaxBytes {
			t.Errorf("%d clusters: %+v, want %d findings", clusters, got, want)
		}
	}
}
