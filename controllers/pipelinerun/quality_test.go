package pipelinerun_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	server "kubeops.io/kubeops/internal/testkit/jenkins"
)

func TestAQualityStageWaitsForTheAnalysisOfItsRevision(t *testing.T) {
	w := newWorld(t)
	var queued, analyzed atomic.Bool
	sonar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "squ_abc" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api/ce/component" && queued.Load():
			_, _ = fmt.Fprint(w, `{"queue":[{"type":"REPORT","submittedAt":"2020-01-01T00:00:00+0000"}]}`)
		case r.URL.Path == "/api/ce/component":
			_, _ = fmt.Fprint(w, `{"queue":[]}`)
		case r.URL.Path == "/api/qualitygates/project_status" && r.URL.Query().Get("analysisId") == "A1":
			_, _ = fmt.Fprint(w, `{"projectStatus":{"status":"OK","conditions":[]}}`)
		case r.URL.Path == "/api/qualitygates/project_status":
			_, _ = fmt.Fprint(w, `{"projectStatus":{"status":"ERROR","conditions":[{"status":"ERROR","metricKey":"new_coverage",`+
				`"comparator":"LT","errorThreshold":"80","actualValue":"75.3"}]}}`)
		case analyzed.Load():
			_, _ = fmt.Fprint(w, `{"analyses":[{"key":"A2","revision":"c2"},{"key":"A1","revision":"c1"}]}`)
		default:
			_, _ = fmt.Fprint(w, `{"analyses":[{"key":"A0","revision":"c0"}]}`)
		}
	}))
	t.Cleanup(sonar.Close)
	w.Secret("sonarqube", "token", "squ_abc")
	gate := v1alpha1.PipelineStage{Name: "quality", Type: v1alpha1.StageQuality, Quality: &v1alpha1.QualityStage{
		SonarQube: &v1alpha1.SonarQubeGate{
			URL: sonar.URL, PlainHTTP: true, TokenRef: v1alpha1.SecretKeyReference{Name: "sonarqube", Key: "token"}, Project: "shop",
			Revision: v1alpha1.StageText{Expression: "params.commit"},
		},
	}}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "commit"}}, Concurrency: v1alpha1.ConcurrencyAllow,
		Stages: []v1alpha1.PipelineStage{gate},
	})
	w.run("forbidden", v1alpha1.ParameterValue{Name: "commit", Value: "c1"})
	if run := w.settle("forbidden"); run.Status.Phase == v1alpha1.RunRunning || strings.Contains(dump(run), "squ_abc") {
		t.Errorf("the run is %s", dump(run))
	}
	w.Grant("sonarqube")
	reader := w.as("system:serviceaccount:"+w.Namespace+":kubeops", "system:serviceaccounts")
	w.Eventually(func() error { return reader.Get(t.Context(), w.Key("sonarqube"), &corev1.Secret{}) })
	w.run("good", v1alpha1.ParameterValue{Name: "commit", Value: "c1"})
	w.run("bad", v1alpha1.ParameterValue{Name: "commit", Value: "c2"})
	w.want(w.settle("good"), v1alpha1.RunRunning, "quality=Observing/AwaitingAnalysis")
	w.want(w.settle("bad"), v1alpha1.RunRunning, "quality=Observing/AwaitingAnalysis")
	analyzed.Store(true)
	queued.Store(true) // the analyses are those of earlier reports of the same revisions
	w.want(w.pass(10*time.Second, "good"), v1alpha1.RunRunning, "quality=Observing/AwaitingAnalysis")
	queued.Store(false)
	run := w.pass(10*time.Second, "good")
	w.want(run, v1alpha1.RunSucceeded, "quality=Succeeded")
	if o := run.Status.Stage("quality").Outputs; o["gate"] != "OK" || o["analysis"] != "A1" {
		t.Errorf("outputs %v", o)
	}
	run = w.settle("bad")
	w.want(run, v1alpha1.RunFailed, "quality=Failed/QualityGateFailed")
	if lines := run.Status.Stage("quality").Diagnosis; len(lines) != 1 || lines[0] != "new_coverage is 75.3, must not be less than 80" {
		t.Errorf("diagnosis %q", lines)
	}
	if strings.Contains(dump(run), "squ_abc") {
		t.Error("the status has the token")
	}
}

// sarif is a report with as many errors and warnings.
func sarif(errorCount, warnings int) string {
	one := func(level string, count int) string {
		return strings.Repeat(`{"ruleId":"R1","level":"`+level+`","message":{"text":"Query built from input"},"locations":[{"physicalLocation":`+
			`{"artifactLocation":{"uri":"cart/db.go"},"region":{"startLine":7}}}]},`, count)
	}
	return `{"version":"2.1.0","runs":[{"results":[` + one("error", errorCount) + one("warning", warnings) + `{"level":"none"}]}]}`
}

func TestAQualityStageReadsTheReportOfTheBuild(t *testing.T) {
	w := newWorld(t)
	ci := server.New(t)
	ci.Set(func(o *server.Options) { o.Executors = 10 })
	ci.Add("shop", &server.Job{Parameters: map[string][]string{jenkins.Marker: nil, "BEHAVIOUR": nil}})
	w.buildServer(ci.URL, server.User, server.Token)
	build := buildStage("build", "shop", v1alpha1.StageValue{Name: "BEHAVIOUR", Value: ptr.To("hold")})
	build.OnFailure = v1alpha1.FailureContinue
	build.When = "params.build"
	gate := v1alpha1.PipelineStage{Name: "report", Type: v1alpha1.StageQuality, After: []string{"build"}, Quality: &v1alpha1.QualityStage{
		SARIF: &v1alpha1.SARIFGate{Stage: "build", Artifact: "reports/findings.sarif", MaxErrors: ptr.To[int32](1), Previous: v1alpha1.PreviousNoMore},
	}}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "build", Type: v1alpha1.ParameterBoolean, Default: ptr.To("true")}},
		Stages:     []v1alpha1.PipelineStage{build, gate},
	})
	number := int64(0)
	built := func(name, result string, artifacts map[string]string) *v1alpha1.PipelineRun {
		t.Helper()
		w.Clock.SetTime(w.Clock.Now().Add(time.Minute))
		w.run(name)
		w.want(w.settle(name), v1alpha1.RunRunning, "build=Observing/BuildRunning", "report=Waiting")
		number++
		ci.Change("shop", number, func(b *server.Build) {
			b.Finish(result)
			b.Artifacts = artifacts
		})
		return w.pass(time.Minute, name)
	}
	at := func(report string) map[string]string { return map[string]string{"reports/findings.sarif": report} }

	run := built("first", "SUCCESS", at(sarif(1, 3)))
	w.want(run, v1alpha1.RunSucceeded, "report=Succeeded")
	if o := run.Status.Stage("report").Outputs; o["errors"] != "1" || o["warnings"] != "3" || o["notes"] != "0" {
		t.Errorf("outputs %v", o)
	}
	run = built("more-errors", "SUCCESS", at(sarif(2, 0)))
	w.want(run, v1alpha1.RunFailed, "report=Failed/QualityGateFailed")
	s := run.Status.Stage("report")
	if len(s.Diagnosis) != 2 || s.Diagnosis[0] != "error R1 at cart/db.go:7: Query built from input" ||
		!strings.Contains(s.Message, "maxErrors is 1") || s.ExternalURL != run.Status.Stage("build").ExternalURL {
		t.Errorf("the stage is %s", dump(run))
	}
	run = built("more-warnings", "SUCCESS", at(sarif(0, 4)))
	w.want(run, v1alpha1.RunFailed, "report=Failed/QualityGateFailed")
	if message := run.Status.Stage("report").Message; !strings.Contains(message, "run first had 3 warnings") {
		t.Errorf("the message is %q", message)
	}
	w.want(built("as-many", "SUCCESS", at(sarif(1, 3))), v1alpha1.RunSucceeded, "report=Succeeded")
	w.want(built("no-report", "SUCCESS", nil), v1alpha1.RunFailed, "report=Failed/NoData")
	w.want(built("no-sarif", "SUCCESS", at("<html>")), v1alpha1.RunFailed, "report=Failed/InvalidReport")
	w.want(built("failed-build", "FAILURE", at(sarif(0, 0))), v1alpha1.RunFailed, "build=Failed/BuildFailed", "report=Succeeded")

	w.run("skipped", v1alpha1.ParameterValue{Name: "build", Value: "false"})
	w.want(w.settle("skipped"), v1alpha1.RunSucceeded, "build=Skipped/ConditionFalse", "report=Skipped/OutputNotAvailable")
}
