package job

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

// template is what a stage can say about its Job.
type template struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec batchv1.JobSpec `json:"spec"`
}

// build the Job of an attempt. The error is a problem that only the user can fix.
func build(attempt pipeline.Attempt) (*batchv1.Job, error) {
	invalid := func(format string, args ...any) (*batchv1.Job, error) {
		args = append([]any{attempt.Stage.Name}, args...)
		return nil, problem.UserError(v1alpha1.ReasonInvalidJob, nil, "stage %s: job.template"+format, args...)
	}
	var t template
	decoder := json.NewDecoder(bytes.NewReader(attempt.Stage.Job.Template.Raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return invalid(": %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	pod := &t.Spec.Template.Spec
	switch {
	case len(pod.Containers) == 0:
		return invalid(".spec.template.spec.containers is empty")
	case pod.ServiceAccountName != "" && pod.ServiceAccountName != attempt.ServiceAccount:
		return invalid(".spec.template.spec.serviceAccountName is %q; set spec.serviceAccountName of the Pipeline instead",
			pod.ServiceAccountName)
	case pod.DeprecatedServiceAccount != "" && pod.DeprecatedServiceAccount != attempt.ServiceAccount:
		return invalid(".spec.template.spec.serviceAccount is %q; set spec.serviceAccountName of the Pipeline instead",
			pod.DeprecatedServiceAccount)
	case t.Spec.Suspend != nil && *t.Spec.Suspend:
		return invalid(".spec.suspend is true, so the Job would never start; remove it")
	case t.Spec.TTLSecondsAfterFinished != nil:
		return invalid(".spec.ttlSecondsAfterFinished is set; remove it, since Jobs are deleted with their PipelineRun (spec.keepRuns)")
	case t.Spec.ManualSelector != nil:
		return invalid(".spec.manualSelector is set; remove it")
	}
	pod.ServiceAccountName = attempt.ServiceAccount
	if pod.RestartPolicy == "" {
		pod.RestartPolicy = corev1.RestartPolicyNever
	}
	if t.Spec.BackoffLimit == nil {
		t.Spec.BackoffLimit = ptr.To[int32](0)
	}
	addEnv(attempt, pod)
	labels := map[string]string{}
	maps.Copy(labels, t.Metadata.Labels)
	labels[v1alpha1.LabelPipeline] = pipeline.Label(attempt.Pipeline)
	labels[v1alpha1.LabelPipelineRun] = pipeline.Label(attempt.Run)
	labels[v1alpha1.LabelStage] = attempt.Stage.Name
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: attempt.Namespace, Name: attempt.Key, Labels: labels, Annotations: t.Metadata.Annotations,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion().String(), Kind: "PipelineRun", Name: attempt.Run, UID: attempt.UID,
			}},
		},
		Spec: t.Spec,
	}, nil
}

// addEnv adds the values of the stage to all containers. They are data: no value becomes a reference.
func addEnv(attempt pipeline.Attempt, pod *corev1.PodSpec) {
	var added []corev1.EnvVar
	for _, value := range attempt.Stage.Job.Env {
		added = append(added, corev1.EnvVar{Name: value.Name, Value: escape(attempt.Values[value.Name])})
	}
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			containers[i].Env = append(containers[i].Env, added...)
		}
	}
}

// escape keeps $(NAME) in a value from being expanded by Kubernetes.
func escape(value string) string { return strings.ReplaceAll(value, "$(", "$$(") }
