package causes

import (
	"fmt"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// BenchmarkLink links what is the worst for the linker: much on one object, much everywhere, far, and crosswise. None of
// the first findings has a cause, each search goes to the maximum distance.
func BenchmarkLink(b *testing.B) {
	for _, bc := range []struct {
		name string
		make func() (*facts.Graph, []check.Check, []check.Finding)
	}{
		{"10000-findings-on-one-object", manyOnOne},
		{"1000-workloads-with-10-findings", manyEverywhere},
		{"chain-of-1000-objects", longChain},
		{"100-services-by-100-workloads", crosswise},
	} {
		b.Run(bc.name, func(b *testing.B) {
			g, all, findings := bc.make()
			b.ReportAllocs()
			for b.Loop() {
				if linked := Link(g, all, findings); len(linked) != len(findings) {
					b.Fatalf("%d linked, want %d", len(linked), len(findings))
				}
			}
		})
	}
}

// workload is a Deployment with one Pod that is not ready, behind what selects the label.
func workload(name, label string) []any {
	return []any{
		&facts.WorkloadNode{Meta: facts.Meta{Ref: ref(facts.Deployment, name)}, Template: &facts.PodSpec{
			Refs: []facts.SpecRef{{Kind: facts.ConfigMap, Name: name}, {Kind: facts.PVC, Name: name}},
		}},
		&facts.PodNode{
			Meta:  facts.Meta{Ref: ref(facts.Pod, name), Owner: ref(facts.Deployment, name), Labels: map[string]string{"app": label}},
			Phase: "Running", NodeName: "node-" + name[len(name)-1:],
		},
	}
}

func selecting(name, label string) *facts.ServiceNode {
	return &facts.ServiceNode{Meta: facts.Meta{Ref: ref(facts.Service, name)}, Selector: map[string]string{"app": label}}
}

// manyOnOne is a Service over 10,000 workloads, with 10,000 findings each of which names another culprit.
func manyOnOne() (*facts.Graph, []check.Check, []check.Finding) {
	b := facts.NewBuilder("test", time.Unix(0, 0))
	b.Add(selecting("front", "all"))
	var findings []check.Finding
	for i := range 10_000 {
		b.Add(workload(fmt.Sprint("w", i), "all")...)
		f := found("symptom", ref(facts.Service, "front"), ref(facts.Secret, fmt.Sprint("s", i)))
		f.Discriminator = fmt.Sprint(i)
		findings = append(findings, f, found("other", ref(facts.Deployment, fmt.Sprint("w", i))))
	}
	findings = append(findings, found("cause", ref(facts.Node, "elsewhere")))
	return b.Graph(), explained(map[string][]string{"symptom": {"cause"}, "other": {"cause"}, "cause": nil}), findings
}

// manyEverywhere is 1,000 workloads on ten nodes, each behind its own Service, with ten findings each.
func manyEverywhere() (*facts.Graph, []check.Check, []check.Finding) {
	b := facts.NewBuilder("test", time.Unix(0, 0))
	table := map[string][]string{}
	var findings []check.Finding
	for check := range 10 {
		for by := check + 1; by < 10; by++ {
			table[fmt.Sprint("c", check)] = append(table[fmt.Sprint("c", check)], fmt.Sprint("c", by))
		}
	}
	for i := range 1000 {
		name := fmt.Sprint("w", i)
		b.Add(workload(name, name)...)
		b.Add(selecting(name, name))
		for check := range 10 {
			object := ref(facts.Deployment, name)
			if check < 2 {
				object = ref(facts.Service, name)
			}
			findings = append(findings, found(fmt.Sprint("c", check), object, ref(facts.ConfigMap, name)))
		}
	}
	return b.Graph(), explained(table), findings
}

// longChain is 1,000 objects, each of which names the next one.
func longChain() (*facts.Graph, []check.Check, []check.Finding) {
	var findings []check.Finding
	for i := range 1000 {
		findings = append(findings, found("broken", ref(facts.Job, fmt.Sprint(i)), ref(facts.Job, fmt.Sprint(i+1))))
	}
	return shop(), explained(map[string][]string{"broken": {"broken"}}), findings
}

// crosswise is 100 Services, each of which selects the same 100 workloads; all of them explain each other.
func crosswise() (*facts.Graph, []check.Check, []check.Finding) {
	b := facts.NewBuilder("test", time.Unix(0, 0))
	var findings []check.Finding
	for i := range 100 {
		name := fmt.Sprint("w", i)
		b.Add(workload(name, "all")...)
		b.Add(selecting(name, "all"))
		findings = append(findings, found("empty", ref(facts.Service, name)), found("down", ref(facts.Deployment, name)))
	}
	return b.Graph(), explained(map[string][]string{"empty": {"empty", "down"}, "down": {"empty", "down"}}), findings
}
