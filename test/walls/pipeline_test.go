package walls

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

const delivered = "delivered"

// delivery has the servers of the stages, which count what was started, and the process of the plugin.
type delivery struct {
	*cluster
	ci  *cifake.Server
	git *gitserver.Server
	cd  *argocd.Server

	// pipelines is their number. Each has an application of its own.
	pipelines int
	plugin    *exec.Cmd
	// provider is the program of the plugin.
	provider    string
	folder      string
	address     string
	certificate *realservers.Certificate
	// runs that were created, by name.
	runs []string
}

// newDelivery has a number of Pipelines, which define changes.
func newDelivery(t *testing.T, pipelines int, change func(*v1alpha1.Pipeline)) *delivery {
	return newDeliveryIn(newCluster(t), pipelines, change)
}

// newDeliveryIn a cluster.
func newDeliveryIn(c *cluster, pipelines int, change func(*v1alpha1.Pipeline)) *delivery {
	t := c.t
	d := &delivery{
		cluster: c, ci: cifake.New(t), certificate: realservers.NewCertificate(t), address: realservers.FreeAddress(t),
		pipelines: pipelines,
	}
	d.alone = true
	values := ""
	var applications []argocd.Application
	for n := range d.pipelines {
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
	for n := range d.pipelines {
		defined := d.definition(n)
		change(defined)
		d.create(defined)
	}
	return d
}

func (d *delivery) buildPlugin() {
	d.t.Helper()
	d.folder = folder(d.t)
	d.provider = filepath.Join(d.folder, "argocd-provider")
	command := exec.CommandContext(d.t.Context(), "go", "build", "-o", d.provider, "./cmd/argocd-provider")
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
	d.plugin = exec.Command(d.provider, "--listen="+d.address, "--tls-cert=tls.crt", "--tls-key=tls.key",
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
	probed := &metav1.Duration{Duration: time.Hour} // requests are those of runs
	for name, data := range map[string]map[string]string{
		"jenkins": {"username": cifake.User, "token": cifake.Token}, "git": {"username": gitserver.User, "password": gitserver.Password},
		"argocd": {"token": argocd.Token},
		"plugin": {"ca.crt": string(d.certificate.CA), "tls.crt": string(d.certificate.Certificate), "tls.key": string(d.certificate.Key)},
	} {
		d.create(&corev1.Secret{ObjectMeta: in(name), StringData: data})
	}
	d.create(&v1alpha1.CIProvider{ObjectMeta: in("jenkins"), Spec: v1alpha1.CIProviderSpec{
		Type:     v1alpha1.CIProviderJenkins,
		Jenkins:  &v1alpha1.JenkinsServer{URL: d.ci.URL, SecretRef: v1alpha1.SecretReference{Name: "jenkins"}},
		Interval: probed,
	}})
	d.create(&v1alpha1.CDProvider{ObjectMeta: in("argocd"), Spec: v1alpha1.CDProviderSpec{
		Type: v1alpha1.CDProviderArgoCD, Interval: probed,
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
	for n := range d.pipelines {
		d.runs = append(d.runs, d.startOne(n, fmt.Sprint(round)).Name)
	}
}

// startOne starts a run of one of the Pipelines.
func (d *delivery) startOne(n int, suffix string) client.ObjectKey {
	d.t.Helper()
	run := &v1alpha1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: delivered, Name: fmt.Sprintf("app-%d-%s", n, suffix)},
		Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: fmt.Sprint("app-", n%d.pipelines)},
			Parameters:  []v1alpha1.ParameterValue{{Name: "version", Value: "v" + suffix}},
		},
	}
	d.create(run)
	return client.ObjectKeyFromObject(run)
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
