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

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestAQualityStageWaitsForTheAnalysisOfItsRevision(t *testing.T) {
	w := newWorld(t)
	var analyzed atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "squ_abc" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
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
	t.Cleanup(server.Close)
	w.Secret("sonarqube", "token", "squ_abc")
	gate := v1alpha1.PipelineStage{Name: "quality", Type: v1alpha1.StageQuality, Quality: &v1alpha1.QualityStage{
		SonarQube: v1alpha1.SonarQubeGate{
			URL: server.URL, PlainHTTP: true, TokenRef: v1alpha1.SecretKeyReference{Name: "sonarqube", Key: "token"}, Project: "shop",
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
