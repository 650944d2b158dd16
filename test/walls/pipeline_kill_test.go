package walls

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	"kubeops.io/kubeops/internal/testkit/argocd"
	"kubeops.io/kubeops/internal/testkit/gitserver"
	cifake "kubeops.io/kubeops/internal/testkit/jenkins"
	realservers "kubeops.io/kubeops/internal/testkit/servers"
)

const (
	delivered = "delivered"
	// deliveries are Pipelines, each with an application of its own, whose runs are in progress at the same time.
	deliveries = 20
	// maxWrites of runs until a manager is killed.
	maxWrites = 25
)

// pipelineKills of the manager: 60, or KUBEOPS_PIPELINE_KILLS.
func pipelineKills(t *testing.T) int {
	t.Helper()
	value := os.Getenv("KUBEOPS_PIPELINE_KILLS")
	if value == "" {
		return 60
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// delivery has the servers of the stages, which count what was started, and the process of the plugin.
type delivery struct {
	*cluster
	ci  *cifake.Server
	git *gitserver.Server
	cd  *argocd.Server

	plugin      *exec.Cmd
	program     string
	folder      string
	address     string
	certificate *realservers.Certificate
	// runs that were created, by name.
	runs []string
}

// TestAKilledManagerStartsNoStageTwice kills the manager with SIGKILL after a random number of writes of runs, and now and then the process
// of the plugin, too. Each attempt of a stage has one build, one commit and one sync at most, and each run ends.
func TestAKilledManagerStartsNoStageTwice(t *testing.T) {
	d := newDelivery(t)
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // points of kills, the same each time
	reached := 0
	count := pipelineKills(t)
	for n := range count {
		if d.allEnded() {
			d.start(n)
		}
		d.ci.Clock.SetTime(time.Now())
		if d.killAfter(1+random.IntN(maxWrites), n%4 == 3) {
			reached++
		}
	}
	t.Logf("%d kills, %d of them at the intended write, during %d runs", count, reached, len(d.runs))
	if reached < count/2 {
		t.Errorf("only %d of %d kills hit runs in progress", reached, count)
	}
	d.startManager()
	d.eventually("all runs end", 5*time.Minute, func(context.Context) error {
		d.ci.Clock.SetTime(time.Now())
		if !d.allEnded() {
			return errors.New("there are runs in progress")
		}
		return nil
	})
	d.verify()
}

func newDelivery(t *testing.T) *delivery {
	d := &delivery{cluster: newCluster(t), ci: cifake.New(t), certificate: realservers.NewCertificate(t), address: freeAddress(t)}
	d.alone = true
	values := ""
	var applications []argocd.Application
	for n := range deliveries {
		values += fmt.Sprintf("app-%d: none\n", n)
		applications = append(applications, argocd.Application{Name: fmt.Sprint("app-", n), Head: fmt.Sprintf("%040x", n+1)})
	}
	d.git = gitserver.New(t, map[string]string{"values.yaml": values})
	d.cd = argocd.New(t, applications...)
	d.ci.Add("shop", &cifake.Job{Parameters: map[string][]string{jenkins.Marker: nil}})
	d.buildPlugin()
	d.startPlugin()
	t.Cleanup(d.killPlugin)
	d.newTenant()
	for n := range deliveries {
		d.create(d.definition(n))
	}
	return d
}

func (d *delivery) buildPlugin() {
	d.t.Helper()
	d.folder = folder(d.t)
	d.program = filepath.Join(d.folder, "argocd-provider")
	command := exec.CommandContext(d.t.Context(), "go", "build", "-o", d.program, "./cmd/argocd-provider")
	command.Dir = filepath.Join("..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		d.t.Fatalf("build the plugin: %v\n%s", err, output)
	}
	for name, content := range map[string][]byte{
		"tls.crt": d.certificate.Certificate, "tls.key": d.certificate.Key, "ca.crt": d.certificate.CA,
	} {
		if err := os.WriteFile(filepath.Join(d.folder, name), content, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *delivery) startPlugin() {
	d.t.Helper()
	d.plugin = exec.Command(d.program, "--listen="+d.address, "--tls-cert=tls.crt", "--tls-key=tls.key",
		"--client-ca=ca.crt", "--allow-loopback")
	d.plugin.Dir = d.folder
	if err := d.plugin.Start(); err != nil {
		d.t.Fatal(err)
	}
}

// killPlugin sends SIGKILL to the process of the plugin.
func (d *delivery) killPlugin() {
	if d.plugin.Process == nil {
		return // it did not start
	}
	_ = d.plugin.Process.Kill() // it may have ended
	_ = d.plugin.Wait()         // a killed process is always an error
}

// newTenant is a namespace with the credentials of all servers.
func (d *delivery) newTenant() {
	d.t.Helper()
	d.namespace(delivered)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: delivered, Name: name} }
	d.create(&corev1.ServiceAccount{ObjectMeta: in(v1alpha1.DefaultServiceAccountName)})
	d.create(&rbacv1.Role{ObjectMeta: in("secrets"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "watch"}},
	}})
	d.create(&rbacv1.RoleBinding{
		ObjectMeta: in("secrets"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "secrets"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: delivered, Name: v1alpha1.DefaultServiceAccountName}},
	})
	for name, data := range map[string]map[string]string{
		"jenkins": {"username": cifake.User, "token": cifake.Token}, "git": {"username": gitserver.User, "password": gitserver.Password},
		"argocd": {"token": argocd.Token},
		"plugin": {"ca.crt": string(d.certificate.CA), "tls.crt": string(d.certificate.Certificate), "tls.key": string(d.certificate.Key)},
	} {
		d.create(&corev1.Secret{ObjectMeta: in(name), StringData: data})
	}
	d.create(&v1alpha1.CIProvider{ObjectMeta: in("jenkins"), Spec: v1alpha1.CIProviderSpec{
		Type:    v1alpha1.CIProviderJenkins,
		Jenkins: &v1alpha1.JenkinsServer{URL: d.ci.URL, SecretRef: v1alpha1.SecretReference{Name: "jenkins"}},
	}})
	d.create(&v1alpha1.CDProvider{ObjectMeta: in("argocd"), Spec: v1alpha1.CDProviderSpec{
		Type:   v1alpha1.CDProviderArgoCD,
		ArgoCD: &v1alpha1.ArgoCDServer{URL: d.cd.URL, TokenRef: v1alpha1.SecretKeyReference{Name: "argocd", Key: "token"}},
		Process: &v1alpha1.PluginProcess{Address: d.address, TLS: &v1alpha1.BackendTLS{
			CA: &v1alpha1.SecretKeyReference{Name: "plugin", Key: "ca.crt"}, ClientCertificate: &v1alpha1.SecretReference{Name: "plugin"},
		}},
	}})
}

// definition of a Pipeline that builds, commits and deploys.
func (d *delivery) definition(n int) *v1alpha1.Pipeline {
	name := fmt.Sprint("app-", n)
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: delivered, Name: name},
		Spec: v1alpha1.PipelineSpec{
			KeepRuns:   1000, // all are verified
			Parameters: []v1alpha1.PipelineParameter{{Name: "version"}},
			Stages: []v1alpha1.PipelineStage{
				{Name: "build", Type: v1alpha1.StageBuild, Build: &v1alpha1.BuildStage{
					ProviderRef: v1alpha1.LocalReference{Name: "jenkins"}, Job: "shop",
				}},
				{Name: "promote", Type: v1alpha1.StageCommit, After: []string{"build"}, Commit: &v1alpha1.CommitStage{
					Repository: d.git.URL, Branch: "main", SecretRef: v1alpha1.SecretReference{Name: "git"},
					Changes: []v1alpha1.CommitChange{{File: "values.yaml", Path: name, Expression: "params.version"}},
				}},
				{Name: "deploy", Type: v1alpha1.StageDeploy, After: []string{"promote"}, Deploy: &v1alpha1.DeployStage{
					ProviderRef: v1alpha1.LocalReference{Name: "argocd"}, Application: v1alpha1.DeployedApplication{Name: name},
					StableFor: &metav1.Duration{Duration: time.Second},
				}},
			},
		},
	}
}

// start a run of each Pipeline.
func (d *delivery) start(round int) {
	d.t.Helper()
	for n := range deliveries {
		name := fmt.Sprintf("app-%d-%d", n, round)
		d.create(&v1alpha1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: delivered, Name: name}, Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: fmt.Sprint("app-", n)},
			Parameters:  []v1alpha1.ParameterValue{{Name: "version", Value: fmt.Sprint("v", round)}},
		}})
		d.runs = append(d.runs, name)
	}
}

func (d *delivery) list() *v1alpha1.PipelineRunList {
	d.t.Helper()
	list := &v1alpha1.PipelineRunList{}
	if err := d.client.List(d.t.Context(), list, client.InNamespace(delivered)); err != nil {
		d.t.Fatal(err)
	}
	return list
}

func (d *delivery) allEnded() bool {
	d.t.Helper()
	for _, run := range d.list().Items {
		if !run.Status.Phase.Ended() {
			return false
		}
	}
	return true
}

// killAfter starts a manager and kills it after a number of writes of runs. In the middle, the plugin is killed and started again. It
// returns false if there were not so many writes.
func (d *delivery) killAfter(writes int, withPlugin bool) bool {
	d.t.Helper()
	const patience = 10 * time.Second
	from := &client.ListOptions{Namespace: delivered, Raw: &metav1.ListOptions{ResourceVersion: d.list().ResourceVersion}}
	events, err := d.client.Watch(d.t.Context(), &v1alpha1.PipelineRunList{}, from)
	if err != nil {
		d.t.Fatal(err)
	}
	defer events.Stop()
	m := d.launch()
	defer m.kill()
	deadline := time.After(patience)
	for n := 0; n < writes; {
		select {
		case _, open := <-events.ResultChan():
			if !open {
				d.t.Fatal("the watch ended")
			}
			if n++; withPlugin && n == (writes+1)/2 {
				d.killPlugin()
				d.startPlugin()
			}
		case <-m.ended:
			d.t.Fatalf("the manager ended: %v\n%s", m.err, m.tail())
		case <-deadline:
			return false
		}
	}
	return true
}

// verify that each attempt has one build, commit and sync, or that it is not known whether it has.
func (d *delivery) verify() {
	d.t.Helper()
	builds := map[string]int{}
	for _, build := range d.ci.Builds("shop") {
		builds[build.Parameters[jenkins.Marker]]++
	}
	unknown, deployed := 0, 0
	keys := map[string]bool{}
	runs := d.list().Items
	for _, run := range runs {
		for _, stage := range run.Status.Stages {
			keys[stage.Key] = true
			count := 0
			switch stage.Type {
			case v1alpha1.StageBuild:
				count = builds[stage.Key]
			case v1alpha1.StageCommit:
				count = d.git.Marked("main", stage.Key)
			default: // below, for all runs of an application together
				if stage.Phase == v1alpha1.StageSucceeded {
					deployed++
				}
				count = 1
			}
			switch {
			case stage.Phase == v1alpha1.StageSkipped:
			case stage.Reason == v1alpha1.ReasonTriggerUnknown && count <= 1:
				unknown++
			case stage.Phase != v1alpha1.StageSucceeded || count != 1 || stage.Attempt != 1:
				d.t.Errorf("%s: stage %s is %s/%s (%s) at attempt %d, and was executed %d times", run.Name, stage.Name, stage.Phase,
					stage.Reason, stage.Message, stage.Attempt, count)
			}
		}
	}
	for key := range builds {
		if !keys[key] {
			d.t.Errorf("the build of key %q belongs to no attempt", key)
		}
	}
	if syncs, _ := d.cd.Syncs(); syncs < deployed || syncs > deployed+unknown {
		d.t.Errorf("%d syncs for %d deployments, of %d attempts it is not known", syncs, deployed, unknown)
	}
	if len(runs) != len(d.runs) || deployed < len(runs)/2 {
		d.t.Errorf("%d runs of %d are there, and %d of them deployed", len(runs), len(d.runs), deployed)
	}
	d.t.Logf("%d builds and %d deployments; of %d attempts it is not known whether they were started", len(builds), deployed, unknown)
}
