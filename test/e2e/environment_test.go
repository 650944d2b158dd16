package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const clusterName = "e2e"

// environment is a real local cluster and the programs under test.
type environment struct {
	bin, kube, kubeconfig string
	config                *rest.Config
	client                client.Client
	status                clusterStatus
	// managerTag of the image of the manager.
	managerTag string
}

// clusterStatus is the part of state.json that the specs need.
type clusterStatus struct {
	// Directory has all of the cluster.
	Directory string `json:"directory"`
	Node      string `json:"node"`
	Network   struct {
		Namespace string `json:"namespace"`
		HostIP    string `json:"hostIP"`
		NodeIP    string `json:"nodeIP"`
	} `json:"network"`
	Containerd struct {
		RegistryHosts string `json:"registryHosts"`
	} `json:"containerd"`
	Processes []struct {
		Name string `json:"name"`
		PID  int    `json:"pid"`
	} `json:"processes"`
}

func newEnvironment(ctx context.Context) *environment {
	e := &environment{bin: filepath.Join(repository(), "bin")}
	By("starting a local cluster")
	e.kube = strings.TrimSpace(e.cluster(ctx, "build"))
	e.kubeconfig = strings.TrimSpace(e.cluster(ctx, "up", "--name", clusterName))
	e.refreshStatus()
	const hint = "these specs need a real node: Linux, root, and the Debian packages that `make cluster-up` lists"
	Expect(e.status.Node).To(Equal("real"), hint)

	config, err := clientcmd.BuildConfigFromFlags("", e.kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	e.config = config
	e.client, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return e
}

// refreshStatus reads the state of the cluster again, for example after a process was restarted.
func (e *environment) refreshStatus() {
	content, err := os.ReadFile(filepath.Join(filepath.Dir(e.kubeconfig), "state.json"))
	Expect(err).NotTo(HaveOccurred())
	e.status = clusterStatus{}
	Expect(json.Unmarshal(content, &e.status)).To(Succeed())
}

// cluster runs the tool for local clusters and returns its standard output.
func (e *environment) cluster(ctx context.Context, args ...string) string {
	return e.run(ctx, filepath.Join(e.bin, "cluster"), append([]string{"--root", e.bin}, args...)...)
}

func (e *environment) kubectl(ctx context.Context, args ...string) string {
	return e.run(ctx, filepath.Join(e.kube, "kubectl"), append([]string{"--kubeconfig", e.kubeconfig}, args...)...)
}

// run runs a program that must succeed and returns its standard output.
func (e *environment) run(ctx context.Context, program string, args ...string) string {
	GinkgoHelper()
	var out, errOut bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = repository()
	command.Stdout = &out
	command.Stderr = &errOut
	err := command.Run()
	Expect(err).NotTo(HaveOccurred(), "%s %s\n%s", filepath.Base(program), strings.Join(args, " "), errOut.String())
	return out.String()
}

// kubeops runs the command line and returns its exit code, output and peak memory in bytes.
func (e *environment) kubeops(ctx context.Context, args ...string) (code int, out, errOut string, peak int64) {
	GinkgoHelper()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(e.bin, "kubeops"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+e.kubeconfig)
	command.Stdout, command.Stderr = &stdout, &stderr
	Expect(command.Start()).To(Succeed())
	measured := make(chan int64)
	ended := make(chan struct{})
	go func() { measured <- peakMemory(command.Process.Pid, ended) }()
	err := command.Wait()
	close(ended)
	peak = <-measured
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // Wait returns it unwrapped
		Expect(err).NotTo(HaveOccurred())
	}
	return command.ProcessState.ExitCode(), stdout.String(), stderr.String(), peak
}

// installOperator loads the manager on the node and installs config/default.
func (e *environment) installOperator(ctx context.Context) {
	e.managerTag = e.loadBinary(ctx, "manager")
	e.install(ctx, "images: [{name: kubeops.local/manager, newTag: \""+e.managerTag+"\"}]\n")
}

// loadBinary makes an image of a program in bin, loads it on the node, and returns its tag.
func (e *environment) loadBinary(ctx context.Context, name string) (tag string) {
	GinkgoHelper()
	binary := filepath.Join(e.bin, name)
	content, err := os.ReadFile(binary)
	Expect(err).NotTo(HaveOccurred())
	sum := sha256.Sum256(content)
	tag = hex.EncodeToString(sum[:6])
	e.cluster(ctx, "load-image", "--name", clusterName, "kubeops.local/"+name+":"+tag, "--binary", binary)
	return tag
}

// install config/default with further lines of a kustomization in a folder below bin, and wait for the manager.
func (e *environment) install(ctx context.Context, lines string) {
	GinkgoHelper()
	folder, err := os.MkdirTemp(e.bin, "e2e-") // within the checkout, since kustomize takes relative paths only
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, folder)
	content := []byte("resources: [../../config/default]\n" + lines)
	Expect(os.WriteFile(filepath.Join(folder, "kustomization.yaml"), content, 0o600)).To(Succeed())
	e.kubectl(ctx, "apply", "--server-side", "-k", folder)
	e.kubectl(ctx, "-n", "kubeops-system", "rollout", "status", "deployment/kubeops-manager", "--timeout=120s")
}

// namespace creates a namespace that is removed at the end of the spec.
func (e *environment) namespace(ctx context.Context, name string) {
	e.apply(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}\n")
	DeferCleanup(func(ctx SpecContext) {
		e.kubectl(ctx, "delete", "namespace", name, "--wait=false", "--ignore-not-found")
	})
}

// apply applies YAML from memory.
func (e *environment) apply(ctx context.Context, yaml string) {
	GinkgoHelper()
	var errOut bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(e.kube, "kubectl"), "--kubeconfig", e.kubeconfig, "apply", "--server-side", "-f", "-")
	command.Stdin = strings.NewReader(yaml)
	command.Stderr = &errOut
	Expect(command.Run()).To(Succeed(), errOut.String())
}
