package main

import (
	"context"
	"fmt"
	"hash/fnv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
)

// writer writes workloads as the controllers and the kubelets leave them.
type writer struct {
	client kubernetes.Interface
	world  world
}

func (w writer) workload(ctx context.Context, o workload) error {
	core := w.client.CoreV1()
	if _, err := ensure(ctx, core.ConfigMaps(o.namespace), o.configMap()); err != nil {
		return err
	}
	if _, err := ensure(ctx, core.Services(o.namespace), o.service()); err != nil {
		return err
	}
	if err := w.budget(ctx, o); err != nil {
		return err
	}
	if o.flaw == noClass {
		if _, err := ensure(ctx, core.PersistentVolumeClaims(o.namespace), o.claim()); err != nil {
			return err
		}
	}
	set, err := w.replicaSet(ctx, o)
	if err != nil {
		return err
	}
	var pods []*corev1.Pod
	for i := range o.pods() {
		pod, err := w.pod(ctx, o, set, i)
		if err != nil {
			return fmt.Errorf("%s: %w", o, err)
		}
		pods = append(pods, pod)
	}
	_, err = ensure(ctx, w.client.DiscoveryV1().EndpointSlices(o.namespace), o.endpoints(pods))
	return err
}

func (w writer) budget(ctx context.Context, o workload) error {
	client := w.client.PolicyV1().PodDisruptionBudgets(o.namespace)
	budget, err := ensure(ctx, client, o.budget())
	if err != nil {
		return err
	}
	budget.Status = policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: budget.Generation, CurrentHealthy: o.ready(), DesiredHealthy: max(0, o.pods()-2), ExpectedPods: o.pods(),
		DisruptionsAllowed: max(0, min(2, o.ready()-o.pods()+2)),
	}
	_, err = client.UpdateStatus(ctx, budget, metav1.UpdateOptions{})
	return err
}

// replicaSet writes the Deployment and returns its ReplicaSet.
func (w writer) replicaSet(ctx context.Context, o workload) (*appsv1.ReplicaSet, error) {
	deployments := w.client.AppsV1().Deployments(o.namespace)
	sets := w.client.AppsV1().ReplicaSets(o.namespace)
	deployment, err := ensure(ctx, deployments, o.deployment())
	if err != nil {
		return nil, err
	}
	set, err := ensure(ctx, sets, o.replicaSet(deployment))
	if err != nil {
		return nil, err
	}
	deployment.Status = o.deploymentStatus(deployment)
	set.Status = o.replicaSetStatus(set)
	if _, err := deployments.UpdateStatus(ctx, deployment, metav1.UpdateOptions{}); err != nil {
		return nil, err
	}
	return sets.UpdateStatus(ctx, set, metav1.UpdateOptions{})
}

// pod writes one Pod with its status and, if it is broken, the warning of its kubelet or of the scheduler.
func (w writer) pod(ctx context.Context, o workload, set *appsv1.ReplicaSet, i int32) (*corev1.Pod, error) {
	client := w.client.CoreV1().Pods(o.namespace)
	pod, err := ensure(ctx, client, o.pod(set, i, w.world))
	if err != nil {
		return nil, err
	}
	pod.Status = *o.status(pod, w.world.nodes())
	if pod, err = client.UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		return nil, err
	}
	reason, message := o.warning(w.world.nodes())
	if reason == "" {
		return pod, nil
	}
	_, err = ensure(ctx, w.client.CoreV1().Events(o.namespace), warning(pod, reason, message))
	return pod, err
}

// writeNode writes a node that is ready.
func writeNode(ctx context.Context, client kubernetes.Interface, name string) error {
	nodes := client.CoreV1().Nodes()
	node, err := ensure(ctx, nodes, readyNode(name))
	if err != nil {
		return err
	}
	if len(node.Spec.Taints) > 0 { // admission adds not-ready to every new node
		node.Spec.Taints = nil
		if node, err = nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	node.Status = readyNode(name).Status
	_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

// suffix is a part of a generated name that is the same in every run.
func suffix(of string, length int) string {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(of))
	text := rand.SafeEncodeString(fmt.Sprint(hash.Sum64()))
	return text[len(text)-length:]
}
