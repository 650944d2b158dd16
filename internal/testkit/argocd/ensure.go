package argocd

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// OtherProject is a project beside default.
const OtherProject = "review"

// sentApplication is an application in a request, or after a patch.
type sentApplication struct {
	Metadata struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	Spec map[string]any
}

// describeSpec is what a request sent, or the spec of the stand-in.
func (a *Application) describeSpec() map[string]any {
	if a.Spec != nil {
		return a.Spec
	}
	spec := map[string]any{
		"project": "default", "destination": map[string]any{"namespace": "shop"},
		"source": map[string]any{"repoURL": "https://git.example.com/shop.git", "path": ".", "targetRevision": "HEAD"},
	}
	if a.Automated {
		automated := map[string]any{"prune": true}
		if a.Disabled {
			automated["enabled"] = false
		}
		spec["syncPolicy"] = map[string]any{"automated": automated}
	}
	return spec
}

func (a *Application) describeMetadata() map[string]any {
	described := map[string]any{"name": a.Name, "namespace": "argocd", "uid": "uid-of-" + a.Name}
	if a.Annotations != nil {
		described["annotations"] = a.Annotations
	}
	if a.Labels != nil {
		described["labels"] = a.Labels
	}
	if a.ApplicationSet != "" {
		described["ownerReferences"] = []any{map[string]any{
			"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": a.ApplicationSet, "uid": "uid-of-the-set",
		}}
	}
	return described
}

// set what a request sent.
func (a *Application) set(sent sentApplication) {
	a.Annotations = sent.Metadata.Annotations
	a.Labels = sent.Metadata.Labels
	a.Spec = sent.Spec
	policy, _ := sent.Spec["syncPolicy"].(map[string]any) // nil if there is none
	_, a.Automated = policy["automated"]
}

// isProject reports whether a project exists.
func isProject(name any) bool { return name == "default" || name == OtherProject }

// refuseSpec answers if the spec is not valid, and reports whether it did.
func (s *Server) refuseSpec(w http.ResponseWriter, sent sentApplication) bool {
	name := sent.Metadata.Name
	_, one := sent.Spec["source"]
	_, several := sent.Spec["sources"]
	_, destination := sent.Spec["destination"]
	switch {
	case !isProject(sent.Spec["project"]):
		s.refuse(w, invalid, fmt.Sprintf("app is not allowed in project %q, or the project does not exist", sent.Spec["project"]))
	case !one && !several:
		s.refuse(w, invalid, "application spec for "+name+" is invalid: InvalidSpecError: spec.source.repoURL and either source.path, "+
			"source.chart, or source.ref are required")
	case !destination:
		s.refuse(w, invalid, "application destination spec for "+name+" is invalid: destination server missing from app spec")
	default:
		return false
	}
	return true
}

// create an application. One that exists with the same spec and annotations is returned.
func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var sent sentApplication
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || sent.Metadata.Name == "" || r.URL.Query().Get("upsert") == "true" {
		s.refuse(w, invalid, "body")
		return
	}
	if s.refuseSpec(w, sent) {
		return
	}
	if a := s.apps[sent.Metadata.Name]; a != nil {
		if !reflect.DeepEqual(a.describeSpec(), sent.Spec) || !maps.Equal(a.Annotations, sent.Metadata.Annotations) {
			s.refuse(w, invalid, "existing application spec is different, use upsert flag to force update")
			return
		}
		s.json(w, a.describe())
		return
	}
	a := &Application{Name: sent.Metadata.Name, Head: fmt.Sprintf("%040x", len(s.apps)+1), Health: "Healthy", health: "Missing"}
	a.reconciledAt = s.now()
	a.set(sent)
	s.apps[a.Name] = a
	s.json(w, a.describe())
}

// patch the spec, labels and annotations of an application. A patch that does not apply is an error of the server.
func (s *Server) patch(w http.ResponseWriter, a *Application, sent body) {
	current, err := json.Marshal(a.describe())
	patch, wrong := jsonpatch.DecodePatch([]byte(sent.Patch))
	if err != nil || wrong != nil || sent.PatchType != "json" {
		s.refuse(w, invalid, "patch")
		return
	}
	changed, err := patch.Apply(current)
	var result sentApplication
	if err != nil || json.Unmarshal(changed, &result) != nil {
		http.Error(w, "error applying patch", http.StatusInternalServerError)
		return
	}
	if s.refuseSpec(w, result) {
		return
	}
	a.set(result)
	s.json(w, a.describe())
}

// Get is a copy of an application, and whether it exists.
func (s *Server) Get(name string) (Application, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[name]
	if a == nil {
		return Application{}, false
	}
	found := *a
	found.history = slices.Clone(a.history)
	return found, true
}

// Delete an application.
func (s *Server) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apps, name)
}
