package managerconfig

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const repository = "../.."

// render a kustomization with the kubectl of the local cluster, within the checkout since kustomize accepts relative paths only.
func render(t *testing.T, kustomization string) (config corev1.ConfigMap, manager appsv1.Deployment) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, "bin", "kube", "*", "kubectl"))
	if err != nil || len(found) == 0 {
		t.Fatalf("bin/kube has no kubectl; run `make kube` first (%v)", err)
	}
	folder, err := os.MkdirTemp(".", "render-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	write(t, filepath.Join(folder, "kustomization.yaml"), []byte(kustomization))
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), found[len(found)-1], "kustomize", folder)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for _, document := range bytes.Split(output, []byte("\n---\n")) {
		switch {
		case bytes.Contains(document, []byte("kind: ConfigMap\n")):
			err = yaml.Unmarshal(document, &config)
		case bytes.Contains(document, []byte("kind: Deployment\n")):
			err = yaml.Unmarshal(document, &manager)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return config, manager
}

// loadMounted loads a ConfigMap as the kubelet mounts it: a link for each key into a hidden folder.
func loadMounted(t *testing.T, config corev1.ConfigMap) *Effective {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "..2026_01_01"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..2026_01_01", filepath.Join(folder, "..data")); err != nil {
		t.Fatal(err)
	}
	for name, content := range config.Data {
		write(t, filepath.Join(folder, "..2026_01_01", name), []byte(content))
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	effective, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return effective
}

func checkMounted(t *testing.T, config corev1.ConfigMap, manager appsv1.Deployment) {
	t.Helper()
	pod := manager.Spec.Template.Spec
	if len(pod.Volumes) != 1 || pod.Volumes[0].ConfigMap == nil ||
		pod.Volumes[0].ConfigMap.Name != config.Name || config.Namespace != manager.Namespace {
		t.Errorf("the Deployment mounts %+v, and the ConfigMap is %s/%s", pod.Volumes, config.Namespace, config.Name)
	}
	mounts := pod.Containers[0].VolumeMounts
	if len(mounts) != 1 || !cmp.Equal(pod.Containers[0].Args, []string{"--config=" + mounts[0].MountPath}) {
		t.Errorf("args %v, mounts %+v", pod.Containers[0].Args, mounts)
	}
}

func TestShippedConfigurationIsTheDefault(t *testing.T) {
	config, manager := render(t, "resources: [../../../config/default]\n")
	checkMounted(t, config, manager)
	effective := loadMounted(t, config)
	if diff := cmp.Diff(Default(), effective.Config); diff != "" {
		t.Error(diff)
	}
	ports := map[string]int32{}
	for _, port := range manager.Spec.Template.Spec.Containers[0].Ports {
		ports[port.Name] = port.ContainerPort
	}
	if diff := cmp.Diff(map[string]int32{"metrics": 8080, "probes": 8081}, ports); diff != "" {
		t.Errorf("the ports of the Deployment are not those of the configuration: %s", diff)
	}
}

func TestComponentsAndOverlaysAddToTheShippedConfiguration(t *testing.T) {
	base, _ := render(t, "resources: [../../../config/default]\n")
	config, manager := render(t, `resources: [../../../config/default]
components: [../../../config/components/log-collection]
configMapGenerator:
- name: kubeops-manager-config
  namespace: kubeops-system
  behavior: merge
  literals:
  - |
    90-site.yaml=apiVersion: config.kubeops.io/v1alpha1
    kind: ManagerConfig
    logCollection: {clusterWideNamespaces: [monitoring]}
    inspections: {maxConcurrent: 4}
`)
	checkMounted(t, config, manager)
	if config.Name == base.Name {
		t.Errorf("the name %s does not change with the content, and so nothing is rolled out", config.Name)
	}
	want := Default()
	want.LogCollection.Namespace = "kubeops-logging"
	want.LogCollection.ClusterWideNamespaces = []string{"monitoring"}
	want.Inspections.MaxConcurrent = 4
	if diff := cmp.Diff(want, loadMounted(t, config).Config); diff != "" {
		t.Error(diff)
	}
}

func TestTheComponentForWebhooksListensAtThePortOfItsService(t *testing.T) {
	config, manager := render(t, `resources: [../../../config/default]
components: [../../../config/components/webhooks]
`)
	checkMounted(t, config, manager)
	want := Default()
	want.Webhooks.BindAddress = ":8082"
	if diff := cmp.Diff(want, loadMounted(t, config).Config); diff != "" {
		t.Error(diff)
	}
	ports := manager.Spec.Template.Spec.Containers[0].Ports
	if last := ports[len(ports)-1]; last.Name != "webhooks" || last.ContainerPort != 8082 {
		t.Errorf("ports %+v", ports)
	}
}
