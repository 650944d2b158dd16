package facts

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"

	"kubeops.io/kubeops/internal/inspect/facts/origin"
	"kubeops.io/kubeops/internal/inspect/facts/specparts"
)

// Values are those that nodes have: equal ones are one value in memory. They are kept once no node has them, too. One Builder at a time
// uses them.
type Values struct {
	strings map[string]string
	specs   map[specSum]*PodSpec
	parts   specparts.Parts
	sets    map[string]map[string]string
	origins map[origin.Origin]*origin.Origin
	// names and key are scratch space for one set of labels.
	names []string
	key   []byte
}

// NewValues are none.
func NewValues() *Values {
	return &Values{
		strings: map[string]string{}, specs: map[specSum]*PodSpec{}, sets: map[string]map[string]string{},
		origins: map[origin.Origin]*origin.Origin{},
	}
}

// str returns one copy of equal strings: a thousand Pods share one image name.
func (b *Builder) str(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := b.strings[s]; ok {
		return known
	}
	b.strings[s] = s
	return s
}

// origin returns one copy of equal origins.
func (b *Builder) origin(o *origin.Origin) *origin.Origin {
	if o == nil {
		return nil
	}
	if known, ok := b.origins[*o]; ok {
		return known
	}
	b.origins[*o] = o
	return o
}

// withPodSpec are nodes that hold the spec of Pods.
type withPodSpec interface{ podSpec() *PodSpec }

func (n *PodNode) podSpec() *PodSpec      { return n.Spec }
func (n *WorkloadNode) podSpec() *PodSpec { return n.Template }
func (n *JobNode) podSpec() *PodSpec      { return n.Template }
func (n *CronJobNode) podSpec() *PodSpec  { return n.Template }

// podSpecOf is the Pod spec of a node, or nil.
func podSpecOf(node any) *PodSpec {
	if n, ok := node.(withPodSpec); ok {
		return n.podSpec()
	}
	return nil
}

// interned are nodes with more to share than Meta. The sum identifies the Pod spec of the node.
type interned interface {
	intern(b *Builder, sum specSum)
}

// intern makes nodes share equal values.
func (b *Builder) intern(node graphNode, sum specSum) {
	m := node.meta()
	m.Namespace = b.str(m.Namespace)
	m.Owner.Name, m.Owner.Namespace = b.str(m.Owner.Name), b.str(m.Owner.Namespace)
	m.Labels = b.labels(m.Labels)
	m.Origin = b.origin(m.Origin)
	for i := range m.Conditions {
		c := &m.Conditions[i]
		c.Type, c.Status, c.Reason, c.Message = b.str(c.Type), b.str(c.Status), b.str(c.Reason), b.str(c.Message)
	}
	if n, ok := node.(interned); ok {
		n.intern(b, sum)
	}
}

func (n *WorkloadNode) intern(b *Builder, sum specSum) {
	n.Template = b.spec(n.Template, sum)
	n.TemplateLabels = b.labels(n.TemplateLabels)
}

func (n *JobNode) intern(b *Builder, sum specSum) {
	n.Template = b.spec(n.Template, sum)
	n.TemplateLabels = b.labels(n.TemplateLabels)
}

func (n *CronJobNode) intern(b *Builder, sum specSum) {
	n.Template = b.spec(n.Template, sum)
	n.TemplateLabels = b.labels(n.TemplateLabels)
}

func (n *CustomNode) intern(b *Builder, _ specSum) {
	n.Kind = Kind(b.str(string(n.Kind)))
	n.APIVersion = b.str(n.APIVersion)
	n.Phase, n.Health = b.str(n.Phase), b.str(n.Health)
}

func (n *ConfigNode) intern(b *Builder, _ specSum) {
	n.Writer = b.str(n.Writer)
	for i := range n.Keys {
		n.Keys[i] = b.str(n.Keys[i]) // every namespace has a kube-root-ca.crt
	}
	for i := range n.Hosts {
		n.Hosts[i].Key, n.Hosts[i].Host = b.str(n.Hosts[i].Key), b.str(n.Hosts[i].Host)
	}
}

func (n *PodNode) intern(b *Builder, sum specSum) {
	n.NodeName, n.Phase, n.Reason = b.str(n.NodeName), b.str(n.Phase), b.str(n.Reason)
	for _, containers := range [][]Container{n.Containers, n.InitContainers} {
		for i := range containers {
			c := &containers[i]
			c.Name, c.Image, c.Digest = b.str(c.Name), b.str(c.Image), b.str(c.Digest)
			c.State.Reason, c.State.Message = b.str(c.State.Reason), b.str(c.State.Message)
			if last := c.Previous; last != nil {
				last.Reason, last.Message = b.str(last.Reason), b.str(last.Message)
			}
		}
	}
	n.Spec = b.spec(n.Spec, sum)
}

func (b *Builder) internEvent(e *EventNode) {
	e.About.Namespace, e.About.Name = b.str(e.About.Namespace), b.str(e.About.Name)
	e.Reason, e.Component, e.FieldPath = b.str(e.Reason), b.str(e.Component), b.str(e.FieldPath)
	e.Message = b.str(e.Message)
}

// labels returns one copy of equal label sets: the Pods of a ReplicaSet share one.
func (b *Builder) labels(set map[string]string) map[string]string {
	if len(set) == 0 {
		return nil
	}
	b.names = slices.AppendSeq(b.names[:0], maps.Keys(set))
	slices.Sort(b.names)
	key := b.key[:0]
	for _, name := range b.names {
		key = append(append(append(append(key, name...), 0), set[name]...), 0) // labels contain no zero byte
	}
	b.key = key
	if known, ok := b.sets[string(key)]; ok && maps.Equal(known, set) {
		return known
	}
	b.sets[string(key)] = set
	return set
}

// specSum identifies the content of a Pod spec: a hash, since the content may be kilobytes. It is zero without one.
type specSum [sha256.Size]byte

// specSums are the sums of the Pod specs of nodes. Nodes that share a spec already cost nothing.
func specSums(nodes []any) []specSum {
	sums := make([]specSum, len(nodes))
	known := map[*PodSpec]specSum{}
	var key []byte
	for i, node := range nodes {
		spec := podSpecOf(node)
		if spec == nil {
			continue
		}
		sum, ok := known[spec]
		if !ok {
			if key = spec.appendKey(key[:0]); len(key) > 0 {
				sum = sha256.Sum256(key)
			}
			known[spec] = sum
		}
		sums[i] = sum
	}
	return sums
}

// spec returns one copy of equal Pod specs: the Pods of a workload share one.
func (b *Builder) spec(spec *PodSpec, sum specSum) *PodSpec {
	if sum == (specSum{}) {
		return spec
	}
	if known, ok := b.specs[sum]; ok {
		return known
	}
	b.specs[sum] = spec
	b.parts.Share(spec.Lean)
	return spec
}

// appendKey appends what identifies the content of the spec: Lean, whose maps are encoded in key order, and every field of PodSpec
// that cannot be derived from Lean.
func (s *PodSpec) appendKey(key []byte) []byte {
	if s == nil || s.Lean == nil {
		return key
	}
	start := len(key)
	size := s.Lean.Size()
	key = slices.Grow(key, size)[:start+size]
	if _, err := s.Lean.MarshalToSizedBuffer(key[start:]); err != nil {
		return key[:start]
	}
	for _, name := range slices.Sorted(maps.Keys(s.SecurityAnnotations)) {
		key = append(append(append(append(key, 2), name...), 0), s.SecurityAnnotations[name]...)
	}
	for _, r := range s.Refs {
		key = append(append(append(append(append(key, 0), r.Kind...), r.Name...), 0), r.Key...)
		key = append(append(strconv.AppendBool(key, r.Optional), 0), r.Field...)
	}
	for _, h := range s.Hosts {
		key = append(append(append(append(append(key, 3), h.Container...), 0), h.Field...), 0)
		key = strconv.AppendInt(append(append(key, h.Host...), 0), int64(h.Port), 10)
	}
	for _, j := range s.Jobs {
		key = append(append(append(append(append(key, 4), j.Container...), 0), j.Job...), 0)
		key = strconv.AppendBool(key, j.Typed)
	}
	for _, l := range s.Leaks {
		key = append(append(append(append(key, 1), l.Field...), 0), l.Rule...)
	}
	return key
}
