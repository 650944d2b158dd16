package build

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/remedy"
)

// definer of a server, if the stage defines its job; nil otherwise.
func definer(attempt pipeline.Attempt, server ci.Provider) (ci.Definer, error) {
	if attempt.Stage.Build.Ensure == nil {
		return nil, nil
	}
	if found, is := server.(ci.Definer); is {
		return found, nil
	}
	return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "CIProvider %s cannot create jobs; remove build.ensure",
		attempt.Stage.Build.ProviderRef.Name)
}

// checkDefinition of the job of the stage, which need not exist yet.
func (d *Driver) checkDefinition(ctx context.Context, attempt pipeline.Attempt, server ci.Definer) error {
	definition, err := d.definition(ctx, attempt)
	if err != nil {
		return err
	}
	return server.CheckDefinition(ctx, request(attempt), definition)
}

// ensure the job of the stage, before a build is triggered. Errors mean that none was, so that what can recover is waited for.
func (d *Driver) ensure(ctx context.Context, attempt pipeline.Attempt, server ci.Definer) error {
	definition, err := d.definition(ctx, attempt)
	if err == nil {
		err = server.Ensure(ctx, request(attempt), definition)
	}
	return untriggered(err)
}

// drift says that people changed the job of the stage after it was defined; empty if not, or if that cannot be found out: the build has
// ended, so that nothing depends on it.
func (d *Driver) drift(ctx context.Context, attempt pipeline.Attempt, server ci.Provider) string {
	jobs, err := definer(attempt, server)
	if err != nil || jobs == nil || attempt.Stage.Build.Ensure.Drift == v1alpha1.DriftIgnore {
		return ""
	}
	definition, err := d.definition(ctx, attempt)
	if err != nil {
		return ""
	}
	if changed, err := jobs.Changed(ctx, request(attempt), definition); err != nil || !changed {
		return ""
	}
	return "; the job was changed in Jenkins after KubeOps defined it: change build.ensure, or set build.ensure.drift to Correct"
}

// neverCreated reports whether a lookup found no job, which the stage would have created before it triggered a build. If the job exists and
// is not visible, it cannot be created again, so that nothing is triggered.
func neverCreated(attempt pipeline.Attempt, err error) bool {
	found := problem.As(err)
	return attempt.Stage.Build.Ensure != nil && found != nil && found.Reason == v1alpha1.ReasonJobNotFound
}

// untriggered is an error before anything was sent that could trigger a build: the stage waits, where it would look for the build.
func untriggered(err error) error {
	if found := problem.As(err); found != nil && found.Action == problem.Retry {
		return problem.Waiting(found.Reason, retryOpen, "%s", found.Message)
	}
	return err
}

// field of the stage that names the ConfigMap.
const field = "build.ensure.configMapRef"

// unread describes why a ConfigMap could not be read.
func unread(attempt pipeline.Attempt, name string, err error) error {
	switch refused, impersonation := apierror.ImpersonationRefused(err); {
	case impersonation && refused.OfAccount():
		return impersonate.Refused(refused, attempt.Namespace, attempt.ServiceAccount)
	case impersonation:
		return problem.UserError(v1alpha1.ReasonImpersonationForbidden, nil, "%s",
			refused.Message(attempt.Namespace, attempt.ServiceAccount))
	case apierrors.IsNotFound(err):
		return problem.Waiting(v1alpha1.ReasonJobDefinitionNotFound, missingRetry,
			"ConfigMap %s/%s does not exist; create it, or correct %s", attempt.Namespace, name, field)
	case apierrors.IsForbidden(err):
		return problem.UserError(v1alpha1.ReasonJobDefinitionForbidden, nil,
			"ServiceAccount %s/%s cannot get ConfigMap %s (RBAC); grant it the permission: %s", attempt.Namespace, attempt.ServiceAccount,
			name, grant(attempt, name))
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read ConfigMap %s/%s (%s)", attempt.Namespace, name,
		apierror.Describe(err))
}

// grant is the command that lets the ServiceAccount read a ConfigMap. The Role has the name of the ConfigMap, and its binding that of the
// account, too: those of others exist already.
func grant(attempt pipeline.Attempt, name string) string {
	const maxName = 253
	role := provider.ShortName("kubeops-reads-configmap-"+name, maxName)
	binding := provider.ShortName(role+"-"+attempt.ServiceAccount, maxName)
	return string(remedy.Command("kubectl -n %s create role %s --verb=get --resource=configmaps --resource-name=%s; "+
		"kubectl -n %s create rolebinding %s --role=%s --serviceaccount=%s:%s", attempt.Namespace, role, name, attempt.Namespace, binding,
		role, attempt.Namespace, attempt.ServiceAccount).Code())
}

// definition of the job of the stage. The ConfigMap is read as the ServiceAccount of the Pipeline.
func (d *Driver) definition(ctx context.Context, attempt pipeline.Attempt) (ci.Definition, error) {
	stage := attempt.Stage.Build.Ensure
	definition := ci.Definition{
		Script: stage.Jenkinsfile, Owner: attempt.Namespace + "/" + attempt.Pipeline, Overwrite: stage.Overwrite,
		Correct: stage.Drift == v1alpha1.DriftCorrect,
	}
	if d.Cluster != nil {
		cluster, err := d.Cluster(ctx)
		if err != nil {
			return definition, err
		}
		definition.Cluster = cluster
	}
	if scm := stage.SCM; scm != nil {
		definition.SCM = &ci.SCM{
			Repository: scm.Repository, Branch: scm.Branch, Path: scm.ScriptPath(), CredentialsID: scm.CredentialsID,
		}
	}
	if stage.ConfigMapRef == nil {
		return definition, nil
	}
	ref := *stage.ConfigMapRef
	if err := names.Object(field+".name", "ConfigMap", ref.Name); err != nil {
		return definition, err
	}
	config, err := d.Accounts.As(attempt.Namespace, attempt.ServiceAccount)
	if err != nil {
		return definition, err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return definition, err
	}
	found, err := clients.CoreV1().ConfigMaps(attempt.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return definition, unread(attempt, ref.Name, err)
	}
	content, is := found.Data[ref.Key]
	if !is {
		return definition, problem.Waiting(v1alpha1.ReasonJobDefinitionNotFound, missingRetry,
			"ConfigMap %s/%s has no key %s; add it, or correct %s", attempt.Namespace, ref.Name, ref.Key, field)
	}
	definition.Config = []byte(content)
	return definition, nil
}
