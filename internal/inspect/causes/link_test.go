package causes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func ref(kind facts.Kind, name string) facts.Ref {
	if !kind.Namespaced() {
		return facts.Ref{Kind: kind, Name: name}
	}
	return facts.Ref{Kind: kind, Namespace: "shop", Name: name}
}

func found(id string, object facts.Ref, because ...facts.Ref) check.Finding {
	return check.Finding{Check: id, Object: object, Severity: v1alpha1.SeverityHigh, Culprits: because}
}

func mild(f check.Finding) check.Finding {
	f.Severity = v1alpha1.SeverityLow
	return f
}

func becauseOnly(f check.Finding) check.Finding {
	f.RestrictToCulprits = true
	return f
}

func severe(f check.Finding) check.Finding {
	f.Severity = v1alpha1.SeverityCritical
	return f
}

// explained is a catalogue in which each check may be caused by the ones that follow its name.
func explained(table map[string][]string) []check.Check {
	var all []check.Check
	for id, by := range table {
		all = append(all, check.Check{ID: id, ExplainedBy: by})
	}
	return all
}

// links are the findings as check/object, each with its chain of causes.
func links(linked []Linked) []string {
	name := func(i int) string { return linked[i].Check + "/" + linked[i].Object.Name }
	var lines []string
	for i := range linked {
		line := name(i)
		for c := linked[i].CausedBy; c >= 0; c = linked[c].CausedBy {
			line += " <- " + name(c)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// shop is Ingress web -> Services cart and pay; Service cart -> Deployment cart (with Pods on two nodes) -> ConfigMap
// settings and claim data. StatefulSet db is governed by Service cart.
func shop() *facts.Graph {
	b := facts.NewBuilder("test", time.Unix(0, 0))
	b.Add(
		&facts.IngressNode{
			Meta:     facts.Meta{Ref: ref(facts.Ingress, "web")},
			Backends: []facts.IngressBackend{{Service: "cart"}, {Service: "pay"}},
		},
		&facts.ServiceNode{Meta: facts.Meta{Ref: ref(facts.Service, "cart")}, Selector: map[string]string{"app": "cart"}},
		&facts.WorkloadNode{Meta: facts.Meta{Ref: ref(facts.Deployment, "cart")}, Template: &facts.PodSpec{
			Refs: []facts.SpecRef{{Kind: facts.ConfigMap, Name: "settings"}, {Kind: facts.PVC, Name: "data"}},
		}},
		&facts.WorkloadNode{Meta: facts.Meta{Ref: ref(facts.StatefulSet, "db")}, ServiceName: "cart"},
		&facts.WorkloadNode{Meta: facts.Meta{Ref: ref(facts.ReplicaSet, "cart-1"), Owner: ref(facts.Deployment, "cart")}},
		&facts.PodNode{
			Meta: facts.Meta{
				Ref:    ref(facts.Pod, "cart-1-a"),
				Labels: map[string]string{"app": "cart"},
				Owner:  ref(facts.ReplicaSet, "cart-1"),
			},
			NodeName: "node-1", Phase: "Running", Ready: true,
		},
		&facts.PodNode{
			Meta: facts.Meta{
				Ref:    ref(facts.Pod, "cart-1-b"),
				Labels: map[string]string{"app": "cart"},
				Owner:  ref(facts.ReplicaSet, "cart-1"),
			},
			NodeName: "node-2", Phase: "Running",
		},
		&facts.NodeNode{Meta: facts.Meta{Ref: ref(facts.Node, "node-1")}},
		&facts.NodeNode{Meta: facts.Meta{Ref: ref(facts.Node, "node-2")}},
		&facts.PDBNode{Meta: facts.Meta{Ref: ref(facts.PDB, "cart")}, Selector: facts.SelectorFromSet(map[string]string{"app": "cart"})},
	)
	return b.Graph()
}

func TestSymptomsAreLinkedToTheNearestFindingThatExplainsThem(t *testing.T) {
	web, cart, workload := ref(facts.Ingress, "web"), ref(facts.Service, "cart"), ref(facts.Deployment, "cart")
	for name, tc := range map[string]struct {
		explained map[string][]string
		findings  []check.Finding
		want      []string
	}{
		"a chain over three objects keeps its middle links": {
			map[string][]string{"dead": {"empty", "down", "crash"}, "empty": {"down", "crash"}, "down": {"crash"}, "crash": nil},
			[]check.Finding{found("dead", web), found("empty", cart), found("down", workload), found("crash", workload)},
			[]string{
				"crash/cart", "dead/web <- empty/cart <- down/cart <- crash/cart", "down/cart <- crash/cart", "empty/cart <- down/cart <- crash/cart",
			},
		},
		"a missing middle is stepped over": {
			map[string][]string{"dead": {"empty", "crash"}, "crash": nil},
			[]check.Finding{found("dead", web), found("crash", workload)},
			[]string{"crash/cart", "dead/web <- crash/cart"},
		},
		"nearness alone makes no cause": {
			map[string][]string{"dead": {"empty"}, "crash": nil},
			[]check.Finding{found("dead", web), found("crash", workload)},
			[]string{"crash/cart", "dead/web"},
		},
		"a finding that names all its culprits is not blamed on what its object depends on": {
			map[string][]string{"stuck": {"crash", "gone"}, "crash": nil, "gone": nil},
			[]check.Finding{
				becauseOnly(found("stuck", cart)), found("crash", workload), becauseOnly(found("stuck", web, ref(facts.Service, "pay"))),
				found("gone", ref(facts.Service, "pay")),
			},
			[]string{"crash/cart", "gone/pay", "stuck/cart", "stuck/web <- gone/pay"},
		},
		"of three on one object, each link of the chain is kept": {
			map[string][]string{"dead": {"down", "pending", "claim"}, "down": {"pending", "claim"}, "pending": {"claim"}, "claim": nil},
			[]check.Finding{found("dead", web), mild(found("down", workload)), found("pending", workload), severe(found("claim", workload))},
			[]string{
				"claim/cart", "dead/web <- down/cart <- pending/cart <- claim/cart", "down/cart <- pending/cart <- claim/cart",
				"pending/cart <- claim/cart",
			},
		},
		"of two equally far away the worse is the cause": {
			map[string][]string{"down": {"lost", "missing"}, "lost": nil, "missing": nil},
			[]check.Finding{
				found("down", workload), found("missing", ref(facts.ConfigMap, "settings")), severe(found("lost", ref(facts.PVC, "data"))),
			},
			[]string{"down/cart <- lost/data", "lost/data", "missing/settings"},
		},
		"of two equally far and bad the one that has a cause itself is nearer to the symptom": {
			map[string][]string{"down": {"lost", "missing"}, "missing": {"gone"}, "lost": nil, "gone": nil},
			[]check.Finding{
				found("down", workload), found("lost", ref(facts.PVC, "data")), found("missing", ref(facts.ConfigMap, "settings")),
				found("gone", ref(facts.ConfigMap, "settings")),
			},
			[]string{"down/cart <- missing/settings <- gone/settings", "gone/settings", "lost/data", "missing/settings <- gone/settings"},
		},
		"where the evidence names an object, others of its kind are not meant": {
			map[string][]string{"dead": {"empty", "crash"}, "empty": nil, "crash": nil},
			[]check.Finding{found("dead", web, ref(facts.Service, "pay")), found("empty", cart), found("crash", workload)},
			[]string{"crash/cart", "dead/web", "empty/cart"},
		},
		"what the evidence names leads on to what that depends on": {
			map[string][]string{"other": {"crash"}, "crash": nil},
			[]check.Finding{found("other", ref(facts.Job, "report"), cart), found("crash", workload)},
			[]string{"crash/cart", "other/report <- crash/cart"},
		},
		"the Service that governs a StatefulSet does not lead to what else it selects": {
			map[string][]string{"down": {"crash"}, "crash": nil},
			[]check.Finding{found("down", ref(facts.StatefulSet, "db")), found("crash", workload)},
			[]string{"crash/cart", "down/db"},
		},
		"what the evidence names comes before the graph's edges": {
			map[string][]string{"down": {"quota", "config"}, "quota": nil, "config": nil},
			[]check.Finding{
				found("down", workload, ref(facts.ResourceQuota, "small")), found("quota", ref(facts.ResourceQuota, "small")),
				found("config", ref(facts.ConfigMap, "settings")),
			},
			[]string{"config/settings", "down/cart <- quota/small", "quota/small"},
		},
		"a node explains only what its own Pods in trouble break": {
			map[string][]string{"down": {"node"}, "node": nil},
			[]check.Finding{found("down", workload), found("node", ref(facts.Node, "node-1"))},
			[]string{"down/cart", "node/node-1"},
		},
		"a node with a Pod in trouble": {
			map[string][]string{"down": {"node"}, "node": nil},
			[]check.Finding{found("down", workload), found("node", ref(facts.Node, "node-2"))},
			[]string{"down/cart <- node/node-2", "node/node-2"},
		},
		"two that explain each other make no loop": {
			map[string][]string{"a": {"b"}, "b": {"a"}},
			[]check.Finding{found("a", workload), found("b", workload)},
			[]string{"a/cart", "b/cart <- a/cart"},
		},
		"one cause of many, and a budget over it": {
			map[string][]string{"dead": {"crash"}, "blocked": {"crash"}, "crash": nil},
			[]check.Finding{found("dead", web), found("blocked", ref(facts.PDB, "cart")), found("crash", workload)},
			[]string{"blocked/cart <- crash/cart", "crash/cart", "dead/web <- crash/cart"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 { // whatever the order
				rand.Shuffle(len(tc.findings), func(i, j int) { tc.findings[i], tc.findings[j] = tc.findings[j], tc.findings[i] })
				if diff := cmp.Diff(tc.want, links(Link(shop(), explained(tc.explained), tc.findings))); diff != "" {
					t.Fatalf("links (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestACauseCountsAllThatItExplains(t *testing.T) {
	linked := Link(shop(), explained(map[string][]string{"dead": {"empty"}, "empty": {"crash"}, "crash": nil}), []check.Finding{
		found("dead",
			ref(facts.Ingress, "web")), found("empty", ref(facts.Service, "cart")), found("crash", ref(facts.Deployment, "cart")),
	})
	affects := map[string]int{}
	for _, f := range linked {
		affects[f.Check] = f.Affects
	}
	if diff := cmp.Diff(map[string]int{"dead": 0, "empty": 1, "crash": 2}, affects); diff != "" {
		t.Errorf("affects (-want +got):\n%s", diff)
	}
}

func TestOfFindingsWithOneIDTheMostSevereIsKept(t *testing.T) {
	mild, bad := found("a", ref(facts.Deployment, "cart")), found("a", ref(facts.Deployment, "cart"))
	mild.Severity, bad.Severity = v1alpha1.SeverityLow, v1alpha1.SeverityCritical
	linked := Link(shop(), nil, []check.Finding{mild, bad})
	if len(linked) != 1 || linked[0].Severity != v1alpha1.SeverityCritical {
		t.Errorf("got %v, want the critical one alone", linked)
	}
}

func TestTheIDDependsOnEveryPartAndOnNothingElse(t *testing.T) {
	base := found("a", ref(facts.Deployment, "cart"))
	same := base
	same.Message = "another text"
	same.Severity = v1alpha1.SeverityLow
	if ID("c", base) != ID("c", same) {
		t.Error("message and severity changed the identity")
	}
	// Parts that run into each other must not be mistaken for one another.
	other := base
	other.Check, other.Discriminator = "aD", "x"
	ids := map[string]bool{ID("c", base): true, ID("d", base): true, ID("c", other): true}
	other = base
	other.Discriminator = "x"
	ids[ID("c", other)] = true
	if len(ids) != 4 {
		t.Errorf("%d distinct identities, want 4", len(ids))
	}
}

func TestTenThousandFindingsOnOneObjectAreLinkedWithoutACycle(t *testing.T) {
	var findings []check.Finding
	for i := range 10_000 {
		f := found("symptom", ref(facts.Deployment, "cart"))
		f.Discriminator = fmt.Sprint(i)
		findings = append(findings, f)
	}
	findings = append(findings, found("crash", ref(facts.Deployment, "cart")))
	linked := Link(shop(), explained(map[string][]string{"symptom": {"symptom", "crash"}, "crash": {"symptom"}}), findings)
	if len(linked) != 10_001 {
		t.Fatalf("got %d findings, want 10001", len(linked))
	}
	assertNoLoop(t, linked)
}

func TestACauseTooFarAwayIsNotFound(t *testing.T) {
	// A chain of owners: each object depends on the next one through the evidence alone.
	table := map[string][]string{"symptom": {"cause"}, "cause": nil}
	for name, tc := range map[string]struct {
		hops int
		want int
	}{
		"six steps":   {maxHops, 1},
		"seven steps": {maxHops + 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLinker(shop(), explained(table),
				[]check.Finding{found("symptom", ref(facts.Job, "0")), found("cause", ref(facts.Job, fmt.Sprint(tc.hops)))})
			for i := range 20 {
				l.dependencies[ref(facts.Job, fmt.Sprint(i))] = []facts.Ref{ref(facts.Job, fmt.Sprint(i+1))}
			}
			linked := 0
			for i := range l.linked {
				if _, ok := l.cause(i); ok {
					linked++
				}
			}
			if linked != tc.want {
				t.Errorf("%d findings have a cause, want %d", linked, tc.want)
			}
		})
	}
}

func TestAWalkVisitsABoundedNumberOfObjects(t *testing.T) {
	l := newLinker(shop(), nil, []check.Finding{found("symptom", ref(facts.Service, "cart"))})
	var many []facts.Ref
	for i := range 3 * maxVisited {
		many = append(many, ref(facts.Deployment, fmt.Sprint(i)))
	}
	l.dependencies[ref(facts.Service, "cart")] = many
	w := l.walk(start{from: ref(facts.Service, "cart")})
	w.reach(maxHops)
	if len(w.seen) != maxVisited {
		t.Errorf("visited %d objects, want %d", len(w.seen), maxVisited)
	}
}

func TestInACycleTheMostSevereFindingIsTheRoot(t *testing.T) {
	// A webhook that refuses the Pods that would serve it.
	table := map[string][]string{"hook": {"empty"}, "empty": {"down"}, "down": {"blocked"}, "blocked": {"hook"}}
	configuration := ref(facts.ValidatingWebhook, "policy")
	g := shop()
	for range 5 {
		findings := []check.Finding{
			severe(found("hook", configuration, ref(facts.Service, "cart"))), found("empty", ref(facts.Service, "cart")),
			found("down", ref(facts.Deployment, "cart")), found("blocked", ref(facts.Deployment, "cart"), configuration),
		}
		rand.Shuffle(len(findings), func(i, j int) { findings[i], findings[j] = findings[j], findings[i] })
		want := []string{
			"blocked/cart <- hook/policy", "down/cart <- blocked/cart <- hook/policy", "empty/cart <- down/cart <- blocked/cart <- hook/policy",
			"hook/policy",
		}
		if diff := cmp.Diff(want, links(Link(g, explained(table), findings))); diff != "" {
			t.Fatalf("links (-want +got):\n%s", diff)
		}
	}
}

func assertNoLoop(t *testing.T, linked []Linked) {
	t.Helper()
	for i := range linked {
		steps := 0
		for c := i; c >= 0; c = linked[c].CausedBy {
			if steps++; steps > len(linked) {
				t.Fatalf("the chain of finding %d never ends", i)
			}
		}
	}
}
