package background

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// revision of the template of a workload.
type revision struct {
	number   int64
	created  time.Time
	template any
}

// changes describes what the last rollout of the workload changed.
func (g *gatherer) changes(ctx context.Context, s *subject) {
	if s.owner == nil || s.selector == nil {
		return
	}
	var revisions []revision
	switch s.kind {
	case "Deployment":
		revisions = g.replicaSets(ctx, s)
	case "StatefulSet", "DaemonSet":
		revisions = g.controllerRevisions(ctx, s)
	}
	slices.SortFunc(revisions, func(a, b revision) int { return cmp.Compare(b.number, a.number) })
	if len(revisions) < 2 {
		return
	}
	difference := diff(revisions[1].template, revisions[0].template)
	if difference == "" {
		return
	}
	text := fmt.Sprintf("Revision %d was created %s. It changed, before (-) and after (+):\n%s", revisions[0].number,
		clock(revisions[0].created), difference)
	g.add("change", v1alpha1.EvidenceSpec, "last rollout of "+s.title(), text, difference)
}

// listRevisions reports whether a list has all revisions of a subject: the last one may not be among the first of a longer list.
func (g *gatherer) listRevisions(ctx context.Context, s *subject, resource string, list client.ObjectList) bool {
	err := g.cluster.List(ctx, list, client.InNamespace(s.namespace()), client.MatchingLabelsSelector{Selector: s.selector},
		client.Limit(maxRevisions))
	return g.ok(resource, err) && list.GetContinue() == ""
}

// replicaSets are the revisions of a Deployment.
func (g *gatherer) replicaSets(ctx context.Context, s *subject) []revision {
	list := &appsv1.ReplicaSetList{}
	if !g.listRevisions(ctx, s, "replicasets", list) {
		return nil
	}
	var revisions []revision
	for i := range list.Items {
		set := &list.Items[i]
		number, err := strconv.ParseInt(set.Annotations["deployment.kubernetes.io/revision"], 10, 64)
		if err != nil || !metav1.IsControlledBy(set, s.owner) {
			continue
		}
		delete(set.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
		revisions = append(revisions, revision{number, set.CreationTimestamp.Time, set.Spec.Template})
	}
	return revisions
}

// controllerRevisions are the revisions of a StatefulSet or DaemonSet.
func (g *gatherer) controllerRevisions(ctx context.Context, s *subject) []revision {
	list := &appsv1.ControllerRevisionList{}
	if !g.listRevisions(ctx, s, "controllerrevisions", list) {
		return nil
	}
	var revisions []revision
	for i := range list.Items {
		one := &list.Items[i]
		var data struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if metav1.IsControlledBy(one, s.owner) && json.Unmarshal(one.Data.Raw, &data) == nil {
			revisions = append(revisions, revision{one.Revision, one.CreationTimestamp.Time, data.Spec.Template})
		}
	}
	return revisions
}

// maxChanged lines of a difference are kept, and maxValue runes of a value.
const (
	maxChanged = 24
	maxValue   = 200
)

// diff lists the fields in which two values differ, one line for each value.
func diff(before, after any) string {
	a := flat(before)
	b := flat(after)
	var changed []string
	names := slices.Sorted(maps.Keys(b))
	for name := range a {
		if _, both := b[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		old, had := a[name]
		value, has := b[name]
		if had && has && old == value {
			continue
		}
		if had {
			changed = append(changed, "- "+name+old)
		}
		if has {
			changed = append(changed, "+ "+name+value)
		}
	}
	if len(changed) > maxChanged {
		changed = append(changed[:maxChanged], fmt.Sprintf("(%d more lines)", len(changed)-maxChanged))
	}
	return strings.Join(changed, "\n")
}

// flat maps the paths of the fields of a value to their values, which begin with a separator.
func flat(value any) map[string]string {
	content, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	var tree any
	if json.Unmarshal(content, &tree) != nil {
		return nil
	}
	fields := map[string]string{}
	flatten("", tree, fields)
	return fields
}

// flatten adds the fields below a path. Entries of lists are identified by their name, as far as they have one. An environment variable is
// written as NAME=value, the form in which redaction knows it best.
func flatten(path string, value any, fields map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		if name, isText := v["name"].(string); isText && strings.Contains(path, ".env[") {
			if text, literal := v["value"].(string); literal {
				fields[strings.Split(path, ".env[")[0]+" env "+name] = "=" + clipValue(text)
				return
			}
		}
		if text, literal := v["value"].(string); literal && strings.Contains(path, ".httpHeaders[") {
			fields[path] = fmt.Sprintf(": a value with digest %.2x", sha256.Sum256([]byte(text))) // often a credential
			return
		}
		for key, child := range v {
			if key == "creationTimestamp" || key == "name" && strings.HasSuffix(path, "]") {
				continue
			}
			flatten(strings.TrimPrefix(path+"."+key, "."), child, fields)
		}
		if len(v) == 0 {
			fields[path] = ": {}"
		}
	case []any:
		if strings.HasSuffix(path, ".command") || strings.HasSuffix(path, ".args") {
			fields[path] = ": " + clipWords(stringsOf(v)) // whole: redaction knows a password by the flag before it
			return
		}
		for i, child := range v {
			key := strconv.Itoa(i)
			if object, isObject := child.(map[string]any); isObject {
				if name, isText := object["name"].(string); isText {
					key = name
				}
			}
			flatten(path+"["+key+"]", child, fields)
		}
	case nil:
	default:
		fields[path] = ": " + clipValue(fmt.Sprint(v))
	}
}

// stringsOf are the texts in a list.
func stringsOf(list []any) []string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = fmt.Sprint(one)
	}
	return texts
}

// clipValue returns the start of a text, up to a whole word: redaction may not know a part of a secret.
func clipValue(text string) string { return clipAtWord(text, maxValue) }

// clipAtWord returns the first runes of a text, without a word that they cut off.
func clipAtWord(text string, maxRunes int) string {
	runes := []rune(text)
	if len(runes) <= maxRunes {
		return text
	}
	kept := string(runes[:maxRunes])
	return kept[:strings.LastIndexAny(kept, " \t\n\",;")+1] + "…"
}

// maxReferences of a Pod are looked at.
const maxReferences = 8

// references says when the ConfigMaps and Secrets of the Pods changed last, and which do not exist. Only their metadata is read.
func (g *gatherer) references(ctx context.Context, s *subject) {
	var text, keys []string
	for _, r := range referencesOf(s.spec(), maxReferences) {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(r.kind + "List"))
		err := g.cluster.List(ctx, list, client.InNamespace(s.namespace()), client.MatchingFields{"metadata.name": r.name}, client.Limit(1))
		if !g.ok(strings.ToLower(r.kind)+"s", err) {
			continue
		}
		g.named(r.name)
		line := r.kind + " " + r.name
		if len(list.Items) == 0 {
			line += " does not exist"
			keys = append(keys, line)
		} else {
			at, manager := dataChanged(list.Items[0].ObjectMeta)
			line += ": data changed last " + clock(at)
			keys = append(keys, line)
			if manager != "" {
				line += " by " + manager
			}
		}
		text = append(text, line)
	}
	g.add("config", v1alpha1.EvidenceSpec, "ConfigMaps and Secrets of "+s.title(), strings.Join(text, "\n"), strings.Join(keys, "\n"))
}

// dataChanged is when the data of an object changed last, and which manager of fields changed it.
func dataChanged(meta metav1.ObjectMeta) (time.Time, string) {
	at := meta.CreationTimestamp.Time
	manager := ""
	for _, entry := range meta.ManagedFields {
		if entry.Time == nil || entry.FieldsV1 == nil || entry.Time.Time.Before(at) {
			continue
		}
		if fields := entry.FieldsV1.GetRawString(); strings.Contains(fields, `"f:data"`) || strings.Contains(fields, `"f:stringData"`) ||
			strings.Contains(fields, `"f:binaryData"`) {
			at = entry.Time.Time
			manager = entry.Manager
		}
	}
	return at, manager
}

// reference of a Pod to a ConfigMap or Secret.
type reference struct{ kind, name string }

// referencesOf a Pod, each once, at most so many.
func referencesOf(spec *corev1.PodSpec, limit int) []reference {
	var found []reference
	add := func(kind, name string) {
		if r := (reference{kind, name}); name != "" && len(found) < limit && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
				add("ConfigMap", env.ValueFrom.ConfigMapKeyRef.Name)
			}
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				add("Secret", env.ValueFrom.SecretKeyRef.Name)
			}
		}
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				add("ConfigMap", from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				add("Secret", from.SecretRef.Name)
			}
		}
	}
	for _, v := range spec.Volumes {
		if v.ConfigMap != nil {
			add("ConfigMap", v.ConfigMap.Name)
		}
		if v.Secret != nil {
			add("Secret", v.Secret.SecretName)
		}
	}
	return found
}
