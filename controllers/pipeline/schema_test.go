package pipeline_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestTheSchemaOfWindows(t *testing.T) {
	n := tenant.New(t, realAPI)
	valid := v1alpha1.PipelineWindow{
		Name: "night", Type: v1alpha1.WindowAllow, Cron: "0 22 * * 1-5", Duration: metav1.Duration{Duration: time.Hour},
		TimeZone: "America/Argentina/Buenos_Aires", Stages: []string{"a"}, Overrun: ptr.To(false),
	}
	for name, tc := range map[string]struct {
		change func(*v1alpha1.PipelineWindow)
		want   string
	}{
		"valid":            {func(*v1alpha1.PipelineWindow) {}, ""},
		"daily":            {func(w *v1alpha1.PipelineWindow) { w.Cron = "@daily" }, ""},
		"another type":     {func(w *v1alpha1.PipelineWindow) { w.Type = "maybe" }, "Unsupported value"},
		"a name":           {func(w *v1alpha1.PipelineWindow) { w.Name = "Night" }, "should match"},
		"no time of day":   {func(w *v1alpha1.PipelineWindow) { w.Cron = "@every 1h" }, "a window opens at a time of day"},
		"four fields":      {func(w *v1alpha1.PipelineWindow) { w.Cron = "0 3 * *" }, "cron must have five fields"},
		"a zone in cron":   {func(w *v1alpha1.PipelineWindow) { w.Cron = "CRON_TZ=UTC 0 3 * * *" }, "set timeZone"},
		"a zone":           {func(w *v1alpha1.PipelineWindow) { w.TimeZone = "../etc/passwd" }, "should match"},
		"a short duration": {func(w *v1alpha1.PipelineWindow) { w.Duration.Duration = time.Second }, "duration must be between 1m and 168h"},
		"a long duration":  {func(w *v1alpha1.PipelineWindow) { w.Duration.Duration = 169 * time.Hour }, "duration must be between 1m and 168h"},
	} {
		t.Run(name, func(t *testing.T) {
			w := valid
			tc.change(&w)
			n.Validates(t, &v1alpha1.Pipeline{ObjectMeta: n.Meta("x"), Spec: v1alpha1.PipelineSpec{
				Stages: []v1alpha1.PipelineStage{wait("a")}, Windows: []v1alpha1.PipelineWindow{w},
			}}, tc.want)
		})
	}
}

func TestTheSchemaOfGatesAndBundles(t *testing.T) {
	n := tenant.New(t, realAPI)
	minutes := func(count int) *metav1.Duration {
		return &metav1.Duration{Duration: time.Duration(count) * time.Minute}
	}
	logs := func(change func(*v1alpha1.LogsStage)) v1alpha1.PipelineStage {
		s := &v1alpha1.LogsStage{BackendRef: v1alpha1.LocalReference{Name: "loki"}}
		change(s)
		return v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageLogs, Logs: s}
	}
	sonar := func(change func(*v1alpha1.SonarQubeGate)) v1alpha1.PipelineStage {
		s := v1alpha1.SonarQubeGate{
			URL: "https://sonarqube.example.com", TokenRef: v1alpha1.SecretKeyReference{Name: "sonarqube", Key: "token"}, Project: "com.example:shop",
			Revision: v1alpha1.StageText{Value: ptr.To("c1")},
		}
		change(&s)
		return v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageQuality, Quality: &v1alpha1.QualityStage{SonarQube: &s}}
	}
	report := func(change func(*v1alpha1.SARIFGate)) v1alpha1.PipelineStage {
		s := v1alpha1.SARIFGate{Stage: "build", Artifact: "build/reports/find bugs+1.sarif"}
		change(&s)
		return v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageQuality, Quality: &v1alpha1.QualityStage{SARIF: &s}}
	}
	two := sonar(func(*v1alpha1.SonarQubeGate) {})
	two.Quality.SARIF = report(func(*v1alpha1.SARIFGate) {}).Quality.SARIF
	bundle := func(change func(*v1alpha1.BundleStage)) v1alpha1.PipelineStage {
		s := &v1alpha1.BundleStage{BundleRef: v1alpha1.LocalReference{Name: "shop"}, Revision: v1alpha1.StageText{Value: ptr.To("c1")}}
		change(s)
		return v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageBundle, Bundle: s}
	}
	build := func(change func(*v1alpha1.EnsuredJob)) v1alpha1.PipelineStage {
		job := &v1alpha1.EnsuredJob{SCM: &v1alpha1.JobSCM{Repository: "https://git.example.com/shop.git", Branch: "main"}}
		change(job)
		return v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageBuild, Build: &v1alpha1.BuildStage{
			ProviderRef: v1alpha1.LocalReference{Name: "jenkins"}, Job: "shop", Ensure: job,
		}}
	}
	for name, tc := range map[string]struct {
		stage v1alpha1.PipelineStage
		want  string
	}{
		"logs":                     {logs(func(*v1alpha1.LogsStage) {}), ""},
		"logs of another type":     {v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageLogs}, "logs must be set if and only if type is logs"},
		"a short window":           {logs(func(s *v1alpha1.LogsStage) { s.Window = &metav1.Duration{Duration: time.Second} }), "window must be between 1m and 24h"},
		"a short baseline":         {logs(func(s *v1alpha1.LogsStage) { s.Baseline = minutes(1) }), "baseline must be between 5m and 168h"},
		"too many lines":           {logs(func(s *v1alpha1.LogsStage) { s.MaxLines = 100_001 }), "less than or equal to 100000"},
		"a namespace that is none": {logs(func(s *v1alpha1.LogsStage) { s.Namespaces = []string{"*"} }), "should match"},
		"an approval without data": {logs(func(s *v1alpha1.LogsStage) { s.NoData = v1alpha1.NoDataApprove }), ""},
		"another policy":           {logs(func(s *v1alpha1.LogsStage) { s.NoData = "Pass" }), "Unsupported value"},
		"quality":                  {sonar(func(*v1alpha1.SonarQubeGate) {}), ""},
		"quality of another type":  {v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageQuality}, "quality must be set if and only if type is quality"},
		"a token without TLS": {
			sonar(func(s *v1alpha1.SonarQubeGate) { s.URL = "http://sonarqube.example.com" }), "the token would be sent unencrypted",
		},
		"a token without TLS that is permitted": {sonar(func(s *v1alpha1.SonarQubeGate) {
			s.URL = "http://sonarqube.example.com"
			s.PlainHTTP = true
		}), ""},
		"credentials in a URL": {
			sonar(func(s *v1alpha1.SonarQubeGate) { s.URL = "https://a:b@sonarqube.example.com" }), "without credentials",
		},
		"a project that is none": {sonar(func(s *v1alpha1.SonarQubeGate) { s.Project = "a b" }), "should match"},
		"a report":               {report(func(*v1alpha1.SARIFGate) {}), ""},
		"limits of a report": {report(func(s *v1alpha1.SARIFGate) {
			s.MaxErrors = ptr.To[int32](3)
			s.MaxNotes = ptr.To[int32](0)
			s.Previous = v1alpha1.PreviousNoMore
		}), ""},
		"two gates":                {two, "set either sonarQube or sarif"},
		"no gate":                  {v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageQuality, Quality: &v1alpha1.QualityStage{}}, "set either sonarQube or sarif"},
		"a path above":             {report(func(s *v1alpha1.SARIFGate) { s.Artifact = "../secret" }), "must not contain . or .."},
		"a path above, later":      {report(func(s *v1alpha1.SARIFGate) { s.Artifact = "a/../../b" }), "must not contain . or .."},
		"dots that are a name":     {report(func(s *v1alpha1.SARIFGate) { s.Artifact = "a..b/...c" }), ""},
		"an absolute path":         {report(func(s *v1alpha1.SARIFGate) { s.Artifact = "/a.sarif" }), "should match"},
		"a pattern":                {report(func(s *v1alpha1.SARIFGate) { s.Artifact = "*zip*" }), "should match"},
		"a limit that is none":     {report(func(s *v1alpha1.SARIFGate) { s.MaxErrors = ptr.To[int32](-1) }), "greater than or equal to 0"},
		"a stage that is none":     {report(func(s *v1alpha1.SARIFGate) { s.Stage = "Build" }), "should match"},
		"another comparison":       {report(func(s *v1alpha1.SARIFGate) { s.Previous = "Fewer" }), "Unsupported value"},
		"a bundle":                 {bundle(func(*v1alpha1.BundleStage) {}), ""},
		"a bundle of another type": {v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageBundle}, "bundle must be set if and only if type is bundle"},
		"a repository with a query": {
			bundle(func(s *v1alpha1.BundleStage) { s.Repository = "https://git.example.com/a?token=b" }), "should match",
		},
		"a Jenkinsfile in a repository": {build(func(*v1alpha1.EnsuredJob) {}), ""},
		"two Jenkinsfiles": {
			build(func(j *v1alpha1.EnsuredJob) { j.Jenkinsfile = "node {}" }), "set one of configMapRef, jenkinsfile and scm",
		},
		"a Jenkinsfile outside of its repository": {build(func(j *v1alpha1.EnsuredJob) { j.SCM.Path = "/etc/passwd" }), "should match"},
	} {
		t.Run(name, func(t *testing.T) {
			n.Validates(t, &v1alpha1.Pipeline{ObjectMeta: n.Meta("x"), Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{tc.stage}}}, tc.want)
		})
	}
}
