package manifests

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/validator"
)

// Judge tells what an API server would refuse; a *validator.Program is one.
type Judge interface {
	Judge(namespace string, object []byte) (validator.Answer, error)
}

const (
	// maxWaiting custom resources of maxWaitingBytes are kept until all CustomResourceDefinitions have been read.
	maxWaiting      = 20_000
	maxWaitingBytes = 64 << 20
	// maxRefusal is a length in bytes.
	maxRefusal = 400
)

// waiting are custom resources that are judged last.
type waiting struct {
	objects []*found
	bytes   int
	// left out, since there were too many.
	left int
}

// learn what a CustomResourceDefinition defines. One of which that fails is a gap: its custom resources are not judged.
func (r *reader) learn(f *found) {
	known := len(r.gaps)
	r.judge(f)
	if len(f.problems) > 0 && len(r.gaps) == known {
		r.gap(f.file, f.line, "The CustomResourceDefinition is invalid, and its custom resources are not checked: "+
			clip(f.problems[0].text), "")
	}
}

// judge an object as an API server does. Only one that decodes without a problem gets so far there. A custom resource waits until all
// definitions have been read.
func (r *reader) judge(f *found) {
	if f.definesKind() && f.content == nil { // checks read a part of a definition only
		t := newDecoder(f.doc, f.gvk.Kind, f.fields)
		if t.any(f.node, "", 0) && len(t.problems) == 0 {
			f.content = t.out.Bytes()
		} else if r.definitionsOnly {
			f.problems = append(f.problems, t.problems...)
		}
	}
	switch {
	case r.options.Judge == nil || f.content == nil:
	case f.custom && !f.definesKind():
		if len(r.waiting.objects) < maxWaiting && r.waiting.bytes+len(f.content) <= maxWaitingBytes {
			r.waiting.objects = append(r.waiting.objects, f)
			r.waiting.bytes += len(f.content)
		} else {
			r.waiting.left++
		}
	default:
		r.ask(f)
	}
}

// judgeWaiting judges the custom resources.
func (r *reader) judgeWaiting() {
	for _, f := range r.waiting.objects {
		if r.options.Judge == nil { // it failed, which is a gap
			break
		}
		f.problems = nil // they are reported
		r.ask(f)
		r.reportProblems(f)
	}
	if left := r.waiting.left; left > 0 && r.options.Judge != nil {
		r.gaps = append(r.gaps, facts.Gap{
			Source: "rules of the API server", Reason: v1alpha1.GapIncomplete, Remediation: "Inspect the directories one by one.",
			Message: fmt.Sprintf("The rules of the API server were not checked for %d custom resources: there are too many.", left),
		})
	}
	r.waiting = waiting{}
}

func (r *reader) ask(f *found) {
	namespace := f.ref.Namespace
	if namespace == "" {
		namespace = r.options.Namespace
	}
	answer, err := r.options.Judge.Judge(namespace, f.content)
	f.content = nil
	switch {
	case err != nil:
		r.judgeFailed(err)
	case answer.Failure != "":
		r.gap(f.file, f.line, "The rules of the API server could not be checked: "+clip(answer.Failure), "")
	}
	for _, refusal := range answer.Refusals {
		f.refused(refusal)
	}
}

// judgeFailed ends the judging with a gap.
func (r *reader) judgeFailed(err error) {
	r.options.Judge = nil
	r.gaps = append(r.gaps, facts.Gap{
		Source: "rules of the API server", Reason: v1alpha1.GapUnreadable,
		Message: "The rules of the API server were not checked for all objects: " + clip(err.Error()) + ".",
	})
}

// refused adds a refusal as a problem, unless it has placeholders, or its field has a problem already.
func (f *found) refused(refusal validator.Refusal) {
	at := f.nodeAt(refusal.Field)
	if hasPlaceholder(refusal.Text) || at != nil && at.Kind == yaml.ScalarNode && hasPlaceholder(at.Value) {
		return
	}
	for _, known := range f.problems {
		if within(known.path, refusal.Field) || within(refusal.Field, known.path) {
			return
		}
	}
	text := refusal.Text
	if len(text) > maxRefusal {
		text = strings.ToValidUTF8(text[:maxRefusal], "") + "..."
	}
	if refusal.Field != "" {
		text = refusal.Field + ": " + text
	}
	f.add(refusal.Field, at, "", "%s", text)
}

// within reports whether a path is another one, or below it.
func within(path, of string) bool {
	rest, ok := strings.CutPrefix(path, of)
	return ok && of != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// nodeAt is the node at a path such as spec.ports[0].port or data[a.b]: the deepest that the document has.
func (f *found) nodeAt(path string) *yaml.Node {
	n := f.node
	for _, key := range splitPath(path) {
		n = f.doc.follow(n, 0)
		if n == nil {
			return nil
		}
		next := f.doc.get(n, key)
		if index, err := strconv.Atoi(key); err == nil && n.Kind == yaml.SequenceNode && index >= 0 && index < len(n.Content) {
			next = n.Content[index]
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// splitPath splits a path at dots and brackets. What brackets hold is one key.
func splitPath(path string) (keys []string) {
	for path != "" {
		end := strings.IndexAny(path, ".[")
		switch {
		case end < 0:
			return append(keys, path)
		case end > 0:
			keys = append(keys, path[:end])
			path = path[end:]
		case path[0] == '.':
			path = path[1:]
		default:
			key, rest, _ := strings.Cut(path[1:], "]")
			keys = append(keys, key)
			path = rest
		}
	}
	return keys
}
