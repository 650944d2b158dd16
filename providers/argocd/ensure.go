package argocd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxSpec of an application, in bytes.
	maxSpec = 64 << 10
	// maxOwner of an application in a message, in runes.
	maxOwner = 128
	// Annotations of an application that a Pipeline manages: the Pipeline, and the digest of the spec that it sent.
	annotationPipeline   = "kubeops.io/pipeline"
	annotationDefinition = "kubeops.io/definition"
)

// metadata of an application, as far as it says who manages it.
type metadata struct {
	Name        string          `json:"name" max:"253"`
	Namespace   string          `json:"namespace" max:"63"`
	UID         string          `json:"uid" max:"64"`
	Annotations *annotations    `json:"annotations"`
	Labels      labels          `json:"labels"`
	Owners      bounded[parent] `json:"ownerReferences"`
}

type annotations struct {
	Pipeline   string `json:"kubeops.io/pipeline" max:"512"`
	Definition string `json:"kubeops.io/definition" max:"128"`
	Tracking   string `json:"argocd.argoproj.io/tracking-id" max:"1024"`
	Helm       string `json:"meta.helm.sh/release-name" max:"253"`
}

type labels struct {
	Instance      string `json:"app.kubernetes.io/instance" max:"63"`
	Kustomization string `json:"kustomize.toolkit.fluxcd.io/name" max:"63"`
	HelmRelease   string `json:"helm.toolkit.fluxcd.io/name" max:"63"`
}

type parent struct {
	Kind string `json:"kind" max:"63"`
	Name string `json:"name" max:"253"`
}

// manager is what else manages an application, and would undo a change of it; empty if nothing does.
func (m *metadata) manager() string {
	if len(m.Owners) > 0 {
		return m.Owners[0].Kind + " " + m.Owners[0].Name
	}
	tracking, helm := "", ""
	if m.Annotations != nil {
		tracking, _, _ = strings.Cut(m.Annotations.Tracking, ":")
		helm = m.Annotations.Helm
	}
	for _, by := range []struct{ kind, name string }{
		{"application", tracking}, {"Helm release", helm}, {"Kustomization", m.Labels.Kustomization},
		{"HelmRelease", m.Labels.HelmRelease}, {"application", m.Labels.Instance}, // with tracking by label
	} {
		if by.name != "" {
			return by.kind + " " + by.name
		}
	}
	return ""
}

func (m *metadata) pipeline() string {
	if m.Annotations == nil {
		return ""
	}
	return m.Annotations.Pipeline
}

// definition of an application.
type definition struct {
	spec           json.RawMessage
	project        string
	owner, digest  string
	adopt, onlyAsk bool
}

// definitionOf what was sent. The digest is that of the spec with sorted names, so that it does not depend on how it is written.
func definitionOf(sent *pluginv1.Ensure) (definition, error) {
	d := definition{owner: sent.GetOwner(), project: "default", adopt: sent.GetAdopt(), onlyAsk: sent.GetDryRun()}
	invalid := func(message string) (definition, error) {
		return d, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the spec of the application %s; correct deploy.ensure.spec", message)
	}
	if len(sent.GetSpec()) > maxSpec {
		return invalid("has more than 64 KiB")
	}
	if d.owner == "" {
		return d, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the application has no owner")
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader([]byte(sent.GetSpec())))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil || fields == nil || decoder.More() {
		return invalid("is not a JSON object")
	}
	if project, is := fields["project"]; is {
		name, isText := project.(string)
		if !isText || name == "" {
			return invalid("has no name as its project")
		}
		d.project = name
	}
	fields["project"] = d.project
	content, err := json.Marshal(fields)
	if err != nil {
		return invalid("cannot be encoded")
	}
	d.spec = content
	sum := sha256.Sum256(content)
	d.digest = "sha256:" + hex.EncodeToString(sum[:])
	return d, nil
}

// ensure an application: it is created, or its spec is replaced if the definition has changed. Nothing is deployed.
func (s *server) ensure(ctx context.Context, a *pluginv1.Application, sent *pluginv1.Ensure) error {
	wanted, err := definitionOf(sent)
	if err != nil {
		return err
	}
	found, err := s.existing(ctx, a, wanted)
	switch {
	case err != nil, found == nil && wanted.onlyAsk:
		return err
	case found == nil:
		return s.create(ctx, a, wanted)
	}
	if err := found.Metadata.mayChange(wanted); err != nil {
		return err
	}
	if project := cmp.Or(found.Spec.Project, "default"); project != wanted.project { // 2.14 would move it to one that does not exist, too
		return problem.UserError(v1alpha1.ReasonApplicationRefused, nil,
			"application %s is one of project %s, and is not moved to another; move it in Argo CD, or correct deploy.ensure.spec.project",
			a.GetName(), text.Clip(printable.Line(project), maxOwner))
	}
	current := found.Metadata.pipeline() == wanted.owner && found.Metadata.Annotations.Definition == wanted.digest
	if wanted.onlyAsk || current {
		return nil
	}
	return s.replace(ctx, a, found, wanted)
}

// existing application, or nil. One of another project than the wanted one is reported as one that does not exist, so that it is looked for
// without a project, too: without, one that does not exist is reported as one that cannot be seen.
func (s *server) existing(ctx context.Context, a *pluginv1.Application, wanted definition) (*application, error) {
	var r *refusal
	found, err := s.lookUp(ctx, a, wanted.project)
	if errors.As(err, &r) && r.status == http.StatusNotFound {
		found, err = s.lookUp(ctx, a, "")
		if errors.As(err, &r) && (r.status == http.StatusNotFound || r.status == http.StatusForbidden) {
			return nil, nil
		}
	}
	if errors.As(err, &r) {
		return nil, r.mustAct(v1alpha1.ReasonApplicationRefused, "application "+a.GetName()+" of project "+
			text.Clip(printable.Line(wanted.project), maxOwner)+" cannot be read")
	}
	return found, err
}

// lookUp an application of a project; empty for any.
func (s *server) lookUp(ctx context.Context, a *pluginv1.Application, project string) (*application, error) {
	found := &application{}
	if _, err := s.call(ctx, "get", http.MethodGet, path(a, ""), scope(a, project), nil, found); err != nil {
		return nil, err
	}
	if found.Metadata.Name != a.GetName() {
		return nil, s.client.Invalid(errors.New("another application"))
	}
	return found, nil
}

// mayChange refuses to change an application that the owner does not manage, unless it may be adopted.
func (m *metadata) mayChange(wanted definition) error {
	show := func(name string) string { return text.Clip(printable.Line(name), maxOwner) }
	if by := m.manager(); by != "" {
		return problem.UserError(v1alpha1.ReasonApplicationNotManaged, nil,
			"application %s belongs to %s, so it is left as it is; choose another name, or remove deploy.ensure", m.Name, show(by))
	}
	switch owner := m.pipeline(); {
	case owner == wanted.owner, owner == "" && wanted.adopt:
		return nil
	case owner != "":
		return problem.UserError(v1alpha1.ReasonApplicationNotManaged, nil,
			"application %s is managed for Pipeline %s; choose another name, or remove its annotation %s", m.Name, show(owner),
			annotationPipeline)
	}
	return problem.UserError(v1alpha1.ReasonApplicationNotManaged, nil,
		"application %s exists and is not managed by KubeOps; choose another name, remove deploy.ensure, or set deploy.ensure.adopt",
		m.Name)
}

// create an application that does not exist.
func (s *server) create(ctx context.Context, a *pluginv1.Application, wanted definition) error {
	named := map[string]any{
		"name": a.GetName(), "annotations": map[string]string{annotationPipeline: wanted.owner, annotationDefinition: wanted.digest},
	}
	if a.GetNamespace() != "" {
		named["namespace"] = a.GetNamespace()
	}
	body := map[string]any{"metadata": named, "spec": wanted.spec}
	_, err := s.call(ctx, "create", http.MethodPost, "/api/v1/applications", url.Values{"upsert": {"false"}}, body, nil)
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	if strings.Contains(r.message, "existing application spec is different") {
		return problem.Waiting(v1alpha1.ReasonApplicationNotManaged, busyDelay,
			"application %s exists: someone else created it at the same time, or the token cannot see its project", a.GetName())
	}
	return r.mustAct(v1alpha1.ReasonApplicationRefused, "application "+a.GetName()+" cannot be created")
}

// patchOperation of a JSON patch.
type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// replace the spec of an application, if it is still the one that was judged. Other annotations, labels and finalizers stay.
func (s *server) replace(ctx context.Context, a *pluginv1.Application, found *application, wanted definition) error {
	const parent = "/metadata/annotations"
	at := func(annotation string) string { return parent + "/" + strings.ReplaceAll(annotation, "/", "~1") }
	operations := []patchOperation{{"test", "/metadata/uid", found.Metadata.UID}}
	if owner := found.Metadata.pipeline(); owner != "" {
		operations = append(operations, patchOperation{"test", at(annotationPipeline), owner})
	}
	if found.Metadata.Annotations == nil {
		operations = append(operations, patchOperation{"add", parent, map[string]string{}})
	}
	operations = append(operations, patchOperation{"add", at(annotationPipeline), wanted.owner},
		patchOperation{"add", at(annotationDefinition), wanted.digest}, patchOperation{"replace", "/spec", wanted.spec})
	patch, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	body := map[string]string{"patch": string(patch), "patchType": "json", "project": found.Spec.Project}
	if a.GetNamespace() != "" {
		body["appNamespace"] = a.GetNamespace()
	}
	_, err = s.call(ctx, "patch", http.MethodPatch, path(a, ""), nil, body, nil)
	var r *refusal
	if errors.As(err, &r) {
		return r.mustAct(v1alpha1.ReasonApplicationRefused, "application "+a.GetName()+" cannot be changed")
	}
	return err
}
