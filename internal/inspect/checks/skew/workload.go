package skew

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

func workloadChecks() []check.Check {
	return []check.Check{
		{
			ID: "workload-broken-in-one-cluster", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload is broken in one cluster and healthy with the same images in the others.",
			Meaning: "A Deployment, StatefulSet or DaemonSet of the same namespace and name has a problem in exactly one cluster, while " +
				"all its replicas are ready in another one with the same images. The image is therefore not the cause: compare " +
				"configuration, permissions, nodes and dependencies. The problem is a finding of its own. Clusters with other " +
				"images, and roll-outs in progress, are not compared.",
			Remediation: "Compare the workload and what it refers to with a cluster in which it is healthy.",
			Link:        "https://kubernetes.io/docs/tasks/debug/debug-application/",
			Needs:       []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Deployment, facts.StatefulSet, facts.DaemonSet},
			Compare: brokenInOne,
		},
		{
			ID: "image-digest-skew", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "The same image tag runs different images in different clusters.",
			Meaning: "Containers use the same image name and tag, but the digests that run in two clusters have nothing in common: the " +
				"tag was moved between the pulls, or a registry mirror serves another image. Tests in one cluster prove nothing about " +
				"the other. Images without a digest, images pinned by digest, and clusters with other node architectures are not compared.",
			Remediation: "Use a tag that is never moved, or pin the image by digest (name@sha256:...). Restart the workloads with the " +
				"older image to pull the current one, if their imagePullPolicy is Always.",
			Link:  "https://kubernetes.io/docs/concepts/containers/images/#image-names",
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Node}, Compare: digestSkew,
		},
	}
}

// place is a workload in a cluster.
type place struct {
	cluster  *comparison.Cluster
	workload *comparison.Workload
}

func brokenInOne(c *comparison.Clusters) []check.ClusterFinding {
	places := map[facts.Ref][]place{}
	for _, cluster := range c.List {
		for i := range cluster.Workloads {
			workload := &cluster.Workloads[i]
			places[workload.Ref] = append(places[workload.Ref], place{cluster, workload})
		}
	}
	var findings []check.ClusterFinding
	for _, ref := range slices.SortedFunc(maps.Keys(places), facts.Ref.Compare) {
		broken := slices.DeleteFunc(slices.Clone(places[ref]), func(p place) bool { return p.workload.State != comparison.Broken })
		if len(broken) != 1 {
			continue
		}
		healthy := slices.DeleteFunc(slices.Clone(places[ref]), func(p place) bool {
			return p.workload.State != comparison.Healthy || p.workload.Images != broken[0].workload.Images
		})
		if len(healthy) > 0 {
			findings = append(findings, onlyBroken(ref, broken[0], healthy))
		}
	}
	return findings
}

func onlyBroken(ref facts.Ref, broken place, healthy []place) check.ClusterFinding {
	var others []string
	sameTemplate := false
	for _, p := range healthy {
		others = append(others, p.cluster.Name)
		sameTemplate = sameTemplate || p.workload.Template != "" && p.workload.Template == broken.workload.Template
	}
	object := string(ref.Kind) + " " + ref.Name
	finding := check.Finding{
		Object: ref,
		Message: fmt.Sprintf("%s is broken in cluster %s only: with the same images it is healthy in %s.", object, broken.cluster.Name,
			named(others)),
		Evidence: []check.Evidence{
			check.FromCondition("problem in cluster %s: %s", broken.cluster.Name, broken.workload.Problem),
			check.FromSpec("images: %s", broken.workload.Images),
		},
	}
	get := func(cluster string) remedy.Text {
		return remedy.Command("kubectl --context %s -n %s get %s %s -o yaml", cluster, ref.Namespace, ref.Kind.Resource(), ref.Name).Code()
	}
	finding.Remediation = remedy.Sprintf("Fix its problem in cluster %s. Compare the Pod template with a healthy one: %s and %s.",
		broken.cluster.Name, get(broken.cluster.Name), get(others[0]))
	if sameTemplate {
		finding.Evidence = append(finding.Evidence, check.FromSpec("the Pod template is the same as in a healthy cluster"))
		finding.Remediation = remedy.Sprintf("Fix its problem in cluster %s. The Pod templates are equal: compare the ConfigMaps and "+
			"Secrets that it uses, its nodes, and the services that it depends on, with cluster %s.", broken.cluster.Name, others[0])
	}
	return check.ClusterFinding{Cluster: broken.cluster.Name, Finding: finding}
}

// runs is an image in a cluster.
type runs struct {
	cluster *comparison.Cluster
	image   *comparison.Image
}

func digestSkew(c *comparison.Clusters) []check.ClusterFinding {
	images := map[string][]runs{}
	for _, cluster := range c.List {
		for i := range cluster.Images {
			image := &cluster.Images[i]
			images[image.Name] = append(images[image.Name], runs{cluster, image})
		}
	}
	var findings []check.ClusterFinding
	for _, name := range slices.Sorted(maps.Keys(images)) {
		if one, other, differ := disjoint(images[name]); differ {
			findings = append(findings, movedTag(name, images[name], one, other))
		}
	}
	return findings
}

// disjoint returns the first two clusters of the same architectures that have no digest in common.
func disjoint(places []runs) (one, other runs, found bool) {
	for i, one := range places {
		for _, other := range places[i+1:] {
			if !slices.Equal(one.cluster.Architectures, other.cluster.Architectures) {
				continue // some runtimes report the digest of the architecture's image
			}
			if !slices.ContainsFunc(one.image.Digests, func(d string) bool { return slices.Contains(other.image.Digests, d) }) {
				return one, other, true
			}
		}
	}
	return runs{}, runs{}, false
}

// maxDigests of a cluster in the evidence.
const maxDigests = 3

func movedTag(name string, places []runs, one, other runs) check.ClusterFinding {
	object := one.image.Workload
	workloads := 0
	for _, p := range places {
		workloads += p.image.Workloads
		if p.image.Workload.Compare(object) < 0 {
			object = p.image.Workload
		}
	}
	finding := check.Finding{
		Object: object, Discriminator: name,
		Message: fmt.Sprintf("Image %s runs with different digests in clusters %s and %s.", name, one.cluster.Name, other.cluster.Name),
	}
	for _, p := range []runs{one, other} {
		finding.Evidence = append(finding.Evidence, check.FromCondition("digest in cluster %s: %s", p.cluster.Name,
			strings.Join(p.image.Digests[:min(len(p.image.Digests), maxDigests)], ", ")))
	}
	finding.Evidence = append(finding.Evidence, check.FromSpec("used by %s in %s", text.CountOf(workloads, "workload", "workloads"),
		text.CountOf(len(places), "cluster", "clusters")))
	return check.ClusterFinding{Finding: finding}
}
