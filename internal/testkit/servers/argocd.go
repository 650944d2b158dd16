package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/testkit"
)

// ArgoCDVersion is that of the real Argo CD.
const ArgoCDVersion = "2.14.21"

// ArgoCDServer is a real Argo CD on an API server, with a server of Git repositories.
type ArgoCDServer struct {
	// URL of its API server, and a session token of the user admin.
	URL, Token string

	t      testing.TB
	client client.Client
	// git is the URL of the repositories, which are in a folder.
	git, repositories string
}

// ArgoCD is ArgoCDAt on loopback, with a server of repositories for Application and Commit.
func ArgoCD(t testing.TB, config *rest.Config) *ArgoCDServer {
	t.Helper()
	a := ArgoCDAt(t, Place{}, config)
	a.serveGit()
	return a
}

// ArgoCDAt starts Argo CD on an API server, whose cluster it deploys to. Its controller listens on all addresses: start it in a network
// namespace of its own.
func ArgoCDAt(t testing.TB, place Place, config *rest.Config) *ArgoCDServer {
	t.Helper()
	folder := Folder(t, "argocd")
	dir := scratch(t)
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := &ArgoCDServer{t: t, client: c, repositories: filepath.Join(dir, "repositories")}
	a.install(filepath.Join(folder, "manifests"))
	a.awaitKinds()
	environment := argoCDEnvironment(t, dir, config)
	redis, _ := Redis(t, RedisOptions{Place: place})
	run := func(role string, ready func(context.Context) error, args ...string) {
		path, line := leashed(filepath.Join(folder, "argocd"), args...)
		path, line = place.within(path, line)
		Start(t, Spec{
			Name: role, Path: path, Args: line, Dir: dir, Env: append(environment, "ARGOCD_BINARY_NAME="+role), Ready: ready,
		})
	}
	free := func() string { return strconv.Itoa(FreePort(t)) }
	repo, repoPort := place.port(t)
	run("argocd-repo-server", saysTo(repo, "", ""), "--address", place.address(), "--port", repoPort, "--metrics-address", place.address(),
		"--metrics-port", free(), "--redis", redis, "--disable-tls")
	api, apiPort := place.port(t)
	a.URL = "http://" + api
	listen := place.address()
	if place.Network != "" {
		listen = "0.0.0.0" // it calls itself on localhost, and the namespace has no other use for the port
	}
	run("argocd-server", Answers(a.URL+"/api/version"), "--address", listen, "--port", apiPort,
		"--metrics-address", place.address(), "--metrics-port", free(), "--insecure", "--repo-server", repo, "--repo-server-plaintext",
		"--redis", redis, "--dex-server", "http://127.0.0.1:5556", "--namespace", ArgoCDNamespace)
	metrics, metricsPort := place.port(t)
	run("argocd-application-controller", Answers("http://"+metrics+"/healthz"), "--metrics-port", metricsPort, "--redis", redis,
		"--repo-server", repo, "--repo-server-plaintext", "--namespace", ArgoCDNamespace)
	a.login()
	return a
}

// ArgoCDNamespace is the namespace of a real Argo CD.
const ArgoCDNamespace = "argocd"

// install what Argo CD needs in the cluster.
func (a *ArgoCDServer) install(manifests string) {
	a.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ArgoCDNamespace}}
	if err := a.client.Create(a.t.Context(), namespace); err != nil {
		a.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(manifests, "*.yaml"))
	if err != nil || len(files) == 0 {
		a.t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, object := range testkit.Manifests(a.t, file, content) {
			if object.GetObjectKind().GroupVersionKind().Kind != "CustomResourceDefinition" {
				object.SetNamespace(ArgoCDNamespace)
			}
			if err := a.client.Create(a.t.Context(), object); err != nil {
				a.t.Fatalf("%s: %v", filepath.Base(file), err)
			}
		}
	}
}

// awaitKinds waits until the API server serves the kinds of Argo CD: its processes end without them.
func (a *ArgoCDServer) awaitKinds() {
	a.t.Helper()
	for _, kind := range []string{"Application", "ApplicationSet", "AppProject"} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: kind + "List"})
		var last error
		served := func(ctx context.Context) (bool, error) {
			last = a.client.List(ctx, list)
			return last == nil, nil
		}
		if wait.PollUntilContextTimeout(a.t.Context(), 100*time.Millisecond, time.Minute, true, served) != nil {
			a.t.Fatalf("list kind %s of Argo CD: %v", kind, last)
		}
	}
}

// argoCDEnvironment of its processes: everything that they write is in a folder.
func argoCDEnvironment(t testing.TB, dir string, config *rest.Config) []string {
	t.Helper()
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	kubeconfig.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: ArgoCDNamespace}
	kubeconfig.CurrentContext = "x"
	path := filepath.Join(dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, path); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, ".gitconfig"), "[safe]\n\tdirectory = *\n")
	environment := []string{
		"KUBECONFIG=" + path, "ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false", "HOME=" + dir, "GOMAXPROCS=2",
		"HOSTNAME=argocd-application-controller-0", "HTTP_PROXY=", "HTTPS_PROXY=", "http_proxy=", "https_proxy=",
	}
	for _, name := range []string{
		"ARGOCD_TLS_DATA_PATH", "ARGOCD_SSH_DATA_PATH", "ARGOCD_GNUPGHOME", "ARGOCD_GPG_DATA_PATH", "ARGOCD_PLUGINSOCKFILEPATH", "TMPDIR",
	} {
		folder := filepath.Join(dir, strings.ToLower(name))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		environment = append(environment, name+"="+folder)
	}
	return environment
}

// serveGit serves the repositories by HTTP.
func (a *ArgoCDServer) serveGit() {
	a.t.Helper()
	backend, err := exec.CommandContext(a.t.Context(), "git", "--exec-path").Output()
	if err != nil {
		a.t.Fatal(err)
	}
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(backend)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + a.repositories, "GIT_HTTP_EXPORT_ALL=1"},
	})
	a.t.Cleanup(server.Close)
	a.git = server.URL
}

// login as admin, whose password Argo CD writes to a Secret when it starts.
func (a *ArgoCDServer) login() {
	a.t.Helper()
	err := wait.PollUntilContextTimeout(a.t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		secret := &corev1.Secret{}
		if err := a.client.Get(ctx, client.ObjectKey{Namespace: ArgoCDNamespace, Name: "argocd-initial-admin-secret"}, secret); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		body, err := json.Marshal(map[string]string{"username": "admin", "password": string(secret.Data["password"])})
		if err != nil {
			return false, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/api/v1/session", bytes.NewReader(body))
		if err != nil {
			return false, err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, err
		}
		defer func() { _ = response.Body.Close() }()
		var session struct{ Token string }
		if err := json.NewDecoder(response.Body).Decode(&session); err != nil {
			return false, err
		}
		a.Token = session.Token
		return a.Token != "", nil
	})
	if err != nil {
		a.t.Fatalf("log in to Argo CD: %v", err)
	}
}

// Application creates an application of a new repository with a file, which deploys to a namespace, and is synced automatically or not.
func (a *ArgoCDServer) Application(name, namespace, content string, automated bool) {
	a.t.Helper()
	bare := filepath.Join(a.repositories, name+".git")
	work := filepath.Join(a.repositories, name)
	a.command("", "init", "-q", "--bare", "--initial-branch=main", bare)
	a.command("", "init", "-q", "--initial-branch=main", work)
	a.command(work, "remote", "add", "origin", bare)
	a.Commit(a.t, name, content)
	policy := ""
	if automated {
		policy = "  syncPolicy: {automated: {prune: true}}\n"
	}
	manifest := fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: %[1]s, namespace: %[4]s}
spec:
  project: default
  destination: {server: "https://kubernetes.default.svc", namespace: %[2]s}
  source: {repoURL: "%[3]s/%[1]s.git", path: ., targetRevision: main}
%[5]s`, name, namespace, a.git, ArgoCDNamespace, policy)
	for _, object := range testkit.Manifests(a.t, name, []byte(manifest)) {
		if err := a.client.Create(a.t.Context(), object); err != nil {
			a.t.Fatal(err)
		}
	}
}

// Repository is the URL of the repository of an application.
func (a *ArgoCDServer) Repository(name string) string { return a.git + "/" + name + ".git" }

// Own lets an application belong to an ApplicationSet, which does not exist.
func (a *ArgoCDServer) Own(name, applicationSet string) {
	a.t.Helper()
	application := &metav1.PartialObjectMetadata{}
	application.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"})
	application.Namespace, application.Name = ArgoCDNamespace, name
	patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet","name":%q,`+
		`"uid":"00000000-0000-4000-8000-000000000000"}]}}`, applicationSet)
	if err := a.client.Patch(a.t.Context(), application, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		a.t.Fatal(err)
	}
}

// Commit a manifest to the repository of an application, and return the hash.
func (a *ArgoCDServer) Commit(t testing.TB, name, content string) string {
	t.Helper()
	work := filepath.Join(a.repositories, name)
	writeText(t, filepath.Join(work, "manifest.yaml"), content)
	a.command(work, "add", "-A")
	a.command(work, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "--allow-empty", "-m", "change")
	a.command(work, "push", "-q", "origin", "main")
	return a.command(work, "rev-parse", "HEAD")
}

func (a *ArgoCDServer) command(dir string, args ...string) string {
	a.t.Helper()
	if dir != "" {
		args = append([]string{"-C", dir}, args...)
	}
	output, err := exec.CommandContext(a.t.Context(), "git", args...).CombinedOutput()
	if err != nil {
		a.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}
