package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/managerconfig"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

const (
	// nameLabel and managerName select the Deployments of managers.
	nameLabel   = "app.kubernetes.io/name"
	managerName = "kubeops-manager"
)

// installation is a Deployment of the manager.
type installation struct {
	deployment *appsv1.Deployment
	// account is its ServiceAccount.
	account string
	// namespaces that it serves; empty for all.
	namespaces []string
	// unknown is set if the configuration could not be read, and so not the namespaces.
	unknown bool
	// impersonated are the ServiceAccounts that its roles let it act as.
	impersonated impersonated
	// elects is whether it leads by the Lease of its own namespace.
	elects bool
}

func (i *installation) object() string {
	return fmt.Sprintf("%s %s/%s", kindDeployment, i.deployment.Namespace, i.deployment.Name)
}

// find the Deployments of the manager.
func (e *examination) find(ctx context.Context) error {
	found := &appsv1.DeploymentList{}
	if err := e.client.List(ctx, found, client.MatchingLabels{nameLabel: managerName}); err != nil {
		return e.failed(err, "list Deployments in all namespaces")
	}
	e.found = true
	for n := range found.Items {
		i := installation{deployment: &found.Items[n], account: "default"}
		container := managerContainer(i.deployment)
		i.elects = container == nil || !slices.Contains(slices.Concat(container.Command, container.Args), "--leader-elect=false")
		if account := i.deployment.Spec.Template.Spec.ServiceAccountName; account != "" {
			i.account = account
		}
		e.installed = append(e.installed, i)
	}
	return nil
}

// managers checks that the Deployments of the manager run and how they are configured.
func (e *examination) managers(ctx context.Context) error {
	if e.found && len(e.installed) == 0 {
		e.problem(checkManager, kindDeployment+" "+managerName,
			"does not exist in any namespace: nothing reconciles the resources of KubeOps",
			"Install the manager: `kubectl apply --server-side -k config/default`.")
	}
	for n := range e.installed {
		i := &e.installed[n]
		if err := e.configuration(ctx, i); err != nil {
			i.unknown = true
			e.gap(checkConfiguration, err)
		}
		if err := e.running(ctx, i); err != nil {
			e.gap(checkManager, err)
		}
		manager := Manager{
			Namespace: i.deployment.Namespace, Name: i.deployment.Name, Replicas: replicas(i.deployment),
			Available: i.deployment.Status.AvailableReplicas, Namespaces: i.namespaces,
		}
		if container := managerContainer(i.deployment); container != nil {
			manager.Image = container.Image
		}
		e.report.Managers = append(e.report.Managers, manager)
	}
	e.overlaps()
	return nil
}

func replicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// managerContainer is the container of the manager; nil without containers.
func managerContainer(d *appsv1.Deployment) *corev1.Container {
	containers := d.Spec.Template.Spec.Containers
	if at := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == "manager" }); at >= 0 {
		return &containers[at]
	}
	if len(containers) > 0 {
		return &containers[0]
	}
	return nil
}

// overlaps reports managers that serve the same namespaces.
func (e *examination) overlaps() {
	for i := range e.installed {
		for j := range i {
			one, other := &e.installed[j], &e.installed[i]
			if replicas(one.deployment) == 0 || replicas(other.deployment) == 0 || one.unknown || other.unknown {
				continue
			}
			where := "all namespaces"
			switch {
			case len(one.namespaces) > 0 && len(other.namespaces) > 0:
				both := slices.DeleteFunc(slices.Clone(one.namespaces), func(name string) bool {
					return !slices.Contains(other.namespaces, name)
				})
				if len(both) == 0 {
					continue
				}
				where = "namespaces " + text.List(both, maxFields)
			case len(one.namespaces)+len(other.namespaces) > 0:
				where = "namespaces " + text.List(slices.Concat(one.namespaces, other.namespaces), maxFields)
			}
			e.problem(checkInstallations, other.object(), fmt.Sprintf("serves the same resources as %s (%s): both run Inspections and "+
				"Pipelines, and overwrite each other's status", one.object(), where),
				remedy.Sprintf("Stop one of them: `kubectl -n %s scale deployment %s --replicas=0`, or let each serve its own "+
					"`namespaces` (configuration of the manager).", other.deployment.Namespace, other.deployment.Name))
		}
	}
}

// running checks that a Deployment is available, and says why its Pods are not.
func (e *examination) running(ctx context.Context, i *installation) error {
	wanted := replicas(i.deployment)
	available := i.deployment.Status.AvailableReplicas
	if wanted == 0 {
		e.problem(checkManager, i.object(), "is scaled to 0: nothing reconciles the resources of KubeOps",
			remedy.Sprintf("Start it: `kubectl -n %s scale deployment %s --replicas=1`.", i.deployment.Namespace, i.deployment.Name))
		return nil
	}
	if available >= wanted {
		return nil
	}
	message := fmt.Sprintf("has %d of %d replicas available", available, wanted)
	selector, err := metav1.LabelSelectorAsSelector(i.deployment.Spec.Selector)
	if err != nil {
		return err
	}
	pods := &corev1.PodList{}
	err = e.client.List(ctx, pods, client.InNamespace(i.deployment.Namespace), client.MatchingLabelsSelector{Selector: selector})
	if reason := waitingFor(pods.Items); reason != "" {
		message += ": " + reason
	}
	fix := remedy.Sprintf("See `kubectl -n %s describe deployment %s` and `kubectl -n %s logs deployment/%s`.", i.deployment.Namespace,
		i.deployment.Name, i.deployment.Namespace, i.deployment.Name)
	if available == 0 {
		e.problem(checkManager, i.object(), message, fix)
	} else {
		e.warn(checkManager, i.object(), message, fix)
	}
	return e.failed(err, "list Pods in namespace "+i.deployment.Namespace)
}

// waitingFor is why a Pod is not ready; empty if none says so.
func waitingFor(pods []corev1.Pod) string {
	for n := range pods {
		for _, status := range pods[n].Status.ContainerStatuses {
			waiting := status.State.Waiting
			last := status.LastTerminationState.Terminated
			if waiting == nil || waiting.Reason == "" {
				continue
			}
			message := fmt.Sprintf("Pod %s, container %s: %s", pods[n].Name, status.Name, waiting.Reason)
			if last != nil && last.Reason == "OOMKilled" {
				message += " (OOMKilled)"
			}
			return message
		}
		for _, condition := range pods[n].Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
				return fmt.Sprintf("Pod %s is not scheduled: %s", pods[n].Name, text.Clip(condition.Message, maxMessage))
			}
		}
	}
	return ""
}

// configuration reads and checks the configuration of a manager as the manager does.
func (e *examination) configuration(ctx context.Context, i *installation) error {
	name := configMapOf(i.deployment)
	if name == "" {
		return nil // built-in defaults, or files of another kind
	}
	object := fmt.Sprintf("ConfigMap %s/%s", i.deployment.Namespace, name)
	source := &corev1.ConfigMap{}
	err := e.client.Get(ctx, client.ObjectKey{Namespace: i.deployment.Namespace, Name: name}, source)
	if apierrors.IsNotFound(err) {
		e.problem(checkConfiguration, object, fmt.Sprintf("does not exist, and %s mounts it: its Pods do not start", i.object()),
			originOf(i.deployment).again("config/default"))
		return nil
	}
	if err != nil {
		return e.failed(err, "read "+object)
	}
	var files []managerconfig.File
	for _, file := range slices.Sorted(maps.Keys(source.Data)) {
		if path.Ext(file) == ".yaml" {
			files = append(files, managerconfig.File{Name: file, Content: []byte(source.Data[file])})
		}
	}
	effective, err := managerconfig.Parse(files)
	if invalid := (managerconfig.Errors)(nil); errors.As(err, &invalid) {
		for _, wrong := range invalid {
			e.problem(checkConfiguration, object, "is not valid, so the manager does not start: "+wrong.Error(),
				remedy.Sprintf("Correct the file in your overlay, or `config` in the values of your Helm release, and apply it. "+
					"`kubectl -n %s get configmap %s -o yaml` shows what is there.", i.deployment.Namespace, name))
		}
		i.unknown = true
		return nil
	}
	if err != nil {
		return err
	}
	i.namespaces = effective.Config.Namespaces
	election := &effective.Config.LeaderElection
	i.elects = i.elects && election.Enabled && (election.Namespace == "" || election.Namespace == i.deployment.Namespace)
	return nil
}

// configMapOf is the name of the ConfigMap that is mounted where the manager reads its configuration; empty if there is none.
func configMapOf(d *appsv1.Deployment) string {
	container := managerContainer(d)
	if container == nil {
		return ""
	}
	for _, argument := range slices.Concat(container.Command, container.Args) {
		folder, isConfig := strings.CutPrefix(argument, "--config=")
		if !isConfig {
			continue
		}
		for _, mount := range container.VolumeMounts {
			if mount.MountPath != folder && mount.MountPath != path.Dir(folder) {
				continue
			}
			for _, volume := range d.Spec.Template.Spec.Volumes {
				if volume.Name == mount.Name && volume.ConfigMap != nil {
					return volume.ConfigMap.Name
				}
			}
		}
	}
	return ""
}
