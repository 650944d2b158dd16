package clustertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// withReports makes an Inspection with two reports, without a controller: finding a persists with another severity, b is fixed, c is
// new, and d is missing in the second report, which has a gap for its check.
func withReports(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	start := metav1.NewTime(time.Date(2026, 10, 1, 6, 30, 0, 0, time.UTC))
	later := metav1.NewTime(start.Add(time.Hour))
	finding := func(id, check string, severity v1alpha1.Severity, category v1alpha1.Category) v1alpha1.Finding {
		return v1alpha1.Finding{
			ID: id + "0123456789abcdef", Check: check, Severity: severity, Category: category, Message: "message of " + id,
			Object: v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: s.Namespace, Name: "object-" + id},
		}
	}
	a := finding("a", "check-a", v1alpha1.SeverityMedium, v1alpha1.CategoryReliability)
	worse := a
	worse.Severity = v1alpha1.SeverityCritical
	b := finding("b", "check-b", v1alpha1.SeverityHigh, v1alpha1.CategoryReliability)
	c := finding("c", "check-c", v1alpha1.SeverityLow, v1alpha1.CategorySecurity)
	c.CausedBy = worse.ID
	d := finding("d", "check-d", v1alpha1.SeverityHigh, v1alpha1.CategoryReliability)
	e := finding("e", "check-e", v1alpha1.SeverityInfo, v1alpha1.CategorySecurity)
	report := func(name string, at metav1.Time, gaps []v1alpha1.Gap, findings ...v1alpha1.Finding) {
		r := &v1alpha1.InspectionReport{
			ObjectMeta: s.Meta(name), Findings: findings, Gaps: gaps,
			Summary: v1alpha1.ReportSummary{Inspection: "i", StartTime: at, Trigger: "schedule", Score: new(int32(70))},
		}
		for _, f := range findings {
			r.Summary.Counts.Add(f.Severity)
			if f.CausedBy == "" && f.IsProblem() {
				r.Summary.Problems.Add(f.Severity)
			} else if f.CausedBy == "" {
				r.Summary.Recommendations.Add(f.Severity)
			}
		}
		s.Create(r)
	}
	report("i-first", start, nil, a, b, d)
	report("i-second", later, []v1alpha1.Gap{{Source: "pods", Reason: "Forbidden", Checks: []string{"check-d"}, Message: "cannot list"}},
		worse, c, e)
	s.Inspection(v1alpha1.InspectionSpec{Suspend: true})
	i := s.Get()
	i.Status.LastReport = "i-second"
	if err := s.Client.Status().Update(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReportPrintsTheReportThatTheArgumentsSelect(t *testing.T) {
	t.Parallel()
	s := withReports(t)

	t.Run("a name can have a kind in every spelling of kubectl", func(t *testing.T) {
		for argument, report := range map[string]string{
			"": "i-second", "i": "i-second", "inspection/i": "i-second", "inspections/i": "i-second", "insp/i": "i-second",
			"inspection.kubeops.io/i": "i-second", "Inspection/i": "i-second",
			"i-first": "i-first", "inspr/i-first": "i-first", "report/i-first": "i-first", "inspectionreports.kubeops.io/i-first": "i-first",
		} {
			args := []string{"report", "-o", "json"}
			if argument != "" {
				args = append(args, argument)
			}
			var got v1alpha1.InspectionReport
			if err := json.Unmarshal([]byte(s.wants(0, nil, args...)), &got); err != nil || got.Name != report {
				t.Errorf("%q is %s (%v), want %s", argument, got.Name, err, report)
			}
		}
	})

	t.Run("-A finds a name in any namespace, unless several have it", func(t *testing.T) {
		other := newShop(t)
		for _, name := range []string{"i-first", other.Namespace} {
			other.Create(&v1alpha1.InspectionReport{
				ObjectMeta: other.Meta(name), Summary: v1alpha1.ReportSummary{StartTime: metav1.Now(), Score: new(int32(100))},
			})
		}
		s.wants(0, []string{"report " + other.Namespace + "/" + other.Namespace}, "report", "-A", other.Namespace)
		s.wants(2, []string{"exists in several namespaces: use -n with one of", other.Namespace}, "report", "-A", "inspr/i-first")
	})

	t.Run("names that do not exist are suggested", func(t *testing.T) {
		for argument, want := range map[string]string{
			"report/i-frist": `did you mean "i-first"?`,
			"insp/j":         `Inspection "j" not found in namespace ` + s.Namespace + ` of context "test" (did you mean "i"?)`,
			"inspectoin/i":   `unknown kind "inspectoin" (did you mean "inspection"?)`,
			"a/b/c":          "must be NAME or KIND/NAME",
		} {
			s.wants(2, []string{want}, "report", argument)
		}
		misspelt := s.Namespace[:len(s.Namespace)-1] + "_"
		s.wants(2, []string{"the namespace does not exist", fmt.Sprintf("did you mean %q?", s.Namespace)}, "report", "-n", misspelt[:len(misspelt)-1])
		s.wants(2, []string{`context "stagin" not found in the kubeconfig (did you mean "staging"?)`}, "report", "--context", "stagin")
	})

	t.Run("--list shows the reports, latest first", func(t *testing.T) {
		out := s.wants(0, []string{"TRIGGER", "PROBLEMS", "2026-10-01T07:30:00Z"}, "report", "--list")
		if first, second := strings.Index(out, "i-second"), strings.Index(out, "i-first"); first < 0 || second < first {
			t.Errorf("not latest first:\n%s", out)
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(s.wants(0, nil, "report", "i", "--list", "-o", "json")), &list); err != nil || len(list) != 2 ||
			list[0]["problems"] != 1.0 || list[1]["problems"] != 3.0 || list[0]["latest"] != true || list[1]["findings"] != 3.0 {
			t.Errorf("%v: %v", err, list)
		}
		s.wants(0, []string{"NAMESPACE", s.Namespace}, "report", "--list", "-A")
	})

	t.Run("--diff compares by finding, and does not call fixed what a gap hides", func(t *testing.T) {
		for _, args := range [][]string{{"i-first", "i-second"}, {"i"}, {}, {"report/i-first", "insp/i"}} {
			s.wants(0, []string{"2 new, 1 fixed, 1 with another severity, 0 unchanged, 1 not comparable", "severity was medium",
				"check check-d is incomplete in report i-second"}, append([]string{"report", "--diff"}, args...)...)
		}
		var diff struct {
			New, Fixed    []v1alpha1.Finding
			Changed       []struct{ PreviousSeverity string }
			NotComparable []struct{ MissingIn string }
		}
		out := s.wants(0, nil, "report", "--diff", "i", "-o", "json")
		if err := json.Unmarshal([]byte(out), &diff); err != nil || len(diff.New) != 2 || len(diff.Fixed) != 1 || len(diff.Changed) != 1 ||
			diff.Changed[0].PreviousSeverity != "medium" || len(diff.NotComparable) != 1 || diff.NotComparable[0].MissingIn != "i-second" {
			t.Errorf("%v: %s", err, out)
		}
		s.wants(0, []string{"0 new, 1 fixed", "2 not printed (--min-severity high)"}, "report", "--diff", "i", "--min-severity", "high")
	})

	t.Run("filters keep causes, say how much they left out, and do not change the exit code", func(t *testing.T) {
		out := s.wants(0, []string{"2 of 3 findings not printed (--min-severity high)"}, "report", "--min-severity", "high")
		if strings.Contains(out, "message of e") || !strings.Contains(out, "message of a") {
			t.Error(out)
		}
		s.wants(0, []string{"1 of 3 findings not printed (--min-severity low)", "message of a", "message of c"},
			"report", "--min-severity", "low")
		s.wants(0, []string{"2 of 3 findings not printed (--problems)"}, "report", "--problems")
		s.wants(0, []string{"1 of 3 findings not printed (--only-causes)"}, "report", "--only-causes")
		s.wants(1, []string{"2 of 3 findings not printed", "3 findings"}, "report", "--min-severity", "high", "-o", "json", "--fail-on", "info")
		s.wants(2, []string{`invalid --min-severity "hihg" (did you mean "high"?)`}, "report", "--min-severity", "hihg")
	})
}

func TestCompletionSuggestsInspectionsAndReports(t *testing.T) {
	t.Parallel()
	s := withReports(t)
	for line, wants := range map[string][]string{
		"report ":                       {"i\n", "inspectionreport/i-first\n"},
		"report insp/":                  {"insp/i\n"},
		"report report/":                {"report/i-first\n", "report/i-second\n"},
		"report --diff i-first ":        {"inspectionreport/i-second\n"},
		"run ":                          {"i\n"},
		"suspend ":                      {"i\n"},
		"ignore ":                       {"a0123456789abcdef\tcheck-a Service " + s.Namespace + "/object-a\n"},
		"ignore --inspection ":          {"i\n"},
		"report --namespace ":           {s.Namespace + "\n", "kube-system\n"},
		"report --context ":             {"staging\n", "test\n"},
		"inspect --checks ":             {"pod-oom-killed\n"},
		"inspect --checks pod-evicted,": {"pod-evicted,pod-oom-killed\n"},
		"checks pod-oom":                {"pod-oom-killed\n"},
		"report --min-severity ":        {"critical\n", "info\n"},
		"report -o ":                    {"table\n", "sarif\n"},
		"version -o ":                   {"json\n"},
		"completion ":                   {"bash\t", "fish\t", "zsh\t"},
	} {
		words := strings.Split(line, " ")
		args := append([]string{"__complete"}, words[:len(words)-1]...)
		args = append(args, "--kubeconfig", s.kubeconfig)
		args = append(args, words[len(words)-1])
		if flag := words[len(words)-2]; strings.HasPrefix(flag, "-") && flag != "--diff" { // its value comes last
			args = append([]string{"__complete"}, words[:len(words)-2]...)
			if words[0] != "version" && words[0] != "completion" && words[0] != "checks" {
				args = append(args, "--kubeconfig", s.kubeconfig)
			}
			args = append(args, flag, words[len(words)-1])
		} else if words[0] == "completion" || words[0] == "checks" {
			args = append([]string{"__complete"}, words...)
		}
		code, out, errOut := s.plain(args...)
		for _, want := range wants {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("%q: exit code %d, no %q in %q %s", line, code, want, out, errOut)
			}
		}
	}
}

func TestCompletionIsSilentWithoutAServer(t *testing.T) {
	t.Parallel()
	s := &shop{t: t, kubeconfig: deadKubeconfig(t)}
	for _, words := range [][]string{
		{"report", ""}, {"run", ""}, {"suspend", "mb/"}, {"ignore", ""}, {"report", "--namespace", ""}, {"report", "--list", "insp/"},
	} {
		last := len(words) - 1
		args := append([]string{"__complete"}, words[:last]...)
		if last > 1 && words[last-1] == "--namespace" {
			args = append([]string{"__complete"}, words[0], "--kubeconfig", s.kubeconfig, "--namespace", "")
		} else {
			args = append(args, "--kubeconfig", s.kubeconfig, words[last])
		}
		code, out, _ := s.plain(args...)
		if code != 0 || out != ":4\n" { // no values, and no names of files
			t.Errorf("%q: exit code %d, %q", words, code, out)
		}
	}
}
