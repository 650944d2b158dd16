package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// version of the release under test, and that of an upgrade to the same program.
const (
	version = "v0.0.1"
	next    = "v0.0.2"
)

// values that are set in each installation of this test.
func values(tag string) []string {
	set := []string{"image.tag=" + tag, "argocd.image.tag=" + tag, "config.limits.minScheduleInterval=1s"}
	for _, component := range []string{"argocd", "bundles", "dashboard", "exports", "grafana", "networkPolicy", "pipelines", "webhooks"} {
		set = append(set, "components."+component+"=true")
	}
	return []string{"--set", strings.Join(set, ",")}
}

// TestAReleaseIsInstalledUpgradedAndUninstalled is one test, since each step continues with what the one before left.
func TestAReleaseIsInstalledUpgradedAndUninstalled(t *testing.T) {
	c := newCluster(t)
	before := c.objects(t)
	c.loadImages(t)
	c.kubectl(t, "create", "namespace", namespace)
	c.kubectl(t, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")

	began := time.Now()
	c.release(t, append([]string{"install", "kubeops", "charts/kubeops", "--wait", "--timeout=3m"}, values(version)...)...)
	t.Logf("installed after %s", time.Since(began).Round(time.Second))
	c.checkPods(t, version)
	t.Run("samples have the result that they name", c.samples)
	t.Run("an upgrade loses no run", c.upgrade)
	t.Run("an inspection of it finds no problem", c.inspectItself)
	c.uninstall(t, before)
}

// loadImages builds the images and loads them on the node, with a second tag for the upgrade.
func (c *cluster) loadImages(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	began := time.Now()
	out := run(t, "", "go", "-C", "hack/cluster", "run", "./cmd/release", "--repository", "../..", "--output", folder, "--version", version,
		"--only-images", "--platforms", "linux/"+runtime.GOARCH)
	t.Logf("built after %s:\n%s", time.Since(began).Round(time.Second), out)
	for _, program := range []string{"manager", "argocd-provider"} {
		for _, tag := range []string{version, next} {
			archive := filepath.Join(folder, "images", program+"-"+version+".oci.tar")
			c.tool(t, "load-image", "--name", clusterName, "kubeops.local/"+program+":"+tag, "--file", archive)
		}
	}
}

// checkPods checks that the Pods of a tag are available, in a namespace that refuses Pods which are not restricted, and nothing else.
func (c *cluster) checkPods(t *testing.T, tag string) {
	t.Helper()
	for name, replicas := range map[string]int32{"kubeops-manager": 2, "kubeops-dashboard": 1} {
		eventually(t, time.Minute, func(ctx context.Context) string {
			deployment := &appsv1.Deployment{}
			if err := c.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, deployment); err != nil {
				return err.Error()
			}
			status := deployment.Status
			if status.Replicas != replicas || status.AvailableReplicas != replicas || status.UpdatedReplicas != replicas {
				return fmt.Sprintf("%s: %+v", name, status)
			}
			return ""
		})
	}
	pods := &corev1.PodList{}
	if err := c.client.List(t.Context(), pods, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		for _, container := range pod.Spec.Containers {
			if !strings.HasSuffix(container.Image, ":"+tag) && pod.DeletionTimestamp == nil {
				t.Errorf("Pod %s runs %s", pod.Name, container.Image)
			}
		}
		for _, container := range pod.Status.ContainerStatuses {
			if container.RestartCount > 0 {
				t.Errorf("container %s of Pod %s was restarted", container.Name, pod.Name)
			}
		}
	}
}

// outcome is a condition that the comment of a sample names.
type outcome struct{ kind, name, condition, status, reason string }

// outcomes of a sample, the last one of each condition: before it there may be that with further software.
func outcomes(content string) (list []outcome) {
	comment := ""
	for line := range strings.Lines(content) {
		text, isComment := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !isComment {
			break
		}
		comment += strings.TrimSpace(text) + " "
	}
	pattern := regexp.MustCompile(`([A-Z]\w+) ([a-z0-9-]+) is ([A-Z]\w+)=(True|False)(?:, reason ([A-Z]\w+))?`)
	for _, m := range pattern.FindAllStringSubmatch(comment, -1) {
		found := outcome{m[1], m[2], m[3], m[4], m[5]}
		list = slices.DeleteFunc(list, func(o outcome) bool {
			return o.kind == found.kind && o.name == found.name && o.condition == found.condition
		})
		list = append(list, found)
	}
	return list
}

// needServers are the samples whose result needs a server that is not in the cluster, with the server.
func needServers() map[string]string {
	return map[string]string{"kubeops_v1alpha1_resourcebundle_git.yaml": "a Git server"}
}

func (c *cluster) samples(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	ready := 0
	for _, file := range files {
		name := filepath.Base(file)
		if server := needServers()[name]; server != "" {
			t.Logf("%s needs %s", name, server)
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		expected := outcomes(string(content))
		if len(expected) == 0 {
			t.Errorf("%s names no result", name)
		}
		for _, o := range expected {
			if o.condition == "Ready" && o.status == "True" {
				ready++
			}
		}
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) { c.sample(t, file, expected) })
	}
	t.Logf("%d resources of %d samples are to be Ready", ready, len(files))
}

// sample applies a file, waits for its results, and removes its resources of KubeOps, since other files have some of the same name.
func (c *cluster) sample(t *testing.T, file string, expected []outcome) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "apply", "--server-side", "--force-conflicts", "-f", absolute)
	defer c.deleteResources(t)
	for _, o := range expected {
		eventually(t, 90*time.Second, func(context.Context) string {
			format := fmt.Sprintf(`{range .items[?(@.metadata.name==%q)]}{range .status.conditions[?(@.type==%q)]}{.status} {.reason} {.message}{end}{end}`,
				o.name, o.condition)
			got := c.kubectl(t, "get", strings.ToLower(o.kind), "-A", "-o", "jsonpath="+format)
			if strings.HasPrefix(got+" ", o.status+" "+o.reason) {
				return ""
			}
			return fmt.Sprintf("%s %s: condition %s is %q, want %s %s", o.kind, o.name, o.condition, got, o.status, o.reason)
		})
	}
}

// kinds of KubeOps whose resources users create.
func kinds() string {
	return "resourcebundles,pipelineruns,pipelines,inspections,metricsbackends,logbackends,aiproviders,notificationchannels,managedclusters," +
		"ciproviders,cdproviders"
}

// deleteResources deletes all resources of KubeOps, as docs/installation.md describes it.
func (c *cluster) deleteResources(t *testing.T) {
	t.Helper()
	c.kubectl(t, "delete", kinds(), "-A", "--all", "--timeout=2m")
}

// leftInNamespace lists the objects in the namespace of the installation that no namespace has from its beginning.
func (c *cluster) leftInNamespace(t *testing.T) []string {
	t.Helper()
	var left []string
	for name := range c.objects(t) {
		_, object, _ := strings.Cut(name, " ")
		own := strings.HasPrefix(object, namespace+"/") && object != namespace+"/default" && object != namespace+"/kube-root-ca.crt"
		// The Lease is of the managers and not of the chart, and goes with the namespace.
		if own && name != "leases.coordination.k8s.io "+namespace+"/kubeops-manager.kubeops.io" {
			left = append(left, name)
		}
	}
	return left
}

// uninstall leaves nothing but the CRDs, and what the user created for KubeOps, which is deleted here.
func (c *cluster) uninstall(t *testing.T, before map[string]bool) {
	t.Helper()
	c.deleteResources(t)
	c.release(t, "uninstall", "kubeops", "--wait", "--timeout=2m")
	// Helm does not wait for the Pods of what it deletes.
	eventually(t, time.Minute, func(context.Context) string {
		left := c.leftInNamespace(t)
		if len(left) == 0 {
			return ""
		}
		return "in the namespace of the installation are left: " + strings.Join(left, ", ")
	})
	c.kubectl(t, "delete", "namespace", namespace, "--timeout=2m")
	files, err := filepath.Abs("../../config/samples")
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "delete", "namespace", "upgrade", "--timeout=2m")
	c.kubectl(t, "delete", "clusterrolebinding", "upgrade-kubeops-inspector")
	c.kubectl(t, "delete", "-f", files, "--ignore-not-found", "--timeout=2m")
	crds := 0
	for _, name := range added(before, c.objects(t)) {
		switch {
		case strings.HasPrefix(name, "customresourcedefinitions.apiextensions.k8s.io /") && strings.HasSuffix(name, ".kubeops.io"):
			crds++
		case name == "apiservices.apiregistration.k8s.io /v1alpha1.kubeops.io": // Kubernetes has it as long as there are CRDs
		default:
			t.Errorf("%s is left", name)
		}
	}
	if crds < 14 {
		t.Errorf("%d CRDs were kept", crds)
	}
}
