package facts

import (
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func reduceDeployment(d *appsv1.Deployment) *WorkloadNode {
	node := &WorkloadNode{
		Meta: metaOf(Deployment, &d.ObjectMeta), Selector: NewSelector(d.Spec.Selector), Desired: value(d.Spec.Replicas, 1),
		Current: d.Status.Replicas, Updated: d.Status.UpdatedReplicas, Ready: d.Status.ReadyReplicas, Available: d.Status.AvailableReplicas,
		Paused: d.Spec.Paused,
		// 600 s is the API's default.
		ProgressDeadline: time.Duration(value(d.Spec.ProgressDeadlineSeconds, 600)) * time.Second,
	}
	node.Labels = maps.Clone(d.Labels)
	node.Strategy = string(d.Spec.Strategy.Type)
	node.MinReadySeconds = d.Spec.MinReadySeconds
	node.RevisionHistory = value(d.Spec.RevisionHistoryLimit, 10) // the API's default
	if update := d.Spec.Strategy.RollingUpdate; update != nil {
		node.MaxUnavailable, node.MaxSurge = intOrPercent(update.MaxUnavailable), intOrPercent(update.MaxSurge)
	}
	node.template(&d.Spec.Template)
	node.ReplicasWriter = replicasWriter(&d.ObjectMeta)
	node.Observed = d.Status.ObservedGeneration
	node.Changed = changed(&d.ObjectMeta)
	node.Conditions = convert(d.Status.Conditions, func(c appsv1.DeploymentCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func (n *WorkloadNode) template(t *corev1.PodTemplateSpec) {
	n.Template = reduceTemplate(t)
	n.TemplateLabels = maps.Clone(t.Labels)
}

// changed is the last write outside the status, from managedFields; the creation time without them.
func changed(o *metav1.ObjectMeta) time.Time {
	last := o.CreationTimestamp.Time
	for i := range o.ManagedFields {
		if at := timeOf(o.ManagedFields[i].Time); o.ManagedFields[i].Subresource != "status" && at.After(last) {
			last = at
		}
	}
	return last
}

func reduceReplicaSet(r *appsv1.ReplicaSet) *WorkloadNode {
	node := &WorkloadNode{
		Meta: metaOf(ReplicaSet, &r.ObjectMeta), Selector: NewSelector(r.Spec.Selector), Desired: value(r.Spec.Replicas, 1),
		Current: r.Status.Replicas, Updated: r.Status.Replicas, Ready: r.Status.ReadyReplicas, Available: r.Status.AvailableReplicas,
	}
	node.Labels = maps.Clone(r.Labels)
	node.RevisionHistory = -1
	node.Observed = r.Status.ObservedGeneration
	node.Changed = changed(&r.ObjectMeta)
	node.Conditions = convert(r.Status.Conditions, func(c appsv1.ReplicaSetCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	if owner := metav1.GetControllerOfNoCopy(r); owner != nil && node.IsRevision() {
		node.OwnerAPIVersion = owner.APIVersion
	}
	if node.Owner.Kind != Deployment { // ReplicaSets of a Deployment repeat its template for each revision
		node.template(&r.Spec.Template)
	}
	return node
}

func reduceReplicationController(r *corev1.ReplicationController) *WorkloadNode {
	node := &WorkloadNode{
		Meta: metaOf(ReplicationController, &r.ObjectMeta), Selector: SelectorFromSet(r.Spec.Selector), Desired: value(r.Spec.Replicas, 1),
		Current: r.Status.Replicas, Updated: r.Status.Replicas, Ready: r.Status.ReadyReplicas, Available: r.Status.AvailableReplicas,
	}
	node.Labels = maps.Clone(r.Labels)
	node.RevisionHistory = -1
	node.Observed = r.Status.ObservedGeneration
	node.Changed = changed(&r.ObjectMeta)
	if r.Spec.Template != nil {
		node.template(r.Spec.Template)
	}
	node.Conditions = convert(r.Status.Conditions, func(c corev1.ReplicationControllerCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func reduceStatefulSet(s *appsv1.StatefulSet) *WorkloadNode {
	node := &WorkloadNode{
		Meta: metaOf(StatefulSet, &s.ObjectMeta), Selector: NewSelector(s.Spec.Selector), Desired: value(s.Spec.Replicas, 1),
		Current: s.Status.Replicas, Updated: s.Status.UpdatedReplicas, Ready: s.Status.ReadyReplicas, Available: s.Status.AvailableReplicas,
		CurrentRevision: s.Status.CurrentRevision, UpdateRevision: s.Status.UpdateRevision,
		OnDelete: s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType, ServiceName: s.Spec.ServiceName,
	}
	if s.Spec.UpdateStrategy.RollingUpdate != nil {
		node.Partition = value(s.Spec.UpdateStrategy.RollingUpdate.Partition, 0)
	}
	for i := range s.Spec.VolumeClaimTemplates {
		node.VolumeClaims = append(node.VolumeClaims, s.Spec.VolumeClaimTemplates[i].Name)
	}
	node.Labels = maps.Clone(s.Labels)
	node.MinReadySeconds = s.Spec.MinReadySeconds
	node.RevisionHistory = -1
	node.template(&s.Spec.Template)
	node.ReplicasWriter = replicasWriter(&s.ObjectMeta)
	node.Observed = s.Status.ObservedGeneration
	node.Changed = changed(&s.ObjectMeta)
	node.Conditions = convert(s.Status.Conditions, func(c appsv1.StatefulSetCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func reduceDaemonSet(d *appsv1.DaemonSet) *WorkloadNode {
	node := &WorkloadNode{
		Meta: metaOf(DaemonSet, &d.ObjectMeta), Selector: NewSelector(d.Spec.Selector), Desired: d.Status.DesiredNumberScheduled,
		Current: d.Status.CurrentNumberScheduled, Updated: d.Status.UpdatedNumberScheduled, Ready: d.Status.NumberReady,
		Available: d.Status.NumberAvailable, Misscheduled: d.Status.NumberMisscheduled,
		OnDelete: d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType,
	}
	node.Labels = maps.Clone(d.Labels)
	node.MinReadySeconds = d.Spec.MinReadySeconds
	node.RevisionHistory = -1
	node.template(&d.Spec.Template)
	node.Observed = d.Status.ObservedGeneration
	node.Changed = changed(&d.ObjectMeta)
	node.Conditions = convert(d.Status.Conditions, func(c appsv1.DaemonSetCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func reduceJob(j *batchv1.Job) *JobNode {
	node := &JobNode{
		Meta: metaOf(Job, &j.ObjectMeta), Suspended: value(j.Spec.Suspend, false),
		Active: j.Status.Active, Succeeded: j.Status.Succeeded, Failed: j.Status.Failed,
		// 1 and 6 are the API's defaults.
		Completions: value(j.Spec.Completions, 1), BackoffLimit: value(j.Spec.BackoffLimit, 6),
		ActiveDeadline: seconds(j.Spec.ActiveDeadlineSeconds), TTL: -1,
		Started: timeOf(j.Status.StartTime), Completed: timeOf(j.Status.CompletionTime),
		Template: reduceTemplate(&j.Spec.Template), TemplateLabels: maps.Clone(j.Spec.Template.Labels),
	}
	if ttl := j.Spec.TTLSecondsAfterFinished; ttl != nil {
		node.TTL = time.Duration(*ttl) * time.Second
	}
	node.Conditions = convert(j.Status.Conditions, func(c batchv1.JobCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

func reduceCronJob(c *batchv1.CronJob) *CronJobNode {
	return &CronJobNode{
		Meta: metaOf(CronJob, &c.ObjectMeta), Schedule: c.Spec.Schedule, TimeZone: value(c.Spec.TimeZone, ""),
		Suspended: value(c.Spec.Suspend, false), ConcurrencyPolicy: string(c.Spec.ConcurrencyPolicy),
		Changed:       changed(&c.ObjectMeta),
		LastScheduled: timeOf(c.Status.LastScheduleTime), LastSuccess: timeOf(c.Status.LastSuccessfulTime),
		Active: int32(min(len(c.Status.Active), 1<<30)), //nolint:gosec // bounded here
		// 3 and 1 are the API's defaults.
		SuccessfulHistory: value(c.Spec.SuccessfulJobsHistoryLimit, 3), FailedHistory: value(c.Spec.FailedJobsHistoryLimit, 1),
		StartingDeadline: seconds(c.Spec.StartingDeadlineSeconds),
		ActiveDeadline:   seconds(c.Spec.JobTemplate.Spec.ActiveDeadlineSeconds),
		Template:         reduceTemplate(&c.Spec.JobTemplate.Spec.Template),
		TemplateLabels:   maps.Clone(c.Spec.JobTemplate.Spec.Template.Labels),
	}
}

func reduceHPA(h *autoscalingv2.HorizontalPodAutoscaler) *HPANode {
	target := h.Spec.ScaleTargetRef
	node := &HPANode{
		Meta: metaOf(HPA, &h.ObjectMeta), Target: Ref{Kind(target.Kind), h.Namespace, target.Name}, TargetAPIVersion: target.APIVersion,
		Min: value(h.Spec.MinReplicas, 1), Max: h.Spec.MaxReplicas, Current: h.Status.CurrentReplicas, Desired: h.Status.DesiredReplicas,
	}
	node.Observed = value(h.Status.ObservedGeneration, -1)
	for i := range h.Spec.Metrics {
		m := &h.Spec.Metrics[i]
		node.MetricTypes = append(node.MetricTypes, string(m.Type))
		node.Metrics = append(node.Metrics, metricText(m))
	}
	node.Conditions = convert(h.Status.Conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) Condition {
		return Condition{string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time}
	})
	return node
}

// metricText describes a metric of an autoscaler.
func metricText(m *autoscalingv2.MetricSpec) string {
	target := func(t autoscalingv2.MetricTarget) string {
		switch {
		case t.AverageUtilization != nil:
			return fmt.Sprintf(" %d%%", *t.AverageUtilization)
		case t.AverageValue != nil:
			return " " + t.AverageValue.String()
		case t.Value != nil:
			return " " + t.Value.String()
		default:
			return ""
		}
	}
	switch {
	case m.Resource != nil:
		return string(m.Resource.Name) + target(m.Resource.Target)
	case m.ContainerResource != nil:
		return string(m.ContainerResource.Name) + target(m.ContainerResource.Target) + " of container " + m.ContainerResource.Container
	case m.Pods != nil:
		return m.Pods.Metric.Name + target(m.Pods.Target)
	case m.Object != nil:
		return m.Object.Metric.Name + target(m.Object.Target)
	case m.External != nil:
		return m.External.Metric.Name + target(m.External.Target)
	default:
		return string(m.Type)
	}
}

func reducePDB(p *policyv1.PodDisruptionBudget) *PDBNode {
	node := &PDBNode{
		Meta: metaOf(PDB, &p.ObjectMeta), Selector: NewSelector(p.Spec.Selector),
		MinAvailable: intOrPercent(p.Spec.MinAvailable), MaxUnavailable: intOrPercent(p.Spec.MaxUnavailable),
		DisruptionsAllowed: p.Status.DisruptionsAllowed, CurrentHealthy: p.Status.CurrentHealthy,
		DesiredHealthy: p.Status.DesiredHealthy, Expected: p.Status.ExpectedPods,
	}
	node.EvictsUnready = value(p.Spec.UnhealthyPodEvictionPolicy, "") == policyv1.AlwaysAllow
	node.Observed = p.Status.ObservedGeneration
	node.Conditions = convert(p.Status.Conditions, metaCondition)
	return node
}

func intOrPercent(v *intstr.IntOrString) string {
	if v == nil {
		return ""
	}
	return v.String()
}

// TemplateOf is the Pod template of a workload, a Job or a CronJob; nil for other objects.
func TemplateOf(object any) *corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.ReplicaSet:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	case *corev1.ReplicationController:
		return o.Spec.Template
	default:
		return nil
	}
}
