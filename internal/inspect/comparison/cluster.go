// Package comparison is what an inspection of several clusters keeps of each, after its facts were dropped, to compare it with the others:
// some hundreds of bytes for a workload and a version of a custom resource. It can be encoded as JSON, since another process may have read
// the cluster.
package comparison

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Limits of what is kept of one cluster. Beyond them, absence proves nothing: see Cluster.Truncated.
const (
	// MaxWorkloads and MaxDefinitions of a cluster.
	MaxWorkloads   = 10_000
	MaxDefinitions = 2_000
	// MaxImages of a cluster.
	MaxImages = 5_000
)

// Cluster is what is kept of one cluster.
type Cluster struct {
	// Name of the cluster in findings.
	Name string
	// Version of the API server, for example v1.37.2; empty when unknown.
	Version string
	// Architectures of its nodes, sorted; empty when unknown.
	Architectures []string `json:",omitempty"`
	// Workloads that own Pods, by their reference: Deployments, StatefulSets and DaemonSets.
	Workloads []Workload `json:",omitempty"`
	// Images with a tag that run, sorted by name.
	Images []Image `json:",omitempty"`
	// Definitions are the CustomResourceDefinitions; DefinitionsRead is set if all of them were read.
	Definitions     []Definition `json:",omitempty"`
	DefinitionsRead bool
	// Truncated is set if the cluster has more than is kept.
	Truncated bool `json:",omitempty"`
}

// State of a workload.
type State string

// States of a workload.
const (
	// Healthy: all replicas of the current spec are ready, and no check reports a problem.
	Healthy State = "healthy"
	// Broken: a check reports a problem of the workload.
	Broken State = "broken"
	// Unknown: it is scaled to zero, rolling out, or not completely read.
	Unknown State = "unknown"
)

// Workload is one workload of a cluster.
type Workload struct {
	facts.Ref
	State State
	// Images of its containers as name=image, sorted and joined.
	Images string
	// Template identifies the spec of its Pods.
	Template string
	// Problem is the message of the worst problem; empty unless it is broken.
	Problem string `json:",omitempty"`
}

// Image is an image with a tag that runs in a cluster.
type Image struct {
	// Name with its tag, as in the spec.
	Name string
	// Digests that run, sorted.
	Digests []string
	// Workload is the first one by name that runs it.
	Workload facts.Ref
	// Workloads is how many run it.
	Workloads int
}

// Definition is a CustomResourceDefinition.
type Definition struct {
	Name string
	// Served are the versions that the API server serves.
	Served []ServedVersion
}

// ServedVersion is a version of a custom resource, with the hash of its schema; empty when unknown.
type ServedVersion struct{ Name, Schema string }

// Schema is the hash of the schema of a served version, and whether the version is served.
func (d *Definition) Schema(version string) (hash string, served bool) {
	for _, v := range d.Served {
		if v.Name == version {
			return v.Schema, true
		}
	}
	return "", false
}

// Minor is the minor version of the API server; false when it is unknown.
func (c *Cluster) Minor() (minor uint, known bool) {
	parsed, err := version.ParseGeneric(c.Version)
	if err != nil || parsed.Major() != 1 {
		return 0, false
	}
	return parsed.Minor(), true
}

// Of keeps what a comparison needs of a cluster. problems has the message of the worst problem of each object that has one.
func Of(g *facts.Graph, problems map[facts.Ref]string) *Cluster {
	c := &Cluster{Name: g.Cluster, Version: g.Version, DefinitionsRead: g.Complete(facts.CRD, "")}
	for _, node := range g.Nodes {
		if architecture := node.NodeLabels["kubernetes.io/arch"]; architecture != "" {
			c.Architectures = append(c.Architectures, architecture)
		}
	}
	slices.Sort(c.Architectures)
	c.Architectures = slices.Compact(c.Architectures)
	c.addWorkloads(g, problems)
	c.addImages(g)
	for _, crd := range g.CRDs {
		definition := Definition{Name: crd.Name}
		for _, v := range crd.Versions {
			if v.Served {
				definition.Served = append(definition.Served, ServedVersion{v.Name, v.Schema})
			}
		}
		if crd.Deleting.IsZero() {
			c.Definitions = append(c.Definitions, definition)
		}
	}
	c.Workloads = limited(c, c.Workloads, MaxWorkloads)
	c.Images = limited(c, c.Images, MaxImages)
	c.Definitions = limited(c, c.Definitions, MaxDefinitions)
	return c
}

// limited drops what exceeds a limit.
func limited[T any](c *Cluster, list []T, limit int) []T {
	if len(list) <= limit {
		return list
	}
	c.Truncated = true
	return slices.Clone(list[:limit])
}

func (c *Cluster) addWorkloads(g *facts.Graph, problems map[facts.Ref]string) {
	templates := map[*facts.PodSpec]string{}
	for _, w := range g.Workloads {
		if w.Kind == facts.ReplicaSet || w.Kind == facts.ReplicationController || w.Template == nil || g.TopOwner(w.Ref) != w.Ref {
			continue
		}
		template, known := templates[w.Template]
		if !known {
			template = templateHash(w.Template)
			templates[w.Template] = template
		}
		workload := Workload{Ref: w.Ref, State: stateOf(g, w), Images: imagesOf(w.Template), Template: template}
		if problem, broken := problems[w.Ref]; broken {
			workload.State = Broken
			workload.Problem = facts.Clip(problem, maxProblem)
			if rollingOut(w) {
				workload.State = Unknown
			}
		}
		c.Workloads = append(c.Workloads, workload)
	}
}

// maxProblem is the length of a problem that is kept, in runes.
const maxProblem = 300

// rollingOut reports whether the controller has not seen the current spec.
func rollingOut(w *facts.WorkloadNode) bool { return w.Observed >= 0 && w.Observed < w.Generation }

// stateOf is the state of a workload without problems.
func stateOf(g *facts.Graph, w *facts.WorkloadNode) State {
	switch {
	case w.Desired == 0 || w.Paused || !w.Deleting.IsZero() || rollingOut(w):
		return Unknown
	case w.Ready < w.Desired || w.Updated < w.Desired:
		return Unknown
	case !g.Complete(facts.Pod, w.Namespace):
		return Unknown
	default:
		return Healthy
	}
}

// imagesOf are the images of a Pod template.
func imagesOf(spec *facts.PodSpec) string {
	if spec.Lean == nil {
		return ""
	}
	var images []string
	for i := range spec.Lean.InitContainers {
		images = append(images, spec.Lean.InitContainers[i].Name+"="+spec.Lean.InitContainers[i].Image)
	}
	for i := range spec.Lean.Containers {
		images = append(images, spec.Lean.Containers[i].Name+"="+spec.Lean.Containers[i].Image)
	}
	slices.Sort(images)
	return strings.Join(images, " ")
}

// templateHash identifies the spec of a template.
func templateHash(spec *facts.PodSpec) string {
	if spec.Lean == nil {
		return ""
	}
	text, err := spec.Lean.Marshal()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// addImages adds the images that run with a tag and a digest. An image that the spec pins by digest has no tag to compare.
func (c *Cluster) addImages(g *facts.Graph) {
	type use struct {
		digests   map[string]bool
		workloads map[facts.Ref]bool
	}
	uses := map[string]*use{}
	for _, pod := range g.Pods {
		if pod.Phase != "Running" && pod.Phase != "Pending" {
			continue // a finished Job ran what the tag was then
		}
		for _, containers := range [][]facts.Container{pod.Containers, pod.InitContainers} {
			for i := range containers {
				image := &containers[i]
				if image.Digest == "" || strings.Contains(image.Image, "@") {
					continue
				}
				u, known := uses[image.Image]
				if !known {
					u = &use{map[string]bool{}, map[facts.Ref]bool{}}
					uses[image.Image] = u
				}
				u.digests[image.Digest] = true
				u.workloads[g.TopOwner(pod.Ref)] = true
			}
		}
	}
	for name, u := range uses {
		image := Image{Name: name, Workloads: len(u.workloads)}
		for digest := range u.digests {
			image.Digests = append(image.Digests, digest)
		}
		slices.Sort(image.Digests)
		for ref := range u.workloads {
			if image.Workload.IsZero() || ref.Compare(image.Workload) < 0 {
				image.Workload = ref
			}
		}
		c.Images = append(c.Images, image)
	}
	slices.SortFunc(c.Images, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
}
