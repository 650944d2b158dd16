package pipelinerun_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	server "kubeops.io/kubeops/internal/testkit/jenkins"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// buildStage is a stage of type build on CIProvider jenkins.
func buildStage(name, job string, parameters ...v1alpha1.StageValue) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageBuild, Build: &v1alpha1.BuildStage{
		ProviderRef: v1alpha1.LocalReference{Name: "jenkins"}, Job: job, Parameters: parameters,
	}}
}

// buildServer makes CIProvider jenkins, and what reads its Secret.
func (w *world) buildServer(url, user, token string) {
	w.t.Helper()
	types, err := builtin.BuildServers()
	if err != nil {
		w.t.Fatal(err)
	}
	w.e.Backends.BuildTypes = types
	w.Secret("login", "username", user, "token", token)
	w.Grant("login")
	w.Create(&v1alpha1.CIProvider{ObjectMeta: w.Meta("jenkins"), Spec: v1alpha1.CIProviderSpec{
		Type: v1alpha1.CIProviderJenkins, Jenkins: &v1alpha1.JenkinsServer{URL: url, SecretRef: v1alpha1.SecretReference{Name: "login"}},
	}})
}

func TestABuildPassesItsOutputsOn(t *testing.T) {
	w := newWorld(t)
	ci := server.New(t)
	ci.Add("shop", &server.Job{Parameters: map[string][]string{jenkins.Marker: nil, "VERSION": nil, "BEHAVIOUR": nil}})
	w.buildServer(ci.URL, server.User, server.Token)
	build := buildStage("build", "shop", v1alpha1.StageValue{Name: "VERSION", Expression: "params.version"},
		v1alpha1.StageValue{Name: "BEHAVIOUR", Value: ptr.To("hold")})
	build.Build.Outputs = []string{"image"}
	deploy := jobStage("deploy", "build")
	deploy.Job.Env = []v1alpha1.StageValue{{Name: "IMAGE", Expression: "stages.build.outputs.image + ' of ' + stages.build.outputs.number"}}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "version"}}, Stages: []v1alpha1.PipelineStage{build, deploy},
	})
	w.run("r", v1alpha1.ParameterValue{Name: "version", Value: "1.2"})
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "build=Observing/BuildRunning", "deploy=Waiting")
	started := ci.Builds("shop")
	if len(started) != 1 || started[0].Parameters[jenkins.Marker] != key(run, "build") || started[0].Parameters["VERSION"] != "1.2" {
		t.Fatalf("builds %+v", started)
	}
	ci.Change("shop", 1, func(b *server.Build) {
		b.Finish("SUCCESS")
		b.Log += "KUBEOPS_OUTPUT image=registry.example.com/shop@sha256:01\nFinished: SUCCESS\n"
	})
	run = w.pass(time.Minute, "r")
	w.want(run, v1alpha1.RunRunning, "build=Succeeded", "deploy=Observing")
	if env := w.jobs()["deploy"][0].Spec.Template.Spec.Containers[0].Env; env[0].Value != "registry.example.com/shop@sha256:01 of 1" {
		t.Errorf("the environment is %+v", env)
	}
}

func TestABuildThatCannotStartSaysWhyBeforeTheFirstStage(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("first"), buildStage("build", "shop")}})
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunWaiting)
	wantReason(t, run, v1alpha1.ReasonProviderNotFound)

	ci := server.New(t)
	w.buildServer(ci.URL, server.User, server.Token)
	w.restart()
	run = w.pass(time.Minute, "r")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonJobNotFound)
	if len(w.jobs()) != 0 {
		t.Error("a stage was started")
	}
}

// hudsonJob prints an output, or an error if its parameter FAIL is set.
const hudsonJob = `<project><description></description><properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>` +
	`<hudson.model.StringParameterDefinition><name>KUBEOPS_RUN</name><description></description><defaultValue></defaultValue>` +
	`</hudson.model.StringParameterDefinition><hudson.model.StringParameterDefinition><name>FAIL</name><description></description>` +
	`<defaultValue></defaultValue></hudson.model.StringParameterDefinition></parameterDefinitions>` +
	`</hudson.model.ParametersDefinitionProperty></properties><scm class='hudson.scm.NullSCM'/><canRoam>true</canRoam>` +
	`<disabled>false</disabled><builders><hudson.tasks.Shell><command>` +
	`if [ -n "$FAIL" ]; then echo "ERROR: Cart.java:12: cannot find symbol"; exit 1; fi` + "\n" + `echo KUBEOPS_OUTPUT image=shop:$BUILD_NUMBER` +
	`</command></hudson.tasks.Shell></builders><publishers/><buildWrappers/></project>`

// TestBuildsOfARealHudson runs one build that succeeds, and one that fails.
func TestBuildsOfARealHudson(t *testing.T) {
	w := newWorld(t)
	url, _ := servers.Hudson(t, map[string]string{"shop": hudsonJob})
	w.buildServer(url, servers.HudsonUser, servers.HudsonPassword)
	build := buildStage("build", "shop", v1alpha1.StageValue{Name: "FAIL", Expression: "params.fail"})
	build.Build.Outputs = []string{"image"}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "fail", Default: ptr.To("")}}, Stages: []v1alpha1.PipelineStage{build},
	})
	end := func(name string) (run *v1alpha1.PipelineRun) {
		err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
			run = w.pass(time.Second, name)
			return run.Status.Phase.Ended(), nil
		})
		if err != nil {
			t.Fatalf("%v: %s", err, dump(run))
		}
		return run
	}
	w.run("good")
	run := end("good")
	w.want(run, v1alpha1.RunSucceeded, "build=Succeeded")
	stage := run.Status.Stage("build")
	if stage.Outputs["image"] != "shop:1" || stage.Outputs["number"] != "1" || stage.ExternalURL != url+"/job/shop/1/" {
		t.Errorf("the stage is %s", dump(run))
	}
	w.run("bad", v1alpha1.ParameterValue{Name: "fail", Value: "yes"})
	run = end("bad")
	w.want(run, v1alpha1.RunFailed, "build=Failed/BuildFailed")
	if lines := run.Status.Stage("build").Diagnosis; !strings.Contains(fmt.Sprint(lines), "ERROR: Cart.java:12: cannot find symbol") {
		t.Errorf("the diagnosis is %q", lines)
	}
}

func TestTheDefinitionOfAJobIsReadAsTheAccountOfThePipeline(t *testing.T) {
	w := newWorld(t)
	ci := server.New(t)
	w.buildServer(ci.URL, server.User, server.Token)
	build := buildStage("build", "shop")
	build.Build.Ensure = &v1alpha1.EnsuredJob{ConfigMapRef: &v1alpha1.ConfigMapKeyReference{Name: "job", Key: "config.xml"}}
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{build}, Concurrency: v1alpha1.ConcurrencyAllow})
	w.run("forbidden")
	run := w.settle("forbidden")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonJobDefinitionForbidden)

	w.Create(&rbacv1.Role{ObjectMeta: w.Meta("job"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"job"}, Verbs: []string{"get"}},
	}})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta("job"), Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "kubeops"}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "job"},
	})
	account, err := w.e.Accounts.As(w.Namespace, "kubeops")
	if err != nil {
		t.Fatal(err)
	}
	w.Eventually(func() error { // the API server has noticed the binding
		_, err := kubernetes.NewForConfigOrDie(account).CoreV1().ConfigMaps(w.Namespace).Get(t.Context(), "job", metav1.GetOptions{})
		return client.IgnoreNotFound(err)
	})
	w.run("r")
	reason := outcome.Explanation(w.settle("r").Status.Conditions)
	if !strings.Contains(reason, "ConfigMap "+w.Namespace+"/job does not exist") {
		t.Errorf("the run says %q", reason)
	}
	definition := &corev1.ConfigMap{ObjectMeta: w.Meta("job"), Data: map[string]string{"other": hudsonJob}}
	w.Create(definition)
	if reason := outcome.Explanation(w.pass(time.Minute, "r").Status.Conditions); !strings.Contains(reason, "has no key config.xml") {
		t.Errorf("the run says %q", reason)
	}
	definition.Data["config.xml"] = hudsonJob
	if err := w.Client.Update(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute, "r")
	w.want(w.pass(time.Minute, "r"), v1alpha1.RunSucceeded, "build=Succeeded")
	cluster := &corev1.Namespace{}
	if err := w.Client.Get(t.Context(), client.ObjectKey{Name: metav1.NamespaceSystem}, cluster); err != nil {
		t.Fatal(err)
	}
	mark := "Managed by KubeOps for Pipeline " + w.Namespace + "/p@" + string(cluster.UID) + " (sha256:"
	if config := ci.Config("shop"); !strings.Contains(config, mark) {
		t.Errorf("the job is %s", config)
	}
}
