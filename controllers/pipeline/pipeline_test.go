package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/pipeline"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func wait(name string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{
		Name: name, Type: v1alpha1.StageWait, Wait: &v1alpha1.WaitStage{Duration: &metav1.Duration{Duration: time.Second}},
	}
}

func when(stage v1alpha1.PipelineStage, expression string) v1alpha1.PipelineStage {
	stage.When = expression
	return stage
}

func TestAPipelineIsReadyIfItsStagesCanRun(t *testing.T) {
	n := tenant.New(t, realAPI)
	r := pipeline.New(testsuite.NewEnvironment(t, n, prometheus.NewRegistry()), expression.Local{}, nil)
	three := "three"
	for name, tc := range map[string]struct {
		spec          v1alpha1.PipelineSpec
		reason, words string
	}{
		"valid":         {v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{wait("a")}}, v1alpha1.ReasonSucceeded, "1 stage"},
		"suspended":     {v1alpha1.PipelineSpec{Suspend: true, Stages: []v1alpha1.PipelineStage{wait("a")}}, v1alpha1.ReasonSucceeded, "spec.suspend"},
		"an expression": {v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{when(wait("a"), "params.x")}}, v1alpha1.ReasonInvalidExpression, "stage a, when"},
		"a default": {
			v1alpha1.PipelineSpec{
				Parameters: []v1alpha1.PipelineParameter{{Name: "n", Type: v1alpha1.ParameterInteger, Default: &three}},
				Stages:     []v1alpha1.PipelineStage{wait("a")},
			}, v1alpha1.ReasonInvalidPipeline, `"three" is not an integer`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.Pipeline{ObjectMeta: n.Meta(strings.ReplaceAll(name, " ", "-")), Spec: tc.spec}
			n.Create(p)
			_, err := testsuite.Reconcile(t, r, client.ObjectKeyFromObject(p))
			if err != nil && tc.reason == v1alpha1.ReasonSucceeded {
				t.Fatal(err)
			}
			if err := n.Client.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
				t.Fatal(err)
			}
			ready := p.Status.Conditions[0]
			if ready.Reason != tc.reason || !strings.Contains(outcome.Explanation(p.Status.Conditions), tc.words) {
				t.Errorf("Ready is %+v", ready)
			}
			for _, violation := range outcome.Violations(p.Generation, p.Status.ObservedGeneration, p.Status.Conditions) {
				t.Error(violation)
			}
		})
	}
}

func TestTheSchemaRefusesWhatIsNoPipeline(t *testing.T) {
	n := tenant.New(t, realAPI)
	duration := &metav1.Duration{Duration: time.Second}
	named := func(change func(*v1alpha1.PipelineSpec)) *v1alpha1.Pipeline {
		spec := v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{wait("a")}}
		change(&spec)
		return &v1alpha1.Pipeline{ObjectMeta: n.Meta("x"), Spec: spec}
	}
	for name, tc := range map[string]struct {
		change func(*v1alpha1.PipelineSpec)
		want   string
	}{
		"valid":          {func(*v1alpha1.PipelineSpec) {}, ""},
		"no stages":      {func(s *v1alpha1.PipelineSpec) { s.Stages = []v1alpha1.PipelineStage{} }, "at least 1 items"},
		"a type without": {func(s *v1alpha1.PipelineSpec) { s.Stages[0].Wait = nil }, "wait must be set if and only if type is wait"},
		"another type":   {func(s *v1alpha1.PipelineSpec) { s.Stages[0].Approval = &v1alpha1.ApprovalStage{} }, "approval must be set if and only if"},
		"two times":      {func(s *v1alpha1.PipelineSpec) { s.Stages[0].Wait.Until = &metav1.Time{Time: time.Now()} }, "set either duration or until"},
		"no time":        {func(s *v1alpha1.PipelineSpec) { s.Stages[0].Wait.Duration = nil }, "set either duration or until"},
		"a name twice":   {func(s *v1alpha1.PipelineSpec) { s.Finally = []v1alpha1.PipelineStage{wait("a")} }, "names of stages must be unique"},
		"order of finally": {func(s *v1alpha1.PipelineSpec) {
			s.Finally = []v1alpha1.PipelineStage{wait("f")}
			s.Finally[0].After = []string{"a"}
		}, "stages of finally run at the same time"},
		"a short timeout": {func(s *v1alpha1.PipelineSpec) { s.Timeout = &metav1.Duration{Duration: time.Millisecond} }, "timeout must be between"},
		"one attempt":     {func(s *v1alpha1.PipelineSpec) { s.Stages[0].Retry = &v1alpha1.StageRetry{Attempts: 1} }, "greater than or equal to 2"},
		"retry of success": {func(s *v1alpha1.PipelineSpec) {
			s.Stages[0].Retry = &v1alpha1.StageRetry{Attempts: 2, On: []v1alpha1.StagePhase{"Succeeded"}}
		}, "on has Failed, TimedOut or Lost"},
		"a long wait": {func(s *v1alpha1.PipelineSpec) {
			s.Stages[0].Wait.Duration = &metav1.Duration{Duration: 721 * time.Hour}
		}, "duration must be between"},
		"a wait":   {func(s *v1alpha1.PipelineSpec) { s.Stages[0].Wait.Duration = duration }, ""},
		"an image": {func(s *v1alpha1.PipelineSpec) { s.Stages[0] = image("registry.example.com:5000/shop/web") }, ""},
		"an image with a tag in its repository": {
			func(s *v1alpha1.PipelineSpec) { s.Stages[0] = image("registry.example.com/shop:1") }, "should match",
		},
		"an image without a host": {func(s *v1alpha1.PipelineSpec) { s.Stages[0] = image("shop") }, "should match"},
		"credentials without TLS": {func(s *v1alpha1.PipelineSpec) {
			s.Stages[0] = image("registry.example.com/shop")
			s.Stages[0].Image.PlainHTTP = true
			s.Stages[0].Image.SecretRef = &v1alpha1.SecretReference{Name: "login"}
		}, "plainHTTP would send the credentials"},
		"triggers": {func(s *v1alpha1.PipelineSpec) {
			s.Triggers = []v1alpha1.PipelineTrigger{hook("a"), cron("b", "0 3 * * *")}
		}, ""},
		"a trigger twice": {
			func(s *v1alpha1.PipelineSpec) {
				s.Triggers = []v1alpha1.PipelineTrigger{hook("a"), cron("a", "0 3 * * *")}
			}, "Duplicate value",
		},
		"a webhook without its own": {func(s *v1alpha1.PipelineSpec) {
			s.Triggers = []v1alpha1.PipelineTrigger{{Name: "a", Type: v1alpha1.TriggerWebhook}}
		}, "webhook must be set if and only if type is webhook"},
		"a schedule without its own": {func(s *v1alpha1.PipelineSpec) {
			s.Triggers = []v1alpha1.PipelineTrigger{{Name: "a", Type: v1alpha1.TriggerSchedule}}
		}, "schedule must be set if and only if type is schedule"},
		"a zone in cron": {
			func(s *v1alpha1.PipelineSpec) { s.Triggers = []v1alpha1.PipelineTrigger{cron("a", "TZ=UTC 0 3 * * *")} }, "set timeZone",
		},
		"four fields": {
			func(s *v1alpha1.PipelineSpec) { s.Triggers = []v1alpha1.PipelineTrigger{cron("a", "0 3 * *")} }, "cron must have five fields",
		},
	} {
		t.Run(name, func(t *testing.T) { n.Validates(t, named(tc.change), tc.want) })
	}
}

func image(repository string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: "a", Type: v1alpha1.StageImage, Image: &v1alpha1.ImageStage{
		Repository: repository, Tag: v1alpha1.StageText{Expression: "'1'"},
	}}
}

func hook(name string) v1alpha1.PipelineTrigger {
	return v1alpha1.PipelineTrigger{Name: name, Type: v1alpha1.TriggerWebhook, Webhook: &v1alpha1.WebhookTrigger{
		Source: v1alpha1.WebhookGitHub, SecretRef: v1alpha1.SecretKeyReference{Name: "hook", Key: "secret"},
	}}
}

func cron(name, expression string) v1alpha1.PipelineTrigger {
	return v1alpha1.PipelineTrigger{
		Name: name, Type: v1alpha1.TriggerSchedule, Schedule: &v1alpha1.ScheduleTrigger{Cron: expression},
	}
}

func TestFailedRunsDoNotReplaceTheNewestThatSucceeded(t *testing.T) {
	n := tenant.New(t, realAPI)
	r := pipeline.New(testsuite.NewEnvironment(t, n, prometheus.NewRegistry()), expression.Local{}, nil)
	p := &v1alpha1.Pipeline{ObjectMeta: n.Meta("p"), Spec: v1alpha1.PipelineSpec{KeepRuns: 2, Stages: []v1alpha1.PipelineStage{wait("a")}}}
	n.Create(p)
	for i, phase := range []v1alpha1.RunPhase{
		v1alpha1.RunSucceeded, v1alpha1.RunSucceeded, v1alpha1.RunFailed, v1alpha1.RunFailed, v1alpha1.RunFailed,
	} {
		run := &v1alpha1.PipelineRun{ObjectMeta: n.Meta(fmt.Sprintf("r%d", i)), Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: "p"},
		}}
		n.Create(run)
		at := metav1.NewTime(n.Clock.Now())
		run.Status.Phase = phase
		run.Status.CompletionTime = &at
		if err := n.Client.Status().Update(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	testsuite.MustReconcile(t, r, n, p)
	if got := left(t, n); got != "r1 r3 r4" {
		t.Errorf("left are %s", got)
	}
}

func TestTheOldestRunsAreDeletedAndTheStatusShowsTheOthers(t *testing.T) {
	n := tenant.New(t, realAPI)
	r := pipeline.New(testsuite.NewEnvironment(t, n, prometheus.NewRegistry()), expression.Local{}, nil)
	p := &v1alpha1.Pipeline{ObjectMeta: n.Meta("p"), Spec: v1alpha1.PipelineSpec{KeepRuns: 2, Stages: []v1alpha1.PipelineStage{wait("a")}}}
	n.Create(p)
	phases := []v1alpha1.RunPhase{
		v1alpha1.RunSucceeded, v1alpha1.RunFailed, v1alpha1.RunCanceled, v1alpha1.RunRunning, v1alpha1.RunWaiting, v1alpha1.RunFinishing,
		v1alpha1.RunSucceeded,
	}
	for i, phase := range phases {
		run := &v1alpha1.PipelineRun{ObjectMeta: n.Meta(fmt.Sprintf("r%d", i)), Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: "p"},
		}}
		n.Create(run)
		at := metav1.NewTime(n.Clock.Now())
		run.Status.Phase = phase
		run.Status.Progress = "1/2"
		if phase.Ended() {
			run.Status.CompletionTime = &at
		}
		if err := n.Client.Status().Update(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	other := &v1alpha1.PipelineRun{ObjectMeta: n.Meta("other"), Spec: v1alpha1.PipelineRunSpec{
		PipelineRef: v1alpha1.LocalReference{Name: "q"},
	}}
	n.Create(other)
	testsuite.MustReconcile(t, r, n, p)
	if p.Status.ActiveRuns != 2 || p.Status.QueuedRuns != 1 || p.Status.LastRun != "r6" || p.Status.LastRunPhase != v1alpha1.RunSucceeded ||
		p.Status.LastSuccessTime == nil {
		t.Errorf("the status is %+v", p.Status)
	}
	if got := left(t, n); got != "other r2 r3 r4 r5 r6" {
		t.Errorf("left are %s", got)
	}
	for _, resource := range []string{"pipelines", "pipelineruns"} {
		for _, line := range n.Table(resource, false) {
			if len([]rune(line)) > tenant.Screen {
				t.Errorf("%s: %d columns: %s", resource, len([]rune(line)), line)
			}
		}
	}
}

// left are the names of the runs of a namespace.
func left(t *testing.T, n *tenant.Tenant) string {
	t.Helper()
	list := &v1alpha1.PipelineRunList{}
	if err := n.Client.List(t.Context(), list, client.InNamespace(n.Namespace)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, run := range list.Items {
		names = append(names, run.Name)
	}
	return strings.Join(names, " ")
}
